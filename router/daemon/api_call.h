// SPDX-License-Identifier: Apache-2.0
// One request on its way through the API, the table of routes it is matched with, and the answers
// that all handlers share. Inner header of the api*.cc files.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "router/daemon/control.h"
#include "router/daemon/process_stats.h"
#include "router/io/http.h"

namespace weft::daemon {

struct ApiOptions {
  // What GET /ipinfo/tracker names: "no-masq-local", or nothing.
  std::string range_tracker;
  // Read anew for every GET /metrics.
  std::function<ProcessStats()> process_stats = read_process_stats;
};

struct ApiCall {
  Control& control;
  const ApiOptions& options;
  std::shared_ptr<io::HttpExchange> exchange;
  // What stands in the path for the {} of the pattern, in order.
  std::vector<std::string> path;

  const io::HttpRequest& request() const { return exchange->request(); }
  void reply(io::HttpResponse response) const { exchange->reply(std::move(response)); }
};

enum class RouteGroup : unsigned char {
  metrics,  // on all three listeners
  status,   // on the status listener and the control listener
  control,  // on the control listener
};

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/ip/{}/{}": {} is any segment that is not empty
  RouteGroup group = RouteGroup::control;
  bool changes = false;     // something: only for local clients
  bool needs_ipam = false;  // else the path does not exist
  void (*handle)(const ApiCall& call) = nullptr;
};

io::HttpResponse text_reply(unsigned status, std::string text);
io::HttpResponse json_reply(std::string text);
// As Go's http.Error: the message and a newline, and the client must not guess another type.
io::HttpResponse error_reply(unsigned status, std::string_view message);
// No body, and so no type of it.
io::HttpResponse empty_reply(unsigned status);
io::HttpResponse not_found_reply();

// Starts something that is answered now or later. If the client leaves first, it is cancelled.
void answer_later(const ApiCall& call, const std::function<ipam::RequestId(IpamCallback)>& start,
                  std::function<io::HttpResponse(const IpamOutcome&)> word);

}  // namespace weft::daemon
