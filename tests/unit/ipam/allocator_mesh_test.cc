// SPDX-License-Identifier: Apache-2.0
// Allocators that talk to one another: consensus, donations, claims, loss, crashes and departures.
#include <set>

#include "tests/unit/ipam/allocator_harness.h"

using namespace weft;
using namespace weft::ipam;
using namespace weft::ipam::test;

namespace {

bool is_address(const std::string& outcome) {
  return Cidr::parse(outcome).has_value();
}

WorldConfig with_nodes(std::size_t nodes, std::uint64_t seed) {
  return {.seed = seed, .nodes = nodes, .init = "consensus=" + std::to_string(nodes)};
}

}  // namespace

TEST_CASE("allocators: consensus: 1, 2, 3 and 5 peers agree on one ring, whatever is lost") {
  for (std::size_t nodes : std::initializer_list<std::size_t>{1, 2, 3, 5}) {
    for (std::uint64_t seed : seeds(5)) {
      CAPTURE(nodes);
      CAPTURE(seed);
      WorldConfig config = with_nodes(nodes, seed);
      config.loss_percent = 20;
      World world(config);
      world.start_all();
      std::vector<std::uint64_t> requests;
      for (std::size_t i = 0; i < nodes; ++i) {
        requests.push_back(world.allocate(i, "c" + std::to_string(i)));
        world.run(milliseconds(world.rng().below(200)));
      }
      world.run(seconds(120));
      world.set_loss(0);
      world.run(seconds(60));
      for (std::uint64_t request : requests)
        CHECK(is_address(world.outcome(request)));
      CHECK(world.refusals() == 0);
      world.check_converged();
    }
  }
}

TEST_CASE("allocators: consensus: guessed from the targets, two peers do not go alone") {
  World world({.nodes = 2, .init = ""});
  world.start(0);
  auto request = world.allocate(0, "c");
  world.run(seconds(30));
  CHECK(world.outcome(request).empty());
  CHECK(world.at(0).status().paxos->quorum == 2);
  world.start(1);
  world.run(seconds(10));
  CHECK(is_address(world.outcome(request)));
}

TEST_CASE("allocators: observer: it never proposes, asks for a ring and is given one") {
  World world({.nodes = 2, .init_of = {{0, "observer"}, {1, "consensus=1"}}});
  world.start(0);
  auto request = world.allocate(0, "c");
  auto prime = world.prime(0);
  world.run(seconds(60));
  CHECK(world.outcome(request).empty());
  CHECK(world.outcome(prime).empty());
  CHECK_FALSE(world.at(0).status().paxos->elector);
  CHECK(world.at(0).status().pending_allocates.at(0).reason == "the ring");
  CHECK(world.at(0).status().pending_prime);
  world.start(1);  // its first broadcast makes the elector form the ring
  world.run(seconds(10));
  CHECK(is_address(world.outcome(request)));
  CHECK(world.outcome(prime) == "done");
  world.run(seconds(60));
  world.check_converged();
}

TEST_CASE("allocators: seed: all start with the same ring and need no consensus") {
  World world({.nodes = 3, .init = "seed=7a:0:0:0:0:1,7a:0:0:0:0:2,7a:0:0:0:0:3"});
  world.start_all();
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(is_address(world.outcome(world.allocate(i, "c" + std::to_string(i)))));
  }
  world.run(seconds(60));
  CHECK(world.refusals() == 0);
  world.check_converged();
}

TEST_CASE("allocators: a fourth peer: it is given space by those that have some") {
  World world({.nodes = 4, .init = "consensus=2"});
  world.start(0);
  world.start(1);
  world.allocate(0, "a");
  world.run(seconds(10));
  world.start(2);
  world.start(3);
  auto c = world.allocate(2, "c");
  auto d = world.allocate(3, "d");
  world.run(seconds(10));
  CHECK(is_address(world.outcome(c)));
  CHECK(is_address(world.outcome(d)));
  world.run(seconds(60));
  world.check_converged();
}

