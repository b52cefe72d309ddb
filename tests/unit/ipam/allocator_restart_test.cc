// SPDX-License-Identifier: Apache-2.0
// An allocator that starts from what it stored, and meets rings that changed meanwhile.
#include "ipam-crdt/interval_set.h"
#include "ipam-crdt/ring_wire.h"
#include "tests/unit/ipam/solo.h"

using namespace weft;
using namespace weft::ipam;
using namespace weft::ipam::test;

namespace {

// The ring after `to` took over what was `from`'s, as told by `to`.
RingData taken_over(const RingData& ring, PeerName from, PeerName to) {
  auto copy = Ring::restore(ring, to);
  REQUIRE(copy.has_value());
  copy->transfer(from, to);
  return copy->data();
}

RingData given(const RingData& ring, PeerName from, IpRange range, PeerName to) {
  auto copy = Ring::restore(ring, from);
  REQUIRE(copy.has_value());
  copy->grant(range, to);
  return copy->data();
}

IpRange single(const char* addr) {
  return Cidr::parse(std::string(addr) + "/32")->range();
}

}  // namespace

TEST_CASE("allocator: restart: holders, ring and versions are as they were") {
  Solo solo({.init = kBoth});
  CHECK(solo.allocate("a") == "10.32.0.1/24");
  CHECK(solo.claim("b", "10.32.0.77/24") == "done");
  CHECK(solo.claim("out", "192.168.0.1/24") == "done");
  RingData before = solo.ring();
  OwnedMap owned = solo->owned();
  solo.restart();
  CHECK(solo.ring() == before);
  CHECK(solo->owned() == owned);
  CHECK(solo->status().active == 2);
  CHECK(solo.allocate("a") == "10.32.0.1/24");
  CHECK(solo.allocate("c") == "10.32.0.2/24");
}

TEST_CASE("allocator: restart: a ring of another range or name, or none, is set aside aloud") {
  Solo solo({.init = kAlone});
  solo.allocate("a");
  SoloConfig good = solo.config;

  solo.config.universe = "10.40.0.0/24";
  solo.restart();
  CHECK(solo.said("log: the stored ring is set aside: it covers [10.32.0.0,10.32.1.0)"));
  CHECK(solo.ring().universe == Cidr::parse("10.40.0.0/24")->range());

  solo.config = good;
  solo.config.name = kOther;
  solo.quiet();
  solo.restart();
  CHECK(solo.said("set aside: it is that of 7a:00:00:00:00:01"));

  solo.config = good;
  solo.config.disk.ring = Bytes(40, Byte{0x55});
  solo.quiet();
  solo.restart();
  CHECK(solo.said("log: the stored ring is set aside: "));
  CHECK(solo->status().active == 1);  // the seed's ring, with what containers hold
}

TEST_CASE(
    "allocator: restart: a range taken over meanwhile is yielded and addresses claimed back") {
  Solo solo({.init = kBoth});
  CHECK(solo.allocate("a") == "10.32.0.1/24");
  CHECK(solo.allocate("b") == "10.32.0.2/24");
  RingData theirs = taken_over(solo.ring(), kSelf, kOther);
  solo.reachable = {kOther};
  solo.restart();
  solo.quiet();
  CHECK(solo.hear(theirs).empty());
  CHECK(ranges_of(solo.ring(), kSelf).empty());
  CHECK(solo->lookup("a", *Cidr::parse("10.32.0.0/24")).size() == 1);  // its container has it
  REQUIRE(solo->status().strays.size() == 2);
  CHECK(solo->status().strays.at(0).owner == kOther);
  CHECK(solo.said("ask 10.32.0.1-10.32.0.1"));
  CHECK(solo.said("ask 10.32.0.2-10.32.0.2"));

  RingData back = given(solo.ring(), kOther, single("10.32.0.1"), kSelf);
  CHECK(solo.hear(back).empty());
  solo.deny(single("10.32.0.2"));
  CHECK(solo->status().active == 1);
  CHECK(solo->status().strays.size() == 1);
  CHECK(solo->status().pending_claims.empty());
  CHECK(solo.said("claim by b failed after all: address 10.32.0.2/24 is owned by other peer"));
  CHECK(solo.release("b").empty());
  CHECK(solo->status().strays.empty());
}

