// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/status_server.h"

#include <array>

#include "plugin/kube/agent/agent.h"

namespace weft::kube {
namespace {

constexpr unsigned kUnavailable = 503;
constexpr unsigned kNotFound = 404;
constexpr unsigned kNotAllowed = 405;
constexpr std::size_t kLabelWidth = 16;

io::HttpResponse text(unsigned status, std::string body) {
  return {.status = status, .body = std::move(body)};
}

io::HttpResponse answer(const Agent& agent, const io::HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") return text(kNotAllowed, "read only\n");
  // Whoever asks is answered, so the loop turns; peers and API server may be away.
  if (request.path == "/healthz") return text(200, "ok\n");
  if (request.path == "/readyz") {
    const std::string why = agent.not_ready();
    return why.empty() ? text(200, "ok\n") : text(kUnavailable, why + "\n");
  }
  if (request.path == "/status") return text(200, status_text(agent));
  if (request.path == "/metrics") {
    return {.status = 200,
            .content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = metrics_text(agent)};
  }
  return text(kNotFound, "there are /healthz, /readyz, /status and /metrics\n");
}

void append_line(std::string& out, const std::string& label, const std::string& value) {
  out += std::string(kLabelWidth - std::min(kLabelWidth, label.size()), ' ');
  out += label + ": " + value + "\n";
}

}  // namespace

StatusServer::StatusServer(io::EventLoop& loop, const Agent& agent, const Log& log) {
  const auto& at = agent.options().status;
  if (!at) return;
  auto server = io::HttpServer::listen(loop, *at,
                                       [&agent](const std::shared_ptr<io::HttpExchange>& exchange) {
                                         exchange->reply(answer(agent, exchange->request()));
                                       });
  if (server) {
    server_ = std::move(*server);
    return;
  }
  log(line(LogLevel::error, "main",
           "cannot listen on " + at->text() + ": " + to_string(server.error()) +
               "; WEFT_KUBE_STATUS_ADDR chooses another address"));
}

std::string status_text(const Agent& agent) {
  std::string out;
  const AgentOptions& options = agent.options();
  const ListWatch::Status nodes = agent.nodes();
  const auto pid = agent.supervisor().pid();
  const auto exposed = agent.network().exposed();
  const std::string why = agent.not_ready();
  append_line(out, "Version", WEFT_VERSION);
  append_line(out, "Node", options.launch.node_name);
  append_line(out, "Ready", why.empty() ? "yes" : "no: " + why);
  append_line(out, "Role", agent.role() == Role::standby ? "standby, serves" : "serves");
  append_line(out, "Weaver", pid ? "process " + std::to_string(*pid) : "does not run");
  append_line(out, "Restarts", std::to_string(agent.supervisor().restarts()));
  append_line(out, "Gateway", exposed ? exposed->text() : "none");
  append_line(out, "API server", agent.machines().api().server());
  append_line(out, "Nodes", nodes.synced ? std::to_string(nodes.objects) : "not known");
  if (const auto reclaim = agent.reclaim()) {
    append_line(out, "Reclaimed",
                std::to_string(reclaim->addresses_count) + " addresses of " +
                    std::to_string(reclaim->peers_count) + " peers");
    append_line(out, "To reclaim", std::to_string(reclaim->waiting_count) + " peers");
  }
  for (const std::string& problem : agent.problems())
    append_line(out, "Problem", problem);
  return out;
}

std::string metrics_text(const Agent& agent) {
  struct Metric {
    const char* name;
    const char* type;
    const char* help;
    std::uint64_t value;
  };
  const Reclaim::Status reclaim = agent.reclaim().value_or(Reclaim::Status{});
  const ListWatch::Status nodes = agent.nodes();
  const std::array metrics{
      Metric{"weave_ipam_reclaimed_total", "counter",
             "Addresses taken over from peers whose nodes are gone.", reclaim.addresses_count},
      Metric{"weft_kube_reclaimed_peers_total", "counter", "Peers whose addresses were taken over.",
             reclaim.peers_count},
      Metric{"weft_kube_reclaim_waiting_peers", "gauge",
             "Peers whose nodes are gone and whose addresses are not taken over.",
             reclaim.waiting_count},
      Metric{"weft_kube_nodes", "gauge", "Nodes of the cluster as last known.", nodes.objects},
      Metric{"weft_kube_api_reachable", "gauge", "Whether the API server answered last.",
             agent.machines().api().trouble().empty() ? 1U : 0U},
      Metric{"weft_kube_ready", "gauge", "Whether new pods can be served.",
             agent.not_ready().empty() ? 1U : 0U},
      Metric{"weft_kube_weaver_restarts_total", "counter",
             "How often weaver ended by itself and was started again.",
             agent.supervisor().restarts()}};
  std::string out;
  for (const Metric& m : metrics) {
    out += std::string("# HELP ") + m.name + " " + m.help + "\n# TYPE " + m.name + " " + m.type +
           "\n" + m.name + " " + std::to_string(m.value) + "\n";
  }
  return out;
}

}  // namespace weft::kube
