// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/api.h"

#include <doctest/doctest.h>

#include "base/json/json.h"
#include "tests/unit/daemon/fake_control.h"

namespace weft::daemon {
namespace {

using fake::request;

io::HttpResponse ask(const io::HttpHandler& handler, const io::HttpRequest& what) {
  auto exchange = std::make_shared<fake::FakeExchange>(what);
  handler(exchange);
  REQUIRE(exchange->response().has_value());
  return *exchange->response();
}

struct World {
  fake::FakeControl control;
  Api api{control, {.range_tracker = "no-masq-local", .process_stats = [] {
                      return ProcessStats{.open_fds = 9};
                    }}};

  io::HttpResponse ask(std::string method, std::string_view url, std::string_view form = "") {
    return daemon::ask(api.control_handler(), request(std::move(method), url, form));
  }
  unsigned status(std::string method, std::string_view url) {
    return ask(std::move(method), url).status;
  }
};

constexpr const char* kStatusPaths[] = {"/status",         "/status/connections", "/status/peers",
                                        "/status/targets", "/status/ipam",        "/status/dns"};

}  // namespace

TEST_CASE("api: routing: an unknown path is 404, a wrong method is 405 and says what is allowed") {
  World w;
  for (const char* path : {"/", "/nosuch", "/status/x", "/ip/a/b/c/d", "/expose/1.2.3.4",
                           "/proxyaddrs", "/debug/pprof/", "/peer/a/b"}) {
    CAPTURE(path);
    const auto got = w.ask("GET", path);
    CHECK(got.status == 404);
    CHECK(got.body == "404 page not found\n");
    CHECK(got.headers.at("X-Content-Type-Options") == "nosniff");
  }
  const auto got = w.ask("PATCH", "/ip/c1");
  CHECK(got.status == 405);
  CHECK(got.body.empty());
  CHECK(got.content_type.empty());
  CHECK(got.headers.at("Allow") == "GET, POST, DELETE");
  CHECK(w.status("POST", "/status") == 405);
  CHECK(w.status("get", "/status") == 405);
  CHECK(w.status("", "/status") == 405);
}

TEST_CASE("api: listeners: each serves its part and hides the rest") {
  World w;
  const auto get = [&](const io::HttpHandler& handler, const char* path) {
    return ask(handler, request("GET", path)).status;
  };
  CHECK(get(w.api.metrics_handler(), "/metrics") == 200);
  CHECK(get(w.api.metrics_handler(), "/status") == 404);
  CHECK(get(w.api.metrics_handler(), "/healthz") == 404);
  for (const char* path : {"/metrics", "/healthz", "/readyz", "/status", "/report?format=json"}) {
    CHECK(get(w.api.status_handler(), path) == 200);
    CHECK(get(w.api.control_handler(), path) == 200);
  }
  CHECK(get(w.api.status_handler(), "/ip") == 404);
  CHECK(ask(w.api.status_handler(), request("POST", "/connect")).status == 404);
  CHECK(ask(w.api.status_handler(), request("DELETE", "/peer")).status == 404);
}

TEST_CASE("api: ready: status and readyz are 503 until the daemon serves, healthz is not") {
  World w;
  w.control.seen.ready = false;
  for (const char* path : kStatusPaths)
    CHECK(w.status("GET", path) == 503);
  CHECK(w.ask("GET", "/status").body.find("Service: router") != std::string::npos);
  CHECK(w.status("GET", "/readyz") == 503);
  CHECK(w.status("GET", "/healthz") == 200);
  w.control.seen.ready = true;
  for (const char* path : kStatusPaths)
    CHECK(w.status("GET", path) == 200);
  CHECK(w.status("GET", "/readyz") == 200);
}

TEST_CASE("api: status: format=json answers JSON everywhere, another format is refused") {
  World w;
  for (const char* path : kStatusPaths) {
    CAPTURE(path);
    const auto got = w.ask("GET", std::string(path) + "?format=json");
    CHECK(got.status == 200);
    CHECK(got.content_type == "application/json");
    CHECK(nlohmann::json::accept(got.body));
    CHECK(w.status("GET", std::string(path) + "?format=xml") == 400);
    CHECK(w.status("GET", std::string(path) + "?format=text") == 200);
  }
}

TEST_CASE("api: report: Accept, format=json or one query are needed") {
  World w;
  io::HttpRequest accepting = request("GET", "/report");
  accepting.headers["accept"] = "application/json";
  const auto whole = ask(w.api.control_handler(), accepting);
  CHECK(whole.content_type == "application/json");
  CHECK(whole.body.starts_with("{\n    \"Ready\": true,\n"));
  CHECK(w.ask("GET", "/report?format=json").body == whole.body);
  CHECK(w.ask("GET", "/report?format=/Version").body == "0.1.0");
  CHECK(w.ask("GET", "/report?format={{.Version}}").content_type == "text/plain; charset=utf-8");
  CHECK(w.status("GET", "/report?format=/Version&format=/Ready") == 400);
  CHECK(w.status("GET", "/report?format=/Nope") == 500);
}

TEST_CASE("api: metrics: are in Prometheus' type and read the process anew") {
  World w;
  const auto got = w.ask("GET", "/metrics");
  CHECK(got.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(got.body.find("\nprocess_open_fds 9\n") != std::string::npos);
}

TEST_CASE("api: changes: a client that is not local is refused and nothing happens") {
  World w;
  const std::pair<const char*, const char*> changes[] = {{"POST", "/connect?peer=1.2.3.4"},
                                                         {"POST", "/forget?peer=1.2.3.4"},
                                                         {"POST", "/notices?notice=x"},
                                                         {"POST", "/expose/10.32.0.1/12"},
                                                         {"DELETE", "/expose/10.32.0.1/12"},
                                                         {"POST", "/ip/c1"},
                                                         {"POST", "/ip/c1/10.32.0.0/24"},
                                                         {"PUT", "/ip/c1/10.32.0.1/12"},
                                                         {"DELETE", "/ip/c1"},
                                                         {"DELETE", "/ip/c1/10.32.0.1"},
                                                         {"DELETE", "/peer"},
                                                         {"DELETE", "/peer/host3?force=true"},
                                                         {"GET", "/ring"}};
  w.control.dead_peers["host3"] = 4;
  for (const auto& change : changes) {
    const auto& method = change.first;
    const auto& url = change.second;
    CAPTURE(url);
    io::HttpRequest remote = request(method, url);
    remote.local = false;
    const auto refused = ask(w.api.control_handler(), remote);
    CHECK(refused.status == 403);
    CHECK(refused.body.find("loopback") != std::string::npos);
    io::HttpRequest page = request(method, url);
    page.headers["origin"] = "https://example.com";
    CHECK(ask(w.api.control_handler(), page).status == 403);
  }
  CHECK(w.control.targets.empty());
  CHECK(w.control.told.texts(w.control.seen.now).empty());
  CHECK(w.control.exposed.empty());
  CHECK(w.control.addresses.empty());
  CHECK(!w.control.shut_down);
  CHECK(w.control.dead_peers["host3"] == 4);
}

TEST_CASE("api: reads: a client that is not local may look") {
  World w;
  for (const char* url : {"/status", "/metrics", "/report?format=json", "/ip", "/ip/c1",
                          "/ipinfo/defaultsubnet", "/healthz"}) {
    io::HttpRequest remote = request("GET", url);
    remote.local = false;
    CHECK(ask(w.api.control_handler(), remote).status == 200);
  }
}

TEST_CASE("api: connect: a bad target is refused with what is wrong, good ones are kept") {
  World w;
  CHECK(w.ask("POST", "/connect", "peer=10.0.0.1&peer=10.0.0.2:99").status == 200);
  CHECK(w.control.targets == std::vector<std::string>{"10.0.0.1", "10.0.0.2:99"});
  const auto bad = w.ask("POST", "/connect", "peer=%3A99");
  CHECK(bad.status == 400);
  CHECK(bad.body == "invalid peer name \":99\", should be host[:port]\n");
  CHECK(w.ask("POST", "/connect", "replace=true&peer=h3").status == 200);
  CHECK(w.control.targets == std::vector<std::string>{"h3"});
  CHECK(w.ask("POST", "/forget", "peer=h3&peer=nosuch").status == 200);
  CHECK(w.control.targets.empty());
}

TEST_CASE("api: connect: an endless list of targets is refused") {
  World w;
  io::HttpRequest many = request("POST", "/connect");
  for (int i = 0; i < 20'000; ++i)
    many.parameters.emplace_back("peer", "10.0.0.1");
  CHECK(ask(w.api.control_handler(), many).status == 400);
  CHECK(w.control.targets.empty());
}

TEST_CASE("api: notices: those told last are kept for two minutes, on one line each") {
  World w;
  const auto texts = [&](Duration later) {
    return w.control.told.texts(w.control.seen.now + later);
  };
  CHECK(w.ask("POST", "/notices", "notice=old").status == 204);
  CHECK(w.ask("POST", "/notices", "notice=one%0Aline&other=x&notice=two").status == 204);
  CHECK(texts(std::chrono::seconds(119)) == std::vector<std::string>{"one?line", "two"});
  CHECK(texts(std::chrono::seconds(120)).empty());
  CHECK(w.ask("POST", "/notices").status == 204);
  CHECK(texts(std::chrono::seconds(0)).empty());
}

TEST_CASE("api: notices: too many, too long and empty ones are refused, and what was told stays") {
  World w;
  CHECK(w.ask("POST", "/notices", "notice=kept").status == 204);
  const auto refused = [&](std::size_t count, const std::string& text) {
    io::HttpRequest told = request("POST", "/notices");
    for (std::size_t i = 0; i < count; ++i)
      told.parameters.emplace_back("notice", text);
    return ask(w.api.control_handler(), told).status == 400;
  };
  CHECK(refused(1, ""));
  CHECK(refused(1, std::string(Notice::kBytesMax + 1, 'x')));
  CHECK(refused(Notices::kCountMax + 1, "x"));
  CHECK(w.control.told.texts(w.control.seen.now) == std::vector<std::string>{"kept"});
  CHECK_FALSE(refused(Notices::kCountMax, std::string(Notice::kBytesMax, 'x')));
}

TEST_CASE("api: expose: addresses, skipNAT and failures of the bridge") {
  World w;
  const Cidr address = *Cidr::parse("10.32.0.1/12");
  CHECK(w.status("POST", "/expose/10.32.0.1/12?skipNAT=T") == 204);
  CHECK(w.control.exposed == std::map<Cidr, bool>{{address, true}});
  CHECK(w.status("POST", "/expose/10.32.0.1/12?skipNAT=") == 204);
  CHECK(w.control.exposed == std::map<Cidr, bool>{{address, false}});
  CHECK(w.status("DELETE", "/expose/10.32.0.1/12") == 204);
  CHECK(w.control.exposed.empty());
  CHECK(w.status("DELETE", "/expose/10.32.0.1/33") == 400);
  CHECK(w.ask("POST", "/expose/fd00::1/64").body ==
        "unable to parse ip addr: invalid CIDR address: fd00::1/64\n");
  w.control.bridge_failure = "no bridge weave";
  CHECK(w.status("POST", "/expose/10.32.0.1/12") == 500);
  CHECK(w.ask("DELETE", "/expose/10.32.0.1/12").body == "no bridge weave\n");
}

}  // namespace weft::daemon
