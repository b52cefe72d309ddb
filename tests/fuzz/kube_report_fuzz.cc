// SPDX-License-Identifier: Apache-2.0
// The daemon's report: nobody who lives, and not the daemon itself, is ever taken for departed.

#include "base/ensure.h"
#include "plugin/kube/core/mesh_report.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::kube;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto report = parse_report(as_text(fuzz::view(data, size)));
  if (!report) return 0;
  ensure(report->alive.contains(report->own), "the daemon does not live");
  for (const auto& [peer, state] : departed_peers(*report, {}, {"n1", "n2"})) {
    ensure(peer != report->own, "the daemon has departed");
    ensure(state.alive == report->alive.contains(peer), "a living peer has departed");
    ensure(!state.alive || !state.replaced, "a living peer was replaced");
    ensure(state.owns_space, "a peer that is nowhere");
  }
  return 0;
}
