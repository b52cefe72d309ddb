// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/notices.h"

#include <doctest/doctest.h>

#include "base/json/json.h"

using namespace weft;
using namespace weft::kube;

namespace {

io::HttpRequest get(const std::string& path) {
  io::HttpRequest request;
  request.method = "GET";
  request.path = path;
  return request;
}

}  // namespace

TEST_CASE("notices: each has our name and one line, whatever a server's words hold") {
  CHECK(as_notices({}).empty());
  CHECK(as_notices({"a\r\nb\x1b[31m"}) == std::vector<std::string>{"weave-kube: a  b [31m"});
}

TEST_CASE("notices: a long one is cut between characters") {
  const std::string cut = as_notices({std::string(kNoticeBytesMax, 'x')})[0];
  CHECK(cut.size() == kNoticeBytesMax);
  CHECK(cut.ends_with("x …"));
  std::string wide;
  for (std::size_t i = 0; i < kNoticeBytesMax; ++i)
    wide += "ü";
  for (const char* shift : {"", "a"}) {
    const std::string text = as_notices({shift + wide})[0];
    CHECK(text.size() <= kNoticeBytesMax);
    CHECK(text.ends_with("ü …"));
  }
}

TEST_CASE("notices: of too many the last one counts the rest") {
  const std::vector<std::string> most(kNoticesMax, "x");
  CHECK(as_notices(most) == std::vector<std::string>(kNoticesMax, "weave-kube: x"));
  const auto notices = as_notices(std::vector<std::string>(kNoticesMax + 5, "x"));
  REQUIRE(notices.size() == kNoticesMax);
  CHECK(notices.back() == "weave-kube: and 6 more, in its /status");
}

TEST_CASE("stand-in: whoever asks weaver for anything learns why it is not there") {
  const std::vector<std::string> notices{"weave-kube: weaver is not started: policies",
                                         "weave-kube: API server: away"};
  const auto status = stand_in_answer(get("/status"), "node1", notices);
  CHECK(status.status == 503);
  CHECK(status.body.find("           Node: node1\n") != std::string::npos);
  CHECK(status.body.find("       Degraded: " + notices[0] + "\n       Degraded: " + notices[1] +
                         "\n") != std::string::npos);
  for (const char* path : {"/status/peers", "/readyz", "/healthz", "/ip/c1", "/nothing"}) {
    const auto other = stand_in_answer(get(path), "node1", notices);
    CHECK(other.status == 503);
    CHECK(other.body == notices[0] + "\n" + notices[1] + "\n");
  }
}

TEST_CASE("stand-in: status and report are JSON for programs, as weaver's are") {
  io::HttpRequest status = get("/status");
  status.parameters = {{"format", "json"}};
  io::HttpRequest report = get("/report");
  report.headers["accept"] = "application/json";
  for (const io::HttpRequest& request : {status, report}) {
    const auto answer = stand_in_answer(request, "node1", {"weave-kube: \xff"});
    CHECK(answer.status == 503);
    CHECK(answer.content_type == "application/json");
    const auto json = nlohmann::json::parse(answer.body, nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json["Ready"] == false);
    CHECK(json["Degraded"].size() == 1);
  }
}
