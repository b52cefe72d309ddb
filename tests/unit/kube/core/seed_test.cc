// SPDX-License-Identifier: Apache-2.0
// Who seeds the ring: settled once, read by all, whatever the order and the losses.
#include "plugin/kube/core/seed.h"

#include <doctest/doctest.h>

#include "plugin/kube/core/peer_list.h"
#include "tests/unit/kube/core/api_model.h"

using namespace weft;
using namespace weft::kube;
using namespace weft::kube::test;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const std::string kPath = "/api/v1/namespaces/kube-system/configmaps/weave-net";
const Cidr kRange = *Cidr::parse("10.32.0.0/12");

PeerName peer(int number) {
  return PeerName::from_u48(0x7a0000000000U + static_cast<std::uint64_t>(number));
}

class Agent final : public Actor {
 public:
  Agent(World& world, int number, Seed::Stored stored = {}, std::string forced = "")
      : world_(world),
        seed({.own = peer(number), .range = kRange, .forced_init = std::move(forced)},
             std::move(stored), world.rng, ids_) {
    world.add(*this);
    Effects out;
    seed.start(world.now, out);
    world.carry_out(*this, std::move(out));
  }
  void ring(bool known) {
    Effects out;
    seed.on_ring(world_.now, known, out);
    world_.carry_out(*this, std::move(out));
  }
  std::optional<TimePoint> next_deadline() const override { return seed.next_deadline(); }
  void on_deadline(TimePoint now, Effects& out) override { seed.on_deadline(now, out); }
  void on_response(TimePoint now, RequestId id, const HttpResponse& r, Effects& out) override {
    seed.on_response(now, id, r, out);
  }
  void on_failure(TimePoint now, RequestId id, const Error& e, Effects& out) override {
    seed.on_failure(now, id, e, out);
  }
  void on_effect(TimePoint, const Effect& effect) override {
    if (const auto* one = std::get_if<SeedDecided>(&effect)) decisions.push_back(*one);
    if (const auto* one = std::get_if<LogLine>(&effect)) logged.push_back(*one);
    if (const auto* one = std::get_if<Tell>(&effect)) told.push_back(one->reason);
  }
  std::string init() const { return decisions.empty() ? "" : decisions.front().ipalloc_init; }

  std::vector<SeedDecided> decisions;
  std::vector<LogLine> logged;
  std::vector<std::string> told;

 private:
  World& world_;
  RequestIds ids_;

 public:
  Seed seed;
};

// A cluster in which Weave's agents have listed a peer.
void put_list_of_weaves(World& world) {
  Json map = {{"metadata", {{"name", "weave-net"}}}};
  PeerList list;
  list_peer(map, list, {peer(9).text(), "node9"});
  world.api.put(kPath, map);
}

}  // namespace

TEST_CASE("seed: record: it is kept in one key a range, and damage is told from absence") {
  Json map = Json::object();
  CHECK(!*read_seed(map, kRange));
  write_seed(map, kRange, {.peers = {"7a:00:00:00:00:01"}});
  CHECK(map["data"]["ipam-seed.10.32.0.0-12"] ==
        R"({"formed":false,"peers":["7a:00:00:00:00:01"]})");
  CHECK((*read_seed(map, kRange))->peers == std::vector<std::string>{"7a:00:00:00:00:01"});
  CHECK(!*read_seed(map, *Cidr::parse("10.0.0.0/16")));
  for (const char* bad : {"", "{}", R"({"peers":[],"formed":false})", R"({"peers":["x"]})",
                          R"({"peers":"7a:00:00:00:00:01"})"}) {
    map["data"]["ipam-seed.10.32.0.0-12"] = bad;
    CHECK(!read_seed(map, kRange));
  }
}

