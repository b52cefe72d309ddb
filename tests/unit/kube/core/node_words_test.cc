// SPDX-License-Identifier: Apache-2.0
// What the agent says about its node: whether it takes it over, its condition, Events.
#include <doctest/doctest.h>

#include "plugin/kube/core/events.h"
#include "plugin/kube/core/node_condition.h"
#include "plugin/kube/core/takeover.h"
#include "tests/unit/kube/core/api_model.h"

using namespace weft;
using namespace weft::kube;
using namespace weft::kube::test;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("takeover: policies that would go unenforced stop it, unless the operator allows it") {
  struct Case {
    const char* name;
    TakeoverFacts facts;
    Verdict verdict;
  };
  const std::vector<Case> cases{
      {"no policies", {.policy_count = 0}, Verdict::go},
      {"policies", {.policy_count = 2, .example = "a/b"}, Verdict::refuse},
      {"allowed", {.policy_count = 2, .allowed = true}, Verdict::go_unenforced},
      {"served before", {.policy_count = 1, .served_before = true}, Verdict::go_unenforced},
      {"not known", {}, Verdict::wait},
      {"not known, served before", {.served_before = true}, Verdict::go},
      {"not known, allowed", {.allowed = true}, Verdict::go},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const TakeoverDecision decision = decide_takeover(c.facts);
    CHECK(decision.verdict == c.verdict);
    CHECK(decision.reason.empty() == (c.verdict == Verdict::go));
  }
  const std::string reason = decide_takeover({.policy_count = 2, .example = "a/b"}).reason;
  CHECK(reason.find("2 NetworkPolicies (a/b)") != std::string::npos);
  CHECK(reason.find("WEFT_ALLOW_UNENFORCED_POLICIES=1") != std::string::npos);
}

TEST_CASE("takeover: an Event says the same whichever policies there are, and how many") {
  for (const bool allowed : {false, true}) {
    const auto one = decide_takeover({.policy_count = 1, .example = "a/b", .allowed = allowed});
    const auto more = decide_takeover({.policy_count = 9, .example = "c/d", .allowed = allowed});
    CHECK(one.reason != more.reason);
    CHECK(one.lasting == more.lasting);
    CHECK(one.lasting.find("NetworkPolicies") != std::string::npos);
  }
}

