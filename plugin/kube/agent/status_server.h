// SPDX-License-Identifier: Apache-2.0
// The agent's own pages: alive, ready, status for people, metrics. Read-only.
#pragma once

#include <memory>
#include <string>

#include "plugin/kube/agent/log.h"
#include "router/io/http_server.h"

namespace weft::kube {

class Agent;

class StatusServer {
 public:
  // `agent` outlives this. If it cannot listen, the log says why.
  StatusServer(io::EventLoop& loop, const Agent& agent, const Log& log);
  bool serves() const { return server_ != nullptr; }

 private:
  std::unique_ptr<io::HttpServer> server_;
};

std::string status_text(const Agent& agent);
std::string metrics_text(const Agent& agent);

}  // namespace weft::kube
