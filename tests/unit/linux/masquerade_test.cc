// SPDX-License-Identifier: Apache-2.0
// The rules as text: what is there for which setting. The kernel's view is in netns_nft_test.cc.
#include "router/linux/masquerade.h"

#include <doctest/doctest.h>

#include "router/linux/link.h"

using namespace weft;
using namespace weft::linux_net;

namespace {
std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}
}  // namespace

TEST_CASE("host rules: render: nothing exposed means no masquerading, forwarding still allowed") {
  const std::string text = render_host_rules({});
  CHECK(count(text, "masquerade") == 0);
  CHECK(count(text, "\"accept\":null") == 3);
  CHECK(count(text, "local_ranges") == 0);
  CHECK(count(text, "\"drop\"") == 0);
}

TEST_CASE("host rules: render: each exposed subnet is masqueraded both ways unless without NAT") {
  HostRules rules{.exposed = {{.address = *Cidr::parse("10.32.0.1/12")}}};
  CHECK(count(render_host_rules(rules), "masquerade") == 2);
  rules.exposed.push_back({.address = *Cidr::parse("10.128.0.1/16"), .nat = false});
  const std::string text = render_host_rules(rules);
  CHECK(count(text, "masquerade") == 2);
  CHECK(count(text, "10.128.0.0") == 1);
}

TEST_CASE(
    "host rules: render: local ranges are a set, merged where they touch, and it may be empty") {
  HostRules rules{.no_masq_local = true};
  CHECK(count(render_host_rules(rules), "\"elem\"") == 0);
  rules.local_ranges = {{*Ipv4Addr::parse("10.32.0.0"), *Ipv4Addr::parse("10.32.0.2")},
                        {*Ipv4Addr::parse("10.32.0.2"), *Ipv4Addr::parse("10.32.0.6")},
                        {*Ipv4Addr::parse("10.32.0.1"), *Ipv4Addr::parse("10.32.0.3")}};
  const std::string text = render_host_rules(rules);
  CHECK(count(text, "{\"range\":[\"10.32.0.0\",\"10.32.0.5\"]}") == 1);
  CHECK(count(text, "@local_ranges") == 1);
}

TEST_CASE("link: names: those that the kernel takes are valid, others not") {
  for (const char* good : {"weave", "vethwepl0123456", "a.b", "eth0"})
    CHECK(valid_link_name(good));
  for (const char* bad : {"", ".", "..", "vethwepl01234567", "a/b", "a b", "a:b", "a\n"}) {
    CHECK_FALSE(valid_link_name(bad));
  }
}
