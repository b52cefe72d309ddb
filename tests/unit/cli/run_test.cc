// SPDX-License-Identifier: Apache-2.0
// Commands against a scripted daemon: texts, JSON, exit codes and what is asked.

#include "base/json/json.h"
#include "fake_api.h"
#include "router/cli/command.h"

using namespace weft;
using namespace weft::cli;

namespace {

using Lines = std::vector<std::string>;
using Json = nlohmann::json;

}  // namespace

TEST_CASE("cli status: the overview stands between blank lines, the views as they are") {
  FakeApi api;
  api.on("GET /status", 200, "        Version: 1\n");
  api.on("GET /status/peers", 200, "p\n");
  CHECK(api.run({"status"}).out == "\n        Version: 1\n\n");
  CHECK(api.run({"--local", "status"}).out == "\n        Version: 1\n\n");
  CHECK(api.run({"status", "peers"}).out == "p\n");
  CHECK(api.run({"status", "nonsense"}).code == 2);
}

TEST_CASE("cli status: json is asked for as json, with the option before or after the command") {
  FakeApi api;
  api.on("GET /status/ipam", 200, "{}");
  CHECK(api.run({"-o", "json", "status", "ipam"}).out == "{}\n");
  CHECK(api.run({"status", "ipam", "-o", "json"}).out == "{}\n");
  CHECK(api.requests() == Lines{"GET /status/ipam format=json", "GET /status/ipam format=json"});
  CHECK(api.run({"status", "-o", "xml"}).code == 2);
}

TEST_CASE("cli status: yaml is the json written otherwise; the exit code stays") {
  FakeApi api;
  api.on("GET /status/ipam", 200, R"({"Range": "10.32.0.0/12", "Entries": [{"Size": 5}]})");
  CHECK(api.run({"status", "ipam", "-o", "yaml"}).out ==
        "Range: \"10.32.0.0/12\"\nEntries:\n  - Size: 5\n");
  CHECK(api.requests() == Lines{"GET /status/ipam format=json"});
  api.on("GET /status", 200, R"({"Ready": true})");
  api.on("GET /report", 200, R"({"Ready": true, "Degraded": ["x"]})");
  const Ran bad = api.run({"-o", "yaml", "status", "--check"});
  CHECK(bad.code == 3);
  CHECK(bad.out == "Ready: true\n");
  CHECK(bad.err == "degraded: x\n");
}

TEST_CASE("cli status: a daemon that is not ready shows its text all the same") {
  FakeApi api;
  api.on("GET /status", 503, "text\n");
  const Ran ran = api.run({"status"});
  CHECK(ran.code == 0);
  CHECK(ran.out == "\ntext\n\n");
  CHECK(has(ran.err, "not ready"));
}

TEST_CASE("cli status: --check exits with 3 and says what is wrong, on stderr") {
  FakeApi api;
  api.on("GET /status", 200, "text\n");
  api.on("GET /report", 200, R"({"Ready": true, "Degraded": ["peer x is down", "disk full"]})");
  const Ran bad = api.run({"status", "--check"});
  CHECK(bad.code == 3);
  CHECK(bad.out == "\ntext\n\n");
  CHECK(bad.err == "degraded: peer x is down\ndegraded: disk full\n");
  api.on("GET /report", 200, R"({"Ready": false, "Degraded": null})");
  CHECK(api.run({"status", "--check"}).code == 3);
  api.on("GET /report", 200, R"({"Ready": true, "Degraded": []})");
  CHECK(api.run({"status", "--check"}).code == 0);
  api.on("GET /report", 200, "rubbish");
  CHECK(api.run({"status", "--check"}).code == 1);
}

TEST_CASE("cli status: without daemon it says where it looked and how to start it") {
  FakeApi api;
  const Ran ran = api.run({"status"}, {{"WEAVE_HTTP_ADDR", "/nonexistent/weave.sock"}});
  CHECK(ran.code == 1);
  CHECK(ran.out.empty());
  CHECK(has(ran.err, "/nonexistent/weave.sock"));
  CHECK(has(ran.err, "weave launch"));
  CHECK(api.run({"--http-addr", "::", "status"}).code == 1);
}

