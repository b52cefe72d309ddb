// SPDX-License-Identifier: Apache-2.0
// What is read from the API server and the daemon: objects, watch lines, reports; and their limits.
#include <doctest/doctest.h>

#include "plugin/kube/core/mesh_report.h"
#include "plugin/kube/core/objects.h"
#include "plugin/kube/core/watch_event.h"

using namespace weft;
using namespace weft::kube;

namespace {

Json json(const std::string& text) {
  auto parsed = parse_object(text, kObjectTextMax);
  REQUIRE(parsed.has_value());
  return *parsed;
}

std::vector<std::string> lines_of(WatchLines& lines) {
  std::vector<std::string> out;
  while (auto line = lines.next())
    out.push_back(*line);
  return out;
}

}  // namespace

TEST_CASE("kube: json: size and depth are refused before anything is built") {
  CHECK(parse_object("{\"a\":1}", 7).has_value());
  CHECK(parse_object("{\"a\":1}", 6).error().code == Errc::too_large);
  const std::string deep(200'000, '[');
  CHECK(parse_object("{\"a\":" + deep, kObjectTextMax).error().code == Errc::too_large);
  std::string fits = "{\"a\":";
  for (std::size_t i = 1; i < kJsonDepthMax; ++i)
    fits += "[";
  fits += std::string(kJsonDepthMax - 1, ']') + "}";
  CHECK(parse_object(fits, kObjectTextMax).has_value());
  CHECK(parse_object("[]", 100).error().code == Errc::bad_value);
  CHECK(parse_object("{\"a\":", 100).error().code == Errc::bad_value);
}

TEST_CASE("kube: json: fields of another type are as if absent") {
  const Json object = json(R"({"t": 1, "n": "x", "f": "true", "z": null})");
  CHECK(text_of(object, "t").empty());
  CHECK(!number_of(object, "n"));
  CHECK(!flag_of(object, "f"));
  CHECK(member(object, "z") == nullptr);
  CHECK(text_of(Json::array(), "t").empty());
}

TEST_CASE(
    "kube: json: names are encoded for paths and times are written as the server reads them") {
  CHECK(percent_encode("a b/c%é") == "a%20b%2Fc%25%C3%A9");
  CHECK(percent_encode("node-1.x_y~") == "node-1.x_y~");
  const std::chrono::system_clock::time_point time(std::chrono::microseconds(951'782'399'000'042));
  CHECK(time_text(time) == "2000-02-28T23:59:59Z");
  CHECK(micro_time_text(time) == "2000-02-28T23:59:59.000042Z");
}

TEST_CASE("kube: node: addresses are told apart and what is no IPv4 address is left out") {
  const auto node = parse_node(json(R"({"metadata": {"name": "n1", "uid": "u",
    "deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {
    "addresses": [{"type": "Hostname", "address": "n1"},
      {"type": "InternalIP", "address": "fd00::1"},
      {"type": "ExternalIP", "address": "203.0.113.9"},
      {"type": "InternalIP", "address": "10.0.0.1"},
      {"type": "InternalDNS", "address": "10.0.0.99"}, 7, {"type": "InternalIP"}],
    "conditions": [{"type": "NetworkUnavailable", "status": "False", "reason": "WeaveIsUp",
      "message": "Weave pod has set this"}]}})"));
  REQUIRE(node.has_value());
  CHECK(node->meta.name == "n1");
  CHECK(!node->meta.deletion_timestamp.empty());
  CHECK(node->internal_ips == std::vector{*Ipv4Addr::parse("10.0.0.1")});
  CHECK(node->external_ips == std::vector{*Ipv4Addr::parse("203.0.113.9")});
  REQUIRE(node->condition("NetworkUnavailable") != nullptr);
  CHECK(node->condition("NetworkUnavailable")->reason == "WeaveIsUp");
  CHECK(node->condition("Ready") == nullptr);
  CHECK(parse_node(json("{}")).error().code == Errc::bad_value);
  const std::string long_name(kNameMax + 1, 'n');
  CHECK(parse_node({{"metadata", {{"name", long_name}}}}).error().code == Errc::too_large);
}

TEST_CASE("kube: config map and lease: fields are read, wrong ones are not") {
  const auto map = parse_config_map(json(R"({"metadata": {"name": "weave-net", "namespace": "k",
    "annotations": {"a": "1", "b": 2}}, "data": {"c": "3"}})"));
  REQUIRE(map.has_value());
  CHECK(map->meta.key() == "k/weave-net");
  CHECK(map->annotations == std::map<std::string, std::string>{{"a", "1"}});
  CHECK(map->data == std::map<std::string, std::string>{{"c", "3"}});
  const auto lease = parse_lease(json(R"({"metadata": {"name": "l"}, "spec": {"holderIdentity": "x",
    "leaseDurationSeconds": 20, "leaseTransitions": 3, "renewTime": "t"}})"));
  REQUIRE(lease.has_value());
  CHECK(lease->holder == "x");
  CHECK(lease->duration == std::chrono::seconds(20));
  CHECK(lease->transitions == 3);
  const auto odd =
      parse_lease(json(R"({"metadata": {"name": "l"}, "spec": {"leaseDurationSeconds": -1}})"));
  REQUIRE(odd.has_value());
  CHECK(odd->holder.empty());
  CHECK(!odd->duration);
}

