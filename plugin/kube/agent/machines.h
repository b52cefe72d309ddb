// SPDX-License-Identifier: Apache-2.0
// Runs the core's machines: hands them time, answers and deadlines, and carries their effects out
// in order; those that are not for the API server go to whoever composes the agent.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "plugin/kube/agent/log.h"
#include "plugin/kube/client/api_client.h"
#include "plugin/kube/core/effects.h"

namespace weft::kube {

// A machine of the core behind one face; whatever it has no input for it does not hear.
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  virtual ~Machine() = default;
  virtual void on_response(TimePoint, RequestId, const HttpResponse&, Effects&) {}
  virtual void on_stream_open(TimePoint, RequestId, int, std::optional<std::chrono::seconds>,
                              Effects&) {}
  virtual void on_stream_bytes(TimePoint, RequestId, ByteView, Effects&) {}
  virtual void on_stream_end(TimePoint, RequestId, StreamEnd, Effects&) {}
  virtual void on_failure(TimePoint, RequestId, const Error&, Effects&) {}
  virtual void on_deadline(TimePoint, Effects&) {}
  virtual std::optional<TimePoint> next_deadline() const { return std::nullopt; }
};

class Machines final : public ApiAnswers {
 public:
  using OnEffect = std::function<void(const Effect&)>;        // all but Send, Cancel and LogLine
  using OnAnswer = std::function<void(const HttpResponse*)>;  // null: none came

  Machines(io::EventLoop& loop, const Cluster& cluster, Log log, OnEffect on_effect);

  RequestIds& ids() { return ids_; }
  // Takes part from now on, and outlives this.
  void add(Machine& machine) { machines_.push_back(&machine); }

  // Calls an input of a machine's and carries out what comes of it, also from inside an effect.
  void run(const std::function<void(TimePoint, Effects&)>& input);
  // A single request that no machine waits for.
  void request(HttpRequest request, OnAnswer done);

  const ApiClient& api() const { return api_; }
  TimePoint now() const { return loop_.now(); }

 private:
  void on_response(RequestId id, const HttpResponse& response) override;
  void on_stream_open(RequestId id, int status,
                      std::optional<std::chrono::seconds> retry_after) override;
  void on_stream_bytes(RequestId id, ByteView bytes) override;
  void on_stream_end(RequestId id, StreamEnd why) override;
  void on_failure(RequestId id, const Error& error) override;
  void on_deadline();
  void each(const std::function<void(Machine&, TimePoint, Effects&)>& input);
  void carry_out(const Effect& effect);
  void arm();

  io::EventLoop& loop_;
  Log log_;
  OnEffect on_effect_;
  ApiClient api_;
  io::Timer timer_;
  RequestIds ids_;
  std::vector<Machine*> machines_;
  std::map<RequestId, OnAnswer> single_;
  std::deque<Effect> effects_;
  bool carrying_out_ = false;
};

}  // namespace weft::kube
