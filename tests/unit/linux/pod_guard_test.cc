// SPDX-License-Identifier: Apache-2.0
// The texts of the rules against spoofing, and what is read back from the kernel's listing.
#include "router/linux/pod_guard.h"

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::linux_net;

namespace {

PodGuard guard(const char* name, const char* mac, std::vector<const char*> addresses) {
  PodGuard out{.host_name = name, .mac = *MacAddr::parse(mac), .addresses = {}};
  for (const char* address : addresses)
    out.addresses.push_back(*Ipv4Addr::parse(address));
  return out;
}

// The sets and the rules, as libnftables lists them; `extra` goes between.
std::string listing(const std::string& addresses, int guard_rules = 10) {
  std::string out = R"({"nftables": [{"metainfo": {}}, {"table": {"name": "weft"}},
    {"set": {"name": "guarded", "elem": ["vethwepl1"]}},
    {"set": {"name": "macs", "elem": [{"concat": ["vethwepl1", "0e:00:00:00:00:01"]}]}},
    {"set": {"name": "addresses", "elem": )" +
                    addresses + R"(}},
    {"set": {"name": "dropped", "elem": [{"elem": {"val": "vethwepl1", "timeout": 9}}]}},
    {"rule": {"chain": "arrival"}}, {"rule": {"chain": "refuse"}})";
  for (int i = 0; i < guard_rules; ++i)
    out += R"(, {"rule": {"chain": "guard"}})";
  return out + "]}";
}

constexpr const char* kTwo = R"([{"concat": ["vethwepl1", "0e:00:00:00:00:01", "10.32.0.9"]},
                                 {"concat": ["vethwepl1", "0e:00:00:00:00:01", "10.32.0.5"]}])";

}  // namespace

TEST_CASE("pod guard: text: from nothing to something adds, and back deletes the same") {
  const PodGuard one = guard("vethwepl1", "0e:00:00:00:00:01", {"10.32.0.5"});
  const std::string added = render_guard_change(nullptr, &one);
  CHECK(added ==
        "add element bridge weft guarded { \"vethwepl1\" }\n"
        "add element bridge weft macs { \"vethwepl1\" . 0e:00:00:00:00:01 }\n"
        "add element bridge weft addresses "
        "{ \"vethwepl1\" . 0e:00:00:00:00:01 . 10.32.0.5 }\n");
  std::string deleted = render_guard_change(&one, nullptr);
  for (std::size_t at = 0; (at = deleted.find("delete", at)) != std::string::npos; at += 3)
    deleted.replace(at, 6, "add");
  CHECK(deleted == added);
}

TEST_CASE("pod guard: text: the same in another order is no change") {
  const PodGuard a = guard("v", "0e:00:00:00:00:01", {"10.32.0.5", "10.32.0.6"});
  const PodGuard b = guard("v", "0e:00:00:00:00:01", {"10.32.0.6", "10.32.0.5"});
  CHECK(render_guard_change(&a, &b).empty());
  const PodGuard c = guard("v", "0e:00:00:00:00:02", {"10.32.0.5", "10.32.0.6"});
  CHECK(render_guard_change(&a, &c).find("delete element") == 0);
}

TEST_CASE("pod guard: listing: guards are put together from the sets, in order") {
  const GuardTable table = parse_guard_table(listing(kTwo));
  CHECK(table.intact);
  REQUIRE(table.guards.size() == 1);
  CHECK(table.guards[0] == guard("vethwepl1", "0e:00:00:00:00:01", {"10.32.0.5", "10.32.0.9"}));
  CHECK(table.find("vethwepl1") == &table.guards[0]);
  CHECK(table.find("vethwepl2") == nullptr);
}

TEST_CASE("pod guard: listing: missing or extra rules, and missing sets, are seen") {
  CHECK_FALSE(parse_guard_table(listing(kTwo, 5)).intact);
  CHECK_FALSE(parse_guard_table(listing(kTwo, 7)).intact);
  CHECK_FALSE(parse_guard_table(R"({"nftables": []})").intact);
}

TEST_CASE("pod guard: listing: what is not ours or no JSON gives nothing") {
  for (const char* odd : {"7", "[7, {}]", R"([{"concat": 7}])", R"([{"concat": ["a", "b"]}])",
                          R"([{"concat": ["a", "0e:00:00:00:00:01", {"x": 1}]}])",
                          R"([{"concat": ["a", "0e:00:00:00:00:01", "no address"]}])"}) {
    CAPTURE(odd);
    const GuardTable table = parse_guard_table(listing(odd));
    REQUIRE(table.guards.size() == 1);
    CHECK(table.guards[0].addresses.empty());
  }
  for (const char* text : {"", "{", "[]", "null", R"({"nftables": 7})", R"({"nftables": [7, []]})"})
    CHECK(parse_guard_table(text).guards.empty());
}