TEST_CASE("kube: status: code, reason, message and when to come back are read") {
  const auto status =
      parse_status(json(R"({"kind": "Status", "code": 429, "reason": "TooManyRequests",
    "message": "later", "details": {"retryAfterSeconds": 7}})"));
  REQUIRE(status);
  CHECK(status->code == 429);
  CHECK(status->retry_after == std::chrono::seconds(7));
  CHECK(!parse_status(json(R"({"kind": "Node"})")));
  CHECK(refusal_text(403, R"({"kind": "Status", "reason": "Forbidden", "message": "no"})") ==
        "403 Forbidden: no");
  CHECK(refusal_text(502, "<html>") == "502");
}

TEST_CASE("kube: watch lines: pieces of any size make the same lines") {
  const std::string text = "one\n\ntwo\r\n three \nrest";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    WatchLines lines;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < text.size(); at += size) {
      REQUIRE(lines.feed(as_bytes(std::string_view(text).substr(at, size))).has_value());
      for (auto& line : lines_of(lines))
        got.push_back(line);
    }
    CHECK(got == std::vector<std::string>{"one", "two", "three"});
    CHECK(lines.partial());
  }
}

TEST_CASE("kube: watch lines: a line without end is refused and not kept") {
  WatchLines lines;
  const std::string piece(1 << 20, 'x');
  int taken = 0;
  while (lines.feed(as_bytes(piece)))
    REQUIRE(++taken < 10);
  CHECK(taken == 4);
}

TEST_CASE("kube: watch event: types are known and an event without version is none") {
  const auto added = parse_watch_event(
      R"({"type": "ADDED", "object": {"metadata": {"name": "a", "resourceVersion": "5"}}})");
  REQUIRE(added.has_value());
  CHECK(added->type == WatchEventType::added);
  CHECK(added->meta.resource_version == "5");
  const auto bookmark = parse_watch_event(
      R"({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})");
  REQUIRE(bookmark.has_value());
  CHECK(bookmark->meta.resource_version == "9");
  const auto error = parse_watch_event(
      R"({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})");
  REQUIRE(error.has_value());
  CHECK(error->status->code == 410);
  for (const char* bad :
       {R"({"type": "ADDED", "object": {"metadata": {"name": "a"}}})", R"({"type": "ADDED"})",
        R"({"type": "ERROR", "object": {}})", R"({"type": "NEW", "object": {}})", "null", ""}) {
    CHECK(!parse_watch_event(bad));
  }
}

TEST_CASE("kube: report: owners and living peers are read from the daemon's report") {
  const auto report = parse_report(R"({"Router": {"Name": "7a:00:00:00:00:01", "NickName": "n1",
    "Peers": [{"Name": "7a:00:00:00:00:01", "NickName": "n1"},
              {"Name": "7a:00:00:00:00:02", "NickName": "n2"}]},
    "IPAM": {"Entries": [{"Peer": "7a:00:00:00:00:03", "Nickname": ""},
                         {"Peer": "7a:00:00:00:00:03", "Nickname": "n3"}]},
    "Degraded": ["two rings", 7]})");
  REQUIRE(report.has_value());
  CHECK(report->own.text() == "7a:00:00:00:00:01");
  CHECK(report->alive.size() == 2);
  REQUIRE(report->owners.size() == 1);
  CHECK(report->owners.begin()->second == "n3");
  CHECK(report->ring_known());
  CHECK(report->degraded == std::vector<std::string>{"two rings"});
  const auto without = parse_report(R"({"Router": {"Name": "7a:00:00:00:00:01", "Peers": null}})");
  REQUIRE(without.has_value());
  CHECK(without->alive.size() == 1);
  CHECK(!without->ring_known());
  CHECK(!parse_report(R"({"Router": {"Name": "x"}})"));
  CHECK(!parse_report(R"({"Router": {"Name": "7a:00:00:00:00:01", "Peers": [{"Name": "?"}]}})"));
}