TEST_CASE("cli status: reading goes to the status address when the other does not answer") {
  FakeApi api;
  api.on("GET /status", 200, "text\n");
  const Ran ran = api.run({"status"}, {{"WEAVE_HTTP_ADDR", "/nonexistent/weave.sock"},
                                       {"WEAVE_STATUS_ADDR", api.socket()}});
  CHECK(ran.code == 0);
  const Ran write = api.run({"forget", "x"}, {{"WEAVE_HTTP_ADDR", "/nonexistent/weave.sock"},
                                              {"WEAVE_STATUS_ADDR", api.socket()}});
  CHECK(write.code == 1);
}

TEST_CASE("cli report: whole as JSON, or a part by its format, percent-encoded") {
  FakeApi api;
  api.on("GET /report", 200, "7a:00:00:00:00:01");
  CHECK(api.run({"report", "-f", "{{.Router.Name}}"}).out == "7a:00:00:00:00:01\n");
  CHECK(api.run({"report"}).code == 0);
  CHECK(api.requests() == Lines{"GET /report format={{.Router.Name}}", "GET /report"});
  api.on("GET /report", 400, "error: bad format\n");
  const Ran ran = api.run({"report", "-f", "{{"});
  CHECK(ran.code == 1);
  CHECK(ran.err == "weave: error: bad format\n");
}

TEST_CASE("cli connect, forget: peers are passed on, and the daemon's refusal is printed") {
  FakeApi api;
  api.on("POST /connect", 200);
  api.on("POST /forget", 200);
  CHECK(api.run({"connect", "a", "b:1"}).code == 0);
  CHECK(api.run({"connect", "--replace", "a"}).code == 0);
  CHECK(api.run({"connect", "--replace"}).code == 0);
  CHECK(api.run({"connect"}).code == 2);
  CHECK(api.run({"forget", "a"}).code == 0);
  CHECK(api.run({"forget"}).code == 2);
  CHECK(api.requests() == Lines{"POST /connect peer=a peer=b:1",
                                "POST /connect peer=a replace=true", "POST /connect replace=true",
                                "POST /forget peer=a"});
  api.on("POST /connect", 400, "no such host\n");
  const Ran ran = api.run({"connect", "x"});
  CHECK(ran.code == 1);
  CHECK(ran.err == "weave: no such host\n");
}

TEST_CASE("cli rmpeer: every peer is tried, and a live one needs --force") {
  FakeApi api;
  api.on("DELETE /peer/a", 409, "a is alive\n");
  api.on("DELETE /peer/b", 200, "524288 IPs taken over from b\n");
  const Ran ran = api.run({"rmpeer", "a", "b"});
  CHECK(ran.code == 1);
  CHECK(ran.out == "524288 IPs taken over from b\n");
  CHECK(ran.err == "weave: a is alive\nIf you are sure: weave rmpeer --force a\n");
  api.on("DELETE /peer/a", 200, "8 IPs taken over from a\n");
  CHECK(api.run({"rmpeer", "--force", "a"}).code == 0);
  CHECK(api.requests().back() == "DELETE /peer/a force=true");
  const auto json = Json::parse(api.run({"-o", "json", "rmpeer", "b"}).out);
  CHECK(json[0]["peer"] == "b");
}

TEST_CASE("cli rmpeer: a peer that nobody knows is said so, with those who own addresses") {
  FakeApi api;
  api.on("DELETE /peer/nosuch", 200, "0 IPs taken over from nosuch\n");
  api.on("GET /report", 200, R"({"IPAM": {"Entries": [{"Peer": "7a:00:00:00:00:01",
    "Nickname": "a"}, {"Peer": "7a:00:00:00:00:02", "Nickname": "b"}]}})");
  const Ran ran = api.run({"rmpeer", "nosuch"});
  CHECK(ran.code == 1);
  CHECK(ran.out.empty());
  CHECK(ran.err ==
        "weave: no peer nosuch owns addresses, so there is nothing to take over; owners: "
        "7a:00:00:00:00:01(a), 7a:00:00:00:00:02(b)\n");
  api.on("GET /report", 200, R"({"IPAM": {"Entries": null}})");
  CHECK(has(api.run({"rmpeer", "nosuch"}).err, "owners: none"));
}

