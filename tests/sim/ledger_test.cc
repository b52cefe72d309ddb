// SPDX-License-Identifier: Apache-2.0
// The checkers see what they are there to see.
#include "tests/sim/ledger.h"

#include <doctest/doctest.h>

#include "tests/sim/route_reference.h"

using namespace weft;
using namespace weft::sim;

namespace {

const PeerName kAlice = PeerName::from_u48(0x7a0000000001);
const PeerName kBob = PeerName::from_u48(0x7a0000000002);
const IpRange kUniverse = Cidr::parse("10.32.0.0/24")->range();

ipam::RingData ring(PeerName holder, std::vector<ipam::RingEntry> entries) {
  return {.universe = kUniverse,
          .holder = holder,
          .entries = std::move(entries),
          .seeds = {kAlice, kBob}};
}

ipam::RingEntry entry(std::uint32_t offset, PeerName peer, std::uint32_t version) {
  return {.token = kUniverse.start + offset, .peer = peer, .version = version};
}

Ledger with_ring_of_alice() {
  Ledger ledger(kUniverse, 2);
  ledger.born(kAlice);
  ledger.born(kBob);
  ledger.on_ring(0, ring(kAlice, {entry(0, kAlice, 1), entry(128, kBob, 1)}));
  return ledger;
}

}  // namespace

TEST_CASE("ledger: claims: two owners of one address are a breach") {
  Ledger ledger = with_ring_of_alice();
  ledger.on_ring(1, ring(kBob, {entry(0, kAlice, 1), entry(128, kBob, 1)}));
  CHECK(ledger.breach().empty());
  ledger.on_ring(1, ring(kBob, {entry(0, kAlice, 1), entry(64, kBob, 0), entry(128, kBob, 1)}));
  CHECK(ledger.breach() == "10.32.0.64 is owned by h2 and by h1");
}

TEST_CASE("ledger: claims: of a suspect they are a dispute, until it is mended") {
  Ledger ledger = with_ring_of_alice();
  ledger.suspect(1);
  ledger.on_ring(1, ring(kBob, {entry(0, kBob, 2), entry(128, kBob, 1)}));
  CHECK(ledger.breach().empty());
  CHECK(ledger.disputed());
  ledger.mended();
  CHECK_FALSE(ledger.breach().empty());
}

TEST_CASE("ledger: progress: a version that falls, a lost token and new seeds are breaches") {
  std::vector<ipam::RingEntry> older{entry(0, kAlice, 0), entry(128, kBob, 1)};
  std::vector<ipam::RingEntry> fewer{entry(0, kAlice, 2)};
  for (const auto& entries : {older, fewer}) {
    Ledger ledger = with_ring_of_alice();
    ledger.on_ring(0, ring(kAlice, entries));
    CHECK_FALSE(ledger.breach().empty());
  }
  Ledger ledger = with_ring_of_alice();
  auto other = ring(kAlice, {entry(0, kAlice, 1), entry(128, kBob, 1)});
  other.seeds = {kAlice};
  ledger.on_ring(0, other);
  CHECK(ledger.breach() == "the seeds of " + kAlice.text() + " have changed");
}

TEST_CASE("ledger: seeds: a second ring is a breach unless a disk was lost") {
  auto other = ring(kBob, {entry(0, kBob, 0)});
  other.seeds = {kBob};
  Ledger ledger = with_ring_of_alice();
  ledger.on_ring(1, other);
  CHECK_FALSE(ledger.breach().empty());
  Ledger forgetful = with_ring_of_alice();
  forgetful.on_disk_lost(1);
  forgetful.on_ring(1, other);
  CHECK(forgetful.breach().empty());
  CHECK(forgetful.disputed());
}

TEST_CASE("ledger: conservation: a range given to nobody there is or was is a breach") {
  Ledger ledger = with_ring_of_alice();
  PeerName stranger = PeerName::from_u48(0x7a00000000ff);
  ledger.on_ring(0, ring(kAlice, {entry(0, stranger, 2), entry(128, kBob, 1)}));
  CHECK(ledger.breach().find("is lost") != std::string::npos);
}

TEST_CASE("route reference: parents: the least name on the level before is the parent") {
  auto name = [](std::uint64_t n) {
    return PeerName::from_u48(0x7a0000000000 + n);
  };
  StrictGraph square;
  for (auto [a, b] : {std::pair(1, 2), std::pair(1, 3), std::pair(2, 4), std::pair(3, 4)}) {
    square[name(static_cast<std::uint64_t>(a))].insert(name(static_cast<std::uint64_t>(b)));
    square[name(static_cast<std::uint64_t>(b))].insert(name(static_cast<std::uint64_t>(a)));
  }
  square[name(5)];
  auto tree = parents(square, name(1));
  CHECK(tree.at(name(4)) == name(2));
  CHECK(tree.count(name(5)) == 0);
}
