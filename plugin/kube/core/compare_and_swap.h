// SPDX-License-Identifier: Apache-2.0
// Changes one API object without losing what others write to it at the same time: read, edit, write
// back under the resource version that was read, and from the beginning if that was overtaken. What
// the edit does not touch stays as it was, fields that we do not know included. Its owner says when
// to begin, hands it all answers, and takes the outcome.
//
//   idle ─begin─▶ reading ─edit: nothing to write─▶ done
//                  ▲  │ 404, edit: write        ╲ edit: write
//     409, failure │  ▼                          ▼
//               waiting ◀── creating ──────▶ writing ──2xx──▶ done
#pragma once

#include <functional>
#include <string>

#include "base/rng.h"
#include "base/time_point.h"
#include "plugin/kube/core/back_off.h"
#include "plugin/kube/core/effects.h"

namespace weft::kube {

struct ObjectAddress {
  std::string api_version;  // "v1"
  std::string kind;         // "ConfigMap"
  std::string collection;   // "/api/v1/namespaces/kube-system/configmaps"
  std::string name_space;
  std::string name;

  std::string path() const { return collection + "/" + percent_encode(name); }
  // What a POST creates: no more than the object's identity.
  Json skeleton() const;
};

class CompareAndSwap {
 public:
  // Edits the object in place; whether it must be written. May be called several times with newer
  // objects, and must come to the same end if its own change is already there: an answer that was
  // lost does not say whether the write was done.
  using Edit = std::function<bool(Json& object)>;
  // `rng` and `ids` outlive this.
  CompareAndSwap(ObjectAddress address, Rng& rng, RequestIds& ids);

  // Drops what was under way.
  void begin(TimePoint now, Edit edit, Effects& out);
  void cancel(Effects& out);
  bool busy() const { return phase_ != Phase::idle; }

  // Each gives the object as it is on the server now if that ended the work.
  using Outcome = std::optional<Json>;
  Outcome on_response(TimePoint now, RequestId id, const HttpResponse& response, Effects& out);
  void on_failure(TimePoint now, RequestId id, const Error& error, Effects& out);
  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const { return deadline_; }

  // Why it is not done; empty while nothing went wrong.
  const std::string& last_error() const { return last_error_; }

 private:
  enum class Phase : std::uint8_t { idle, reading, writing, creating, waiting };

  void read(TimePoint now, Effects& out);
  Outcome take_object(TimePoint now, Json object, bool exists, Effects& out);
  Outcome take_written(TimePoint now, const HttpResponse& response, Effects& out);
  void send(TimePoint now, Phase phase, HttpRequest request, Effects& out);
  Outcome finish(Json object);
  void retry(TimePoint now, const std::string& why, std::optional<std::chrono::seconds> at_least,
             Effects& out);

  ObjectAddress address_;
  Rng& rng_;
  RequestIds& ids_;
  Edit edit_;
  Phase phase_ = Phase::idle;
  RequestId request_;
  std::optional<TimePoint> deadline_;
  BackOff back_off_;
  std::string last_error_;
};

}  // namespace weft::kube
