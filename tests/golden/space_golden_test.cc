// SPDX-License-Identifier: Apache-2.0
// The local space and its arithmetic of ranges against Weave's.
#include <bit>

#include "ipam-crdt/allocator.h"
#include "ipam-crdt/space.h"
#include "tests/golden/ipam_json.h"

using namespace weft;
using ipam::Space;

namespace {

nlohmann::json boundaries(const ipam::IntervalSet& set) {
  nlohmann::json out = nlohmann::json::array();
  for (IpRange range : set.ranges()) {
    out.push_back(range.start.text());
    out.push_back(range.end.text());
  }
  return out;
}

IpRange range_of(const nlohmann::json& start, const nlohmann::json& end) {
  return {golden::addr(start), golden::addr(end)};
}

void run_step(Space& space, const nlohmann::json& s) {
  golden::require_known(s, {"addr", "after", "count", "donated", "end", "error", "num_free",
                            "num_owned", "ok", "op", "start"});
  CAPTURE(s.dump());
  const std::string op = s["op"];
  if (op == "donate") {
    auto chunk = space.donate(range_of(s["start"], s["end"]));
    REQUIRE(chunk.has_value() == s["ok"].get<bool>());
    if (chunk) CHECK(*chunk == range_of(s["donated"][0], s["donated"][1]));
  } else if (op == "allocate") {
    auto addr = space.allocate(range_of(s["start"], s["end"]));
    REQUIRE(addr.has_value() == s["ok"].get<bool>());
    if (addr) CHECK(*addr == golden::addr(s["addr"]));
  } else if (op == "claim") {
    CHECK(space.claim(golden::addr(s["addr"])).has_value() ==
          s["error"].get<std::string>().empty());
  } else if (op == "free") {
    CHECK(space.release(golden::addr(s["addr"])).has_value() ==
          s["error"].get<std::string>().empty());
  } else if (op == "num_free_in_range") {
    CHECK(space.free_in(range_of(s["start"], s["end"])) == s["count"].get<std::uint64_t>());
  } else {
    FAIL("unknown operation " << op);
  }
  CHECK(boundaries(space.free()) == s["after"]["free"]);
  CHECK(boundaries(space.used()) == s["after"]["ours"]);
  CHECK(space.free_count() == s["num_free"].get<std::uint64_t>());
  CHECK(space.used_count() == s["num_owned"].get<std::uint64_t>());
}

}  // namespace

TEST_CASE("golden: space: histories leave the same addresses free and used") {
  auto vectors = golden::load("space.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"random", "repeated_donate_of_10.32.0.0/12"});
  for (const auto& c : (*vectors)["random"]) {
    golden::require_known(c, {"base", "size", "steps"});
    Ipv4Addr base = golden::addr(c["base"]);
    Space space;
    space.set_ranges({{base, base + c["size"].get<std::uint32_t>()}});
    for (const auto& s : c["steps"])
      run_step(space, s);
  }
}

TEST_CASE("golden: space: repeated donations halve what is left, down to nothing") {
  auto vectors = golden::load("space.json");
  if (!vectors) return;
  IpRange universe = Cidr::parse("10.32.0.0/12")->range();
  Space space;
  space.set_ranges({universe});
  for (const auto& s : (*vectors)["repeated_donate_of_10.32.0.0/12"]) {
    golden::require_known(s, {"start", "end", "ok", "size"});
    CAPTURE(s.dump());
    auto chunk = space.donate(universe);
    REQUIRE(chunk.has_value() == s["ok"].get<bool>());
    if (!chunk) continue;
    CHECK(*chunk == range_of(s["start"], s["end"]));
    CHECK(chunk->size() == s["size"].get<std::uint32_t>());
  }
}

TEST_CASE("golden: address: CIDRs are read as Weave reads them") {
  auto vectors = golden::load("address.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"cidr_parse", "ranges"});
  for (const auto& c : (*vectors)["cidr_parse"]) {
    golden::require_known(c, {"end", "error", "host_range", "in", "is_subnet", "parse_subnet_error",
                              "size", "start", "string"});
    CAPTURE(c.dump());
    auto cidr = Cidr::parse(c["in"].get<std::string>());
    REQUIRE(cidr.has_value() == c["error"].get<std::string>().empty());
    // Weave takes the size of a /0 for 0 and so refuses it as too small; we refuse it as a range.
    bool usable =
        cidr && Cidr::parse_subnet(c["in"].get<std::string>()) && ipam::check_ranges(*cidr, *cidr);
    CHECK(usable == c["parse_subnet_error"].get<std::string>().empty());
    if (!cidr) continue;
    CHECK(cidr->text() == c["string"].get<std::string>());
    CHECK(cidr->addr() == golden::addr(c["start"]));
    CHECK(cidr->is_subnet() == c["is_subnet"].get<bool>());
    CHECK(static_cast<std::uint32_t>(cidr->size()) == c["size"].get<std::uint32_t>());
    if (!usable) continue;  // Weave's ranges of addresses that are no subnets are shifted
    CHECK(cidr->range().end == golden::addr(c["end"]));
    CHECK(cidr->host_range() == range_of(c["host_range"][0], c["host_range"][1]));
  }
}

TEST_CASE("golden: address: ranges have Weave's texts, CIDRs and biggest blocks") {
  auto vectors = golden::load("address.json");
  if (!vectors) return;
  for (const auto& c : (*vectors)["ranges"]) {
    golden::require_known(
        c, {"as_cidr_string", "biggest_cidr", "cidrs", "end", "size", "start", "string"});
    CAPTURE(c.dump());
    IpRange range = range_of(c["start"], c["end"]);
    CHECK(range.size() == c["size"].get<std::uint32_t>());
    CHECK(range.text() == c["string"].get<std::string>());
    nlohmann::json cidrs = nlohmann::json::array();
    for (Cidr cidr : range.cidrs())
      cidrs.push_back(cidr.text());
    CHECK(cidrs == c["cidrs"]);
    CHECK(ipam::biggest_cidr(range) == range_of(c["biggest_cidr"][0], c["biggest_cidr"][1]));
    // A short form that Weave uses in logs, aligned or not; we have no use for it.
    bool power = std::has_single_bit(range.size());
    auto len = static_cast<unsigned>(32 - std::countr_zero(range.size()));
    std::string short_form = power ? Cidr::make(range.start, len)->text() : range.text();
    CHECK(short_form == c["as_cidr_string"].get<std::string>());
  }
}
