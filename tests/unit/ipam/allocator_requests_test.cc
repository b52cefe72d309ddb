// SPDX-License-Identifier: Apache-2.0
// What clients of one allocator are told: addresses, and the words of each refusal.
#include "tests/unit/ipam/solo.h"

using namespace weft;
using namespace weft::ipam;
using namespace weft::ipam::test;

TEST_CASE("allocator: allocate: the same holder gets the same address, another the next") {
  Solo solo({});
  CHECK(solo.allocate("a") == "10.32.0.1/24");
  CHECK(solo.allocate("a") == "10.32.0.1/24");
  CHECK(solo.allocate("b") == "10.32.0.2/24");
  CHECK(solo.release("a").empty());
  CHECK(solo.allocate("c") == "10.32.0.1/24");
  CHECK(solo.allocate("c", "10.32.0.64/26") == "10.32.0.65/26");
  CHECK(solo->lookup("c", *Cidr::parse("10.32.0.64/26")).size() == 1);
  CHECK(solo->status().active == 3);
}

TEST_CASE("allocator: allocate: a subnet outside the range is refused with both named") {
  Solo solo({});
  const char* end = " out of bounds: 10.32.0.0/24";
  CHECK(solo.allocate("a", "10.33.0.0/24") == std::string("refused: range 10.33.0.0/24") + end);
  for (std::string subnet : {"255.255.255.0/24", "0.0.0.0/0", "128.0.0.0/1", "255.255.255.255/32"})
    CHECK(solo.allocate("a", subnet) == "refused: range " + subnet + end);
}

TEST_CASE("allocator: the end of the address space: subnets that reach it end no allocator") {
  Solo solo({});
  Cidr last = *Cidr::parse("255.255.255.255/32");
  CHECK(solo->lookup("a", *Cidr::parse("255.255.255.0/24")).empty());
  CHECK(solo->lookup("a", *Cidr::parse("0.0.0.0/0")).empty());
  CHECK(solo.claim("a", last.text()) == "done");
  solo.restart();
  CHECK(solo->owned().at("a").addresses == std::vector<Cidr>{last});
  CHECK(solo.release("a", "255.255.255.255").empty());
  CHECK(solo->owned().empty());
  CHECK_FALSE(check_ranges(*Cidr::parse("255.0.0.0/8"), *Cidr::parse("255.0.0.0/8")).has_value());
  CHECK_FALSE(check_ranges(*Cidr::parse("0.0.0.0/0"), *Cidr::parse("10.0.0.0/8")).has_value());
  CHECK_FALSE(check_ranges(*Cidr::parse("10.0.0.0/8"), *Cidr::parse("0.0.0.0/0")).has_value());
  CHECK(check_ranges(*Cidr::parse("254.0.0.0/8"), *Cidr::parse("254.1.0.0/16")).has_value());
}

TEST_CASE("allocator: claim: one holder each, and the words of every refusal") {
  Solo solo({});
  CHECK(solo.claim("a", "10.32.0.9/24") == "done");
  CHECK(solo.claim("a", "10.32.0.9/24") == "done");
  CHECK(solo.claim("_", "10.32.0.9/24") == "done");
  CHECK(solo.claim("b", "10.32.0.9/24") == "refused: address 10.32.0.9/24 is already owned by a");
  CHECK(solo.claim("_", "10.32.0.10/24") == "done");
  CHECK(solo.claim("b", "10.32.0.10/24") == "refused: address 10.32.0.10/24 already in use");
  CHECK(solo.claim("a", "192.168.0.1/24") == "done");
  CHECK(solo.claim("b", "192.168.0.1/24") == "refused: address 192.168.0.1/24 already in use by a");
  CHECK(solo->status().active == 2);
}