TEST_CASE("allocators: a full range: every address is handed out once, then refused at once") {
  World world({.nodes = 3, .universe = "10.32.0.0/26", .init = "consensus=3"});
  world.start_all();
  std::set<std::string> addresses;
  for (int i = 0; i < 62; ++i) {
    auto request = world.allocate(static_cast<std::size_t>(i) % 3, "c" + std::to_string(i));
    world.run(seconds(15));
    CAPTURE(i);
    REQUIRE(is_address(world.outcome(request)));
    addresses.insert(world.outcome(request));
  }
  CHECK(addresses.size() == 62);
  // The network address and the broadcast address are all that is left.
  auto request = world.allocate(0, "one too many");
  world.run(seconds(20));
  CAPTURE(world.outcome(request));
  CHECK(world.outcome(request).starts_with("refused: no free address in 10.32.0.0/26: "));
  CHECK(world.outcome(request).find("7a:00:00:00:00:02(host1) holds") != std::string::npos);
  world.release(1, "c1");
  world.run(seconds(40));
  auto again = world.allocate(0, "one too many");
  world.run(seconds(20));
  CHECK(is_address(world.outcome(again)));
}

TEST_CASE("allocators: claims: an address of another peer is asked for, taken or refused") {
  World world({.nodes = 2, .init = "seed=7a:0:0:0:0:1,7a:0:0:0:0:2"});
  world.start_all();
  auto taken = world.claim(0, "c", "10.32.0.200/24");
  CHECK(world.outcome(taken).empty());
  CHECK(world.at(0).status().pending_claims.at(0).reason == "7a:00:00:00:00:02 to give it");
  world.run(seconds(5));
  CHECK(world.outcome(taken) == "done");
  auto theirs = world.allocate(1, "d");
  REQUIRE(world.outcome(theirs) == "10.32.0.128/24");
  auto refused = world.claim(0, "e", "10.32.0.128/24");
  world.run(seconds(5));
  CHECK(world.outcome(refused) ==
        "refused: address 10.32.0.128/24 is owned by other peer 7a:00:00:00:00:02(host1)");
  world.run(seconds(60));
  world.check_converged();
}

TEST_CASE(
    "allocators: claims: the owner is away: an answer after some tries, or at once if asked") {
  World world({.nodes = 2, .init = "seed=7a:0:0:0:0:1,7a:0:0:0:0:2"});
  world.start(0);
  auto patient = world.claim(0, "c", "10.32.0.200/24");
  auto careless = world.claim(0, "d", "10.32.0.201/24", true);
  CHECK(world.outcome(careless) == "done");
  world.run(seconds(20));
  CHECK(world.outcome(patient).empty());
  world.run(seconds(10));
  CHECK(world.outcome(patient) ==
        "refused: address 10.32.0.200/24 is owned by other peer 7a:00:00:00:00:02 - it is not "
        "reachable");
}

TEST_CASE("allocators: a lost donation: it is asked for again, and no space is lost with it") {
  World world({.nodes = 2, .universe = "10.32.0.0/27", .init = "seed=7a:0:0:0:0:1,7a:0:0:0:0:2"});
  world.start_all();
  world.run(seconds(2));
  for (int i = 0; i < 15; ++i)
    REQUIRE(is_address(world.outcome(world.allocate(0, "c" + std::to_string(i)))));
  auto request = world.allocate(0, "one more");
  REQUIRE(world.outcome(request).empty());
  world.set_loss(100);  // the request is under way already; nothing that follows it arrives
  world.run(seconds(2));
  auto size_at = [&](std::size_t node, std::size_t owner) {
    std::size_t size = 0;
    for (IpRange range : ranges_of(world.ring_of(node), name_of(owner)))
      size += range.size();
    return size;
  };
  CHECK(size_at(1, 1) < 16);   // given away
  CHECK(size_at(0, 0) == 16);  // and not received
  CHECK(world.outcome(request).empty());
  world.set_loss(0);
  world.run(seconds(6));
  CHECK(is_address(world.outcome(request)));
  world.run(seconds(60));
  world.check_converged();
  CHECK(size_at(0, 0) + size_at(0, 1) == 32);
}

