// SPDX-License-Identifier: Apache-2.0
#include "router/cli/api.h"

#include <cerrno>

#include "base/json/json.h"
#include "base/text.h"
#include "router/io/http_client.h"
#include "router/io/http_text.h"

namespace weft::cli {

namespace {

constexpr unsigned kOk = 200;
constexpr unsigned kSuccessEnd = 300;
constexpr unsigned kNotFound = 404;
constexpr unsigned kUnavailable = 503;
// Allocations wait for a ring and for space; Weave's script waited for ever.
constexpr Duration kAllocationTimeout = std::chrono::minutes(5);

std::string unreachable(const std::string& where, const Error& error) {
  if (error.sys_errno == EACCES) {
    return "may not talk to the daemon at " + where + ": permission denied. Try as root.";
  }
  if (error.sys_errno == ETIMEDOUT) {
    return "the daemon at " + where + " did not answer in time. See weave status and its log.";
  }
  return "the daemon (weaver) does not answer at " + where + ": " + to_string(error) +
         ".\nStart it with `weave launch`. If it listens elsewhere, set WEAVE_HTTP_ADDR or give "
         "--http-addr.";
}

Answer<io::HttpResponse> fetch(const std::string& where, const Api::Request& request) {
  auto address = io::HttpAddress::parse(where);
  if (!address) {
    return Complaint{"\"" + where +
                     "\" is no address of a daemon: host:port, or the path of a "
                     "unix socket"};
  }
  io::HttpCall call{.method = request.method,
                    .target = request.target,
                    .headers = {},
                    .form = request.form,
                    .body = {},
                    .timeout = request.timeout};
  if (request.wants_json) call.headers["Accept"] = "application/json";
  auto reply = io::fetch(*address, call);
  if (!reply) return Complaint{unreachable(address->text(), reply.error())};
  return std::move(*reply);
}

Answer<std::string> body_of(Answer<io::HttpResponse> answer, const Api::Request& request) {
  if (auto* complaint = std::get_if<Complaint>(&answer)) return std::move(*complaint);
  auto& reply = std::get<io::HttpResponse>(answer);
  if (reply.status >= kOk && reply.status < kSuccessEnd) return std::move(reply.body);
  std::string why(trim(reply.body));
  if (reply.status == kNotFound && request.target.starts_with("/ip")) {
    why = "the daemon runs without address allocation (weaver --ipalloc-range)";
  }
  if (why.empty()) why = "the daemon answered " + std::to_string(reply.status);
  return Complaint{why, reply.status};
}

std::string ip_path(const std::string& ident, std::optional<Cidr> subnet) {
  std::string path = "/ip/" + io::percent_encode(ident);
  if (subnet) path += "/" + subnet->text();
  return path;
}

// The daemon gives no addresses (--ipalloc-range=), so none is held: fixed ones go all the same.
bool without_ipam(const Answer<std::string>& answer) {
  const auto* complaint = std::get_if<Complaint>(&answer);
  return complaint != nullptr && complaint->status == kNotFound;
}

Complaint senseless(const std::string& body) {
  return Complaint{"the daemon's reply makes no sense: " + body.substr(0, 100)};
}

}  // namespace

ExitCode Context::fail(const std::string& why) const {
  err << "weave: " << why << "\n";
  return ExitCode::failed;
}

std::string Context::variable_or(std::string_view name, std::string_view otherwise) const {
  auto value = variable(name);
  return value && !value->empty() ? *value : std::string(otherwise);
}

Answer<std::string> Api::ask(const Request& request) const {
  return body_of(fetch(context_.http_addr, request), request);
}

Answer<std::string> Api::read(const Request& request, bool* ready) const {
  auto answer = fetch(context_.http_addr, request);
  if (std::holds_alternative<Complaint>(answer) && !context_.status_addr.empty()) {
    auto second = fetch(context_.status_addr, request);
    if (std::holds_alternative<io::HttpResponse>(second)) answer = std::move(second);
  }
  if (auto* reply = std::get_if<io::HttpResponse>(&answer)) {
    if (reply->status == kUnavailable && ready != nullptr) {
      *ready = false;
      return std::move(reply->body);
    }
  }
  return body_of(std::move(answer), request);
}

Answer<std::vector<Cidr>> Api::lookup(const std::string& ident, std::optional<Cidr> subnet) const {
  auto answer = ask({.method = "GET", .target = ip_path(ident, subnet), .form = {}});
  std::vector<Cidr> out;
  if (without_ipam(answer)) return out;
  if (auto* complaint = std::get_if<Complaint>(&answer)) return *complaint;
  const std::string& body = std::get<std::string>(answer);
  for (std::string_view text : split(trim(body), ' ')) {
    if (text.empty()) continue;
    auto cidr = Cidr::parse(text);
    if (!cidr) return senseless(body);
    out.push_back(*cidr);
  }
  return out;
}

Answer<Cidr> Api::allocate(const std::string& ident, std::optional<Cidr> subnet) const {
  auto answer = ask({.method = "POST",
                     .target = ip_path(ident, subnet),
                     .form = {},
                     .timeout = kAllocationTimeout});
  if (auto* complaint = std::get_if<Complaint>(&answer)) return *complaint;
  const std::string& body = std::get<std::string>(answer);
  auto cidr = Cidr::parse(trim(body));
  if (!cidr) return senseless(body);
  return *cidr;
}

Answer<std::string> Api::claim(const std::string& ident, Cidr address) const {
  auto answer = ask({.method = "PUT",
                     .target = ip_path(ident, address),
                     .form = {},
                     .timeout = kAllocationTimeout});
  if (without_ipam(answer)) return std::string();  // nobody to ask: the caller's own to give
  auto* body = std::get_if<std::string>(&answer);
  if (body != nullptr && trim(*body) == "cancelled") return senseless(*body);
  return answer;
}

Answer<std::string> Api::release(const std::string& ident, Ipv4Addr address) const {
  auto answer =
      ask({.method = "DELETE", .target = ip_path(ident, {}) + "/" + address.text(), .form = {}});
  if (without_ipam(answer)) return std::string();
  return answer;
}

Answer<std::vector<Api::Owned>> Api::owned() const {
  auto answer = ask({.method = "GET", .target = "/ip", .form = {}});
  if (without_ipam(answer)) return std::vector<Owned>();
  if (auto* complaint = std::get_if<Complaint>(&answer)) return *complaint;
  const std::string& body = std::get<std::string>(answer);
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("owned")) return senseless(body);
  std::vector<Owned> out;
  for (const auto& entry : json["owned"]) {
    if (!entry.is_object() || !entry.contains("containerid") || !entry.contains("addrs") ||
        !entry["containerid"].is_string()) {
      return senseless(body);
    }
    Owned owner{.ident = entry["containerid"].get<std::string>(), .addresses = {}};
    for (const auto& text : entry["addrs"]) {
      auto cidr = Cidr::parse(text.is_string() ? text.get<std::string>() : "");
      if (cidr) owner.addresses.push_back(*cidr);
    }
    out.push_back(std::move(owner));
  }
  return out;
}

}  // namespace weft::cli
