// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/worker_words.h"

namespace weft::daemon {

NamedCounts worker_actions(const swift::WorkerCounters& worker) {
  const swift::Counters& path = worker.path;
  return {{"tap_reads", worker.tap.reads},
          {"tap_writes", worker.tap.writes},
          {"injected_segments", path.injected_segments},
          {"sent_datagrams", path.sent_datagrams},
          {"sent_bytes", path.sent_bytes},
          {"send_calls", worker.sending.calls},
          {"received_datagrams", path.received_datagrams},
          {"received_bytes", path.received_bytes},
          {"receive_calls", worker.receive_calls},
          {"relayed_frames", path.relayed_frames},
          {"to_control_frames", path.to_control_frames},
          {"too_big_answered", path.too_big_answered},
          {"refused_epochs", path.refused_epochs},
          {"waits", worker.waits}};
}

NamedCounts worker_drops(const swift::WorkerCounters& worker) {
  const swift::Counters& path = worker.path;
  return {{"truncated", path.dropped_truncated},
          {"malformed", path.dropped_malformed},
          {"foreign_index", path.dropped_foreign_index},
          {"foreign_stream", path.dropped_foreign_stream},
          {"wrong_kind", path.dropped_wrong_kind},
          {"stale_epoch", path.dropped_stale_epoch},
          {"tampered", path.dropped_tampered},
          {"replayed", path.dropped_replayed},
          {"bad_frame", path.dropped_bad_frame + worker.tap.malformed},
          {"unknown_source", path.dropped_unknown_source},
          {"looped", path.dropped_looped},
          {"no_route", path.dropped_no_route},
          {"mac_conflict", path.dropped_mac_conflict},
          {"too_big", path.dropped_too_big + worker.sending.too_big},
          {"no_key", path.dropped_no_key},
          {"counter_exhausted", path.dropped_exhausted},
          {"fragments", path.dropped_fragments},
          {"send_buffer", worker.sending.buffer_full},
          {"send_failed", worker.sending.failed},
          {"tap_refused", worker.tap.write_failed},
          {"control_queue", worker.reports_dropped}};
}

void add_workers(const std::vector<swift::WorkerCounters>& workers, dataplane::Counters& counters) {
  for (const swift::WorkerCounters& worker : workers) {
    const swift::Counters& path = worker.path;
    counters.captured_frames += path.captured_frames;
    counters.captured_bytes += path.captured_bytes;
    counters.injected_frames += path.injected_frames;
    counters.injected_bytes += path.injected_bytes;
    counters.sent_datagrams += path.sent_datagrams;
    counters.received_datagrams += path.received_datagrams;
    counters.relayed_frames += path.relayed_frames;
    counters.dropped_no_route += path.dropped_no_route;
    counters.dropped_unknown_sender += path.dropped_foreign_index + path.dropped_unknown_source;
    counters.dropped_forged += path.dropped_tampered + path.dropped_wrong_kind;
    counters.dropped_replayed += path.dropped_replayed;
    counters.dropped_malformed +=
        path.dropped_malformed + path.dropped_truncated + path.dropped_bad_frame;
    counters.dropped_too_big += path.dropped_too_big;
    counters.dropped_mac_conflict += path.dropped_mac_conflict;
    counters.dropped_looped += path.dropped_looped;
  }
}

}  // namespace weft::daemon
