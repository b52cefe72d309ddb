// SPDX-License-Identifier: Apache-2.0
// The ring against Weave's: division, grants, transfers and merges.
#include "ipam-crdt/interval_set.h"
#include "ipam-crdt/ring.h"
#include "tests/golden/ipam_json.h"

using namespace weft;
using ipam::Ring;
using ipam::RingData;
using ipam::Space;

namespace {

Ring ring_of(const nlohmann::json& json) {
  RingData data = golden::ring_data(json);
  auto ring = Ring::restore(data, data.holder);
  REQUIRE_MESSAGE(ring.has_value(), json.dump().substr(0, 300));
  return *ring;
}

// What every merge must hold, whatever Weave does: the rules, and what is in use stays ours.
void check_sound(const Ring& before, const Ring& after, const Space& space) {
  CHECK(ipam::check_ring(after.data()).has_value());
  ipam::IntervalSet had(before.ranges_of(before.self()));
  ipam::IntervalSet has(after.ranges_of(after.self()));
  for (IpRange lost : difference(had, has))
    CHECK_FALSE(space.any_used(lost));
}

// The cases that the vectors mark as faults of Weave's: unlike there, either side of a
// disagreement ends with the same owners, or the merge is refused.
void check_better_than_weave(const nlohmann::json& c) {
  Ring mine = ring_of(c["mine"]);
  RingData theirs = golden::ring_data(c["theirs"]);
  Space space = golden::space_using(mine.universe(), c["allocated"]);
  Ring after = mine;
  auto outcome = after.merge(theirs, space.used());
  check_sound(mine, after, space);
  if (c["weave_only"] == "gives away an allocated address") {
    CHECK(outcome.error.has_value());
    CHECK(ipam::ranges_of(after.data(), after.self()) == mine.ranges_of(mine.self()));
    return;
  }
  auto other = Ring::restore(theirs, theirs.holder);
  if (outcome.error || !other) return;
  auto back = other->merge(mine.data(), ipam::IntervalSet());
  if (back.error) return;
  REQUIRE(other->entries().size() == after.entries().size());
  for (std::size_t i = 0; i < after.entries().size(); ++i) {
    CHECK(other->entries()[i].peer == after.entries()[i].peer);
  }
}

void check_merge(Ring& mine, const nlohmann::json& c) {
  CAPTURE(c.dump().substr(0, 3000));
  Ring before = mine;
  Space space = golden::space_using(mine.universe(), c["allocated"]);
  auto outcome = mine.merge(golden::ring_data(c["theirs"]), space.used());
  CAPTURE(outcome.why);
  CHECK(outcome.error.has_value() == !c["error"].get<std::string>().empty());
  CHECK(outcome.updated == c["updated"].get<bool>());
  CHECK(golden::text(mine.data()) == golden::text(golden::ring_data(c["after"])));
  check_sound(before, mine, space);
}

void check_merge_cases(const char* file) {
  auto vectors = golden::load(file);
  if (!vectors) return;
  for (const auto& c : *vectors) {
    golden::require_known(
        c, {"after", "allocated", "error", "mine", "theirs", "updated", "what", "weave_only"});
    if (c.contains("weave_only")) {
      CAPTURE(c.dump().substr(0, 3000));
      check_better_than_weave(c);
      continue;
    }
    Ring mine = ring_of(c["mine"]);
    check_merge(mine, c);
  }
}

IpRange range_of(const nlohmann::json& start, const nlohmann::json& end) {
  return {golden::addr(start), golden::addr(end)};
}

}  // namespace

TEST_CASE("golden: ring: division among peers is Weave's") {
  auto vectors = golden::load("ring_claim.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"claim_for_peers", "normalize_consensus"});
  for (const auto& c : (*vectors)["normalize_consensus"]) {
    golden::require_known(c, {"in", "out"});
    CHECK(ipam::normalised(golden::peers(c["in"])) == golden::peers(c["out"]));
  }
  for (const auto& c : (*vectors)["claim_for_peers"]) {
    golden::require_known(c, {"cidr", "owned_start_end_size", "peers", "ring"});
    CAPTURE(c.dump().substr(0, 300));
    std::vector<PeerName> peers;
    for (std::uint64_t i = 1; i <= c["peers"].get<std::uint64_t>(); ++i) {
      peers.push_back(golden::peer_number(i));
    }
    RingData expected = golden::ring_data(c["ring"]);
    Ring ring(golden::universe_of(c["cidr"]), expected.holder);
    ring.claim_for_peers(peers);
    CHECK(golden::text(ring.data()) == golden::text(expected));
    for (const auto& item : c["owned_start_end_size"].items()) {
      auto ranges = ring.ranges_of(*PeerName::parse(item.key()));
      REQUIRE(ranges.size() == item.value().size());
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        CHECK(ranges[i] == range_of(item.value()[i][0], item.value()[i][1]));
        CHECK(std::to_string(ranges[i].size()) == item.value()[i][2].get<std::string>());
      }
    }
  }
}

