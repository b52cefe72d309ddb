// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/turn.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include "base/rng.h"

using namespace weft;
using namespace weft::kube;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr TimePoint kStart{};

Turn seen(Role role, const Others& others, TimePoint now = kStart) {
  Turn turn(role);
  turn.on_look(now, others);
  return turn;
}

}  // namespace

TEST_CASE("turn: a primary serves whenever nobody does") {
  CHECK(seen(Role::primary, {}).may_serve(kStart));
  CHECK(seen(Role::primary, {.standby = true}).may_serve(kStart));
  CHECK_FALSE(seen(Role::primary, {.serving = true}).may_serve(kStart));
}

TEST_CASE("turn: a standby takes over from those that it has seen serve, unless there is an heir") {
  Turn turn(Role::standby);
  turn.on_look(kStart, {});
  CHECK_FALSE(turn.may_serve(kStart));  // Weave may run here
  turn.on_look(kStart, {.serving = true});
  CHECK_FALSE(turn.may_serve(kStart));
  turn.on_look(kStart, {.heir = true});
  CHECK_FALSE(turn.may_serve(kStart));
  turn.on_look(kStart, {});
  CHECK(turn.may_serve(kStart));
}

TEST_CASE("turn: what was forgotten must be seen anew, and nobody serves for a while") {
  Turn turn = seen(Role::standby, {.serving = true});
  turn.forget(kStart);
  turn.on_look(kStart, {});
  CHECK_FALSE(turn.may_serve(kStart + seconds(10)));
  Turn primary = seen(Role::primary, {.serving = true});
  primary.forget(kStart);
  primary.on_look(kStart, {});
  CHECK_FALSE(primary.may_serve(kStart + seconds(2)));
  CHECK(primary.may_serve(kStart + Turn::kRenewal));
}

TEST_CASE("turn: where Weft served before, a standby does not wait for a primary for ever") {
  Turn turn(Role::standby);
  turn.on_history(true);
  turn.on_look(kStart, {});
  CHECK_FALSE(turn.may_serve(kStart + seconds(29)));
  CHECK(turn.may_serve(kStart + Turn::kAbsence));
  turn.on_look(kStart + seconds(29), {.heir = true});
  turn.on_look(kStart + seconds(30), {});
  CHECK_FALSE(turn.may_serve(kStart + seconds(59)));  // from when it was gone again
  turn.on_history(false);
  CHECK_FALSE(turn.may_serve(kStart + seconds(90)));
}

TEST_CASE("turn: asked to end, a waiting standby stays for the one that counted on it") {
  Turn turn = seen(Role::standby, {.serving = true, .leaving = true});
  CHECK_FALSE(turn.may_leave());  // nobody has asked
  turn.on_end_asked(kStart);
  CHECK_FALSE(turn.may_leave());
  turn.on_look(kStart, {.serving = true, .heir = true, .leaving = true});
  CHECK(turn.may_leave());
  turn.on_look(kStart, {.serving = true});
  CHECK(turn.may_leave());
  turn.on_look(kStart, {});
  CHECK(turn.may_serve(kStart));  // it has gone meanwhile
}

TEST_CASE("turn: asked to end, a waiting primary begins nothing") {
  Turn turn = seen(Role::primary, {.serving = true});
  turn.on_end_asked(kStart);
  CHECK(turn.may_leave());
  turn.on_look(kStart, {});
  CHECK_FALSE(turn.may_serve(kStart));
}

TEST_CASE("turn: fresh is what another served until a moment ago") {
  Turn turn = seen(Role::primary, {});
  CHECK_FALSE(turn.fresh(kStart));
  turn.on_look(kStart, {.serving = true});
  CHECK(turn.fresh(kStart + seconds(1)));
  CHECK_FALSE(turn.fresh(kStart + Turn::kFresh));
}

TEST_CASE("turn: a standby hands over to an heir, a primary does not") {
  CHECK(seen(Role::standby, {.heir = true}).must_hand_over());
  CHECK_FALSE(seen(Role::standby, {}).must_hand_over());
  CHECK_FALSE(seen(Role::primary, {.heir = true}).must_hand_over());
}

TEST_CASE("turn: alone, a primary ends at once") {
  Turn turn = seen(Role::primary, {});
  CHECK_FALSE(turn.may_end(kStart));  // nobody has asked
  turn.on_end_asked(kStart);
  CHECK(turn.may_end(kStart));
}

TEST_CASE("turn: whoever is followed by another ends a little later, if that one is still there") {
  for (const auto& [role, others] : {std::pair{Role::primary, Others{.standby = true}},
                                     {Role::primary, Others{.heir = true}},
                                     {Role::standby, Others{.heir = true}}}) {
    Turn turn = seen(role, others);
    turn.on_end_asked(kStart);
    CHECK_FALSE(turn.may_end(kStart + milliseconds(1999)));
    CHECK(turn.may_end(kStart + Turn::kSettle));
    turn.on_end_asked(kStart + seconds(1));  // asked again: no more patience than before
    CHECK(turn.may_end(kStart + Turn::kSettle));
  }
}

