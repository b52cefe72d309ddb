// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/api_ipam.h"

#include <doctest/doctest.h>

#include "router/daemon/api.h"
#include "tests/unit/daemon/fake_control.h"

namespace weft::daemon {
namespace {

using fake::FakeExchange;
using fake::request;

struct World {
  fake::FakeControl control;
  Api api{control, {.range_tracker = "no-masq-local"}};

  std::shared_ptr<FakeExchange> send(std::string method, std::string_view url) {
    auto exchange = std::make_shared<FakeExchange>(request(std::move(method), url));
    api.control_handler()(exchange);
    return exchange;
  }
  io::HttpResponse ask(std::string method, std::string_view url) {
    auto exchange = send(std::move(method), url);
    REQUIRE(exchange->response().has_value());
    return *exchange->response();
  }
};

// Every request that may wait, and what it is answered in the end.
struct Waiting {
  const char* method;
  const char* url;
  IpamOutcome outcome;
  unsigned status;
  const char* body;
};

std::vector<Waiting> waiting() {
  const auto address = ipam::effect::Allocated{*Cidr::parse("10.32.0.7/12")};
  const ipam::effect::Refused refused{"address 10.32.0.7/12 is owned by other peer"};
  return {
      {"POST", "/ip/c1", address, 200, "10.32.0.7/12"},
      {"POST", "/ip/c1/10.32.0.0/24", address, 200, "10.32.0.7/12"},
      {"POST", "/ip/c1", refused, 400, "address 10.32.0.7/12 is owned by other peer\n"},
      {"POST", "/ip/c1", ipam::effect::Cancelled{}, 200, "cancelled"},
      {"PUT", "/ip/c1/10.32.0.7/12", ipam::effect::Done{}, 204, ""},
      {"PUT", "/ip/c1/10.32.0.7/12", address, 204, ""},
      {"PUT", "/ip/c1/10.32.0.7/12", refused, 400,
       "Unable to claim: address 10.32.0.7/12 is owned by other peer\n"},
      {"PUT", "/ip/c1/10.32.0.7/12", ipam::effect::Cancelled{}, 200, "cancelled"},
      {"GET", "/ring", ipam::effect::Done{}, 200, ""},
      {"GET", "/ring", ipam::effect::Cancelled{}, 200, "cancelled"},
  };
}

}  // namespace

TEST_CASE("ipam api: later: a request waits, and is answered once when the outcome is known") {
  for (const Waiting& w : waiting()) {
    CAPTURE(w.url);
    World world;
    world.control.wait = true;
    auto exchange = world.send(w.method, w.url);
    CHECK(!exchange->response());
    world.control.answer_all(w.outcome);
    REQUIRE(exchange->response().has_value());
    CHECK(exchange->response()->status == w.status);
    CHECK(exchange->response()->body == w.body);
    exchange->abort();
    CHECK(world.control.cancelled.empty());
  }
}

TEST_CASE("ipam api: abort: when the client leaves, the request is cancelled and forgotten") {
  for (const Waiting& w : waiting()) {
    CAPTURE(w.url);
    World world;
    world.control.wait = true;
    auto exchange = world.send(w.method, w.url);
    exchange->abort();
    exchange->abort();
    CHECK(world.control.cancelled.size() == 1);
    CHECK(world.control.waiting.empty());
    CHECK(exchange.use_count() == 1);
  }
}

TEST_CASE("ipam api: options: check-alive and noErrorOnUnknown reach the allocator") {
  World w;
  w.ask("POST", "/ip/c1?check-alive=true");
  CHECK(w.control.last_is_container);
  w.ask("POST", "/ip/c1?check-alive=1");  // Weave knows the word "true" only
  CHECK(!w.control.last_is_container);
  w.ask("PUT", "/ip/c2/10.32.1.1/12?noErrorOnUnknown=true&check-alive=true");
  CHECK(w.control.last_is_container);
  CHECK(w.control.last_no_error_on_unknown);
  w.ask("PUT", "/ip/c2/10.32.1.1/12");
  CHECK(!w.control.last_no_error_on_unknown);
}

TEST_CASE("ipam api: tracker: is named as configured") {
  World w;
  CHECK(w.ask("GET", "/ipinfo/tracker").body == "no-masq-local\n");
}

TEST_CASE("ipam api: owned: nobody is null, everybody is listed") {
  World w;
  CHECK(w.ask("GET", "/ip").body == "{\"owned\":null}\n");
  w.ask("POST", "/ip/c1");
  w.ask("PUT", "/ip/weave:expose/10.32.0.9/12");
  CHECK(w.ask("GET", "/ip").body ==
        "{\"owned\":[{\"containerid\":\"c1\",\"addrs\":[\"10.32.0.1/12\"]},"
        "{\"containerid\":\"weave:expose\",\"addrs\":[\"10.32.0.9/12\"]}]}\n");
}

TEST_CASE("ipam api: owned: the name of an owner that is not UTF-8 does no harm") {
  World w;
  CHECK(w.ask("POST", "/ip/%FF%22").status == 200);
  CHECK(w.ask("GET", "/ip").status == 200);
  CHECK(w.ask("DELETE", "/ip/%FF%22").status == 204);
}

TEST_CASE("ipam api: owner: a name of a megabyte is refused") {
  World w;
  const std::string url = "/ip/" + std::string(1'000'000, 'x');
  CHECK(w.ask("POST", url).status == 400);
  CHECK(w.ask("PUT", url + "/10.32.0.1/12").status == 400);
  CHECK(w.control.addresses.empty());
}

TEST_CASE("ipam api: subnet: one that reaches the end of all addresses is out of bounds") {
  World w;
  for (const char* subnet :
       {"0.0.0.0/0", "128.0.0.0/1", "255.255.255.0/24", "255.255.255.252/30"}) {
    for (const char* method : {"POST", "GET"}) {
      const auto got = w.ask(method, std::string("/ip/c1/") + subnet);
      CHECK(got.status == 400);
      CHECK(got.body == std::string("range ") + subnet + " out of bounds: 10.32.0.0/12\n");
    }
  }
  CHECK(w.ask("GET", "/ip/c1/255.255.254.0/24").status == 200);
}

TEST_CASE("ipam api: off: the paths do not exist, but for rmpeer and reset") {
  World w;
  w.control.ipam_on = false;
  for (const char* url : {"/ip", "/ip/c1", "/ring", "/ipinfo/defaultsubnet", "/ipinfo/tracker"}) {
    CHECK(w.ask("GET", url).status == 404);
  }
  CHECK(w.ask("POST", "/ip/c1").status == 404);
  CHECK(w.ask("DELETE", "/peer").status == 204);
  CHECK(!w.control.shut_down);
  CHECK(w.ask("DELETE", "/peer/host3").body == "0 IPs taken over from host3\n");
}

TEST_CASE("ipam api: check: looking mends nothing, and mending is a change") {
  World w;
  w.control.check_report.complete = true;
  w.control.check_report.findings = {
      {.fault = IpamFault::leaked, .ident = "c", .address = "10.32.0.1/12", .text = "c is gone"}};
  CHECK(w.ask("GET", "/ipam/check?fix=true").body.find(R"("fixed": false)") != std::string::npos);
  CHECK(w.ask("POST", "/ipam/check").body.find(R"("clean": false)") != std::string::npos);
  const auto mended = w.ask("POST", "/ipam/check?fix=true");
  CHECK(mended.status == 200);
  CHECK(mended.body.find(R"("clean": true)") != std::string::npos);
  CHECK(mended.body.find(R"("fault": "leaked")") != std::string::npos);
  CHECK(w.ask("POST", "/ipam/check?fix=maybe").status == 400);
  w.control.ipam_on = false;
  CHECK(w.ask("GET", "/ipam/check").status == 404);
}

TEST_CASE("ipam api: rmpeer: a peer that is alive is spared unless force is set") {
  World w;
  w.control.live_peers = {"host2"};
  w.control.dead_peers["host2"] = 8;
  const auto refused = w.ask("DELETE", "/peer/host2");
  CHECK(refused.status == 409);
  CHECK(refused.body.find("peer host2 is alive") != std::string::npos);
  CHECK(refused.body.find("force=true") != std::string::npos);
  CHECK(w.ask("DELETE", "/peer/host2?force=false").status == 409);
  CHECK(w.ask("DELETE", "/peer/host2?force=perhaps").status == 400);
  CHECK(w.ask("DELETE", "/peer/host2?force=true").body == "8 IPs taken over from host2\n");
}

}  // namespace weft::daemon
