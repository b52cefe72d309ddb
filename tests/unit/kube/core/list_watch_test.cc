// SPDX-License-Identifier: Apache-2.0
// List, then watch: scripted servers that do what a real one does on a bad day.
#include "plugin/kube/core/list_watch.h"

#include <functional>

#include <doctest/doctest.h>

#include "tests/unit/kube/core/api_model.h"

using namespace weft;
using namespace weft::kube;
using namespace weft::kube::test;
using std::chrono::seconds;

namespace {

std::string node(const std::string& name, int version) {
  return R"({"metadata": {"name": ")" + name + R"(", "resourceVersion": ")" +
         std::to_string(version) + "\"}}";
}

std::string page(const std::vector<std::string>& items, int version, const std::string& more = "") {
  std::string list;
  for (const std::string& item : items)
    list += (list.empty() ? "" : ",") + item;
  return R"({"metadata": {"resourceVersion": ")" + std::to_string(version) + R"(", "continue": ")" +
         more + R"("}, "items": [)" + list + "]}";
}

std::string event(const std::string& type, const std::string& object) {
  return R"({"type": ")" + type + R"(", "object": )" + object + "}\n";
}

const std::string kExpired = R"({"kind": "Status", "code": 410, "reason": "Expired"})";

// One ListWatch, its requests, and the copy that its effects make.
struct Bench {
  SeededRng rng{7};
  RequestIds ids;
  ListWatch machine{{.path = "/api/v1/nodes", .page_limit = 4, .objects_max = 6}, rng, ids};
  TimePoint now = at_seconds(100);
  std::map<std::string, std::string> copy;
  std::vector<Send> sent;
  std::vector<LogLine> logged;
  int cancelled = 0, synced = 0;

  Bench() {
    act([&](Effects& out) { machine.start(now, out); });
  }
  void act(const std::function<void(Effects&)>& what) {
    Effects out;
    what(out);
    for (const auto& one : all<Upsert>(out))
      copy[one.key] = text_of(one.object.at("metadata"), "resourceVersion");
    for (const auto& one : all<Deleted>(out))
      copy.erase(one.key);
    for (auto& one : all<Send>(out))
      sent.push_back(one);
    for (auto& one : all<LogLine>(out))
      logged.push_back(one);
    cancelled += static_cast<int>(all<Cancel>(out).size());
    synced += static_cast<int>(all<Synced>(out).size());
  }
  const HttpRequest& last() const { return sent.back().request; }
  void reply(const HttpResponse& response) {
    act([&](Effects& out) { machine.on_response(now, sent.back().id, response, out); });
  }
  void open(int status = 200, std::optional<seconds> retry = std::nullopt) {
    act([&](Effects& out) { machine.on_stream_open(now, sent.back().id, status, retry, out); });
  }
  void bytes(const std::string& text) {
    act([&](Effects& out) { machine.on_stream_bytes(now, sent.back().id, as_bytes(text), out); });
  }
  void end(StreamEnd why) {
    act([&](Effects& out) { machine.on_stream_end(now, sent.back().id, why, out); });
  }
  void fail(Errc code) {
    act([&](Effects& out) { machine.on_failure(now, sent.back().id, {code, 0, "failed"}, out); });
  }
  // Lets time pass until something is sent; how long that took.
  seconds wait() {
    const std::size_t before = sent.size();
    const TimePoint from = now;
    while (sent.size() == before) {
      REQUIRE(machine.next_deadline());
      now = std::max(now, *machine.next_deadline());
      act([&](Effects& out) { machine.on_deadline(now, out); });
      REQUIRE(now - from < std::chrono::minutes(20));
    }
    return std::chrono::floor<seconds>(now - from);
  }
  bool lists() const { return last().target.find("?limit=") != std::string::npos; }
  bool watches_from(int version) const {
    return last().stream && last().target.find("resourceVersion=" + std::to_string(version) +
                                               "&") != std::string::npos;
  }
  void reach_watch() {
    reply({.status = 200, .body = page({node("a", 1), node("b", 2)}, 10)});
    REQUIRE(watches_from(10));
    open();
    bytes(event("ADDED", node("c", 11)));
  }
};

}  // namespace

TEST_CASE("list-watch: list: pages are put together and the watch begins where the list ended") {
  Bench b;
  CHECK(b.last().target == "/api/v1/nodes?limit=4");
  b.reply({.status = 200, .body = page({node("a", 1), node("b", 2)}, 10, "t/1")});
  CHECK(b.last().target == "/api/v1/nodes?limit=4&continue=t%2F1");
  CHECK(b.synced == 0);
  b.reply({.status = 200, .body = page({node("c", 3)}, 10)});
  CHECK(b.synced == 1);
  CHECK(b.copy == std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}, {"c", "3"}});
  CHECK(b.watches_from(10));
  CHECK(b.last().target.find("allowWatchBookmarks=true") != std::string::npos);
  CHECK(b.last().timeout == kWatchSilence);
}

