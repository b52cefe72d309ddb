// SPDX-License-Identifier: Apache-2.0
// Events on nodes and pods: what an operator must know, where `kubectl describe` shows it. The same
// thing said again raises the count of one Event at growing intervals; many different things at
// once are cut off, so that a fault never floods the API server. What the server did not take is
// kept, and said once it takes something else.
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
// Of those that the server did not take the oldest give way. One of them is tried so often,
// whatever else happens.
inline constexpr std::size_t kUnsaidMax = 20;
inline constexpr Duration kUnsaidRetry = std::chrono::seconds(30);

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

// A request, and which Event's it is, for on_answer.
struct EventRequest {
  std::string key;
  HttpRequest request;
};

//   sending ─taken─▶ said ─deleted at the server─▶ sending
//      └─not taken─▶ unsaid ─said again, or the server takes something─▶ sending
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
  std::optional<EventRequest> on_event(TimePoint now, const EventSubject& subject,
                                       const EventText& text);
  // To each request; the status, or none if no answer came. What is to be sent now.
  std::optional<EventRequest> on_answer(TimePoint now, const std::string& key,
                                        std::optional<int> status);
  // The server takes requests, or it is time to see: what of those that it did not take is to be
  // sent now.
  std::optional<EventRequest> on_server(TimePoint now);
  // When to call that; after on_event and on_answer it may be another time.
  std::optional<TimePoint> next_deadline() const;
  std::uint64_t dropped_count() const { return dropped_count_; }

 private:
  enum class State : std::uint8_t { sending, said, unsaid };
  struct Said {
    EventSubject subject;
    EventText text;
    std::string name, name_space;
    TimePoint first, written;
    State state = State::sending;
    Duration interval = kRepeatFirst;
    std::uint64_t count = 1;
  };

  using Entry = std::map<std::string, Said>::value_type;

  std::optional<EventRequest> repeat(TimePoint now, const std::string& key, Said& said);
  std::optional<EventRequest> say(TimePoint now, const std::string& key, Said& said) const;
  bool take_token(TimePoint now);
  void forget_old(TimePoint now);
  void drop_unsaid();
  const Entry* oldest_unsaid() const;
  HttpRequest first_time(TimePoint now, const Said& said) const;
  HttpRequest again(TimePoint now, const Said& said) const;

  Config config_;
  Rng& rng_;
  std::map<std::string, Said> said_;
  int tokens_ = kEventBurst;
  TimePoint refilled_at_;
  std::uint64_t dropped_count_ = 0;
};

}  // namespace weft::kube
