// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/metrics.h"

#include <algorithm>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include "base/text.h"
#include "tests/unit/daemon/fake_control.h"
#include "tests/unit/daemon/recorded.h"

namespace weft::daemon {
namespace {

// "name{labels}" → value, of a Prometheus text.
std::map<std::string, double> samples(const std::string& text) {
  std::map<std::string, double> out;
  for (std::string_view line : split(text, '\n')) {
    if (line.empty() || line.starts_with("#")) continue;
    const std::size_t blank = line.rfind(' ');
    REQUIRE(blank != std::string_view::npos);
    const bool is_new =
        out.emplace(line.substr(0, blank), std::stod(std::string(line.substr(blank + 1)))).second;
    CHECK_MESSAGE(is_new, "twice: " << line);
  }
  return out;
}

}  // namespace

TEST_CASE("metrics: recorded: every sample of Weave's is there with its value") {
  for (const std::string& situation : recorded::situations()) {
    CAPTURE(situation);
    const auto report = recorded::report(situation);
    const auto text = recorded::read("status/" + situation + "-metrics.txt");
    if (!report || !text) continue;
    const auto ours = samples(metrics_text(recorded::snapshot_of(*report), {}));
    for (const auto& sample : samples(*text)) {
      const auto& name = sample.first;
      const auto& value = sample.second;
      CAPTURE(name);
      REQUIRE(ours.contains(name));
      // The count of terminations was not read in the same moment as the report.
      if (name != "weave_connection_terminations_total") CHECK(ours.at(name) == value);
    }
  }
}

TEST_CASE("metrics: ipam off: there are no weave_ip samples, and everything else is there") {
  fake::FakeControl control;
  const auto all = samples(metrics_text(control.seen, {}));
  CHECK(!all.contains("weave_max_ips"));
  CHECK(all.contains("weave_connection_terminations_total"));
  CHECK(all.at("weft_build_info{version=\"0.1.0\"}") == 1);
}

TEST_CASE("metrics: two seeds: holder and both seeds are labels, of sixteen peers at most") {
  fake::FakeControl control;
  ipam::AllocatorStatus& ipam = control.seen.ipam.emplace();
  CHECK(metrics_text(control.seen, {}).find("weft_ipam_seed_conflict{") == std::string::npos);
  for (std::uint64_t i = 2; i < 102; ++i) {
    ipam.seed_conflicts.push_back({.holder = PeerName::from_u48(i),
                                   .nickname = "host",
                                   .theirs = {PeerName::from_u48(2), PeerName::from_u48(3)},
                                   .ours = {PeerName::from_u48(1)},
                                   .heard = control.seen.now});
  }
  const auto all = samples(metrics_text(control.seen, {}));
  CHECK(all.at("weft_ipam_seed_conflicts") == 100);
  CHECK(all.at("weft_ipam_seed_conflict{holder=\"00:00:00:00:00:02\","
               "theirs=\"00:00:00:00:00:02,00:00:00:00:00:03\",ours=\"00:00:00:00:00:01\"}") == 1);
  CHECK(std::count_if(all.begin(), all.end(), [](const auto& sample) {
          return sample.first.starts_with("weft_ipam_seed_conflict{");
        }) == 16);
}

TEST_CASE("metrics: data plane: counters come out under their names and reasons") {
  fake::FakeControl control;
  control.seen.counters.captured_frames = 1;
  control.seen.counters.injected_bytes = 2;
  control.seen.counters.sent_datagrams = 3;
  control.seen.counters.dropped_replayed = 4;
  control.seen.capture.packets_dropped = 5;
  control.seen.degraded = {"a", "b"};
  const auto all = samples(metrics_text(control.seen, {.resident_bytes = 7, .open_fds = 8}));
  CHECK(all.at("weft_frames_total{action=\"captured\"}") == 1);
  CHECK(all.at("weft_frame_bytes_total{action=\"injected\"}") == 2);
  CHECK(all.at("weft_datagrams_total{direction=\"sent\"}") == 3);
  CHECK(all.at("weft_dropped_total{reason=\"replayed\"}") == 4);
  CHECK(all.at("weft_dropped_total{reason=\"capture_buffer\"}") == 5);
  CHECK(all.at("weft_degraded") == 2);
  CHECK(all.at("process_resident_memory_bytes") == 7);
  CHECK(all.at("process_open_fds") == 8);
}

TEST_CASE("metrics: text: every family has help and type, and no name comes twice") {
  fake::FakeControl control;
  control.seen.ipam.emplace();
  std::set<std::string> names;
  for (const auto& family : metric_families(control.seen, {})) {
    CHECK(names.insert(family.name).second);
    CHECK(!family.help.empty());
    const bool named_total = family.name.ends_with("_total");
    CHECK(named_total == (family.type == prometheus::MetricType::Counter));
  }
}

TEST_CASE("process stats: this process: has memory, threads and open files") {
  const ProcessStats stats = read_process_stats();
  CHECK(stats.resident_bytes > 100'000);
  CHECK(stats.virtual_bytes > stats.resident_bytes);
  CHECK(stats.open_fds >= 3);
  CHECK(stats.max_fds >= stats.open_fds);
  CHECK(stats.threads >= 1);
  CHECK(stats.start_time_seconds > 1e9);
}

}  // namespace weft::daemon
