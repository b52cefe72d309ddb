// SPDX-License-Identifier: Apache-2.0
// What operators see of the packet workers: their counters, which edges are open, and why not.
#include "router/daemon/worker_words.h"

#include <doctest/doctest.h>

#include "router/daemon/degraded.h"
#include "router/daemon/metrics.h"
#include "router/daemon/packet_edges.h"

namespace weft::daemon {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

swift::WorkerCounters counted() {
  swift::WorkerCounters worker;
  worker.path.captured_frames = 3;
  worker.path.dropped_tampered = 2;
  worker.path.dropped_wrong_kind = 1;
  worker.path.dropped_replayed = 5;
  worker.sending.too_big = 7;
  worker.path.dropped_too_big = 10;
  worker.reports_dropped = 11;
  return worker;
}

TEST_CASE("worker words: metrics: every worker's counts are told, by worker and reason") {
  Snapshot snapshot;
  CHECK(contains(metrics_text(snapshot, {}), "weft_workers 0"));
  CHECK_FALSE(contains(metrics_text(snapshot, {}), "weft_worker_dropped_total"));
  snapshot.workers = {swift::WorkerCounters{}, counted()};
  const std::string text = metrics_text(snapshot, {});
  CHECK(contains(text, "weft_workers 2"));
  CHECK(contains(text, R"(weft_worker_dropped_total{worker="0",reason="tampered"} 0)"));
  CHECK(contains(text, R"(weft_worker_dropped_total{worker="1",reason="tampered"} 2)"));
  CHECK(contains(text, R"(weft_worker_dropped_total{worker="1",reason="too_big"} 17)"));
  CHECK(contains(text, R"(weft_worker_dropped_total{worker="1",reason="control_queue"} 11)"));
}

TEST_CASE("worker words: sums: what workers did is added to what the control thread did") {
  dataplane::Counters counters;
  counters.captured_frames = 100;
  counters.dropped_forged = 1;
  add_workers({counted(), counted()}, counters);
  CHECK(counters.captured_frames == 106);
  CHECK(counters.dropped_forged == 7);
  CHECK(counters.dropped_replayed == 10);
}

TEST_CASE("packet edges: workers: as many as asked for, else one per core up to eight") {
  CHECK(worker_count(0, 1) == 1);
  CHECK(worker_count(0, 2) == 2);
  CHECK(worker_count(0, 64) == 8);
  CHECK(worker_count(0, 0) == 1);
  CHECK(worker_count(12, 2) == 12);
}

TEST_CASE("packet edges: overlays: swift is offered only with a TAP device and a cipher") {
  Options options;
  PacketEdges edges;
  CHECK(offered_overlays(options, edges) == std::vector<std::string>{"sleeve"});
  options.ciphers = {crypto::Cipher::chacha20_poly1305};
  REQUIRE(allowed_aeads(options).size() == 1);
  CHECK(allowed_aeads(options)[0].cipher == crypto::Cipher::chacha20_poly1305);
}

TEST_CASE("packet edges: degraded: falling back to libpcap is told with its reason") {
  Snapshot snapshot;
  CHECK(degraded(snapshot).empty());
  snapshot.capture.why_no_tap = "not found: cannot open /dev/net/tun";
  const auto sentences = degraded(snapshot);
  REQUIRE(sentences.size() == 1);
  CHECK(contains(sentences[0], "/dev/net/tun"));
  CHECK(contains(sentences[0], "swift"));
}

}  // namespace
}  // namespace weft::daemon