TEST_CASE("allocators: departure: the heir gets all, and the later requests are cancelled") {
  World world(with_nodes(3, 7));
  world.start_all();
  for (std::size_t i = 0; i < 3; ++i)
    world.allocate(i, "c" + std::to_string(i));
  world.run(seconds(20));
  auto pending = world.claim(2, "x", "10.32.0.1/24");
  world.shut_down(2);
  CHECK(world.outcome(pending) == "cancelled");
  CHECK(world.outcome(world.allocate(2, "y")) == "cancelled");
  CHECK(world.outcome(world.claim(2, "y", "10.32.0.9/24")) == "cancelled");
  CHECK(world.at(2).status().shut_down);
  world.run(seconds(40));
  CHECK(ranges_of(world.ring_of(0), name_of(2)).empty());
  world.crash(2);
  world.wipe(2);
  world.run(seconds(60));
  world.check_converged();
}

TEST_CASE("allocators: take-over: a dead peer's space serves the others") {
  World world({.nodes = 3, .universe = "10.32.0.0/27", .init = "consensus=3"});
  world.start_all();
  for (std::size_t i = 0; i < 3; ++i)
    world.allocate(i, "c" + std::to_string(i));
  world.run(seconds(40));
  world.crash(2);
  CHECK(world.at(0).find_peer("host2") == name_of(2));
  CHECK_FALSE(world.at(0).find_peer("nosuch").has_value());
  CHECK_FALSE(world.at(0).find_peer("host0").has_value());
  auto before = world.held_at(2).size();
  CHECK(before == 1);
  std::uint64_t gained = world.take_over(0, 2);
  CHECK(gained > 0);
  CHECK(world.take_over(0, 2) == 0);
  CHECK(world.take_over(0, 0) == 0);
  world.run(seconds(40));
  CHECK(ranges_of(world.ring_of(1), name_of(2)).empty());
  CHECK(world.refusals() == 0);
}

// Everything at once, on a small range so that it runs full: loss, partitions, crashes in the
// middle of the effects of a call, restarts from what was stored by then.
namespace {

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed)
      : world_({.seed = seed,
                .nodes = 2 + seed % 4,
                .universe = seed % 2 == 0 ? "10.32.0.0/27" : "10.32.0.0/22",
                .init = "consensus=" + std::to_string(2 + seed % 4),
                .loss_percent = static_cast<unsigned>(seed % 3 * 10)}) {}

  void run() {
    world_.start_all();
    for (int i = 0; i < 150; ++i) {
      act();
      world_.check();
      world_.run(milliseconds(pick(3000)));
    }
    world_.set_loss(0);
    for (std::size_t i = 0; i < world_.size(); ++i) {
      world_.crash_no_more(i);
      if (!world_.up(i)) world_.start(i);
      for (std::size_t j = 0; j < i; ++j)
        world_.connect(i, j);
    }
    world_.run(seconds(120));
    CHECK(world_.refusals() == 0);
    world_.check_converged();
  }

 private:
  std::size_t pick(std::size_t n) { return world_.rng().below(n); }
  std::string ident() { return "c" + std::to_string(pick(12)); }

  void act() {
    std::size_t node = pick(world_.size());
    if (!world_.up(node)) {
      if (pick(2) == 0) world_.start(node);
      return;
    }
    std::size_t other = pick(world_.size());
    switch (pick(12)) {
      case 0:
        world_.crash(node);
        break;
      case 1:
        world_.crash_within(node, pick(4));
        break;
      case 2:
        world_.disconnect(node, other);
        break;
      case 3:
      case 4:
        world_.connect(node, other);
        break;
      case 5:
      case 6:
        world_.release(node, ident());
        break;
      case 7: {
        Ipv4Addr addr{Ipv4Addr::parse("10.32.0.0")->value + static_cast<std::uint32_t>(pick(32))};
        world_.claim(node, ident(), addr.text() + "/24", pick(2) == 0);
        break;
      }
      default:
        world_.allocate(node, ident());
        break;
    }
  }

  World world_;
};

}  // namespace

TEST_CASE("allocators: chaos: no address twice, none lost, and all agree in the end") {
  for (std::uint64_t seed : seeds(25)) {
    CAPTURE(seed);
    Chaos(seed).run();
  }
}
