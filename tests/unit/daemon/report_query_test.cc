// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/report_query.h"

#include <doctest/doctest.h>

#include "base/json/json.h"
#include "base/rng.h"

namespace weft::daemon {
namespace {

using Json = nlohmann::ordered_json;

const Json kReport = {{"Ready", true},
                      {"Version", "0.1.0"},
                      {"Odd~/name", 7},
                      {"", "nameless"},
                      {"Router",
                       {{"Name", "7a:00:00:00:00:01"},
                        {"Port", 6783},
                        {"None", nullptr},
                        {"Peers", {{{"UID", 18446744073709551615U}}, {{"UID", 2}}}}}}};

std::string answer(std::string_view format) {
  const QueryAnswer got = query_report(kReport, format);
  return std::to_string(got.status) + " " + got.body;
}

}  // namespace

TEST_CASE("report query: pointer: leads to members, elements and escaped names") {
  CHECK(answer("/Router/Name") == "200 7a:00:00:00:00:01");
  CHECK(answer("/Router/Port") == "200 6783");
  CHECK(answer("/Router/Peers/0/UID") == "200 18446744073709551615");
  CHECK(answer("/Ready") == "200 true");
  CHECK(answer("/Odd~0~1name") == "200 7");
  CHECK(answer("/") == "200 nameless");
  CHECK(answer("/Router/None") == "200 null");
  CHECK(answer("/Router/Peers/1") == "200 {\n    \"UID\": 2\n}");
}

TEST_CASE("report query: pointer: what is not there is named") {
  CHECK(answer("/Nope") == "500 error: the report has nothing at /Nope\n");
  CHECK(answer("/Router/Peers/2").starts_with("500 "));
  CHECK(answer("/Router/Peers/-1").starts_with("500 "));
  CHECK(answer("/Router/Peers/99999999999999999999").starts_with("500 "));
  CHECK(answer("/Router/Name/x").starts_with("500 "));
  CHECK(answer("/Odd~2name").starts_with("400 error: bad escape"));
}

TEST_CASE("report query: template: fields, json and text between them") {
  CHECK(answer("{{.Ready}}") == "200 true");
  CHECK(answer("{{ .Router.Name }}") == "200 7a:00:00:00:00:01");
  CHECK(answer("{{json .Router.Name}}") == "200 \"7a:00:00:00:00:01\"");
  CHECK(answer("{{json .Router.Peers}}") == R"(200 [{"UID":18446744073709551615},{"UID":2}])");
  CHECK(answer("{{.Version}} on {{.Router.Name}}!") == "200 0.1.0 on 7a:00:00:00:00:01!");
  CHECK(answer("{{json .}}") == "200 " + kReport.dump());
}

TEST_CASE("report query: template: errors have Weave's status and words") {
  CHECK(answer("{{.Nope}}") == "500 error during template execution\n");
  CHECK(answer("{{.Router.Peers.0}}") == "500 error during template execution\n");
  CHECK(answer("{{") == "400 template: format:1: unclosed action\n");
}

TEST_CASE("report query: unsupported: the answer says what is supported") {
  for (const char* format :
       {"", "plain text", "{{range .Router.Peers}}{{.UID}}{{end}}", "{{}}", "{{.A..B}}", "{{json}}",
        "{{jsonp .A}}", "{{.Router | json}}", "{{.A.}}", "{{Router}}"}) {
    CAPTURE(format);
    const QueryAnswer got = query_report(kReport, format);
    CHECK(got.status == 400);
    CHECK(got.body.find("JSON pointer") != std::string::npos);
  }
}

TEST_CASE("report query: limits: long formats and many fields are refused") {
  CHECK(answer(std::string(5000, 'x')).starts_with("400 error: the format is too long"));
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "{{.Ready}}";
  CHECK(answer(many).starts_with("400 error: too many fields"));
}

TEST_CASE("report query: noise: every format is answered with one of three states") {
  SeededRng rng(1);
  constexpr std::string_view kLetters = "{}./~ json01ReadyRouterPeers";
  for (int round = 0; round < 20'000; ++round) {
    std::string format(rng.below(24), ' ');
    for (char& c : format)
      c = kLetters[rng.below(kLetters.size())];
    const unsigned status = query_report(kReport, format).status;
    CHECK((status == 200 || status == 400 || status == 500));
  }
}

}  // namespace weft::daemon
