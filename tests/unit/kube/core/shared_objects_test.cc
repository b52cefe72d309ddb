// SPDX-License-Identifier: Apache-2.0
// What agents write side by side: compare-and-swap, the Lease, the list of peers and its locks.
#include <doctest/doctest.h>

#include "plugin/kube/core/lease.h"
#include "plugin/kube/core/peer_list.h"
#include "tests/unit/kube/core/api_model.h"

using namespace weft;
using namespace weft::kube;
using namespace weft::kube::test;
using std::chrono::seconds;

namespace {

const ObjectAddress kMap{.api_version = "v1",
                         .kind = "ConfigMap",
                         .collection = "/api/v1/namespaces/k/configmaps",
                         .name_space = "k",
                         .name = "m"};

// Adds one to a number, once; the mark makes a repetition harmless.
class Counter final : public Actor {
 public:
  Counter(World& world, std::string name) : name_(std::move(name)), cas_(kMap, world.rng, ids_) {
    world.add(*this);
    Effects out;
    cas_.begin(
        world.now,
        [this](Json& object) {
          Json& data = object_in(object, "data");
          if (data.contains(name_)) return false;
          data[name_] = "1";
          return true;
        },
        out);
    world.carry_out(*this, std::move(out));
  }
  std::optional<TimePoint> next_deadline() const override { return cas_.next_deadline(); }
  void on_deadline(TimePoint now, Effects& out) override { cas_.on_deadline(now, out); }
  void on_response(TimePoint now, RequestId id, const HttpResponse& r, Effects& out) override {
    if (cas_.on_response(now, id, r, out)) done = true;
  }
  void on_failure(TimePoint now, RequestId id, const Error& e, Effects& out) override {
    cas_.on_failure(now, id, e, out);
  }
  void on_effect(TimePoint, const Effect&) override {}

  bool done = false;

 private:
  std::string name_;
  RequestIds ids_;
  CompareAndSwap cas_;
};

// Somebody who wants the lease, and whose clock may be wrong by years.
class Candidate final : public Actor {
 public:
  Candidate(World& world, const std::string& name, std::chrono::hours skew)
      : world_(world),
        lease({.name = "l", .identity = name, .wall = {.since_epoch = skew}}, world.rng, ids_) {
    world.add(*this);
  }
  void want() {
    Effects out;
    lease.want(world_.now, out);
    world_.carry_out(*this, std::move(out));
  }
  void release() {
    Effects out;
    lease.release(world_.now, out);
    world_.carry_out(*this, std::move(out));
  }
  std::optional<TimePoint> next_deadline() const override { return lease.next_deadline(); }
  void on_deadline(TimePoint now, Effects& out) override { lease.on_deadline(now, out); }
  void on_response(TimePoint now, RequestId id, const HttpResponse& r, Effects& out) override {
    lease.on_response(now, id, r, out);
  }
  void on_failure(TimePoint now, RequestId id, const Error& e, Effects& out) override {
    lease.on_failure(now, id, e, out);
  }
  void on_effect(TimePoint, const Effect&) override {}
  bool held() const { return lease.held(world_.now); }

 private:
  World& world_;
  RequestIds ids_;

 public:
  LeaseHolder lease;
};

const std::string kLeasePath = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l";

}  // namespace

TEST_CASE("compare-and-swap: ten writers at once on a lossy network all get their change in") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    World world(seed, 0.2);
    std::vector<std::unique_ptr<Counter>> counters;
    for (int i = 0; i < 10; ++i)
      counters.push_back(std::make_unique<Counter>(world, "c" + std::to_string(i)));
    world.run_until(world.now + std::chrono::minutes(30));
    for (const auto& counter : counters)
      CHECK(counter->done);
    CHECK(world.api.find(kMap.path())->at("data").size() == 10);
  }
}

TEST_CASE("compare-and-swap: what the edit does not know stays as it was") {
  World world(1, 0);
  world.api.put(kMap.path(), {{"metadata", {{"name", "m"}, {"labels", {{"x", "y"}}}}},
                              {"immutable", false},
                              {"data", {{"other", "kept"}}}});
  Counter counter(world, "mine");
  world.run_until(world.now + seconds(10));
  REQUIRE(counter.done);
  const Json& object = *world.api.find(kMap.path());
  CHECK(object["metadata"]["labels"]["x"] == "y");
  CHECK(object["immutable"] == false);
  CHECK(object["data"] == Json{{"other", "kept"}, {"mine", "1"}});
}

