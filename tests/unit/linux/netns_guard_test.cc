// SPDX-License-Identifier: Apache-2.0
// The rules against spoofing in a real kernel; tests/netns/spoof_test.py sends frames at them.
#include "router/linux/link.h"
#include "router/linux/pod_guard.h"
#include "test_netns.h"

using namespace weft;
using namespace weft::linux_net;

namespace {

struct Host {
  TestNs ns{"h"};
  NetNs handle = ns.open();
  NetNsScope scope = NetNsScope::enter(handle).value();
  Nft nft = Nft::open().value();
  Netlink nl = Netlink::open().value();

  std::vector<PodGuard> guards() { return list_guards(nft).value().guards; }
};

PodGuard guard(const std::string& name, std::uint32_t last) {
  return {.host_name = name,
          .mac = MacAddr{std::uint64_t{0x0e0000000000} + last},
          .addresses = {Ipv4Addr{0x0a200000 + last}}};
}

std::vector<PodGuard> none() {
  return {};
}

}  // namespace

TEST_CASE("pod guard: kernel: setting, repeating, changing and removing") {
  if (!can_make_namespaces()) return;
  Host host;
  CHECK_FALSE(list_guards(host.nft).value().intact);
  CHECK_FALSE(unguard_pod(host.nft, "vethwepl1").value());
  REQUIRE_MESSAGE(guard_pod(host.nft, guard("vethwepl1", 1), none), host.nft.last_message());
  REQUIRE(guard_pod(host.nft, guard("vethwepl1", 1), none));
  CHECK(list_guards(host.nft).value().intact);
  CHECK(host.guards() == std::vector{guard("vethwepl1", 1)});
  PodGuard other = guard("vethwepl1", 2);
  other.addresses.push_back(Ipv4Addr{0x0a200009});
  REQUIRE(guard_pod(host.nft, other, none));
  CHECK(host.guards() == std::vector{other});
  CHECK(unguard_pod(host.nft, "vethwepl1").value());
  CHECK(host.guards().empty());
  REQUIRE(remove_guards(host.nft));
  REQUIRE(remove_guards(host.nft));
}

TEST_CASE("pod guard: kernel: a flushed table is made again, with everybody's guards") {
  if (!can_make_namespaces()) return;
  Host host;
  const auto others = [] {
    return std::vector{guard("vethwepl1", 1), guard("vethwepl2", 2)};
  };
  for (const char* damage :
       {"flush ruleset", "flush chain bridge weft arrival", "flush chain bridge weft guard",
        "insert rule bridge weft guard accept"}) {
    CAPTURE(damage);
    REQUIRE(guard_pod(host.nft, guard("vethwepl1", 1), none));
    REQUIRE(host.nft.apply(damage));
    CHECK_FALSE(list_guards(host.nft).value().intact);
    REQUIRE(guard_pod(host.nft, guard("vethwepl3", 3), others));
    CHECK(list_guards(host.nft).value().intact);
    CHECK(host.guards().size() == 3);
  }
}

TEST_CASE("pod guard: kernel: a sweep removes those whose interface is gone, and no other") {
  if (!can_make_namespaces()) return;
  Host host;
  REQUIRE(sweep_guards(host.nft));
  REQUIRE(make_link(host.nl, "vethwepl1"));
  for (std::uint32_t n : {1U, 2U, 3U})
    REQUIRE(guard_pod(host.nft, guard("vethwepl" + std::to_string(n), n), none));
  REQUIRE(sweep_guards(host.nft));
  CHECK(host.guards() == std::vector{guard("vethwepl1", 1)});
}

TEST_CASE("pod guard: names that would leave their quotes are refused") {
  if (!can_make_namespaces()) return;
  Host host;
  for (const char* name : {"", "a\"b", "a\\b", "a*", "a b", "a/b"}) {
    CAPTURE(name);
    CHECK_FALSE(guard_pod(host.nft, guard(name, 1), none));
  }
  CHECK(host.guards().empty());
}
