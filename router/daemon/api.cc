// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/api.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "router/daemon/api_ipam.h"
#include "router/daemon/api_status.h"

namespace weft::daemon {
namespace {

// More targets in one request than any mesh has hosts are refused.
constexpr std::size_t kTargetsMax = 10'000;

// The values of `peer`, or nothing after an answer was sent.
std::optional<std::vector<std::string>> parse_targets(const ApiCall& call) {
  std::vector<std::string> targets;
  for (const auto& [name, value] : call.request().parameters) {
    if (name == "peer") targets.push_back(value);
  }
  if (targets.size() <= kTargetsMax) return targets;
  call.reply(error_reply(400, "more than " + std::to_string(kTargetsMax) + " peers"));
  return std::nullopt;
}

void connect(const ApiCall& call) {
  const auto targets = parse_targets(call);
  if (!targets) return;
  const bool replace = call.request().parameter("replace") == "true";
  const auto refusal = call.control.connect(*targets, replace);
  call.reply(refusal ? error_reply(400, *refusal) : empty_reply(200));
}

void forget(const ApiCall& call) {
  const auto targets = parse_targets(call);
  if (!targets) return;
  call.control.forget(*targets);
  call.reply(empty_reply(200));
}

void take_notices(const ApiCall& call) {
  auto notices = parse_notices(call.request().parameters);
  if (const auto* wrong = std::get_if<std::string>(&notices)) {
    call.reply(error_reply(400, *wrong));
    return;
  }
  call.control.set_notices(std::move(std::get<0>(notices)));
  call.reply(empty_reply(204));
}

// The bridge address in the path, or nothing after an answer was sent.
std::optional<Cidr> parse_address(const ApiCall& call) {
  const std::string text = call.path[0] + "/" + call.path[1];
  const auto address = Cidr::parse(text);
  if (!address) {
    call.reply(error_reply(400, "unable to parse ip addr: invalid CIDR address: " + text));
  }
  return address;
}

void expose(const ApiCall& call) {
  const auto address = parse_address(call);
  if (!address) return;
  const std::string option = call.request().parameter("skipNAT").value_or("");
  const auto skip_nat = option.empty() ? std::optional(false) : parse_bool(option);
  if (!skip_nat) {
    call.reply(error_reply(400, "unable to parse skipNAT option: strconv.ParseBool: parsing \"" +
                                    option + "\": invalid syntax"));
    return;
  }
  const auto failure = call.control.expose(*address, *skip_nat);
  call.reply(failure ? error_reply(500, *failure) : empty_reply(204));
}

void hide(const ApiCall& call) {
  const auto address = parse_address(call);
  if (!address) return;
  const auto failure = call.control.hide(*address);
  call.reply(failure ? error_reply(500, *failure) : empty_reply(204));
}

constexpr Route change(std::string_view method, std::string_view pattern,
                       void (*handle)(const ApiCall&)) {
  return {.method = method, .pattern = pattern, .changes = true, .handle = handle};
}

constexpr std::array kRoutes{
    change("POST", "/connect", connect),      change("POST", "/forget", forget),
    change("POST", "/notices", take_notices), change("POST", "/expose/{}/{}", expose),
    change("DELETE", "/expose/{}/{}", hide),
};

// What the {} of the pattern stand for, or nothing if the path is not of this pattern.
std::optional<std::vector<std::string>> match(std::string_view pattern,
                                              const std::vector<std::string>& segments) {
  const std::vector<std::string_view> parts = split(pattern.substr(1), '/');
  if (parts.size() != segments.size()) return std::nullopt;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "{}" && !segments[i].empty()) {
      values.push_back(segments[i]);
    } else if (parts[i] != segments[i]) {
      return std::nullopt;
    }
  }
  return values;
}

// Why a request that changes something is not carried out; empty: it is. A browser on this host
// is local too, but says which page sent it, and no page has business here.
std::string_view refusal(const io::HttpRequest& request) {
  if (!request.local) {
    return "changes are accepted over loopback and the unix socket only: run weave on this host";
  }
  if (request.headers.contains("origin") || request.headers.contains("sec-fetch-site")) {
    return "changes are not accepted from web pages";
  }
  return {};
}

void run(const Route& route, const ApiCall& call) {
  const std::string_view why_not = route.changes ? refusal(call.request()) : std::string_view{};
  if (why_not.empty()) {
    route.handle(call);
  } else {
    call.reply(error_reply(403, why_not));
  }
}

// Runs the route that fits; answers 405 if only the method is wrong, 404 if nothing is like it.
void dispatch(ApiCall call, RouteGroup most) {
  const std::array<std::span<const Route>, 3> tables{status_routes(), ipam_routes(), kRoutes};
  std::vector<std::string> allowed;
  for (std::span<const Route> table : tables) {
    for (const Route& route : table) {
      if (route.group > most || (route.needs_ipam && !call.control.ipam_enabled())) continue;
      auto values = match(route.pattern, call.request().segments);
      if (!values) continue;
      if (route.method == call.request().method) {
        call.path = std::move(*values);
        run(route, call);
        return;
      }
      allowed.emplace_back(route.method);
    }
  }
  if (allowed.empty()) {
    call.reply(not_found_reply());
    return;
  }
  io::HttpResponse response = empty_reply(405);
  response.headers.emplace("Allow", join(allowed, ", "));
  call.reply(std::move(response));
}

}  // namespace

Api::Api(Control& control, ApiOptions options) : control_(control), options_(std::move(options)) {}

io::HttpHandler Api::control_handler() const {
  return handler(RouteGroup::control);
}
io::HttpHandler Api::status_handler() const {
  return handler(RouteGroup::status);
}
io::HttpHandler Api::metrics_handler() const {
  return handler(RouteGroup::metrics);
}

io::HttpHandler Api::handler(RouteGroup most) const {
  return [this, most](std::shared_ptr<io::HttpExchange> exchange) {
    dispatch({.control = control_, .options = options_, .exchange = std::move(exchange)}, most);
  };
}

}  // namespace weft::daemon
