// SPDX-License-Identifier: Apache-2.0
// The metrics: Weave's names exactly, the data plane's counters under weft_*, and the process as
// every Prometheus client reports it. Functions of what is passed in; docs/reference/metrics.md.
#pragma once

#include <string>
#include <vector>

#include <prometheus/metric_family.h>

#include "router/daemon/process_stats.h"
#include "router/daemon/snapshot.h"

namespace weft::daemon {

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::vector<prometheus::MetricFamily> metric_families(const Snapshot& snapshot,
                                                      const ProcessStats& process);
std::string metrics_text(const Snapshot& snapshot, const ProcessStats& process);

}  // namespace weft::daemon