TEST_CASE("node condition: up is in Weave's words, down says why, both merge into the list") {
  const std::chrono::system_clock::time_point time(seconds(86'400));
  const auto up = patch_network_condition("n 1", {.up = true}, time, time - seconds(60));
  CHECK(up.method == "PATCH");
  CHECK(up.target == "/api/v1/nodes/n%201/status");
  CHECK(up.content_type == "application/strategic-merge-patch+json");
  const Json condition = Json::parse(up.body)["status"]["conditions"][0];
  CHECK(condition == Json{{"type", "NetworkUnavailable"},
                          {"status", "False"},
                          {"reason", "WeaveIsUp"},
                          {"message", "Weave pod has set this"},
                          {"lastHeartbeatTime", "1970-01-02T00:00:00Z"},
                          {"lastTransitionTime", "1970-01-01T23:59:00Z"}});
  const NetworkState down{.up = false, .message = "weaver does not run"};
  const Json other =
      Json::parse(patch_network_condition("n", down, time, time).body)["status"]["conditions"][0];
  CHECK(other["status"] == "True");
  CHECK(other["reason"] == "WeaveIsDown");
  CHECK(other["message"] == "weaver does not run");
  Node node;
  CHECK(!condition_says(node, {.up = true}));
  node.conditions.push_back({.type = "NetworkUnavailable",
                             .status = "False",
                             .reason = "WeaveIsUp",
                             .message = "Weave pod has set this"});
  CHECK(condition_says(node, {.up = true}));
  CHECK(!condition_says(node, down));
}

TEST_CASE("events: the first time makes one, repetitions raise its count, ever more seldom") {
  SeededRng rng(1);
  Events events({.node = "n1"}, rng);
  const EventText text{.warning = true, .reason = "NotTakenOver", .message = "policies"};
  TimePoint now = at_seconds(100);
  const auto first = events.on_event(now, node_subject("n1"), text);
  REQUIRE(first);
  CHECK(first->request.method == "POST");
  CHECK(first->request.target == "/api/v1/namespaces/default/events");
  CHECK_FALSE(events.on_answer(now, first->key, 201));
  const Json event = Json::parse(first->request.body);
  CHECK(event["involvedObject"] ==
        Json{{"kind", "Node"}, {"name", "n1"}, {"uid", "n1"}, {"apiVersion", "v1"}});
  CHECK(event["type"] == "Warning");
  CHECK(event["reason"] == "NotTakenOver");
  CHECK(event["source"]["host"] == "n1");
  CHECK(event["firstTimestamp"] == "1970-01-01T00:01:40Z");
  int written = 0;
  for (int i = 0; i < 360; ++i) {
    now += seconds(10);
    const auto again = events.on_event(now, node_subject("n1"), text);
    if (!again) continue;
    ++written;
    CHECK(again->request.method == "PATCH");
    CHECK(again->request.target ==
          "/api/v1/namespaces/default/events/" + event["metadata"]["name"].get<std::string>());
    CHECK(Json::parse(again->request.body)["count"] == i + 2);
    CHECK_FALSE(events.on_answer(now, again->key, 200));
  }
  CHECK(written == 5);  // after 1, 3, 7, 15 and 31 minutes
}

TEST_CASE("events: a pod's lie in its namespace, long messages are cut") {
  SeededRng rng(1);
  Events events({.node = "n1"}, rng);
  const auto one =
      events.on_event(at_seconds(1), {.kind = "Pod", .name_space = "a", .name = "p", .uid = "u"},
                      {.reason = "R", .message = std::string(5000, 'x')});
  REQUIRE(one);
  CHECK(one->request.target == "/api/v1/namespaces/a/events");
  const Json event = Json::parse(one->request.body);
  CHECK(event["message"].get<std::string>().size() == kEventMessageMax);
  CHECK(event["involvedObject"]["namespace"] == "a");
  CHECK(event["type"] == "Normal");
}

TEST_CASE(
    "events: many different ones are cut off after a burst, and nothing grows without bound") {
  SeededRng rng(1);
  Events events({.node = "n1"}, rng);
  TimePoint now = at_seconds(100);
  int said = 0;
  const auto burst = [&](int count) {
    said = 0;
    for (int i = 0; i < count; ++i) {
      const auto new_one = events.on_event(now, node_subject("n"),
                                           {.reason = "R", .message = std::to_string(rng.next())});
      if (!new_one) continue;
      ++said;
      CHECK_FALSE(events.on_answer(now, new_one->key, 201));
    }
  };
  burst(1000);
  CHECK(said == kEventBurst);
  CHECK(events.dropped_count() == 1000U - kEventBurst);
  now += minutes(15);
  burst(10);
  CHECK(said == 3);
  now += minutes(1000);
  burst(1000);
  CHECK(said == kEventBurst);
}

namespace {

// Events with a server that takes them or does not.
struct Server {
  SeededRng rng{1};
  Events events{{.node = "n1"}, rng};
  TimePoint now = at_seconds(100);
  std::optional<int> answer = 201;    // none: it is away
  std::vector<std::string> requests;  // "METHOD reason count"

  void say(const std::string& reason) {
    now += seconds(1);
    run(events.on_event(now, node_subject("n1"), {.reason = reason, .message = "m"}));
  }
  void run(std::optional<EventRequest> event) {
    while (event) {
      const Json body = Json::parse(event->request.body);
      requests.push_back(event->request.method + " " + body.value("reason", "") + " " +
                         std::to_string(body["count"].get<int>()));
      event = events.on_answer(now, event->key, answer);
    }
  }
  std::vector<std::string> taken() { return std::exchange(requests, {}); }
};
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("events: one that the server did not take is said the next time") {
  for (const auto& refusal : {std::optional<int>(), std::optional(500), std::optional(403)}) {
    Server server;
    server.answer = refusal;
    server.say("R");
    CHECK(server.taken() == Lines{"POST R 1"});
    server.say("R");
    CHECK(server.taken() == Lines{"POST R 2"});
    server.answer = 201;
    server.say("R");
    CHECK(server.taken() == Lines{"POST R 3"});
    server.say("R");  // within a minute
    CHECK(server.taken().empty());
  }
}

TEST_CASE("events: those that were not taken follow the next that is, or a sign of the server's") {
  Server server;
  server.answer = std::nullopt;
  server.say("A");
  server.say("B");
  server.now += kEventLife * 2;
  server.say("C");
  CHECK(server.taken().size() == 3);
  server.answer = 201;
  server.say("D");
  CHECK(server.taken() == Lines{"POST D 1", "POST A 1", "POST B 1", "POST C 1"});
  server.run(server.events.on_server(server.now));
  CHECK(server.taken().empty());
  CHECK_FALSE(server.events.next_deadline());
  server.answer = 500;
  server.say("E");
  CHECK(server.events.next_deadline() == server.now + kUnsaidRetry);
  server.answer = 201;
  server.run(server.events.on_server(server.now));
  CHECK(server.taken() == Lines{"POST E 1", "POST E 1"});
}

TEST_CASE("events: one that is never taken is in nobody's way, and of too many the oldest goes") {
  Server server;
  server.answer = 500;
  for (std::size_t i = 0; i < kUnsaidMax + 3; ++i)
    server.say("R" + std::to_string(i));
  CHECK(server.events.dropped_count() == 3);
  server.taken();
  server.run(server.events.on_server(server.now += seconds(1)));
  server.run(server.events.on_server(server.now += seconds(1)));
  CHECK(server.taken() == Lines{"POST R3 1", "POST R4 1"});
}

TEST_CASE("events: one that was deleted at the server is made anew") {
  Server server;
  server.say("R");
  server.now += minutes(2);
  const auto raise =
      server.events.on_event(server.now, node_subject("n1"), {.reason = "R", .message = "m"});
  REQUIRE(raise);
  CHECK(raise->request.method == "PATCH");
  const auto anew = server.events.on_answer(server.now, raise->key, 404);
  REQUIRE(anew);
  CHECK(anew->request.method == "POST");
  CHECK(Json::parse(anew->request.body)["count"] == 2);
  CHECK_FALSE(server.events.on_answer(server.now, anew->key, 201));
}

TEST_CASE("events: one that was taken though no answer came is not said for ever") {
  Server server;
  server.answer = std::nullopt;
  server.say("R");
  server.answer = 409;
  server.say("R");
  CHECK(server.taken() == Lines{"POST R 1", "POST R 2"});
  server.run(server.events.on_server(server.now));
  server.now += minutes(2);
  server.answer = 200;
  server.say("R");
  CHECK(server.taken() == Lines{"PATCH  3"});
}

TEST_CASE("events: one that could not be raised is raised the next time") {
  Server server;
  server.say("R");
  server.answer = 500;
  server.now += minutes(2);
  server.say("R");
  server.answer = 200;
  server.now += minutes(3);
  server.say("R");
  CHECK(server.taken() == Lines{"POST R 1", "PATCH  2", "PATCH  3"});
}
