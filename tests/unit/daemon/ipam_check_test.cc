// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/ipam_check.h"

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::daemon;

namespace {

Cidr cidr(const char* text) {
  return *Cidr::parse(text);
}

// A host on which all is well: one container, and the bridge's own address.
struct Host {
  Host() {
    owned["c"].addresses = {cidr("10.32.0.2/12")};
    owned["weave:expose"].addresses = {cidr("10.32.0.1/12")};
    owned["outside"].addresses = {cidr("192.168.0.9/24")};
    stored = owned;
    living.addresses = {
        {.address = cidr("10.32.0.2/12"),
         .netns = "/run/netns/c",
         .interface = "eth0",
         .plugged = true},
        {.address = cidr("10.32.0.1/12"), .netns = "", .interface = "", .plugged = false}};
  }

  IpamCheckReport check() const {
    return compare_ipam({.owned = owned,
                         .stored = stored,
                         .ring_as_stored = ring_as_stored,
                         .range = cidr("10.32.0.0/12"),
                         .strays = strays,
                         .living = seen ? &living : nullptr});
  }

  ipam::OwnedMap owned;
  ipam::OwnedMap stored;
  bool ring_as_stored = true;
  std::vector<ipam::StrayStatus> strays;
  linux_net::Living living;
  bool seen = true;
};

}  // namespace

TEST_CASE("ipam check: a host on which all is well has no findings") {
  IpamCheckReport report = Host().check();
  CHECK(report.findings.empty());
  CHECK(report.complete);
  CHECK(report.held == 2);
  CHECK(report.living == 1);
  CHECK(ipam_check_json(report)["clean"] == true);
}

TEST_CASE("ipam check: a holder of whom nothing is alive is found, if all could be seen") {
  Host host;
  host.owned["dead"].addresses = {cidr("10.32.0.7/12")};
  host.stored = host.owned;
  IpamCheckReport report = host.check();
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].fault == IpamFault::leaked);
  CHECK(report.findings[0].ident == "dead");
  CHECK(report.findings[0].address == "10.32.0.7/12");
  CHECK(ipam_check_json(report)["clean"] == false);
  // On whatever interface: a plugin may have put it behind another bridge.
  host.living.addresses.push_back({.address = cidr("10.32.0.7/24"),
                                   .netns = "/run/netns/x",
                                   .interface = "",
                                   .plugged = false});
  CHECK(host.check().findings.empty());
  host.living.addresses.pop_back();
  host.living.ports_unseen = 1;
  CHECK(host.check().findings.empty());
  CHECK_FALSE(host.check().complete);
  host.seen = false;
  CHECK(host.check().findings.empty());
}

TEST_CASE("ipam check: an address alive on the bridge that nobody holds, and one that is twice") {
  Host host;
  host.living.addresses.push_back({.address = cidr("10.32.0.9/12"),
                                   .netns = "/run/netns/y",
                                   .interface = "eth0",
                                   .plugged = true});
  host.living.addresses.push_back({.address = cidr("172.16.0.9/12"),
                                   .netns = "/run/netns/y",
                                   .interface = "eth0",
                                   .plugged = true});
  host.living.addresses.push_back({.address = cidr("10.32.0.2/12"),
                                   .netns = "/run/netns/z",
                                   .interface = "eth0",
                                   .plugged = true});
  IpamCheckReport report = host.check();
  REQUIRE(report.findings.size() == 2);
  CHECK(report.findings[0].fault == IpamFault::unrecorded);
  CHECK(report.findings[0].text ==
        "10.32.0.9/12 is on eth0 in /run/netns/y, but nobody is recorded to hold it");
  CHECK(report.findings[1].fault == IpamFault::duplicate);
  CHECK(report.findings[1].text.find("/run/netns/c and on eth0 in /run/netns/z") !=
        std::string::npos);
}

TEST_CASE("ipam check: what memory and state file disagree about is found both ways") {
  Host host;
  host.stored.erase("c");
  host.stored["ghost"].addresses = {cidr("10.32.0.2/12")};
  host.ring_as_stored = false;
  IpamCheckReport report = host.check();
  REQUIRE(report.findings.size() == 3);
  for (const IpamFinding& finding : report.findings)
    CHECK(finding.fault == IpamFault::not_stored);
  CHECK(report.findings[0].ident.empty());  // the ring
  CHECK(report.findings[1].ident == "c");
  CHECK(report.findings[2].ident == "ghost");
}

TEST_CASE("ipam check: strays are told with their range's owner, and texts are printable") {
  Host host;
  host.strays = {{.ident = "c\n", .address = cidr("10.32.0.2/12"), .owner = PeerName::from_u48(2)}};
  IpamCheckReport report = host.check();
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].text.starts_with(
      "c? holds 10.32.0.2/12, whose range 00:00:00:00:00:02 owns"));
  report.findings[0].fixed = true;
  auto json = ipam_check_json(report);
  CHECK(json["clean"] == true);
  CHECK(json["findings"][0]["fault"] == "stray");
}
