// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/api_status.h"

#include <array>

#include "base/json/json.h"
#include "router/daemon/metrics.h"
#include "router/daemon/report_json.h"
#include "router/daemon/report_query.h"
#include "router/daemon/status_text.h"
#include "router/daemon/words.h"

namespace weft::daemon {
namespace {

using Json = nlohmann::ordered_json;

// A part of the status: as text for people, or with ?format=json for programs. 503, with the whole
// answer all the same, while the daemon is not ready.
void reply_status(const ApiCall& call, std::string (*text)(const Snapshot&),
                  Json (*json)(const Snapshot&)) {
  const std::string format = call.request().parameter("format").value_or("text");
  if (format != "text" && format != "json") {
    call.reply(error_reply(400, "error: format must be text or json"));
    return;
  }
  const Snapshot snapshot = call.control.snapshot();
  io::HttpResponse response = format == "json" ? json_reply(json_text(json(snapshot)) + "\n")
                                               : text_reply(200, text(snapshot));
  response.status = snapshot.ready ? 200 : 503;
  call.reply(std::move(response));
}

Json report_part(const Snapshot& snapshot, const char* service, const char* list) {
  const Json whole = report(snapshot);
  const auto found = whole.find(service);
  if (found == whole.end()) return nullptr;
  return list == nullptr ? *found : found->value(list, Json());
}

void serve_status(const ApiCall& call) {
  reply_status(call, status_overview, overview);
}

void serve_connections(const ApiCall& call) {
  reply_status(call, status_connections,
               [](const Snapshot& s) { return report_part(s, "Router", "Connections"); });
}

void serve_peers(const ApiCall& call) {
  reply_status(call, status_peers,
               [](const Snapshot& s) { return report_part(s, "Router", "Peers"); });
}

void serve_targets(const ApiCall& call) {
  reply_status(call, status_targets,
               [](const Snapshot& s) { return report_part(s, "Router", "Targets"); });
}

void serve_ipam(const ApiCall& call) {
  reply_status(call, status_ipam,
               [](const Snapshot& s) { return report_part(s, "IPAM", nullptr); });
}

// Weave answers an empty text while no name is registered; without a name server none ever is.
void serve_dns(const ApiCall& call) {
  reply_status(
      call, [](const Snapshot&) { return std::string(); },
      [](const Snapshot& s) { return report_part(s, "DNS", nullptr); });
}

void serve_report(const ApiCall& call) {
  const io::HttpRequest& request = call.request();
  std::vector<std::string> formats;
  for (const auto& [name, value] : request.parameters) {
    if (name == "format") formats.push_back(value);
  }
  const auto accept = request.headers.find("accept");
  const bool wants_json =
      accept != request.headers.end() && mentions(accept->second, "application/json");
  if (wants_json || (formats.size() == 1 && formats[0] == "json")) {
    call.reply(json_reply(json_text(report(call.control.snapshot()))));
    return;
  }
  if (formats.size() != 1) {
    call.reply(error_reply(400, "error: must supply one format parameter"));
    return;
  }
  QueryAnswer answer = query_report(report(call.control.snapshot()), formats[0]);
  io::HttpResponse response = text_reply(answer.status, std::move(answer.body));
  if (answer.status != 200) response.headers.emplace("X-Content-Type-Options", "nosniff");
  call.reply(std::move(response));
}

void serve_metrics(const ApiCall& call) {
  io::HttpResponse response;
  response.content_type = kMetricsContentType;
  response.body = metrics_text(call.control.snapshot(), call.options.process_stats());
  call.reply(std::move(response));
}

// That this runs at all proves that the control loop turns.
void serve_alive(const ApiCall& call) {
  call.reply(text_reply(200, "alive\n"));
}

void serve_ready(const ApiCall& call) {
  const bool ready = call.control.snapshot().ready;
  call.reply(ready ? text_reply(200, "ready\n") : text_reply(503, "not ready yet\n"));
}

constexpr Route read(std::string_view pattern, void (*handle)(const ApiCall&)) {
  return {.method = "GET", .pattern = pattern, .group = RouteGroup::status, .handle = handle};
}

constexpr std::array kRoutes{
    Route{.method = "GET",
          .pattern = "/metrics",
          .group = RouteGroup::metrics,
          .handle = serve_metrics},
    read("/healthz", serve_alive),
    read("/readyz", serve_ready),
    read("/status", serve_status),
    read("/status/connections", serve_connections),
    read("/status/peers", serve_peers),
    read("/status/targets", serve_targets),
    read("/status/ipam", serve_ipam),
    read("/status/dns", serve_dns),
    read("/report", serve_report),
};

}  // namespace

std::span<const Route> status_routes() {
  return kRoutes;
}

}  // namespace weft::daemon
