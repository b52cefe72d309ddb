// SPDX-License-Identifier: Apache-2.0
// What an allocator costs: nothing when idle, and bounded memory however much it gives out or
// hears.
#include <malloc.h>

#include "gossip/gob/decode_limits.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/wire_limits.h"
#include "tests/unit/ipam/solo.h"

// Of the address sanitizer, if the program is built with it; mallinfo2() knows nothing then.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

using namespace weft;
using namespace weft::ipam;
using namespace weft::ipam::test;

namespace {

bool is_sanitized() {
  return __sanitizer_get_current_allocated_bytes != nullptr;
}

std::size_t allocated_bytes() {
  return is_sanitized() ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

PeerName stranger(std::uint64_t number) {
  return PeerName::from_u48(0x020000000000ULL + number);
}

void hear(Solo& solo, const GossipStateView& state) {
  Effects effects;
  static_cast<void>(
      solo->on_gossip(TimePoint{std::chrono::seconds(100)}, write_state(state), effects));
}

// What we tell must be what others, and we ourselves after a restart, can read.
void check_readable(Solo& solo) {
  const Bytes state = solo->state(TimePoint{std::chrono::seconds(100)});
  CHECK(state.size() <= gob::Limits{}.message_size_max);
  CHECK(parse_state(state).has_value());
  CHECK(parse_state(solo->common_state()).has_value());
}

}  // namespace

TEST_CASE("allocator: hostile gossip: no nicknames make our state one that cannot be told") {
  Solo solo({.init = kBoth});
  solo.allocate("a");
  for (std::uint64_t round = 0; round < 4; ++round) {
    Nicknames flood;
    for (std::uint64_t n = 0; n < 10'000; ++n)
      flood[stranger(round * 10'000 + n)] = std::string(kNicknameMax, 'n');
    hear(solo, {.nicknames = flood});
  }
  check_readable(solo);
}

TEST_CASE("allocator: hostile gossip: no paxos claims make our state one that cannot be told") {
  Solo solo({.init = "consensus=3"});
  CHECK(solo.allocate("a").empty());
  const auto names = std::make_shared<const std::vector<PeerName>>(60'000, stranger(1));
  const ProposalId last{.round = Paxos::kRoundMax, .proposer = {stranger(1), {1}}};
  for (std::uint64_t round = 0; round < 4; ++round) {
    PaxosState flood;
    for (std::uint64_t n = 0; n < 20; ++n) {
      flood[{stranger(round * 20 + n), {1}}] = {
          .promise = last, .accepted = last, .accepted_value = {names, last}};
    }
    hear(solo, {.nicknames = {}, .paxos = &flood});
  }
  PaxosState crowd;
  for (std::uint64_t n = 0; n < Paxos::kNodesMax; ++n)
    crowd[{stranger(1'000 + n), {1}}] = {.promise = last};
  hear(solo, {.nicknames = {}, .paxos = &crowd});
  solo.pass(std::chrono::minutes(5));  // it proposes rounds of its own
  check_readable(solo);
  solo.restart();
  check_readable(solo);
}

TEST_CASE("allocator: hostile gossip: rings do not add up to one that cannot be told") {
  Solo solo({.universe = "10.0.0.0/8", .init = kBoth});
  solo.allocate("a");
  for (std::uint32_t part = 0; part < 3; ++part) {
    RingData ring = solo.ring();
    const RingEntry theirs = ring.entries.back();
    REQUIRE(theirs.peer == kOther);
    ring.holder = kOther;
    ring.entries.resize(1);
    for (std::uint32_t n = 0; n < kRingEntriesMax - 2; ++n) {
      ring.entries.push_back(
          {.token = theirs.token + (3 * n + part), .peer = kOther, .version = 9, .free = 0});
    }
    const std::string why = solo.hear(ring);
    CHECK(why.find("entries") == (part == 0 ? std::string::npos : why.find("entries")));
  }
  CHECK(solo.ring().entries.size() <= kRingEntriesMax);
  check_readable(solo);
}

TEST_CASE("allocator: idle: nothing is due, said or stored, whatever it hears again") {
  Solo solo({.init = kBoth});
  solo.allocate("a");
  Effects effects;
  TimePoint later{std::chrono::hours(5)};
  CHECK_FALSE(solo->next_deadline().has_value());
  solo->on_deadline(later, effects);
  CHECK(effects.empty());
  Bytes state = solo->state(later);
  CHECK(solo->on_gossip(later, state, effects).has_value());
  CHECK(effects.empty());
  CHECK_FALSE(solo->next_deadline().has_value());
}

TEST_CASE("allocator: many addresses: some hundred bytes for each, and all come back") {
  const std::size_t count = is_sanitized() ? 20000 : 100000;  // the same in a fifth of the time
  constexpr std::size_t kBytesEach = 600;  // two table entries, their strings, and what is stored
  Solo solo({.universe = "10.32.0.0/12"});
  solo.allocate("warm");
  solo.quiet();
  std::size_t before = allocated_bytes();
  for (std::size_t i = 0; i < count; ++i) {
    if (!Cidr::parse(solo.allocate("c" + std::to_string(i)))) FAIL("no address at " << i);
  }
  CHECK(solo->status().active == count + 1);
  CHECK(solo->status().entries.size() == 1);
  CHECK(allocated_bytes() - before < count * kBytesEach);
  for (std::size_t i = 0; i < count; ++i) {
    if (!solo.release("c" + std::to_string(i)).empty()) FAIL("not released: " << i);
  }
  CHECK(solo->status().active == 1);
  CHECK(solo->status().entries.at(0).free == (1U << 20) - 1);
  CHECK(allocated_bytes() < before + (1U << 20));
}
