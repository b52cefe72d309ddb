// SPDX-License-Identifier: Apache-2.0
// Our nftables table in a real kernel.
#include "router/linux/masquerade.h"
#include "router/linux/nft_watch.h"
#include "test_netns.h"

using namespace weft;
using namespace weft::linux_net;

namespace {

struct Host {
  TestNs ns{"h"};
  NetNs handle = ns.open();
  NetNsScope scope = NetNsScope::enter(handle).value();
  Nft nft = Nft::open().value();
};

}  // namespace

TEST_CASE("nft: transaction: a fault anywhere means that nothing is changed, and says what") {
  if (!can_make_namespaces()) return;
  Host host;
  REQUIRE(host.nft.apply("table ip t {\nchain c {\naccept\n}\n}"));
  CHECK_FALSE(host.nft.apply("add table ip u\nadd rule ip nosuch c accept"));
  CHECK(contains(host.nft.last_message(), "No such file"));
  CHECK(host.nft.list_table(NftFamily::ip, "u").error().code == Errc::not_found);
  CHECK(contains(host.nft.list_table(NftFamily::ip, "t").value(), "accept"));
  CHECK_FALSE(host.nft.apply("{ \"nftables\": [ {\"add\": {} } ] }"));
  CHECK_FALSE(host.nft.apply("gibberish"));
  REQUIRE(host.nft.delete_table(NftFamily::ip, "t"));
  REQUIRE(host.nft.delete_table(NftFamily::ip, "t"));
}

TEST_CASE("nft watch: kernel: tells of deleted tables, ours and others', and of nothing else") {
  if (!can_make_namespaces()) return;
  Host host;
  auto watch = NftWatch::open();
  REQUIRE(watch);
  CHECK_FALSE(watch->take().any());
  REQUIRE(host.nft.apply("table inet other {\nchain c {\naccept\n}\n}"));
  CHECK_FALSE(watch->take().any());
  REQUIRE(apply_host_rules(host.nft, {}));  // deletes the table and makes it again
  DeletedTables told = watch->take();
  CHECK(told.ours);
  CHECK_FALSE(told.others);
  shell("nft delete table inet other");
  told = watch->take();
  CHECK_FALSE(told.ours);
  CHECK(told.others);
  shell("nft flush ruleset");
  CHECK(watch->take().ours);
  CHECK_FALSE(watch->take().any());
}

TEST_CASE("nft watch: kernel: what did not fit into the socket counts as a deletion") {
  if (!can_make_namespaces()) return;
  Host host;
  auto watch = NftWatch::open();
  REQUIRE(watch);
  REQUIRE(host.nft.apply("table inet other {\nchain c {\n}\n}"));
  std::string rules;
  for (int rule = 0; rule < 4000; ++rule)
    rules += "add rule inet other c ip saddr 10.0.0.1 counter accept\n";
  REQUIRE(host.nft.apply(rules));
  const DeletedTables told = watch->take();
  CHECK(told.ours);
  CHECK(told.others);
}

TEST_CASE("host rules: kernel: rules are what was asked for, and replacing leaves nothing old") {
  if (!can_make_namespaces()) return;
  Host host;
  CHECK_FALSE(host_rules_present(host.nft).value());
  HostRules rules{.exposed = {{.address = *Cidr::parse("10.32.0.1/12")}},
                  .no_masq_local = true,
                  .local_ranges = {{*Ipv4Addr::parse("10.32.0.0"), *Ipv4Addr::parse("10.36.0.0")},
                                   {*Ipv4Addr::parse("10.36.0.0"), *Ipv4Addr::parse("10.40.0.0")}},
                  .control_port = 6784};
  const auto done = apply_host_rules(host.nft, rules);
  INFO(host.nft.last_message());
  REQUIRE(done);
  CHECK(host_rules_present(host.nft).value());
  const std::string shown = shell("nft list table ip weft");
  for (const std::string rule : {
           "elements = { 10.32.0.0/13 }",
           "ip daddr @local_ranges return",
           "ip saddr 10.32.0.0/12 ip daddr 224.0.0.0/4 return",
           "ip daddr 10.32.0.0/12 ip saddr != 10.32.0.0/12 masquerade",
           "ip saddr 10.32.0.0/12 ip daddr != 10.32.0.0/12 masquerade",
           "iifname \"weave\" oifname \"weave\" accept",
           "oifname \"weave\" ip daddr 10.32.0.0/12 accept",
           "iifname \"weave\" oifname != \"weave\" accept",
           "oifname \"weave\" ct state",
           "ip daddr 127.0.0.1 tcp dport 6784 fib saddr type != local",
       }) {
    CAPTURE(shown);
    CAPTURE(rule);
    CHECK(contains(shown, rule));
  }
  REQUIRE(apply_host_rules(host.nft, {}));
  const std::string less = shell("nft list table ip weft");
  CHECK_FALSE(contains(less, "masquerade"));
  CHECK_FALSE(contains(less, "6784"));
  REQUIRE(remove_host_rules(host.nft));
  REQUIRE(remove_host_rules(host.nft));
  CHECK_FALSE(host_rules_present(host.nft).value());
}

TEST_CASE("host rules: kernel: ten thousand ranges are taken in one transaction") {
  if (!can_make_namespaces()) return;
  Host host;
  HostRules rules{.no_masq_local = true};
  for (std::uint32_t i = 0; i < 10000; ++i) {
    const Ipv4Addr start{(10U << 24) + i * 16};
    rules.local_ranges.push_back({start, start + 7});
  }
  const auto done = apply_host_rules(host.nft, rules);
  INFO(host.nft.last_message());
  CHECK(done);
}
