// SPDX-License-Identifier: Apache-2.0
// The daemon's HTTP API. It parses requests, asks Control and words the answers, in Weave's words
// where Weave has them; docs/wire/http-api.md says where it does better. Three listeners see three
// parts of it.
#pragma once

#include "router/daemon/api_call.h"

namespace weft::daemon {

class Api {
 public:
  // `control` outlives the Api, and the Api its handlers.
  explicit Api(Control& control, ApiOptions options = {});

  io::HttpHandler control_handler() const;  // --http-addr: everything
  io::HttpHandler status_handler() const;   // --status-addr: status, report, health and metrics
  io::HttpHandler metrics_handler() const;  // --metrics-addr: metrics

 private:
  io::HttpHandler handler(RouteGroup most) const;

  Control& control_;
  ApiOptions options_;
};

}  // namespace weft::daemon