TEST_CASE("cli ipam check: what is wrong, a line each; exit code 3 unless all is mended") {
  FakeApi api;
  api.on("GET /ipam/check", 200, R"({"clean": true, "complete": true, "held": 2, "living": 2,
    "findings": []})");
  const Ran good = api.run({"ipam", "check"});
  CHECK(good.code == 0);
  CHECK(good.out == "2 addresses held, 2 alive on the bridge: all is well\n");
  const char* finding = R"({"clean": %, "complete": true, "held": 2, "living": 1, "findings": [
    {"fault": "leaked", "ident": "c", "address": "10.32.0.1/12", "text": "c is gone",
     "fixed": %}]})";
  auto with = [&](const std::string& mended) {
    std::string body = finding;
    for (auto at = body.find('%'); at != std::string::npos; at = body.find('%'))
      body.replace(at, 1, mended);
    return body;
  };
  api.on("GET /ipam/check", 200, with("false"));
  const Ran bad = api.run({"ipam", "check"});
  CHECK(bad.code == 3);
  CHECK(bad.out == "leaked: c is gone\n2 addresses held, 1 alive on the bridge\n");
  api.on("POST /ipam/check", 200, with("true"));
  const Ran mended = api.run({"ipam", "check", "--fix"});
  CHECK(mended.code == 0);
  CHECK(has(mended.out, "leaked: c is gone (mended)\n"));
  CHECK(api.requests().back() == "POST /ipam/check fix=true");
  CHECK(Json::parse(api.run({"ipam", "check", "-o", "json"}).out)["held"] == 2);
  CHECK(api.run({"ipam"}).code == 2);
  api.on("GET /ipam/check", 404, "404 page not found\n");
  CHECK(api.run({"ipam", "check"}).code == 1);
}

TEST_CASE("cli prime: waits for the ring") {
  FakeApi api;
  api.on("GET /ring", 200);
  CHECK(api.run({"prime"}).code == 0);
}

TEST_CASE("cli expose: allocates or claims, exposes, and prints the addresses") {
  FakeApi api;
  api.on("GET /ip/weave:expose", 200, "");
  api.on("POST /ip/weave:expose", 200, "10.32.0.1/12");
  api.on("POST /expose/10.32.0.1/12", 204);
  CHECK(api.run({"expose"}).out == "10.32.0.1\n");
  api.on("GET /ip/weave:expose/10.40.0.0/16", 200, "");
  api.on("PUT /ip/weave:expose/10.40.0.7/16", 204);
  api.on("POST /expose/10.40.0.7/16", 204);
  const Ran ran =
      api.run({"expose", "-o", "json", "--without-masquerade", "net:default", "ip:10.40.0.7/16"});
  CHECK(Json::parse(ran.out)["addresses"] == Json{"10.32.0.1/12", "10.40.0.7/16"});
  CHECK(api.requests().back() == "POST /expose/10.40.0.7/16 skipNAT=true");
  CHECK(api.run({"expose", "nonsense"}).code == 2);
}

TEST_CASE("cli expose: what was allocated is given back when exposing fails") {
  FakeApi api;
  api.on("GET /ip/weave:expose", 200, "");
  api.on("POST /ip/weave:expose", 200, "10.32.0.1/12");
  api.on("POST /expose/10.32.0.1/12", 500, "kernel said no\n");
  CHECK(api.run({"expose"}).code == 1);
  CHECK(api.requests().back() == "DELETE /ip/weave:expose/10.32.0.1");
  // Unless it was there before.
  api.on("GET /ip/weave:expose", 200, "10.32.0.1/12");
  CHECK(api.run({"expose"}).code == 1);
  CHECK(api.requests().back() == "POST /expose/10.32.0.1/12");
}

TEST_CASE("cli hide: all that was allocated, or the addresses given") {
  FakeApi api;
  api.on("GET /ip", 200,
         R"({"owned": [{"containerid": "c", "addrs": ["10.32.0.9/12"]},
                       {"containerid": "weave:expose", "addrs": ["10.32.0.1/12"]}]})");
  api.on("DELETE /expose/10.32.0.1/12", 204);
  api.on("DELETE /ip/weave:expose/10.32.0.1", 204);
  CHECK(api.run({"hide"}).out == "10.32.0.1\n");
  api.on("DELETE /expose/10.50.0.1/24", 204);
  api.on("DELETE /ip/weave:expose/10.50.0.1", 400, "not found\n");
  CHECK(api.run({"hide", "10.50.0.1/24"}).code == 0);
  api.on("GET /ip", 200, R"({"owned": null})");
  const Ran none = api.run({"hide"});
  CHECK(none.code == 0);
  CHECK(none.out.empty());
}

