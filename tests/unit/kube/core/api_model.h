// SPDX-License-Identifier: Apache-2.0
// A small API server and the time that passes around it: objects under resource versions, requests
// that are lost or answered late, agents that run side by side.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time_point.h"
#include "plugin/kube/core/effects.h"

namespace weft::kube::test {

inline TimePoint at_seconds(std::int64_t s) {
  return TimePoint(std::chrono::seconds(s));
}

// All effects of one kind, in order.
template <class T>
std::vector<T> all(const Effects& effects) {
  std::vector<T> out;
  for (const Effect& effect : effects) {
    if (const T* one = std::get_if<T>(&effect)) out.push_back(*one);
  }
  return out;
}

HttpResponse status_reply(int code, const std::string& reason = "",
                          const std::string& message = "");

// GET, POST, PUT and DELETE of single objects as the real one does them: optimistic locking by
// metadata.resourceVersion, 404, 409.
class ApiModel {
 public:
  HttpResponse handle(const HttpRequest& request);
  // As an operator's or another agent's change. An empty object deletes.
  void put(const std::string& path, Json object);
  void remove(const std::string& path) { objects_.erase(path); }
  const Json* find(const std::string& path) const;
  std::uint64_t version() const { return version_; }

 private:
  HttpResponse store(const std::string& path, Json object, int status);

  std::map<std::string, Json> objects_;
  std::uint64_t version_ = 100;
  std::uint64_t uid_ = 0;
};

// Somebody who sends requests and has deadlines.
class Actor {
 public:
  virtual ~Actor() = default;
  virtual std::optional<TimePoint> next_deadline() const = 0;
  virtual void on_deadline(TimePoint now, Effects& out) = 0;
  virtual void on_response(TimePoint now, RequestId id, const HttpResponse& r, Effects& out) = 0;
  virtual void on_failure(TimePoint now, RequestId id, const Error& e, Effects& out) = 0;
  // What is no request.
  virtual void on_effect(TimePoint now, const Effect& effect) = 0;
};

class World {
 public:
  World(std::uint64_t seed, double loss) : rng(seed), loss_(loss) {}

  void add(Actor& actor) { actors_.push_back(&actor); }
  void drop(Actor& actor) { std::erase(actors_, &actor); }
  void carry_out(Actor& actor, Effects effects);
  void after(Duration delay, std::function<void()> what) {
    queue_.emplace(now + delay, std::move(what));
  }
  void run_until(TimePoint end);
  bool has(const Actor& actor) const;

  ApiModel api;
  SeededRng rng;
  TimePoint now = at_seconds(1000);
  bool away = false;  // the API server does not answer
  std::uint64_t requests = 0;

 private:
  void send(Actor& actor, const Send& request);

  double loss_;
  std::vector<Actor*> actors_;
  std::multimap<TimePoint, std::function<void()>> queue_;
};

}  // namespace weft::kube::test
