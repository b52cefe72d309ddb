// SPDX-License-Identifier: Apache-2.0
// The plugin killed at any moment of ADD, DEL and GC: whatever is called next finds its way, and
// nothing is left in the end.
#include <cstdlib>

#include "supervisor.h"
#include "world.h"

using namespace weft;
using namespace weft::cni;

namespace {

constexpr const char* kIdent = "0123456789abcdef";
// More than any verb has; a loop that reaches it does not end by itself.
constexpr int kMomentsMax = 400;

struct KillBench : World {
  FakeDaemon daemon{socket()};

  KillBench() { give_bridge("10.32.0.200/12"); }

  // True: killed. False: it came to its end before, and well.
  bool killed(const std::string& verb, const std::string& conf, int moment) {
    const std::string input = dir.path() + "/config";
    std::ofstream(input) << conf;
    Supervised what{.program = std::getenv("WEFT_WEAVE_NET"),
                    .environment = variables,
                    .input_file = input,
                    .output_file = dir.path() + "/printed"};
    what.environment["CNI_COMMAND"] = verb;
    what.environment["ASAN_OPTIONS"] = "detect_leaks=0";  // it traces, too
    const SupervisedEnd end = run_supervised(what, moment);
    if (!end.killed) CHECK_MESSAGE(end.exit_code == 0, read("printed"));
    return end.killed;
  }
  void must(const std::string& verb, const std::string& conf) {
    const Reply reply = call(verb, conf);
    CHECK_MESSAGE(reply.exit_code == 0, reply.out);
  }
  void nothing_is_left() {
    CHECK(traces() == "");
    CHECK(daemon.held()[kIdent] == "");
  }
  void one_attachment_stands() {
    CHECK(ports().size() == 1);
    CHECK(pod_has("eth0"));
    const auto records = files("attached");
    // What a killed call was writing is removed by DEL.
    CHECK(std::count_if(records.begin(), records.end(),
                        [](const std::string& name) { return !name.starts_with("."); }) == 1);
    CHECK(files("pending").empty());
    const auto address = Cidr::parse(daemon.held()[kIdent]);
    REQUIRE(address);
    const auto rules = guards();
    REQUIRE(rules.size() == 1);
    CHECK(rules.front().host_name == ports().front());
    CHECK(rules.front().addresses == std::vector{address->addr()});
  }
};

// Calls `then` after a kill at each moment of the verb, or at each `stride`th; `before` before it.
template <class Before, class Then>
int at_each_moment(KillBench& bench, const char* verb, const std::string& conf, int stride,
                   Before before, Then then) {
  for (int moment = 1; moment < kMomentsMax; moment += stride) {
    CAPTURE(moment);
    before();
    const bool killed = bench.killed(verb, conf, moment);
    then();
    if (!killed) return moment;
  }
  FAIL("the verb has no end");
  return 0;
}

bool can_run() {
  return can_make_namespaces() && std::getenv("WEFT_WEAVE_NET") != nullptr;
}

}  // namespace

TEST_CASE("cni kill: ADD at every moment, then ADD: one attachment, which DEL removes whole") {
  if (!can_run()) return;
  KillBench bench;
  const std::string conf = config("1.0.0");
  const int moments = at_each_moment(
      bench, "ADD", conf, 1, [] {},
      [&] {
        bench.must("ADD", conf);
        bench.one_attachment_stands();
        bench.must("DEL", conf);
        bench.nothing_is_left();
      });
  MESSAGE(moments << " moments");
  CHECK(moments > 20);
}

TEST_CASE("cni kill: ADD at every moment, then DEL: nothing is left") {
  if (!can_run()) return;
  KillBench bench;
  const std::string conf = config("1.0.0");
  at_each_moment(
      bench, "ADD", conf, 1, [] {},
      [&] {
        bench.must("DEL", conf);
        bench.nothing_is_left();
      });
}

TEST_CASE("cni kill: ADD at many moments, then GC: nothing is left") {
  if (!can_run()) return;
  KillBench bench;
  const std::string conf = config("1.1.0");
  at_each_moment(
      bench, "ADD", conf, 3, [] {},
      [&] {
        bench.must("GC", config("1.1.0", R"("cni.dev/valid-attachments": [])"));
        bench.nothing_is_left();
      });
}

TEST_CASE("cni kill: DEL at every moment, then DEL: nothing is left; then ADD: it stands") {
  if (!can_run()) return;
  KillBench bench;
  const std::string conf = config("1.0.0");
  const int moments = at_each_moment(
      bench, "DEL", conf, 1, [&] { bench.must("ADD", conf); },
      [&] {
        bench.must("DEL", conf);
        bench.nothing_is_left();
      });
  CHECK(moments > 10);
  at_each_moment(
      bench, "DEL", conf, 3, [&] { bench.must("ADD", conf); },
      [&] {
        bench.must("ADD", conf);
        bench.one_attachment_stands();
        bench.must("DEL", conf);
        bench.nothing_is_left();
      });
}

TEST_CASE("cni kill: DEL at many moments while the daemon is down: the release is done later") {
  if (!can_run()) return;
  KillBench bench;
  const std::string conf = config("1.0.0");
  const std::string socket = bench.variables["WEAVE_HTTP_ADDR"];
  at_each_moment(
      bench, "DEL", conf, 2,
      [&] {
        bench.must("ADD", conf);
        bench.variables["WEAVE_HTTP_ADDR"] = bench.dir.path() + "/nobody.sock";
      },
      [&] {
        bench.must("DEL", conf);
        CHECK(bench.files("pending").size() == 1);
        bench.variables["WEAVE_HTTP_ADDR"] = socket;
        bench.must("DEL", conf);
        bench.nothing_is_left();
      });
}

TEST_CASE("cni kill: GC at many moments, then GC: what is not listed is gone") {
  if (!can_run()) return;
  KillBench bench;
  const std::string conf = config("1.1.0", R"("cni.dev/valid-attachments": [])");
  at_each_moment(
      bench, "GC", conf, 2, [&] { bench.must("ADD", config("1.1.0")); },
      [&] {
        bench.must("GC", conf);
        bench.nothing_is_left();
      });
}

TEST_CASE("cni kill: ADD with another IPAM plugin at many moments, then DEL: its address is back") {
  if (!can_run()) return;
  KillBench bench;
  // Keeps what it gave in a file, as host-local does.
  const std::string given = bench.dir.path() + "/given";
  bench.write_plugin("fake-ipam", "F=" + given + R"(
case $CNI_COMMAND in
  ADD) echo x > $F; echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.50.0.2/24"}]}' ;;
  DEL) rm -f $F ;;
esac)");
  const std::string conf = config("1.0.0", R"("ipam": {"type": "fake-ipam"})");
  at_each_moment(
      bench, "ADD", conf, 3, [] {},
      [&] {
        bench.must("DEL", conf);
        bench.nothing_is_left();
      });
  // A child that was begun just before the kill may have outlived the DEL: the next one finds it.
  for (int i = 0; i < 50 && std::ifstream(given).good(); ++i) {
    ::usleep(20'000);
    bench.must("DEL", conf);
  }
  CHECK_FALSE(std::ifstream(given).good());
}