TEST_CASE("golden: ring: grants and transfers leave the entries that Weave leaves") {
  auto vectors = golden::load("ring_grant.json");
  if (!vectors) return;
  for (const auto& c : *vectors) {
    golden::require_known(c, {"cidr", "start_ring_peers", "steps", "transfer"});
    std::vector<PeerName> peers;
    for (std::uint64_t i = 1; i <= c["start_ring_peers"].get<std::uint64_t>(); ++i) {
      peers.push_back(golden::peer_number(i));
    }
    Ring ring(golden::universe_of(c["cidr"]), golden::peer_number(1));
    ring.claim_for_peers(peers);
    for (const auto& s : c["steps"]) {
      golden::require_known(
          s, {"after", "all_ranges_start_end_peer_version", "grant_end", "grant_start", "to"});
      CAPTURE(s.dump());
      ring.grant(range_of(s["grant_start"], s["grant_end"]), golden::peer(s["to"]));
      REQUIRE(golden::text(ring.data()) == golden::text(golden::ring_data(s["after"])));
      auto all = ipam::ranges(ring.data());
      const auto& expected = s["all_ranges_start_end_peer_version"];
      REQUIRE(all.size() == expected.size());
      for (std::size_t i = 0; i < all.size(); ++i) {
        const ipam::RingEntry& entry = ring.entries()[all[i].entry];
        CHECK(all[i].range == range_of(expected[i][0], expected[i][1]));
        CHECK(entry.peer == golden::peer(expected[i][2]));
        CHECK(std::to_string(entry.version) == expected[i][3].get<std::string>());
      }
    }
    const auto& t = c["transfer"];
    golden::require_known(t, {"after", "before", "from", "new_ranges", "to"});
    Ring moved = ring_of(t["before"]);
    auto ranges = moved.transfer(golden::peer(t["from"]), golden::peer(t["to"]));
    CHECK(golden::text(moved.data()) == golden::text(golden::ring_data(t["after"])));
    REQUIRE(ranges.size() == t["new_ranges"].size());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      CHECK(ranges[i] == range_of(t["new_ranges"][i][0], t["new_ranges"][i][1]));
    }
  }
}

TEST_CASE("golden: ring: merges of hand-made cases end as in Weave") {
  check_merge_cases("ring_merge.json");
}

TEST_CASE("golden: ring: merges of conflicting rings end as in Weave") {
  check_merge_cases("ring_merge_conflicts.json");
}

TEST_CASE("golden: ring: histories of grants and merges end as in Weave") {
  auto vectors = golden::load("ring_merge_random.json");
  if (!vectors) return;
  for (const auto& c : *vectors) {
    golden::require_known(c, {"cidr", "peers", "steps"});
    std::vector<PeerName> peers;
    for (std::uint64_t i = 1; i <= c["peers"].get<std::uint64_t>(); ++i) {
      peers.push_back(golden::peer_number(i));
    }
    std::vector<Ring> rings;
    for (PeerName peer : peers) {
      rings.emplace_back(golden::universe_of(c["cidr"]), peer);
      rings.back().claim_for_peers(peers);
    }
    for (const auto& s : c["steps"]) {
      Ring& ring = rings.at(s["ring"].get<std::size_t>() - 1);
      if (s["op"] == "merge") {
        golden::require_known(s, {"after", "allocated", "error", "from_ring", "mine", "op", "ring",
                                  "theirs", "updated"});
        CHECK(golden::text(ring.data()) == golden::text(golden::ring_data(s["mine"])));
        const Ring& from = rings.at(s["from_ring"].get<std::size_t>() - 1);
        CHECK(golden::text(from.data()) == golden::text(golden::ring_data(s["theirs"])));
        check_merge(ring, s);
        continue;
      }
      golden::require_known(s, {"after", "end", "op", "ring", "start", "to"});
      REQUIRE(s["op"] == "grant");
      CAPTURE(s.dump());
      ring.grant(range_of(s["start"], s["end"]), golden::peer(s["to"]));
      CHECK(golden::text(ring.data()) == golden::text(golden::ring_data(s["after"])));
    }
  }
}
