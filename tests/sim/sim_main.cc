// SPDX-License-Identifier: Apache-2.0
// Plays histories: `weft-sim FROM..TO` prints a line for each and, of those that fail, how it came
// to that; `weft-sim --replay SEED` tells one from beginning to end. scripts/sim runs it.
#include <deque>
#include <iostream>
#include <sstream>

#include "base/text.h"
#include "tests/sim/history.h"

namespace {

using namespace weft;
using namespace weft::sim;

// Lines of a failed history that are shown: what came last explains most.
constexpr std::size_t kLinesShown = 60;

void print(const Report& report) {
  std::cout << "history " << report.seed << " hosts=" << report.hosts << " events=" << report.events
            << " rounds=" << report.rounds << " disputed=" << report.disputed
            << " mended=" << report.mended
            << " limit=" << (report.conn_limit ? std::to_string(*report.conn_limit) : "")
            << " faults=";
  const char* comma = "";
  for (Fault fault : report.faults)
    std::cout << std::exchange(comma, ",") << to_string(fault);
  std::cout << '\n';
  if (!report.failure.empty()) {
    std::cout << "failed " << report.seed << ": " << report.failure << '\n';
  }
}

void show_end(std::uint64_t seed) {
  std::stringstream story;
  (void)play(seed, &story);
  std::deque<std::string> lines;
  for (std::string line; std::getline(story, line);) {
    lines.push_back(line);
    if (lines.size() > kLinesShown) lines.pop_front();
  }
  for (const std::string& line : lines)
    std::cout << "  | " << line << '\n';
}

int replay(std::uint64_t seed) {
  // A peer may abort: what happened until then must be out by that time.
  std::cout << std::unitbuf;
  Report report = play(seed, &std::cout);
  print(report);
  return report.failure.empty() ? 0 : 1;
}

int run(std::uint64_t from, std::uint64_t to) {
  int failed = 0;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    // Named first: if a peer aborts, this is the seed to look at.
    std::cerr << "seed " << seed << std::endl;
    Report report = play(seed);
    print(report);
    if (report.failure.empty()) continue;
    failed = 1;
    show_end(seed);
  }
  return failed;
}

int usage() {
  std::cerr << "usage: weft-sim FROM..TO | --replay SEED\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "--replay") {
    auto seed = parse_u64(words[1]);
    return seed ? replay(*seed) : usage();
  }
  if (words.size() != 1) return usage();
  std::size_t dots = words[0].find("..");
  if (dots == std::string::npos) return usage();
  auto from = parse_u64(words[0].substr(0, dots));
  auto to = parse_u64(words[0].substr(dots + 2));
  return from && to ? run(*from, *to) : usage();
}
