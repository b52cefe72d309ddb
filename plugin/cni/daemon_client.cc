// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/daemon_client.h"

#include <cerrno>

#include "base/text.h"
#include "router/io/http_text.h"

namespace weft::cni {

namespace {

constexpr unsigned kOk = 200;
constexpr unsigned kNoContent = 204;
constexpr unsigned kNotFound = 404;
constexpr unsigned kServerErrors = 500;
constexpr std::string_view kUnknown = "the daemon does not know ";
// Addresses are short; a listing of a host's is not asked for here.
constexpr std::uint64_t kReplyMax = 1024 * 1024;

std::string ip_path(const std::string& ident, std::optional<Cidr> subnet) {
  std::string path = "/ip/" + io::percent_encode(ident);
  if (subnet) path += "/" + subnet->text();
  return path;
}

Fault odd_reply(const std::string& target, const std::string& body) {
  return {FaultCode::try_again,
          "the daemon's reply to " + target + " makes no sense: \"" + body.substr(0, 100) + "\"",
          "is it weaver that listens there?"};
}

Outcome<Cidr> parse_cidr(const std::string& target, const std::string& body) {
  if (body == "cancelled") {
    return Fault{FaultCode::try_again, "the daemon cancelled the allocation",
                 "it is shutting down or restarting"};
  }
  auto cidr = Cidr::parse(trim(body));
  if (!cidr) return odd_reply(target, body);
  return *cidr;
}

}  // namespace

Fault DaemonClient::unreachable(const Error& error) const {
  const std::string where = address_.text();
  if (error.sys_errno == ETIMEDOUT) {
    return {FaultCode::try_again, "the daemon weaver at " + where + " did not answer in time",
            "no ring yet, or no free address: see weave status ipam"};
  }
  return {FaultCode::try_again,
          "cannot reach the daemon weaver at " + where + ": " + to_string(error),
          "is weaver running? Start it, or set WEAVE_HTTP_ADDR or weaveHttpAddr to where it "
          "listens"};
}

Outcome<std::string> DaemonClient::ask(const std::string& method, const std::string& target,
                                       Duration cap) const {
  auto reply = io::fetch(address_, {.method = method,
                                    .target = target,
                                    .headers = {},
                                    .form = {},
                                    .body = {},
                                    .timeout = deadline_.left(cap),
                                    .body_max = kReplyMax});
  if (!reply) return unreachable(reply.error());
  if (reply->status == kOk || reply->status == kNoContent) return std::move(reply->body);
  std::string why(trim(reply->body));
  if (reply->status >= kServerErrors) {
    return Fault{FaultCode::try_again, "the daemon failed at " + method + " " + target + ": " + why,
                 "see weaver's log and weave status"};
  }
  if (reply->status == kNotFound) {
    return Fault{FaultCode::address, std::string(kUnknown) + target,
                 "weaver runs without address allocation: give it --ipalloc-range, or configure "
                 "another ipam.type"};
  }
  return Fault{FaultCode::address,
               "the daemon refused " + method + " " + target + ": " +
                   std::to_string(reply->status) + ": " + why,
               ""};
}

Outcome<Cidr> DaemonClient::allocate(const std::string& ident, std::optional<Cidr> subnet) const {
  const std::string target = ip_path(ident, subnet);
  auto body = ask("POST", target, timeouts_.allocate);
  if (!body) return body.fault();
  return parse_cidr(target, *body);
}

Outcome<> DaemonClient::claim(const std::string& ident, Cidr address) const {
  auto body = ask("PUT", ip_path(ident, address), timeouts_.allocate);
  if (!body) return body.fault();
  if (*body == "cancelled") return parse_cidr("", *body).fault();
  return {};
}

Outcome<std::vector<Cidr>> DaemonClient::lookup(const std::string& ident,
                                                std::optional<Cidr> subnet) const {
  const std::string target = ip_path(ident, subnet);
  auto body = ask("GET", target, timeouts_.call);
  if (!body) return body.fault();
  std::vector<Cidr> out;
  for (std::string_view text : split(trim(*body), ' ')) {
    if (text.empty()) continue;
    auto cidr = Cidr::parse(text);
    if (!cidr) return odd_reply(target, *body);
    out.push_back(*cidr);
  }
  return out;
}

Outcome<> DaemonClient::release(const std::string& ident) const {
  auto body = ask("DELETE", ip_path(ident, std::nullopt), timeouts_.call);
  if (body) return {};
  // Without address allocation nobody holds anything.
  const std::string& why = body.fault().msg;
  if (why.find("no addresses for") != std::string::npos || why.starts_with(kUnknown)) return {};
  return body.fault();
}

Outcome<Cidr> DaemonClient::default_subnet() const {
  const std::string target = "/ipinfo/defaultsubnet";
  auto body = ask("GET", target, timeouts_.call);
  if (!body) return body.fault();
  return parse_cidr(target, *body);
}

Outcome<> DaemonClient::expose(Cidr address) const {
  auto body = ask("POST", "/expose/" + address.text(), timeouts_.call);
  if (!body) return body.fault();
  return {};
}

Outcome<> DaemonClient::ready() const {
  auto reply = io::fetch(address_, {.method = "GET",
                                    .target = "/readyz",
                                    .headers = {},
                                    .form = {},
                                    .body = {},
                                    .timeout = deadline_.left(timeouts_.status_total),
                                    .body_max = kReplyMax});
  if (!reply) {
    // Frames between hosts pass through the daemon, so without it containers are cut off, too.
    Fault fault = unreachable(reply.error());
    fault.code = FaultCode::limited;
    return fault;
  }
  if (reply->status == kOk) return {};
  return Fault{FaultCode::not_available,
               "the daemon weaver at " + address_.text() +
                   " is not ready: " + std::string(trim(reply->body)),
               "see weave status"};
}

}  // namespace weft::cni
