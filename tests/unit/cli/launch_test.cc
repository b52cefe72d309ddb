// SPDX-License-Identifier: Apache-2.0
// launch and stop with a program that stands for weaver, addresses as words, children.
#include "router/cli/launch.h"

#include <fstream>

#include <signal.h>
#include <sys/stat.h>

#include "fake_api.h"
#include "router/cli/addresses.h"
#include "router/process/child.h"

using namespace weft;
using namespace weft::cli;

namespace {

struct PlanBench {
  std::ostringstream out;
  std::ostringstream err;
  Context context{.out = out,
                  .err = err,
                  .variable = [](std::string_view) { return std::nullopt; },
                  .http_addr = "127.0.0.1:6784",
                  .status_addr = ""};
};

process::ChildSpec shell(const std::string& script) {
  return {.program = "/bin/sh", .arguments = {"-c", script}, .environment = {}, .input = {}};
}

}  // namespace

TEST_CASE("cli launch: plan: Weave's defaults are added where nothing is said") {
  PlanBench bench;
  const LaunchPlan plain = plan_launch(bench.context, {"--password-file", "/p", "host2"});
  CHECK(plain.arguments == std::vector<std::string>{"--http-addr", "127.0.0.1:6784", "--db-prefix",
                                                    "/var/lib/weave/weave", "--ipalloc-range",
                                                    "10.32.0.0/12", "--password-file", "/p",
                                                    "host2"});
  CHECK(plain.bridge == "weave");
  const LaunchPlan full = plan_launch(bench.context, {"--http-addr=/s", "--db-prefix", "/d/w",
                                                      "--ipalloc-range=", "--weave-bridge", "br1"});
  CHECK(full.arguments.size() == 6);
  CHECK(full.http_addr == "/s");
  CHECK(full.db_prefix == "/d/w");
  CHECK(full.bridge == "br1");
}

TEST_CASE("cli launch: flags: the last of several counts, in either form") {
  CHECK(flag_value({"--a", "1", "--a=2"}, "--a") == "2");
  CHECK_FALSE(flag_value({"--ab=1", "--a"}, "--a"));
}

TEST_CASE("cli addresses: words are told from names") {
  CHECK(std::get<FixedAddress>(*parse_wish("10.2.1.1/24")).cidr.text() == "10.2.1.1/24");
  CHECK(std::get<FixedAddress>(*parse_wish("ip:10.2.1.1/24")).cidr.text() == "10.2.1.1/24");
  CHECK(std::get<AnyAddress>(*parse_wish("net:10.2.1.0/24")).subnet->text() == "10.2.1.0/24");
  CHECK_FALSE(std::get<AnyAddress>(*parse_wish("net:default")).subnet);
  for (const char* word :
       {"", "web", "10.2.1.1", "10.2.1.1/33", "ip:", "net:", "net:x", "1234", "/run/netns/x"}) {
    CAPTURE(word);
    CHECK_FALSE(parse_wish(word));
  }
}

TEST_CASE("cli stop: without a daemon there is nothing to do") {
  FakeApi api;
  const Ran ran = api.run({"stop"}, {{"WEAVE_HTTP_ADDR", api.folder() + "/none.sock"}});
  CHECK(ran.code == 0);
  CHECK(has(ran.err, "does not run"));
}

TEST_CASE("cli stop: reset: a daemon that is not on this host is left alone, and so is its state") {
  FakeApi api;
  api.on("GET /readyz", 200, "ready\n");
  api.on("DELETE /peer", 204);
  Ran ran = api.run({"stop"});
  CHECK(ran.code == 1);
  CHECK(has(ran.err, "no weaver is seen on this host"));
  ran = api.run({"reset", "--force", "--db-prefix", api.folder() + "/w"});
  CHECK(ran.code == 1);
  for (const std::string& request : api.requests())
    CHECK_FALSE(has(request, "DELETE"));
}

TEST_CASE("cli launch: a second daemon at the same address is refused before it is started") {
  FakeApi api;
  api.on("GET /readyz", 200, "ready\n");
  const Ran ran = api.run({"launch", "--db-prefix", api.folder() + "/w"});
  CHECK(ran.code == 1);
  CHECK(has(ran.err, "answers at"));
  CHECK_FALSE(std::filesystem::exists(api.folder() + "/run/weaver.pid"));
}

TEST_CASE("process: a child gets its input and is heard to the end") {
  auto spec = shell("cat; echo oops >&2; exit 3");
  spec.input = std::string(300'000, 'x');
  auto end = process::run_child(spec);
  REQUIRE(end);
  CHECK(end->exit_code == 3);
  CHECK(end->out == spec.input);
  CHECK(end->err == "oops\n");
}

TEST_CASE("process: a child that does not read, is killed or cannot start does no harm") {
  auto deaf = shell("exec 0<&-; exit 0");
  deaf.input = std::string(300'000, 'x');
  auto end = process::run_child(deaf);
  REQUIRE(end);
  CHECK(end->exit_code == 0);
  CHECK(process::run_child(shell("kill -9 $$"))->exit_code == 137);
  auto absent = process::run_child(
      {.program = "/nonexistent/x", .arguments = {}, .environment = {}, .input = {}});
  REQUIRE_FALSE(absent);
  CHECK(absent.error().sys_errno == ENOENT);
}

TEST_CASE("process: too slow and too loud children are killed with their own children") {
  auto slow = shell("sleep 100 & sleep 100");
  slow.timeout = std::chrono::milliseconds(100);
  auto end = process::run_child(slow);
  REQUIRE_FALSE(end);
  CHECK(end.error().sys_errno == ETIMEDOUT);
  auto loud = shell("yes");
  loud.output_max = 10'000;
  end = process::run_child(loud);
  REQUIRE_FALSE(end);
  CHECK(end.error().code == Errc::too_large);
}

TEST_CASE("process: programs are found by name alone") {
  CHECK(process::find_program({"/nonexistent", "/bin"}, "sh") == "/bin/sh");
  CHECK_FALSE(process::find_program({"/bin"}, "../bin/sh"));
  CHECK_FALSE(process::find_program({"/bin"}, ""));
  CHECK_FALSE(process::find_program({"/bin"}, "no-such-program"));
  CHECK_FALSE(process::own_folder().empty());
}