TEST_CASE("seed: race: agents that start at any time, with losses, get one and the same seed") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    World world(seed, 0.25);
    std::vector<std::unique_ptr<Agent>> agents;
    for (int i = 1; i <= 8; ++i) {
      agents.push_back(std::make_unique<Agent>(world, i));
      if (world.rng.below(2) == 0) world.run_until(world.now + seconds(world.rng.below(5)));
    }
    world.run_until(world.now + minutes(20));
    for (const auto& agent : agents) {
      CHECK(agent->decisions.size() == 1);
      CHECK(agent->init() == agents.front()->init());
      CHECK(agent->init().starts_with("seed=7a:00:00:00:00:0"));
    }
  }
}

TEST_CASE(
    "seed: restart: while no ring is known the seed is the same, afterwards one waits for it") {
  World world(1, 0);
  Agent first(world, 1);
  world.run_until(world.now + seconds(5));
  CHECK(first.init() == "seed=7a:00:00:00:00:01");
  Agent again(world, 1);
  world.run_until(world.now + seconds(5));
  CHECK(again.init() == "seed=7a:00:00:00:00:01");
  first.ring(true);
  world.run_until(world.now + minutes(2));
  // Whoever lost its state does not make a second ring.
  Agent lost(world, 1);
  world.run_until(world.now + seconds(5));
  CHECK(lost.init() == "observer");
  CHECK(!lost.decisions[0].discard_state);
}

TEST_CASE("seed: weave: where Weave's agents have listed peers the ring is waited for") {
  World world(1, 0);
  put_list_of_weaves(world);
  Agent agent(world, 1);
  world.run_until(world.now + seconds(5));
  CHECK(agent.init() == "observer");
  const Json& kept = *world.api.find(kPath);
  CHECK(read_peer_list(kept)->contains(peer(9).text()));
  CHECK((*read_seed(kept, kRange))->formed);
}

TEST_CASE(
    "seed: weave: a mesh that was Weave's is known as such by all who come, also without API") {
  World world(1, 0);
  put_list_of_weaves(world);
  Agent first(world, 1);
  world.run_until(world.now + seconds(5));
  first.ring(true);
  world.run_until(world.now + minutes(1));
  // Weave's entries are gone by the time the last node comes.
  Json moved = *world.api.find(kPath);
  moved["metadata"].erase("annotations");
  world.api.put(kPath, moved);
  Agent last(world, 2);
  world.run_until(world.now + seconds(5));
  REQUIRE(last.decisions.size() == 1);
  CHECK(first.decisions[0].from_weave);
  CHECK(last.decisions[0].from_weave);

  // Who remembers says so in a record that is made anew, and starts by it when nobody answers.
  world.api.put(kPath, {{"metadata", {{"name", "weave-net"}}}});
  Agent back(world, 1, {.ring = true, .from_weave = true});
  world.run_until(world.now + seconds(5));
  Agent fresh(world, 3);
  world.run_until(world.now + seconds(5));
  CHECK(back.decisions.at(0).from_weave);
  CHECK(fresh.decisions.at(0).from_weave);
  world.away = true;
  Agent alone(world, 1, {.ring = true, .from_weave = true});
  world.run_until(world.now + minutes(1));
  CHECK(alone.decisions.at(0).from_weave);
}

TEST_CASE("seed: weave: a mesh of our own is not taken for one of Weave's") {
  World world(1, 0);
  Agent first(world, 1);
  world.run_until(world.now + seconds(5));
  first.ring(true);
  world.run_until(world.now + minutes(1));
  // While a Weave peer was in the mesh our entries stood in its list, too.
  Json map = *world.api.find(kPath);
  PeerList list;
  list_peer(map, list, {peer(1).text(), "node1"});
  world.api.put(kPath, map);
  Agent second(world, 2);
  world.run_until(world.now + seconds(5));
  CHECK_FALSE(first.decisions.at(0).from_weave);
  CHECK_FALSE(second.decisions.at(0).from_weave);
}