TEST_CASE("allocator: claim: of an address of another peer that says no, or is away") {
  Solo solo({.init = kBoth});
  CHECK(solo.claim("a", "10.32.0.200/24").empty());
  for (int i = 0; i < 6; ++i)
    solo.pass(std::chrono::seconds(5));
  CHECK(solo.answer() ==
        "refused: address 10.32.0.200/24 is owned by other peer 7a:00:00:00:00:02 - it is not "
        "reachable");
  CHECK(solo.claim("a", "10.32.0.201/24", true) == "done");

  solo.reachable = {kOther};
  CHECK(solo.claim("b", "10.32.0.202/24").empty());
  CHECK(solo.said("ask 10.32.0.202-10.32.0.202"));
  IpRange asked = Cidr::parse("10.32.0.202/32")->range();
  solo.deny(asked, PeerName::from_u48(0x7a0000000009ULL));
  CHECK(solo.answer().empty());  // not its owner's word
  solo.deny(asked);
  CHECK(solo.answer() ==
        "refused: address 10.32.0.202/24 is owned by other peer 7a:00:00:00:00:02");
}

TEST_CASE("allocator: release: what nobody holds is said so") {
  Solo solo({});
  CHECK(solo.release("a") == "Delete: no addresses for a");
  CHECK(solo.release("a", "10.32.0.1") == "Free: address 10.32.0.1 not found for a");
  solo.allocate("a");
  CHECK(solo.release("b", "10.32.0.1") == "Free: address 10.32.0.1 not found for b");
  CHECK(solo.release("a", "10.32.0.1").empty());
  CHECK(solo.release("a", "10.32.0.1") == "Free: address 10.32.0.1 not found for a");
}

TEST_CASE("allocator: release: what its holder waits for is cancelled with it") {
  Solo solo({.init = "consensus=3"});
  CHECK(solo.allocate("a").empty());
  CHECK(solo->status().pending_allocates.at(0).reason == "the ring");
  CHECK(solo.release("a").empty());
  CHECK(solo.answer() == "cancelled");
  CHECK(solo->status().pending_allocates.empty());
}

TEST_CASE("allocator: a full range: the answer comes at once and says who holds what") {
  Solo solo({.universe = "10.32.0.0/29", .init = kBoth});
  RingData ring = solo.ring();
  ring.entries.at(1).free = 0;
  ring.entries.at(1).version = 5;
  CHECK(solo.hear(ring).empty());
  for (const char* ident : {"a", "b", "c"})
    CHECK(Cidr::parse(solo.allocate(ident)).has_value());
  CHECK(solo.allocate("d") ==
        "refused: no free address in 10.32.0.0/29: 7a:00:00:00:00:01(me) holds 4 with none free, "
        "7a:00:00:00:00:02 holds 4 with none free");
  CHECK(solo->status().pending_allocates.empty());
}

TEST_CASE("allocator: space elsewhere: its owner is waited for a while, and then named") {
  Solo solo({.universe = "10.32.0.0/29", .init = kBoth});
  for (const char* ident : {"a", "b", "c"})
    solo.allocate(ident);
  CHECK(solo.allocate("d").empty());
  CHECK(solo->status().pending_allocates.at(0).reason == "7a:00:00:00:00:02 to be reachable");
  solo.pass(std::chrono::seconds(6));
  CHECK(solo.answer().starts_with("refused: no free address in 10.32.0.0/29: "));
  CHECK(solo.answer().ends_with("; if a peer is gone for good, 'weave rmpeer' reclaims its space"));

  solo.reachable = {kOther};
  CHECK(solo.allocate("d").empty());
  CHECK(solo->status().pending_allocates.at(0).reason == "7a:00:00:00:00:02 to give space");
  CHECK(solo.said("ask 10.32.0.0-10.32.0.7"));
  solo.deny(Cidr::parse("10.32.0.0/29")->range());
  CHECK(solo.answer().starts_with("refused: no free address in 10.32.0.0/29: "));
}

TEST_CASE("allocator: shutting down: whoever waits or comes is cancelled") {
  Solo solo({.init = "consensus=3"});
  CHECK(solo.allocate("a").empty());
  Effects effects;
  solo->shut_down(TimePoint(std::chrono::seconds(101)), effects);
  CHECK(effects.size() == 1);
  CHECK(solo.allocate("b") == "cancelled");
  CHECK(solo.claim("b", "10.32.0.1/24") == "cancelled");
}
