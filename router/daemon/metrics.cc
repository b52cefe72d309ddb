// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/metrics.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include <prometheus/text_serializer.h>

#include "router/daemon/ipam_words.h"
#include "router/daemon/link_words.h"
#include "router/daemon/worker_words.h"

namespace weft::daemon {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Series that peers' words can make are few; the count beside them is complete.
constexpr std::size_t kSeedConflictsLabelled = 16;

// The families, under construction.
class Families {
 public:
  void family(const char* name, const char* help, MetricType type) {
    families_.push_back({name, help, type, {}});
  }
  // Adds to the family begun last.
  void value(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (families_.back().type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        value;
    families_.back().metric.push_back(std::move(metric));
  }
  void gauge(const char* name, const char* help, double v) {
    family(name, help, MetricType::Gauge);
    value(v);
  }
  void counter(const char* name, const char* help, std::uint64_t v) {
    family(name, help, MetricType::Counter);
    value(static_cast<double>(v));
  }
  void counters(const char* label, const std::vector<std::pair<const char*, std::uint64_t>>& all) {
    for (const auto& [name, v] : all)
      value(static_cast<double>(v), {{label, name}});
  }
  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

// Both values of "encryption" are given for every state and type that was seen, as in Weave: a
// series does not vanish when its last link changes.
void add_connections(const Snapshot& snapshot, Families& out) {
  std::map<std::pair<std::string, std::string>, std::pair<double, double>> seen;
  for (const gossip::LinkStatus& link : snapshot.mesh.links) {
    const LinkWords words = describe(snapshot, link);
    const bool no_overlay = !words.live || words.overlay == "none";
    auto& [plain, encrypted] =
        seen[{std::string(to_string(link.state)), no_overlay ? "unknown" : words.overlay}];
    (words.encrypted ? encrypted : plain) += 1;
  }
  out.family("weave_connections", "Number of peer-to-peer connections.", MetricType::Gauge);
  for (const auto& [kind, counts] : seen) {
    out.value(counts.first, {{"encryption", ""}, {"state", kind.first}, {"type", kind.second}});
    out.value(counts.second, {{"encryption", "yes"}, {"state", kind.first}, {"type", kind.second}});
  }
  out.counter("weave_connection_terminations_total",
              "Number of peer-to-peer connections terminated.", snapshot.mesh.termination_count);
}

// How many there are, and of so many of them who the two sides are.
void add_seed_conflicts(const std::vector<ipam::SeedConflictStatus>& conflicts, Families& out) {
  out.gauge("weft_ipam_seed_conflicts", "Peers whose ring was seeded by other peers than ours.",
            static_cast<double>(conflicts.size()));
  out.family("weft_ipam_seed_conflict",
             "1 for a peer whose ring was seeded by other peers than ours.", MetricType::Gauge);
  const std::size_t labelled = std::min(conflicts.size(), kSeedConflictsLabelled);
  for (const auto& conflict : std::span(conflicts).first(labelled)) {
    out.value(1, {{"holder", conflict.holder.text()},
                  {"theirs", seeds_text(conflict.theirs)},
                  {"ours", seeds_text(conflict.ours)}});
  }
}

void add_ipam(const Snapshot& snapshot, Families& out) {
  if (!snapshot.ipam) return;
  const ipam::AllocatorStatus& ipam = *snapshot.ipam;
  std::uint64_t unreachable = 0;
  std::uint64_t lost = 0;
  for (const Share& share : shares(ipam, snapshot.mesh.name)) {
    if (share.known) continue;
    ++unreachable;
    lost += share.size;
  }
  const auto universe = static_cast<double>(ipam.universe_size);
  out.family("weave_ips", "Number of IP addresses.", MetricType::Gauge);
  out.value(static_cast<double>(ipam.active), {{"state", "local-used"}});
  out.gauge("weave_max_ips", "Size of IP address space used by allocator.", universe);
  out.gauge("weave_ipam_unreachable_count", "Number of unreachable peers.",
            static_cast<double>(unreachable));
  out.gauge("weave_ipam_unreachable_percentage",
            "Percentage of IP addresses owned by unreachable peers.",
            ipam.universe_size == 0 ? 0 : 100.0 * static_cast<double>(lost) / universe);
  out.gauge("weave_ipam_pending_allocates", "Number of pending allocates.",
            static_cast<double>(ipam.pending_allocates.size()));
  out.gauge("weave_ipam_pending_claims", "Number of pending claims.",
            static_cast<double>(ipam.pending_claims.size()));
  add_seed_conflicts(seed_conflicts(ipam, snapshot.now), out);
  out.gauge("weft_ipam_strays", "Addresses held here though another peer owns their range.",
            static_cast<double>(ipam.strays.size()));
}

void add_data_plane(const Snapshot& snapshot, Families& out) {
  const dataplane::Counters& c = snapshot.counters;
  out.family("weft_frames_total", "Ethernet frames, by what was done with them.",
             MetricType::Counter);
  out.counters("action", {{"captured", c.captured_frames},
                          {"injected", c.injected_frames},
                          {"relayed", c.relayed_frames}});
  out.family("weft_frame_bytes_total", "Bytes of Ethernet frames.", MetricType::Counter);
  out.counters("action", {{"captured", c.captured_bytes}, {"injected", c.injected_bytes}});
  out.family("weft_datagrams_total", "UDP datagrams of the overlays.", MetricType::Counter);
  out.counters("direction", {{"sent", c.sent_datagrams}, {"received", c.received_datagrams}});
  out.family("weft_dropped_total", "Frames and datagrams dropped, by reason.", MetricType::Counter);
  out.counters("reason", {{"no_route", c.dropped_no_route},
                          {"unknown_sender", c.dropped_unknown_sender},
                          {"forged", c.dropped_forged},
                          {"replayed", c.dropped_replayed},
                          {"malformed", c.dropped_malformed},
                          {"too_big", c.dropped_too_big},
                          {"no_address", c.dropped_no_address},
                          {"mac_conflict", c.dropped_mac_conflict},
                          {"looped", c.dropped_looped},
                          {"capture_buffer", snapshot.capture.packets_dropped},
                          {"capture_interface", snapshot.capture.packets_if_dropped}});
  out.counter("weft_capture_packets_total", "Packets the capture saw on the bridge.",
              snapshot.capture.packets_received);
  out.family("weft_swift_paths_lost_total",
             "How often frames had to leave swift because its path or its keys failed.",
             MetricType::Counter);
  out.counters("reason", {{"unanswered", c.swift_lost_unanswered}, {"keys", c.swift_lost_keys}});
  out.gauge("weft_mac_cache_entries", "MAC addresses learnt.",
            static_cast<double>(snapshot.macs.size()));
}

void add_worker_counts(const Snapshot& snapshot, Families& out, const char* label,
                       NamedCounts (*counts)(const swift::WorkerCounters&)) {
  for (std::size_t i = 0; i < snapshot.workers.size(); ++i) {
    for (const auto& [name, value] : counts(snapshot.workers[i])) {
      out.value(static_cast<double>(value), {{"worker", std::to_string(i)}, {label, name}});
    }
  }
}

void add_packet_workers(const Snapshot& snapshot, Families& out) {
  out.gauge("weft_workers", "Packet workers; 0: frames are captured by libpcap.",
            static_cast<double>(snapshot.workers.size()));
  if (snapshot.workers.empty()) return;
  out.family("weft_worker_actions_total", "What each packet worker did.", MetricType::Counter);
  add_worker_counts(snapshot, out, "action", worker_actions);
  out.family("weft_worker_dropped_total", "Frames and datagrams each packet worker dropped.",
             MetricType::Counter);
  add_worker_counts(snapshot, out, "reason", worker_drops);
  out.counter("weft_worker_orders_dropped_total",
              "Orders that packet workers did not get, their queue being full.",
              snapshot.orders_dropped);
  out.counter("weft_control_tap_failed_total",
              "Frames of other overlays that the TAP device refused.",
              snapshot.control_tap.write_failed);
}

void add_daemon(const Snapshot& snapshot, Families& out) {
  out.family("weft_build_info", "Always 1; the label tells the version.", MetricType::Gauge);
  out.value(1, {{"version", snapshot.version}});
  out.gauge("weft_ready", "1 once the daemon serves.", snapshot.ready ? 1 : 0);
  out.gauge("weft_degraded", "How many things are wrong now; weave status names them.",
            static_cast<double>(snapshot.degraded.size()));
  out.gauge("weft_peers", "Peers known to the mesh, this one included.",
            static_cast<double>(snapshot.mesh.peers.size()));
  out.gauge("weft_bridge_mtu_bytes", "MTU of the bridge.", snapshot.bridge_mtu);
}

void add_process(const ProcessStats& process, Families& out) {
  out.family("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
             MetricType::Counter);
  out.value(process.cpu_seconds);
  out.gauge("process_max_fds", "Maximum number of open file descriptors.",
            static_cast<double>(process.max_fds));
  out.gauge("process_open_fds", "Number of open file descriptors.",
            static_cast<double>(process.open_fds));
  out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
            static_cast<double>(process.resident_bytes));
  out.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            process.start_time_seconds);
  out.gauge("process_threads", "Number of threads.", static_cast<double>(process.threads));
  out.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.",
            static_cast<double>(process.virtual_bytes));
}

}  // namespace

std::vector<MetricFamily> metric_families(const Snapshot& snapshot, const ProcessStats& process) {
  Families out;
  add_connections(snapshot, out);
  add_ipam(snapshot, out);
  add_data_plane(snapshot, out);
  add_packet_workers(snapshot, out);
  add_daemon(snapshot, out);
  add_process(process, out);
  return out.take();
}

std::string metrics_text(const Snapshot& snapshot, const ProcessStats& process) {
  return prometheus::TextSerializer().Serialize(metric_families(snapshot, process));
}

}  // namespace weft::daemon
