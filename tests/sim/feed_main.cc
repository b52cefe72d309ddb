// SPDX-License-Identifier: Apache-2.0
// Plays a mesh until it has converged, says so, and lets real weavers join it at 10.101.0.1 and
// onwards until it is told to end. In a mesh where all have as many connections as they may a
// newcomer gets few, so that some hosts have room for it. tests/netns/thousand_test.py has one join
// and measures it.
#include <csignal>
#include <cstdio>

#include "base/text.h"
#include "tests/sim/feed.h"

using namespace weft;
using namespace weft::sim;
using namespace std::chrono_literals;

namespace {

constexpr Duration kConvergeWithin = 600s;

std::size_t argument(int argc, char** argv, int index, std::size_t otherwise) {
  if (index >= argc) return otherwise;
  auto value = parse_u64(argv[index]);
  if (value) return static_cast<std::size_t>(*value);
  std::fprintf(stderr, "usage: weft-feed [PEERS [CONNECTION-LIMIT [WITH-ROOM]]]\n");
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  ScaleOptions options{.hosts = argument(argc, argv, 1, 999),
                       .conn_limit = argument(argc, argv, 2, 30),
                       .with_room = argument(argc, argv, 3, 0)};
  ScaleWorld world(options);
  auto took = world.run_until_converged(kConvergeWithin);
  if (!took) {
    std::fprintf(stderr, "not converged: %s\n", world.disagreement().c_str());
    return 1;
  }
  // Until it is quiet: those with a connection to spare dial all others first.
  world.run_for(600s);
  io::EventLoop loop;
  Feed feed(loop, world);
  if (auto listening = feed.listen(); !listening) {
    std::fprintf(stderr, "cannot listen: %s\n", to_string(listening.error()).c_str());
    return 1;
  }
  (void)loop.on_signals({SIGINT, SIGTERM}, [&](int) { loop.stop(); });
  std::printf("ready: %zu peers, %zu connections, converged after %.1f s\n", world.live(),
              world.connections(), std::chrono::duration<double>(*took).count());
  std::fflush(stdout);
  loop.run();
  return 0;
}
