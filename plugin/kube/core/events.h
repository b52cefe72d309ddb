// SPDX-License-Identifier: Apache-2.0
// Events on nodes and pods: what an operator must know, where `kubectl describe` shows it. The same
// thing said again raises the count of one Event at growing intervals; many different things at
// once are cut off, so that a fault never floods the API server.
#pragma once

#include <map>
#include <string>

#include "base/rng.h"
#include "base/time_point.h"
#include "plugin/kube/core/http.h"

namespace weft::kube {

// As client-go: a burst, then one each five minutes.
inline constexpr int kEventBurst = 25;
inline constexpr Duration kEventRefill = std::chrono::minutes(5);
// When a repetition is written for the first time; the interval doubles up to the longest.
inline constexpr Duration kRepeatFirst = std::chrono::minutes(1);
inline constexpr Duration kRepeatMax = std::chrono::minutes(30);
// The server forgets Events after an hour; so do we.
inline constexpr Duration kEventLife = std::chrono::hours(1);
inline constexpr std::size_t kEventsMax = 256;
inline constexpr std::size_t kEventMessageMax = 1024;  // the server's limit

struct EventSubject {
  std::string kind;        // "Node" or "Pod"
  std::string name_space;  // of a pod
  std::string name;
  std::string uid;  // of a node its name, as the kubelet does
};
EventSubject node_subject(const std::string& node);

struct EventText {
  bool warning = false;
  std::string reason;  // CamelCase, one word
  std::string message;
};

class Events {
 public:
  struct Config {
    std::string component = "weave-kube";
    std::string node;
    WallOffset wall;
  };
  // `rng` outlives this.
  Events(Config config, Rng& rng) : config_(std::move(config)), rng_(rng) {}

  // The request that says it, or nothing if that was said lately or too much was.
  std::optional<HttpRequest> on_event(TimePoint now, const EventSubject& subject,
                                      const EventText& text);
  std::uint64_t dropped_count() const { return dropped_count_; }

 private:
  struct Said {
    std::string name, name_space;
    TimePoint first, written;
    Duration interval = kRepeatFirst;
    std::uint64_t count = 1;
  };

  bool take_token(TimePoint now);
  void forget_old(TimePoint now);
  HttpRequest first_time(TimePoint now, const EventSubject& subject, const EventText& text,
                         const Said& said) const;
  HttpRequest again(TimePoint now, const Said& said) const;

  Config config_;
  Rng& rng_;
  std::map<std::string, Said> said_;
  int tokens_ = kEventBurst;
  TimePoint refilled_at_;
  std::uint64_t dropped_count_ = 0;
};

}  // namespace weft::kube