TEST_CASE("cli attach, detach: a container that cannot be found is a failure that says so") {
  FakeApi api;
  CHECK(api.run({"attach"}).code == 2);
  CHECK(api.run({"attach", "10.2.1.1/24"}).code == 2);
  CHECK(api.run({"attach", "a", "b"}).code == 2);
  const Ran ran = api.run({"attach", "/run/netns/wf-c-none"});
  CHECK(ran.code == 1);
  CHECK(has(ran.err, "/run/netns/wf-c-none"));
  CHECK(api.run({"detach", "/run/netns/wf-c-none"}).code == 1);
  CHECK(api.requests().empty());
}

TEST_CASE("cli ps: an allocation without interface has a dash") {
  FakeApi api;
  api.on("GET /ip", 200,
         R"({"owned": [{"containerid": "0123456789abcdef", "addrs": ["10.32.0.9/12"]}]})");
  CHECK(api.run({"ps", "01234", "--bridge", "wf-c-none"}).out == "0123456789ab - 10.32.0.9/12\n");
  CHECK(api.run({"ps", "zz", "--bridge", "wf-c-none"}).out.empty());
  const auto json = Json::parse(api.run({"ps", "0", "--bridge", "wf-c-none", "-o", "json"}).out);
  CHECK(json[0]["ContainerID"] == "0123456789abcdef");
  CHECK(json[0]["MAC"].is_null());
  api.on("GET /ip", 200, "rubbish");
  CHECK(api.run({"ps"}).code == 1);
}

TEST_CASE("cli: a daemon without address allocation is asked for none, and fixed ones go") {
  FakeApi api;  // all that has to do with addresses is 404
  api.on("POST /expose/10.2.1.1/24", 204);
  api.on("DELETE /expose/10.2.1.1/24", 204);
  CHECK(api.run({"ps", "--bridge", "wf-c-none"}).code == 0);
  CHECK(api.run({"expose", "10.2.1.1/24"}).out == "10.2.1.1\n");
  CHECK(api.run({"hide", "10.2.1.1/24"}).out == "10.2.1.1\n");
  const Ran any = api.run({"expose"});
  CHECK(any.code == 1);
  CHECK(has(any.err, "--ipalloc-range"));
}

TEST_CASE("cli expose: Weave's -h is a name, which is not registered") {
  FakeApi api;
  api.on("POST /expose/10.2.1.1/24", 204);
  const Ran ran = api.run({"expose", "10.2.1.1/24", "-h", "web.weave.local"});
  CHECK(ran.code == 0);
  CHECK(ran.out == "10.2.1.1\n");
  CHECK(has(ran.err, "web.weave.local is not registered"));
}

TEST_CASE("cli version: Weave's two lines, the second from the daemon") {
  FakeApi api;
  api.on("GET /report", 200, R"({"Version": "9.8.7"})");
  CHECK(api.run({"version"}).out == "weave script " WEFT_VERSION "\nweave 9.8.7\n");
  CHECK(Json::parse(api.run({"version", "-o", "json"}).out)["daemon"] == "9.8.7");
  CHECK(api.run({"--version"}).out == "weave " WEFT_VERSION "\n");
}

TEST_CASE("cli reset: is refused while nobody can take the addresses") {
  FakeApi api;
  const Ran ran = api.run({"reset"}, {{"WEAVE_HTTP_ADDR", "/nonexistent/weave.sock"}});
  CHECK(ran.code == 1);
  CHECK(has(ran.err, "--force"));
}

TEST_CASE("cli: commands that are gone say what replaces them, in one line") {
  FakeApi api;
  for (const RemovedCommand& removed : removed_commands()) {
    const Ran ran = api.run({std::string(removed.name), "-d", "--whatever"});
    CHECK(ran.code == 1);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(has(ran.err, std::string(removed.name)));
  }
}

TEST_CASE("cli: usage: nothing, unknown commands and unknown options exit with 2, help with 0") {
  FakeApi api;
  CHECK(api.run({}).code == 2);
  CHECK(api.run({"nonsense"}).code == 2);
  CHECK(api.run({"status", "--nonsense"}).code == 2);
  for (const std::vector<std::string>& words :
       {Lines{"help"}, Lines{"--help"}, Lines{"help", "attach"}, Lines{"attach", "-h"}}) {
    const Ran ran = api.run(words);
    CHECK(ran.code == 0);
    CHECK(has(ran.out, "attach"));
  }
  CHECK(has(api.run({"help"}).out, "Exit codes"));
  CHECK(api.run({"help", "nonsense"}).code == 2);
  CHECK(api.run({"help", "run"}).code == 1);
  CHECK(api.requests().empty());
}
