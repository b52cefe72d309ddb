// SPDX-License-Identifier: Apache-2.0
// The recorded requests to the real Weave, put to our API with the same addresses behind it: the
// answers are Weave's, but for the deviations that each case names.
#include <algorithm>

#include <doctest/doctest.h>

#include "base/json/json.h"
#include "base/text.h"
#include "router/daemon/api.h"
#include "tests/unit/daemon/fake_control.h"
#include "tests/unit/daemon/recorded.h"

namespace weft::daemon {
namespace {

using recorded::Exchange;

io::HttpResponse ask(const Api& api, const io::HttpRequest& request) {
  auto exchange = std::make_shared<fake::FakeExchange>(request);
  api.control_handler()(exchange);
  REQUIRE(exchange->response().has_value());
  return *exchange->response();
}

// Maps and sets of Weave's come in random order.
std::string normal(const Exchange& exchange, const std::string& body) {
  if (exchange.url == "/status/targets") {
    std::vector<std::string> lines;
    for (std::string_view line : split(body, '\n'))
      lines.emplace_back(line);
    std::sort(lines.begin(), lines.end());
    return join(lines, "\n");
  }
  if (exchange.method == "GET" && exchange.url == "/ip") {
    auto json = nlohmann::ordered_json::parse(body, nullptr, false);
    REQUIRE(!json.is_discarded());
    std::sort(json["owned"].begin(), json["owned"].end(),
              [](const auto& a, const auto& b) { return a.dump() < b.dump(); });
    return json.dump() + body.substr(body.size() - 1);
  }
  return body;
}

// Puts one recorded file to the API, on the answers that `skip` does not name.
template <class Skip>
void replay(const Api& api, const char* file, Skip skip) {
  const auto text = recorded::read(std::string("http-api/") + file);
  if (!text) return;
  const auto all = recorded::exchanges(*text);
  CHECK(!all.empty());
  for (const Exchange& exchange : all) {
    CAPTURE(file);
    CAPTURE(exchange.method);
    CAPTURE(exchange.url);
    if (skip(exchange)) continue;
    const auto got = ask(api, fake::request(exchange.method, exchange.url, exchange.form));
    CHECK(got.status == exchange.status);
    CHECK(normal(exchange, got.body) == normal(exchange, exchange.body));
    CHECK(got.content_type == exchange.content_type);
  }
}

bool none(const Exchange&) {
  return false;
}

}  // namespace

TEST_CASE(
    "api: recorded: everything about addresses is answered as Weave does, one after the other") {
  fake::FakeControl control;
  const Api api(control);
  replay(api, "01-ipinfo.txt", none);
  replay(api, "02-ip-allocate.txt", none);
  replay(api, "03-ip-allocate-errors.txt", none);
  replay(api, "04-ip-claim.txt", none);
  replay(api, "05-ip-free.txt", none);
}

TEST_CASE("api: recorded: expose answers as Weave does, and a bad skipNAT exposes nothing") {
  fake::FakeControl control;
  const Api api(control);
  replay(api, "06-expose.txt", none);
  CHECK(control.exposed == std::map<Cidr, bool>{{*Cidr::parse("10.32.0.1/12"), false},
                                                {*Cidr::parse("10.32.200.1/24"), true}});
}

TEST_CASE("api: recorded: connect and forget keep the same list of targets") {
  fake::FakeControl control;
  control.targets = {"192.168.77.11", "192.168.77.12", "192.168.77.13"};
  control.seen.mesh.targets = control.targets;
  replay(Api(control), "07-connect-forget.txt", [](const Exchange& exchange) {
    // The state of connections is not the fake's, and it looks no names up.
    return exchange.url == "/status/connections" ||
           exchange.form.find("no.such.host") != std::string::npos;
  });
}

TEST_CASE("api: recorded: fields of the report are answered as Weave does, but no loops") {
  fake::FakeControl control;
  control.seen.version = "2.8.1";
  const Api api(control);
  replay(api, "11-report.txt", [](const Exchange& exchange) {
    // The whole report is compared in report_json_test.
    return exchange.url == "/report" || exchange.url.find("range") != std::string::npos;
  });
  CHECK(ask(api, fake::request("GET", "/report")).status == 400);
  CHECK(ask(api, fake::request("GET", "/report")).body ==
        "error: must supply one format parameter\n");
  CHECK(ask(api, fake::request("GET", "/report?format={{range .A}}{{end}}")).status == 400);
}

TEST_CASE("api: recorded: rmpeer and reset are answered as Weave does") {
  fake::FakeControl control;
  control.dead_peers["host3"] = 262142;
  const auto skip = [](const Exchange& exchange) {
    return exchange.url.starts_with("/status");
  };
  const auto text = recorded::read("http-api/14-peer-delete.txt");
  if (!text) return;
  const Api api(control);
  control.config.default_subnet = *Cidr::parse("10.32.0.0/12");
  replay(api, "14-peer-delete.txt", [&](const Exchange& exchange) {
    // Which address a peer gets first is the allocator's choice.
    return skip(exchange) || exchange.url == "/ip/x2";
  });
  CHECK(control.shut_down);
}

}  // namespace weft::daemon