TEST_CASE("turn: a standby that has just gone is waited for, for a while") {
  Turn turn = seen(Role::primary, {.standby = true});
  turn.on_end_asked(kStart);
  turn.on_look(kStart + seconds(1), {});
  CHECK_FALSE(turn.may_end(kStart + seconds(3)));
  turn.on_look(kStart + seconds(12), {.standby = true});
  CHECK(turn.may_end(kStart + seconds(12)));
  turn.on_look(kStart + seconds(13), {});
  CHECK_FALSE(turn.may_end(kStart + seconds(39)));
  CHECK(turn.may_end(kStart + Turn::kPatience));
}

TEST_CASE("turn: one that was seen long ago is not") {
  Turn turn = seen(Role::primary, {.standby = true});
  const TimePoint later = kStart + Turn::kRemembered;
  turn.on_look(later, {});
  turn.on_end_asked(later);
  CHECK(turn.may_end(later));
}

TEST_CASE("turn: a standby that serves waits for a primary, for a while") {
  Turn turn = seen(Role::standby, {.serving = true});
  turn.on_look(kStart, {});
  turn.on_end_asked(kStart);
  CHECK_FALSE(turn.may_end(kStart + seconds(39)));
  CHECK(turn.may_end(kStart + Turn::kPatience));
}

namespace {

// One process of a node: a pod of either DaemonSet that is replaced after it was asked to end.
struct Process {
  Role role = Role::primary;
  Turn turn{Role::primary};
  bool here = true, serving = false, heir = false, leaving = false;
  TimePoint back{};               // of its successor, once it has gone
  TimePoint serves_from{};        // weaver takes a moment to start
  std::optional<TimePoint> ends;  // and to end: until then it has the turn
  bool goes = false;              // with the end of weaver
};

class Node {
 public:
  explicit Node(std::uint64_t seed) : rng_(seed) {
    for (const Role role : {Role::primary, Role::standby})
      all_.push_back({.role = role, .turn = Turn(role), .ends = {}});
  }

  void step(TimePoint now) {
    for (Process& p : all_) {
      if (!p.here && now >= p.back) p = {.role = p.role, .turn = Turn(p.role), .ends = {}};
      if (p.here) act(p, now);
    }
    const auto count =
        std::count_if(all_.begin(), all_.end(), [](const Process& p) { return p.serving; });
    CHECK(count <= 1);
    const bool served = std::any_of(all_.begin(), all_.end(), [&](const Process& p) {
      return p.serving && !p.ends && now >= p.serves_from;
    });
    if (served) last_served_ = now;
    longest_gap_ = std::max(longest_gap_, now - last_served_);
  }
  void roll(Role role, TimePoint now) {
    Process& p = all_[role == Role::primary ? 0 : 1];
    if (!p.here) return;
    p.turn.on_end_asked(now);
    act(p, now);
  }
  Duration longest_gap() const { return longest_gap_; }
  bool primary_serves() const { return all_[0].serving; }

 private:
  void act(Process& p, TimePoint now) {
    if (p.ends) {
      if (now < *p.ends) return;
      p.serving = p.leaving = false;
      p.ends.reset();
      if (p.goes) return go(p, now);
    }
    look(p, now);
    if (p.serving) {
      serve(p, now);
    } else if (p.turn.may_serve(now)) {
      p.serving = true;
      p.heir = false;
      p.serves_from = now + milliseconds(300);
    } else if (p.turn.may_leave()) {
      go(p, now);
    } else {
      p.heir = p.role == Role::primary;
    }
  }
  void serve(Process& p, TimePoint now) {
    if (p.turn.must_hand_over()) {
      p.ends = now + milliseconds(rng_.next() % 300);
      p.goes = false;
    } else if (p.turn.may_end(now)) {
      p.leaving = true;
      p.ends = now + milliseconds(rng_.next() % 300);
      p.goes = true;
    }
  }
  void look(Process& p, TimePoint now) {
    Others others;
    for (const Process& q : all_) {
      if (&q == &p || !q.here) continue;
      others.serving = others.serving || q.serving;
      others.heir = others.heir || q.heir;
      others.standby = others.standby || (q.role == Role::standby && !q.turn.end_asked());
      others.leaving = others.leaving || q.leaving;
    }
    p.turn.on_look(now, others);
  }
  void go(Process& p, TimePoint now) {
    p.here = p.serving = p.heir = p.leaving = p.goes = false;
    p.back = now + seconds(8) + milliseconds(rng_.next() % 6000);
  }

  SeededRng rng_;
  std::vector<Process> all_;
  TimePoint last_served_ = kStart;
  Duration longest_gap_{0};
};

}  // namespace

TEST_CASE("turn: one serves at all times, however the rollouts of both DaemonSets fall together") {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    CAPTURE(seed);
    SeededRng rng(seed);
    Node node(seed);
    // Both come within five seconds of each other, the same node's thus at the worst moments.
    const TimePoint first = kStart + seconds(20);
    const TimePoint second = first + milliseconds(rng.next() % 5000);
    const Role early = rng.next() % 2 == 0 ? Role::primary : Role::standby;
    const Role late = early == Role::primary ? Role::standby : Role::primary;
    for (TimePoint now = kStart; now < kStart + seconds(120); now += milliseconds(50)) {
      if (now >= first && now < first + milliseconds(50)) node.roll(early, now);
      if (now >= second && now < second + milliseconds(50)) node.roll(late, now);
      node.step(now);
    }
    CHECK(node.longest_gap() < milliseconds(800));
    CHECK(node.primary_serves());
  }
}
