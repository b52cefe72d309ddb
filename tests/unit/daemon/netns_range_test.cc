// SPDX-License-Identifier: Apache-2.0
// The allocation range against what a host already uses, in a namespace with real routes.
#include <algorithm>
#include <filesystem>

#include "router/daemon/host_network.h"
#include "router/linux/addr.h"
#include "router/linux/bridge.h"
#include "router/linux/route.h"
#include "tests/unit/linux/test_netns.h"

using namespace weft;
using namespace weft::daemon;
using namespace weft::linux_net;

namespace {

Cidr cidr(const char* text) {
  return Cidr::parse(text).value();
}

struct Verdict {
  std::optional<std::string> failure;
  std::vector<std::string> warnings;
};

// A host with eth0 at 192.168.77.11/24 and a default route through it.
class Host {
 public:
  Host() : nl_(Netlink::open(ns_.open()).value()) {
    char name[] = "/tmp/wf-range-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder_ = name;
    auto opened = Store::open(folder_ + "/weft.db");
    REQUIRE(std::holds_alternative<std::unique_ptr<Store>>(opened));
    store_ = std::move(std::get<std::unique_ptr<Store>>(opened));
    eth0_ = link("eth0");
    address(eth0_, "192.168.77.11/24");
    route("0.0.0.0/0", "192.168.77.1");
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() { std::filesystem::remove_all(folder_); }

  IfIndex link(const std::string& name) {
    auto index = make_link(nl_, name).value();
    REQUIRE(set_link_up(nl_, index));
    return index;
  }
  void address(IfIndex link, const char* text) { REQUIRE(add_addr(nl_, link, cidr(text))); }
  void route(const char* to, const char* gateway) {
    REQUIRE(add_route(nl_, {.to = cidr(to), .gateway = Ipv4Addr::parse(gateway), .link = eth0_}));
  }

  Verdict check(const char* range) {
    Options options;
    HostNetwork network(options, *store_);
    Verdict out;
    auto done = run_in(ns_.open(), [&]() -> Result<> {
      if (auto failure = network.check_range(cidr(range))) out.failure = failure->text();
      out.warnings = network.range_overlaps(cidr(range));
      return {};
    });
    REQUIRE(done);
    return out;
  }

 private:
  TestNs ns_{"range"};
  Netlink nl_;
  std::string folder_;
  std::unique_ptr<Store> store_;
  IfIndex eth0_;
};

bool mentions(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("range: free: neither the default route nor a neighbouring subnet is in the way") {
  if (!can_make_namespaces()) return;
  Host host;
  host.route("10.48.0.0/12", "192.168.77.2");
  host.route("10.31.255.0/24", "192.168.77.2");
  Verdict verdict = host.check("10.32.0.0/12");
  CHECK_FALSE(verdict.failure.has_value());
  CHECK(verdict.warnings.empty());
}

TEST_CASE("range: route: each that overlaps, inside or around, is a warning that names it") {
  if (!can_make_namespaces()) return;
  Host host;
  host.route("10.40.0.0/16", "192.168.77.2");
  host.route("10.0.0.0/8", "192.168.77.3");
  host.route("10.47.255.255/32", "192.168.77.4");
  Verdict verdict = host.check("10.32.0.0/12");
  CHECK_FALSE(verdict.failure.has_value());
  REQUIRE(verdict.warnings.size() == 3);
  for (const char* route : {"10.40.0.0/16", "10.0.0.0/8", "10.47.255.255/32"}) {
    CAPTURE(route);
    CHECK(std::count_if(verdict.warnings.begin(), verdict.warnings.end(),
                        [&](const std::string& warning) { return mentions(warning, route); }) == 1);
  }
  for (const std::string& warning : verdict.warnings)
    CHECK(mentions(warning, "--ipalloc-range 10.32.0.0/12"));
}

TEST_CASE("range: address: one of the host's own inside it is fatal, and is named") {
  if (!can_make_namespaces()) return;
  Host host;
  CHECK_FALSE(host.check("192.168.0.0/26").failure.has_value());
  Verdict verdict = host.check("192.168.0.0/16");
  REQUIRE(verdict.failure.has_value());
  CHECK(mentions(*verdict.failure, "192.168.77.11/24"));
  CHECK(mentions(*verdict.failure, "--ipalloc-range 192.168.0.0/16"));
}

TEST_CASE("range: subnet: a host beside the range in one subnet starts, and is warned") {
  if (!can_make_namespaces()) return;
  Host host;
  Verdict verdict = host.check("192.168.77.128/25");
  CHECK_FALSE(verdict.failure.has_value());
  REQUIRE(verdict.warnings.size() == 1);
  CHECK(mentions(verdict.warnings[0], "192.168.77.0/24"));
}

TEST_CASE("range: bridge: our own, with its address and routes, is not in the way") {
  if (!can_make_namespaces()) return;
  Host host;
  host.address(host.link("weave"), "10.32.0.1/12");
  Verdict verdict = host.check("10.32.0.0/12");
  CHECK_FALSE(verdict.failure.has_value());
  CHECK(verdict.warnings.empty());
  host.address(host.link("other"), "10.33.0.1/16");
  CHECK(host.check("10.32.0.0/12").failure.has_value());
}
