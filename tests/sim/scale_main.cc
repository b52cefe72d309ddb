// SPDX-License-Identifier: Apache-2.0
// One row of the scale table: plays cold start, quiet, allocations, one changed connection, a join,
// churn and the loss of a third, and prints what each took. scripts/sim --table runs it for every
// size.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/resource.h>

#include "base/text.h"
#include "tests/sim/scale_world.h"

using namespace weft;
using namespace weft::sim;
using namespace std::chrono_literals;

namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// Prints "name=value" pairs, one scenario a line, as each is done.
class Meter {
 public:
  explicit Meter(ScaleWorld& world) : world_(world) { begin(); }
  void begin() {
    cpu_ = cpu_seconds();
    bytes_ = world_.bytes();
    from_ = world_.now();
  }
  void report(const char* scenario, std::optional<Duration> took) {
    auto hosts = static_cast<double>(std::max<std::size_t>(world_.live(), 1));
    double span = std::chrono::duration<double>(world_.now() - from_).count();
    double bytes = static_cast<double>(world_.bytes() - bytes_) / hosts;
    std::printf(
        "scenario=%s seconds=%.1f bytes_per_s_per_peer=%.0f bytes_per_peer=%.0f "
        "cpu_s_per_peer=%.4f mb_per_peer=%.2f connections=%zu converged=%s\n",
        scenario, took ? std::chrono::duration<double>(*took).count() : span, bytes / span, bytes,
        (cpu_seconds() - cpu_) / hosts, resident_mb() / hosts, world_.connections(),
        took ? "yes" : world_.disagreement().c_str());
    std::fflush(stdout);
    begin();
  }

 private:
  ScaleWorld& world_;
  double cpu_ = 0;
  std::uint64_t bytes_ = 0;
  TimePoint from_;
};

std::size_t random_live(ScaleWorld& world, std::size_t from) {
  for (;;) {
    auto id = from + world.rng().below(world.size() - from);
    if (world.up(id)) return id;
  }
}

// One container somewhere gets an address each second. That changes how much of its host's range is
// free, and with it the ring that all tell one another.
void allocations(ScaleWorld& world, std::size_t seconds) {
  for (std::size_t at = 0; at < seconds; ++at) {
    world.call(random_live(world, 0), [&](peer::Peer& peer, auto& out) {
      peer.allocate(world.now(), {at + 1}, "container" + std::to_string(at),
                    peer.allocator()->config().universe, false, out);
    });
    world.run_for(1s);
  }
}

// One host leaves or joins each second.
void churn(ScaleWorld& world, std::size_t seconds, std::size_t seeds) {
  for (std::size_t at = 0; at < seconds; ++at) {
    if (at % 2 == 0) {
      world.kill(random_live(world, seeds));
    } else {
      world.start(world.size());
    }
    world.run_for(1s);
  }
}

std::size_t number(const char* text) {
  auto value = parse_u64(text);
  if (!value) {
    std::fprintf(stderr, "not a number: %s\n", text);
    std::exit(2);
  }
  return static_cast<std::size_t>(*value);
}

}  // namespace

int main(int argc, char** argv) {
  ScaleOptions options;
  std::size_t churn_seconds = 60;
  for (int i = 1; i < argc; ++i) {
    std::string_view flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--no-delta") {
      options.delta = false;
    } else if (flag == "--peers") {
      options.hosts = number(value);
      ++i;
    } else if (flag == "--conn-limit") {
      options.conn_limit = number(value);
      ++i;
    } else if (flag == "--churn") {
      churn_seconds = number(value);
      ++i;
    } else if (flag == "--seed") {
      options.seed = number(value);
      ++i;
    } else {
      std::fprintf(stderr,
                   "usage: weft-scale [--peers N] [--conn-limit N] [--no-delta] "
                   "[--churn SECONDS] [--seed N]\n");
      return 2;
    }
  }
  ScaleWorld world(options);
  Meter meter(world);
  auto cold = world.run_until_converged(600s);
  meter.report("cold", cold);
  if (!cold) return 1;
  world.run_for(60s);
  meter.begin();
  world.run_for(120s);
  meter.report("quiet", Duration(120s));
  allocations(world, 120);
  meter.report("allocations", Duration(120s));
  world.break_connection(random_live(world, options.seeds));
  meter.report("changed", world.run_until_converged(120s));
  world.start(world.size());
  meter.report("join", world.run_until_converged(300s));
  churn(world, churn_seconds, options.seeds);
  meter.report("churn", std::chrono::seconds(churn_seconds));
  (void)world.run_until_converged(300s);
  for (std::size_t i = 0; i < options.hosts / 3; ++i)
    world.kill(random_live(world, options.seeds));
  meter.begin();
  auto loss = world.run_until_converged(600s);
  meter.report("loss", loss);
  return loss ? 0 : 1;
}
