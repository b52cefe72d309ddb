// SPDX-License-Identifier: Apache-2.0
// What is said to be mended is mended: a real allocator and state file, claims and releases that
// the test answers.
#include "router/daemon/ipam_inspector.h"

#include <cstdlib>
#include <filesystem>

#include <doctest/doctest.h>

#include "tests/unit/daemon/fake_control.h"

using namespace weft;
using namespace weft::daemon;
using namespace std::chrono_literals;

namespace {

const PeerName kName = PeerName::from_u48(2);

struct Host {
  Host() {
    control.wait = true;
    acts([&](TimePoint now, peer::PeerEffects& out) { peer.start(now, {}, {}, out); });
  }
  ~Host() { std::filesystem::remove_all(folder); }

  static std::string make() {
    std::string pattern = std::filesystem::temp_directory_path() / "wf-inspector-XXXXXX";
    return ::mkdtemp(pattern.data());
  }
  static std::unique_ptr<Store> opened(const std::string& path) {
    return std::move(std::get<std::unique_ptr<Store>>(Store::open(path)));
  }
  static peer::PeerConfig config() {
    Cidr range = *Cidr::parse("10.32.0.0/24");
    return {.node = {.name = kName, .nickname = "h", .uid = {1}},
            .allocator = ipam::AllocatorConfig{.name = kName,
                                               .uid = {1},
                                               .nickname = "h",
                                               .universe = range,
                                               .default_subnet = range,
                                               .init = ipam::InitSeed{{kName}},
                                               .wall = {}}};
  }

  // As the daemon does it: first what must be stored.
  void acts(const std::function<void(TimePoint, peer::PeerEffects&)>& call) {
    peer::PeerEffects effects;
    call(loop.now(), effects);
    REQUIRE(store->commit(effects.store).has_value());
  }
  void holds(std::string_view ident, const char* address) {
    acts([&](TimePoint now, peer::PeerEffects& out) {
      peer.claim(now, {7}, ident, *Cidr::parse(address), {}, out);
    });
  }
  void lives(const char* address) {
    living.addresses.push_back({.address = *Cidr::parse(address),
                                .netns = "/run/netns/c",
                                .interface = "eth0",
                                .plugged = true});
  }
  // Starts to mend; the report is there when all is answered, or the limit is over.
  void mend(Duration within = 1h) {
    inspector.emplace(control, peer, *store, loop,
                      IpamInspector::Surroundings{.living = [this]() -> Result<linux_net::Living> {
                                                    return on_look(++looks), living;
                                                  },
                                                  .look_again_after = 0ms,
                                                  .mended_within = within});
    inspector->check(true, [this](const IpamCheckReport& told) {
      report = told;
      ++reports;
      loop.stop();
    });
  }
  // Until the report.
  void run() { loop.run_for(10s); }

  std::string folder = make();
  std::unique_ptr<Store> store = opened(folder + "/weft.db");
  io::EventLoop loop;
  SeededRng rng{1};
  peer::Peer peer{config(), rng};
  fake::FakeControl control;
  linux_net::Living living;
  std::optional<IpamInspector> inspector;
  std::optional<IpamCheckReport> report;
  int reports = 0;
  int looks = 0;
  std::function<void(int)> on_look = [](int) {
  };
};

}  // namespace

TEST_CASE("ipam inspector: mend: a claim counts as mended only once it is answered") {
  Host host;
  host.lives("10.32.0.9/24");
  host.mend();
  CHECK_FALSE(host.report.has_value());
  REQUIRE(host.control.waiting.size() == 1);
  host.holds("_", "10.32.0.9/24");
  host.control.answer_all(ipam::effect::Done{});
  REQUIRE(host.report.has_value());
  REQUIRE(host.report->findings.size() == 1);
  CHECK(host.report->findings[0].fault == IpamFault::unrecorded);
  CHECK(host.report->findings[0].fixed);
}

TEST_CASE("ipam inspector: mend: a claim that is refused is not said to be mended") {
  Host host;
  host.lives("10.32.0.9/24");
  host.mend();
  host.control.answer_all(ipam::effect::Refused{"address 10.32.0.9/24 is owned by other peer"});
  REQUIRE(host.report.has_value());
  REQUIRE(host.report->findings.size() == 1);
  CHECK_FALSE(host.report->findings[0].fixed);
}

TEST_CASE("ipam inspector: mend: a claim that succeeds before the address is ours is not yet it") {
  Host host;
  host.lives("10.32.0.9/24");
  host.mend();
  // As no_error_on_unknown has it while the owner cannot be reached.
  host.control.answer_all(ipam::effect::Done{});
  REQUIRE(host.report.has_value());
  CHECK_FALSE(host.report->findings[0].fixed);
}

TEST_CASE("ipam inspector: mend: who asked is told in time though an owner never answers") {
  Host host;
  host.lives("10.32.0.9/24");
  host.mend(1ms);
  host.run();
  REQUIRE(host.report.has_value());
  CHECK_FALSE(host.report->findings[0].fixed);
  // What comes later harms nobody.
  host.control.answer_all(ipam::effect::Done{});
  CHECK(host.reports == 1);
}

TEST_CASE("ipam inspector: mend: what is gone is released after a second look") {
  Host host;
  host.holds("c", "10.32.0.5/24");
  host.control.addresses["c"].addresses = {*Cidr::parse("10.32.0.5/24")};
  // The last look is behind the release, which this test's control does not do in the allocator.
  host.on_look = [&](int look) {
    if (look != 3) return;
    host.acts([&](TimePoint now, peer::PeerEffects& out) {
      REQUIRE(host.peer.release(now, "c", out).has_value());
    });
  };
  host.mend();
  CHECK(host.control.addresses.count("c") == 1);
  host.run();
  REQUIRE(host.report.has_value());
  CHECK(host.control.addresses.count("c") == 0);
  REQUIRE(host.report->findings.size() == 1);
  CHECK(host.report->findings[0].fault == IpamFault::leaked);
  CHECK(host.report->findings[0].fixed);
}
