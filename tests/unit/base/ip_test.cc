// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"

#include <doctest/doctest.h>

using namespace weft;

TEST_CASE("ip: address: only four plain octets parse") {
  CHECK(Ipv4Addr::parse("10.32.0.1")->value == 0x0a200001);
  CHECK(Ipv4Addr::parse("10.32.0.1")->text() == "10.32.0.1");
  for (const char* bad :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.x", " 1.2.3.4"}) {
    CHECK_FALSE(Ipv4Addr::parse(bad));
  }
}

TEST_CASE("ip: cidr: host range leaves out the first and the last address") {
  Cidr c = *Cidr::parse("10.0.0.0/24");
  CHECK(c.range() == IpRange{{0x0a000000}, {0x0a000100}});
  CHECK(c.host_range().text() == "10.0.0.1-10.0.0.254");
  CHECK(Cidr::parse("10.32.0.5/12")->first().text() == "10.32.0.0");
  CHECK_FALSE(Cidr::parse("10.32.0.5/33"));
  CHECK_FALSE(Cidr::parse("10.32.0.5"));
}

TEST_CASE("ip: cidr: a subnet has no host bits and at least four addresses") {
  CHECK(Cidr::parse_subnet("10.32.0.0/30").has_value());
  CHECK(Cidr::parse_subnet("10.32.0.0/31").has_error());
  CHECK(Cidr::parse_subnet("10.32.0.1/12").has_error());
}

TEST_CASE("ip: range: its cidrs cover it exactly") {
  IpRange r{*Ipv4Addr::parse("10.0.0.1"), *Ipv4Addr::parse("10.0.0.7")};
  std::string text;
  for (Cidr c : r.cidrs())
    text += c.text() + " ";
  CHECK(text == "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32 ");
}

TEST_CASE("ip: endpoint: the port is required and bounded") {
  CHECK(Endpoint::parse("1.2.3.4:6783")->text() == "1.2.3.4:6783");
  CHECK_FALSE(Endpoint::parse("1.2.3.4"));
  CHECK_FALSE(Endpoint::parse("1.2.3.4:70000"));
}