TEST_CASE("allocator: restart: an address that is claimed back and freed meanwhile is nobody's") {
  Solo solo({.init = kBoth});
  CHECK(solo.allocate("a") == "10.32.0.1/24");
  RingData theirs = taken_over(solo.ring(), kSelf, kOther);
  solo.reachable = {kOther};
  solo.restart();
  CHECK(solo.hear(theirs).empty());
  REQUIRE(solo->status().pending_claims.size() == 1);
  CHECK(solo.release("a", "10.32.0.1").empty());
  CHECK(solo->status().pending_claims.empty());
  CHECK(solo->status().strays.empty());
  // What the other had on its way comes all the same.
  CHECK(solo.hear(given(solo.ring(), kOther, single("10.32.0.1"), kSelf)).empty());
  CHECK(solo->status().active == 0);
  CHECK(solo->lookup("a", *Cidr::parse("10.32.0.0/24")).empty());
  CHECK_FALSE(solo.release("a", "10.32.0.1").empty());
}

TEST_CASE("allocator: restart: what was given out since does not yield") {
  Solo solo({.init = kBoth});
  solo.allocate("a");
  RingData theirs = taken_over(solo.ring(), kSelf, kOther);
  solo.restart();
  solo.allocate("b");
  CHECK(solo.hear(theirs).find("with addresses in use") != std::string::npos);
  CHECK(solo->status().active == 2);
}

TEST_CASE("allocator: restart: a minute after the first ring nothing yields any more") {
  Solo solo({.init = kBoth});
  solo.allocate("a");
  RingData ring = solo.ring();
  solo.restart();
  CHECK(solo.hear(ring).empty());
  solo.pass(std::chrono::seconds(61));
  CHECK(solo.hear(taken_over(ring, kSelf, kOther)).find("with addresses in use") !=
        std::string::npos);
  CHECK(solo->status().strays.empty());
}

TEST_CASE("allocator: a tie: without addresses in use the lower name wins on both sides") {
  Solo self({.init = kBoth});
  RingData theirs = self.ring();
  theirs.entries.at(0).peer = kOther;  // the same token and version, the same free
  Solo other({.init = kBoth,
              .name = kOther,
              .disk = {.ring = write_ring({theirs.universe, kOther, theirs.entries, theirs.seeds}),
                       .owned = {}}});
  RingData mine = self.ring();
  CHECK(self.hear(other.ring()).empty());
  CHECK(other.hear(mine, kSelf).empty());
  CHECK(self.ring().entries == other.ring().entries);
  CHECK(self.ring().entries.at(0).peer == kSelf);
}

TEST_CASE("allocator: a tie: an address in use is kept, its version raised, and the other yields") {
  Solo self({.init = kBoth});
  RingData theirs = self.ring();
  theirs.entries.at(0).peer = kOther;
  self.allocate("a");
  theirs.entries.at(0).version = self.ring().entries.at(0).version;
  theirs.entries.at(0).free = 128;  // the rival has more free, and no claim to it
  self.quiet();
  CHECK(self.hear(theirs).find("we hold 10.32.0.0 v1 of 7a:00:00:00:00:01") == 0);
  CHECK(self.said("broadcast"));
  CHECK(self.ring().entries.at(0).version == 2);
  auto rival = Ring::restore(theirs, kOther);
  REQUIRE(rival.has_value());
  CHECK(rival->merge(self.ring(), {}).updated);
  CHECK(rival->entries().at(0).peer == kSelf);
}

TEST_CASE("allocator: two seeds: both lists are named, and it goes on serving") {
  Solo self({.init = kAlone});
  self.allocate("a");
  Solo other({.init = "seed=7a:0:0:0:0:2", .name = kOther});
  std::string why = self.hear(other.ring());
  CHECK(why.find("7a:00:00:00:00:02") != std::string::npos);
  CHECK(why.find("7a:00:00:00:00:01") != std::string::npos);
  CHECK(why.find("weave reset") != std::string::npos);
  REQUIRE(self->status().seed_conflicts.size() == 1);
  SeedConflictStatus conflict = self->status().seed_conflicts.at(0);
  CHECK(conflict.holder == kOther);
  CHECK(conflict.theirs == std::vector<PeerName>{kOther});
  CHECK(conflict.ours == std::vector<PeerName>{kSelf});
  for (std::uint64_t n = 10; n < 50; ++n) {
    RingData ring = other.ring();
    ring.holder = PeerName::from_u48(0x7a0000000000ULL + n);
    CHECK_FALSE(self.hear(ring).empty());
  }
  CHECK(self->status().seed_conflicts.size() == 16);
  CHECK(self.allocate("b") == "10.32.0.2/24");
  CHECK(self.ring().seeds == std::vector<PeerName>{kSelf});
  RingData mended = self.ring();
  mended.holder = PeerName::from_u48(0x7a0000000031ULL);
  CHECK(self.hear(mended).empty());
  CHECK(self->status().seed_conflicts.size() == 15);
}