TEST_CASE("list-watch: watch: events change the copy and bookmarks only move the version") {
  Bench b;
  b.reach_watch();
  b.bytes(event("MODIFIED", node("a", 12)) + event("DELETED", node("b", 13)));
  b.bytes(event("BOOKMARK", R"({"metadata": {"resourceVersion": "20"}})"));
  CHECK(b.copy == std::map<std::string, std::string>{{"a", "12"}, {"c", "11"}});
  b.end(StreamEnd::complete);
  b.wait();
  CHECK(b.watches_from(20));
  CHECK(b.logged.empty());  // servers end watches all the time
}

TEST_CASE(
    "list-watch: relist: what the server no longer has is deleted, what is as before is quiet") {
  Bench b;
  b.reach_watch();
  b.bytes(event("ERROR", kExpired));
  CHECK(b.cancelled == 1);
  b.wait();
  REQUIRE(b.lists());
  b.reply({.status = 200, .body = page({node("b", 2), node("c", 30)}, 40)});
  CHECK(b.copy == std::map<std::string, std::string>{{"b", "2"}, {"c", "30"}});
  CHECK(b.watches_from(40));
}

TEST_CASE("list-watch: table: each misfortune of a watch leads to the right request, in time") {
  struct Case {
    const char* name;
    std::function<void(Bench&)> happens;
    bool relists;
    seconds at_least{0}, at_most{2};
  };
  const std::vector<Case> cases{
      {"ended", [](Bench& b) { b.end(StreamEnd::complete); }, false},
      {"cut short", [](Bench& b) { b.end(StreamEnd::cut_short); }, false},
      {"half a line",
       [](Bench& b) {
         b.bytes("{\"type\": \"ADDED\"");
         b.end(StreamEnd::complete);
       },
       false},
      {"connection lost", [](Bench& b) { b.fail(Errc::system); }, false},
      {"silent", [](Bench&) {}, false, seconds(75), seconds(90)},
      {"expired in the body", [](Bench& b) { b.bytes(event("ERROR", kExpired)); }, true},
      {"an error in the body",
       [](Bench& b) {
         b.bytes(event("ERROR",
                       R"({"kind": "Status", "code": 500, "details": {"retryAfterSeconds": 9}})"));
       },
       true, seconds(9), seconds(11)},
      {"no JSON", [](Bench& b) { b.bytes("nonsense\n"); }, true},
      {"an unknown type", [](Bench& b) { b.bytes(event("NEWS", node("z", 9))); }, true},
      {"a line without end", [](Bench& b) { b.bytes(std::string(kObjectTextMax + 2048, 'x')); },
       true},
      {"too many objects",
       [](Bench& b) {
         for (int i = 0; i < 5; ++i)
           b.bytes(event("ADDED", node("n" + std::to_string(i), 12 + i)));
       },
       true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Bench b;
    b.reach_watch();
    c.happens(b);
    const seconds waited = b.wait();
    CHECK(b.lists() == c.relists);
    if (!c.relists) CHECK(b.watches_from(11));
    CHECK(waited >= c.at_least);
    CHECK(waited <= c.at_most);
  }
}

TEST_CASE("list-watch: table: refusals are heeded, with Retry-After as the least wait") {
  struct Case {
    const char* name;
    int status;
    std::optional<seconds> retry_after;
    bool watching, relists;
    seconds at_least;
  };
  const std::vector<Case> cases{
      {"list 429", 429, seconds(12), false, true, seconds(12)},
      {"list 503", 503, seconds(5), false, true, seconds(5)},
      {"list 500", 500, std::nullopt, false, true, seconds(0)},
      {"list 403", 403, std::nullopt, false, true, seconds(0)},
      {"list 410", 410, std::nullopt, false, true, seconds(0)},
      {"watch 429", 429, seconds(12), true, false, seconds(12)},
      {"watch 503", 503, seconds(5), true, false, seconds(5)},
      {"watch 401", 401, std::nullopt, true, false, seconds(0)},
      {"watch 410", 410, std::nullopt, true, true, seconds(0)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Bench b;
    if (c.watching) {
      b.reply({.status = 200, .body = page({node("a", 1)}, 10)});
      b.open(c.status, c.retry_after);
      CHECK(b.cancelled == 1);
    } else {
      b.reply({.status = c.status, .retry_after = c.retry_after, .body = kExpired});
    }
    const seconds waited = b.wait();
    CHECK(b.lists() == c.relists);
    CHECK(waited >= c.at_least);
    CHECK(waited <= c.at_least + seconds(2));
    CHECK(b.logged.size() == 1);
  }
}

TEST_CASE("list-watch: list: a continuation that expires begins the list again") {
  Bench b;
  b.reply({.status = 200, .body = page({node("a", 1)}, 10, "token")});
  b.reply({.status = 410, .body = kExpired});
  b.wait();
  CHECK(b.last().target == "/api/v1/nodes?limit=4");
  b.reply({.status = 200, .body = page({node("b", 2)}, 12)});
  CHECK(b.copy == std::map<std::string, std::string>{{"b", "2"}});
}

TEST_CASE("list-watch: list: a page that is too long is asked for in halves") {
  Bench b;
  b.fail(Errc::too_large);
  b.wait();
  CHECK(b.last().target == "/api/v1/nodes?limit=2");
  b.fail(Errc::too_large);
  b.wait();
  b.fail(Errc::too_large);
  b.wait();
  CHECK(b.last().target == "/api/v1/nodes?limit=1");
}

TEST_CASE("list-watch: list: no answer and half an answer are asked for again") {
  Bench b;
  CHECK(b.wait() >= seconds(15));
  CHECK(b.cancelled == 1);
  b.reply({.status = 200, .body = R"({"metadata": {"resourceV)"});
  b.wait();
  b.reply({.status = 200, .body = "{}"});
  b.wait();
  CHECK(b.lists());
  CHECK(!b.machine.status().synced);
  CHECK(b.machine.status().last_error == "listing: the answer is no list");
}

TEST_CASE("list-watch: watch: while a server says nothing its watches end before silence counts") {
  Bench b;
  const auto asked = [&b] {
    const std::string& target = b.last().target;
    return seconds(std::stoi(target.substr(target.find("timeoutSeconds=") + 15)));
  };
  b.reply({.status = 200, .body = page({}, 10)});
  for (int round = 0; round < 30; ++round) {
    REQUIRE(b.last().stream);
    CHECK(asked() < kWatchSilence);
    b.open();
    b.now += asked();
    b.end(StreamEnd::complete);
    CHECK(b.wait() <= seconds(2));  // it lasted as long as was asked: nothing to back off from
    if (b.lists()) b.reply({.status = 200, .body = page({}, 10)});
  }
  CHECK(b.logged.empty());
  b.open();
  b.bytes(event("BOOKMARK", R"({"metadata": {"resourceVersion": "20"}})"));
  b.end(StreamEnd::complete);
  b.wait();
  CHECK(asked() > kWatchSilence);
}

TEST_CASE("list-watch: watch: three watches that bring nothing lead to a list") {
  Bench b;
  b.reach_watch();
  for (int i = 0; i < 2; ++i) {
    b.end(StreamEnd::complete);
    b.wait();
    CHECK(!b.lists());
    b.open();
  }
  b.end(StreamEnd::complete);
  b.wait();
  CHECK(b.lists());
}

TEST_CASE(
    "list-watch: back-off: it grows to half a minute, is logged thinly, and an event resets it") {
  Bench b;
  seconds longest{0};
  for (int i = 0; i < 20; ++i) {
    b.fail(Errc::system);
    longest = std::max(longest, b.wait());
  }
  CHECK(longest >= seconds(15));
  CHECK(longest <= seconds(46));
  CHECK(b.logged.size() == 5);  // the 1st, 2nd, 4th, 8th, 16th time
  b.reach_watch();
  b.end(StreamEnd::cut_short);
  CHECK(b.wait() <= seconds(2));
  b.open();
  CHECK(b.machine.status().last_error.empty());
}

TEST_CASE("list-watch: answers to what is no longer asked change nothing") {
  Bench b;
  b.reach_watch();
  const RequestId old = b.sent.back().id;
  b.bytes(event("ERROR", kExpired));
  b.act([&](Effects& out) {
    b.machine.on_stream_bytes(b.now, old, as_bytes(event("DELETED", node("a", 50))), out);
    b.machine.on_stream_end(b.now, old, StreamEnd::complete, out);
    b.machine.on_failure(b.now, old, {}, out);
    b.machine.on_response(b.now, RequestId{}, {.status = 200}, out);
  });
  CHECK(b.copy.contains("a"));
  b.wait();
  CHECK(b.lists());
}
