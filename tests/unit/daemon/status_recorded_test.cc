// SPDX-License-Identifier: Apache-2.0
// Recorded questions about a daemon's state, put to our API while it is in the state that Weave's
// report of the same moment describes. Weave's sections on its name server are not ours.
#include <algorithm>

#include <doctest/doctest.h>

#include "base/json/json.h"
#include "base/text.h"
#include "router/daemon/api.h"
#include "router/daemon/metrics.h"
#include "tests/unit/daemon/fake_control.h"
#include "tests/unit/daemon/recorded.h"

namespace weft::daemon {
namespace {

using recorded::Exchange;
using Json = nlohmann::ordered_json;

std::vector<Exchange> load(const char* file) {
  const auto text = recorded::read(std::string("http-api/") + file);
  return text ? recorded::exchanges(*text) : std::vector<Exchange>();
}

// The state that the last report of a file describes.
std::optional<Snapshot> state_of(const std::vector<Exchange>& all) {
  std::optional<Snapshot> out;
  for (const Exchange& exchange : all) {
    if (exchange.url != "/report" || exchange.content_type != "application/json") continue;
    const Json json = Json::parse(exchange.body, nullptr, false);
    REQUIRE(!json.is_discarded());
    out = recorded::snapshot_of(json);
  }
  return out;
}

io::HttpResponse ask(const io::HttpHandler& handler, const Exchange& exchange) {
  auto to = std::make_shared<fake::FakeExchange>(
      fake::request(exchange.method, exchange.url, exchange.form));
  handler(to);
  REQUIRE(to->response().has_value());
  return *to->response();
}

// Without the name server, and with our protocol: docs/wire/http-api.md.
std::string expected_overview(std::string text) {
  const std::size_t dns = text.find("\n        Service: dns");
  REQUIRE(dns != std::string::npos);
  text.resize(dns);
  const std::size_t versions = text.find("weave 1..2");
  REQUIRE(versions != std::string::npos);
  return text.replace(versions, 10, "weave 2");
}

// The order of connections and peers is random: the lines of both, each under its peer's.
std::vector<std::string> lines_of(const std::string& body) {
  std::vector<std::string> out;
  std::string peer;
  for (std::string_view line : split(body, '\n')) {
    if (!line.starts_with(' ')) peer = line;
    out.push_back(peer + "|" + std::string(line));
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool answers_alike(const Exchange& exchange) {
  // Weave serves its profiles by accident; metrics are compared sample by sample elsewhere.
  return !exchange.url.starts_with("/debug") && exchange.url != "/metrics";
}

void check(const io::HttpHandler& handler, const Exchange& exchange) {
  CAPTURE(exchange.method);
  CAPTURE(exchange.url);
  const auto got = ask(handler, exchange);
  CHECK(got.status == exchange.status);
  CHECK(got.content_type == exchange.content_type);
  if (exchange.url == "/status" && exchange.status == 200) {
    CHECK(got.body == expected_overview(exchange.body));
  } else {
    CHECK(lines_of(got.body) == lines_of(exchange.body));
  }
}

}  // namespace

TEST_CASE("status: recorded: each view of a daemon is Weave's, on both listeners") {
  const auto on_status = load("13-status-addr-6782.txt");
  const auto state = state_of(on_status);
  if (!state) return;
  fake::FakeControl control;
  control.seen = *state;
  const Api api(control);
  for (const Exchange& exchange : load("12-status.txt")) {
    if (answers_alike(exchange)) check(api.control_handler(), exchange);
  }
  for (const Exchange& exchange : on_status) {
    if (exchange.content_type == "application/json") continue;  // in report_json_test
    if (answers_alike(exchange)) check(api.status_handler(), exchange);
  }
}

TEST_CASE("status: recorded: a range that is full shows what is pending as Weave does") {
  const auto all = load("15-ipam-full-range-pending.txt");
  const auto state = state_of(all);
  if (!state) return;
  fake::FakeControl control;
  const Api api(control);
  for (const Exchange& exchange : all) {
    CAPTURE(exchange.url);
    // The state of the moment comes after the two allocations that filled the range.
    if (exchange.url == "/status") control.seen = *state;
    if (exchange.url != "/report") check(api.control_handler(), exchange);
  }
  const Json report =
      Json::parse(ask(api.control_handler(), {.method = "GET", .url = "/report?format=json"}).body);
  CHECK(report["IPAM"]["PendingAllocates"] == Json::array({"s3 10.34.0.0/30"}));
  CHECK(report["IPAM"]["PendingClaims"].is_null());
  CHECK(metrics_text(control.seen, {}).find("\nweave_ipam_pending_allocates 1\n") !=
        std::string::npos);
}

TEST_CASE("status: recorded: a daemon that has just started has three failed targets") {
  const auto all = load("00-status-while-starting.txt");
  if (all.empty()) return;
  fake::FakeControl control;
  auto& mesh = control.seen.mesh;
  control.seen.version = "2.8.1";
  mesh.discovery = true;
  mesh.targets = {"192.168.77.11", "192.168.77.12", "192.168.77.13"};
  mesh.links.assign(3, {.state = gossip::LinkState::failed});
  mesh.peers = {{.name = mesh.name, .nickname = mesh.nickname}};
  control.seen.ipam.emplace();
  control.seen.ipam->universe_text = control.seen.ipam->default_subnet = "10.32.0.0/12";
  control.seen.ipam->entries = {{.size = 1, .peer = mesh.name, .known_peer = true}};
  for (const Exchange& exchange : all)
    check(Api(control).control_handler(), exchange);
}

TEST_CASE("status: recorded: rmpeer of a living peer is refused unless it is insisted on") {
  const auto all = load("16-rmpeer-of-live-peer.txt");
  fake::FakeControl control;
  control.live_peers = {"host2", "host3"};
  control.dead_peers = {{"host2", 196608}, {"host3", 65536}};
  const Api api(control);
  std::size_t removals = 0;
  for (Exchange exchange : all) {
    if (!exchange.url.starts_with("/peer/")) continue;
    ++removals;
    CHECK(ask(api.control_handler(), exchange).status == 409);
    exchange.url += "?force=true";
    check(api.control_handler(), exchange);
  }
  CHECK(removals == (all.empty() ? 0 : 2));
}

}  // namespace weft::daemon