TEST_CASE(
    "seed: away: with a ring on disk the daemon starts without the API server, else it waits") {
  World world(1, 0);
  world.away = true;
  Agent with(world, 1, {.ring = true});
  Agent without(world, 2);
  world.run_until(world.now + seconds(11));
  CHECK(with.init() == "observer");
  CHECK(without.decisions.empty());
  world.run_until(world.now + minutes(60));
  CHECK(without.decisions.empty());
  CHECK(!without.seed.last_error().empty());
  world.away = false;
  world.run_until(world.now + minutes(2));
  CHECK(without.decisions.size() == 1);
  CHECK(with.decisions.size() == 1);
}

TEST_CASE("seed: removed: who was taken for gone gives up its old addresses, and only then") {
  struct Case {
    const char* name;
    bool same_map, listed, others;
    bool discard;
    bool by_weave;
  };
  for (const Case& c :
       {Case{"removed", true, false, true, true}, Case{"still listed", true, true, true, false},
        Case{"another ConfigMap", false, false, true, false},
        Case{"an empty list", true, false, false, false},
        Case{"removed before Weft came", false, false, true, true, true},
        Case{"still listed by Weave", false, true, true, false, true},
        Case{"an empty list of Weave's", false, false, false, false, true}}) {
    CAPTURE(c.name);
    World world(1, 0);
    Json map = {{"metadata", {{"name", "weave-net"}}}};
    PeerList list;
    if (c.listed) list_peer(map, list, {peer(1).text(), "n1"});
    if (c.others) list_peer(map, list, {peer(2).text(), "n2"});
    world.api.put(kPath, map);
    const std::string uid = text_of(world.api.find(kPath)->at("metadata"), "uid");
    Seed::Stored stored{.ring = true, .listed_in = c.same_map ? uid : "former"};
    if (c.by_weave) stored = {.listed_by_weave = true};
    Agent agent(world, 1, stored);
    world.run_until(world.now + seconds(5));
    REQUIRE(agent.decisions.size() == 1);
    const bool seeds = c.by_weave && !c.listed && !c.others;
    CHECK(agent.init() == (seeds ? "seed=" + peer(1).text() : "observer"));
    CHECK(agent.decisions[0].discard_state == c.discard);
  }
}

TEST_CASE("seed: order: IPALLOC_INIT is obeyed, and nobody waits for the API server with it") {
  World world(1, 0);
  world.away = true;
  Agent agent(world, 1, {}, "consensus=3");
  world.run_until(world.now + seconds(11));
  CHECK(agent.init() == "consensus=3");
}

TEST_CASE("seed: damage: a record that cannot be read is reported and never written over") {
  World world(1, 0);
  world.api.put(
      kPath, {{"metadata", {{"name", "weave-net"}}}, {"data", {{"ipam-seed.10.32.0.0-12", "?"}}}});
  Agent agent(world, 1);
  world.run_until(world.now + minutes(3));
  CHECK(agent.init() == "observer");
  CHECK(world.api.find(kPath)->at("data").at("ipam-seed.10.32.0.0-12") == "?");
  REQUIRE(agent.logged.size() == 2);  // and that no ring comes
  CHECK(agent.logged[0].level == LogLevel::error);
  CHECK(agent.told == std::vector<std::string>{"SeedRecordDamaged", "NoAddressRing"});
  CHECK(agent.seed.trouble().find("ipam-seed.10.32.0.0-12") != std::string::npos);
  // Whoever deletes the key, and a ring that comes, put both right.
  world.api.put(kPath, {{"metadata", {{"name", "weave-net"}}}});
  agent.ring(true);
  world.run_until(world.now + minutes(5));
  CHECK(agent.seed.trouble().empty());
  CHECK(agent.told.size() == 2);
}

TEST_CASE("seed: loss: a ConfigMap that is deleted gets its record back while the ring lives") {
  World world(1, 0);
  Agent agent(world, 1);
  world.run_until(world.now + seconds(5));
  agent.ring(true);
  world.run_until(world.now + minutes(1));
  world.api.remove(kPath);
  world.run_until(world.now + minutes(3));
  REQUIRE(world.api.find(kPath) != nullptr);
  CHECK((*read_seed(*world.api.find(kPath), kRange))->formed);
}