TEST_CASE("lease: of many who want it never two hold it, whatever their clocks say") {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    CAPTURE(seed);
    World world(seed, 0.1);
    std::vector<std::unique_ptr<Candidate>> candidates;
    for (int i = 0; i < 5; ++i) {
      candidates.push_back(std::make_unique<Candidate>(world, "c" + std::to_string(i),
                                                       std::chrono::hours(i * 10'000)));
      candidates.back()->want();
    }
    int held_count = 0;
    for (int step = 0; step < 600; ++step) {
      world.run_until(world.now + std::chrono::milliseconds(500));
      world.away = step % 200 > 120 && step % 200 < 180;  // half a minute without a server
      const auto holders = std::count_if(candidates.begin(), candidates.end(),
                                         [](const auto& c) { return c->held(); });
      REQUIRE(holders <= 1);
      held_count += static_cast<int>(holders);
    }
    CHECK(held_count > 200);
  }
}

TEST_CASE(
    "lease: a holder that falls silent is succeeded after its time, one that gives it back at "
    "once") {
  World world(3, 0);
  Candidate a(world, "a", std::chrono::hours(0));
  Candidate b(world, "b", std::chrono::hours(0));
  a.want();
  world.run_until(world.now + seconds(2));
  REQUIRE(a.held());
  b.want();
  world.run_until(world.now + seconds(60));
  CHECK(a.held());
  CHECK(!b.held());
  CHECK(b.lease.holder() == "a");
  world.drop(a);
  world.run_until(world.now + seconds(42));
  CHECK(!a.held());
  CHECK(b.held());
  const Json& spec = world.api.find(kLeasePath)->at("spec");
  CHECK(spec["leaseTransitions"] == 2);
  CHECK(spec["leaseDurationSeconds"] == 20);
  b.release();
  world.run_until(world.now + seconds(2));
  CHECK(!b.held());
  CHECK(!world.api.find(kLeasePath)->at("spec").contains("holderIdentity"));
}

TEST_CASE("lease: without an API server it ends before others may take it") {
  World world(4, 0);
  Candidate a(world, "a", std::chrono::hours(0));
  a.want();
  world.run_until(world.now + seconds(3));
  REQUIRE(a.held());
  world.away = true;
  world.run_until(world.now + kLeaseDuration);
  CHECK(!a.held());
}

TEST_CASE("peer list: it is written as Weave writes it, and read back") {
  Json map = {{"metadata", {{"name", "weave-net"}}}};
  PeerList list;
  CHECK(list_peer(map, list, {"7a:9f:eb:b6:0c:6e", "node1"}));
  CHECK(!list_peer(map, list, {"7a:9f:eb:b6:0c:6e", "other"}));
  CHECK(map["metadata"]["annotations"]["kube-peers.weave.works/peers"] ==
        R"({"Peers":[{"PeerName":"7a:9f:eb:b6:0c:6e","NodeName":"node1"}]})");
  const auto again = read_peer_list(map);
  REQUIRE(again.has_value());
  CHECK(again->peers == list.peers);
  CHECK(lock_key("7a:9f:eb:b6:0c:6e") == "kube-peers.weave.works/7a_9f_eb_b6_0c_6e");
}

TEST_CASE("peer list: absent and null are empty, damage is an error") {
  const auto with = [](const std::string& text) {
    return read_peer_list(
        {{"metadata", {{"annotations", {{"kube-peers.weave.works/peers", text}}}}}});
  };
  CHECK(read_peer_list(Json::object())->peers.empty());
  CHECK(with(R"({"Peers":null})")->peers.empty());
  CHECK(!with("nonsense"));
  CHECK(!with(R"({"Peers":7})"));
  CHECK(!with(R"({"Peers":[{"NodeName":"x"}]})"));
}

TEST_CASE("peer list: a lock is its holder's while that is listed") {
  Json map = {{"metadata", {{"name", "weave-net"}}}};
  PeerList list;
  for (const char* peer : {"a", "b", "x"})
    list_peer(map, list, {peer, std::string("node-") + peer});
  CHECK(take_lock(map, list, "x", "a") == LockOutcome::taken);
  CHECK(take_lock(map, list, "x", "a") == LockOutcome::already_mine);
  CHECK(take_lock(map, list, "x", "b") == LockOutcome::held_by_other);
  CHECK(!release_lock(map, "x", "b"));
  // The holder is gone for good: its lock is nobody's.
  CHECK(forget_listed(map, list, "a"));
  CHECK(!lock_holder(map, "x"));
  CHECK(take_lock(map, list, "x", "b") == LockOutcome::taken);
  CHECK(forget_listed(map, list, "x"));
  CHECK(!lock_holder(map, "x"));
  CHECK(list.peers == std::vector<ListedPeer>{{"b", "node-b"}});
  CHECK(!forget_listed(map, list, "x"));
}

TEST_CASE("peer list: a lock of somebody who is not listed is taken over") {
  Json map = {{"metadata", {{"annotations", {{lock_key("x"), "ghost"}}}}}};
  CHECK(take_lock(map, PeerList{}, "x", "b") == LockOutcome::taken);
  CHECK(lock_holder(map, "x") == "b");
}
