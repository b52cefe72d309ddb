// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/api_ipam.h"

#include <array>
#include <limits>

#include "base/json/json.h"
#include "base/text.h"
#include "router/daemon/ipam_check.h"
#include "router/daemon/report_json.h"

namespace weft::daemon {
namespace {

// For std::visit with one lambda per alternative.
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

// Names of owners are container ids; what is longer than this is nobody's.
constexpr std::size_t kIdentMax = 1024;

bool is_true(const ApiCall& call, std::string_view parameter) {
  return call.request().parameter(parameter) == "true";
}

// The owner a request names, or nothing after an answer was sent.
std::optional<std::string> parse_ident(const ApiCall& call) {
  const std::string& ident = call.path[0];
  if (ident.size() <= kIdentMax) return ident;
  call.reply(error_reply(
      400, "the name of the owner is longer than " + std::to_string(kIdentMax) + " bytes"));
  return std::nullopt;
}

// Ranges end before 2^32: no subnet of ours lies there, and its end would not be an address.
bool reaches_end(Cidr cidr) {
  return cidr.first().value + cidr.size() > std::numeric_limits<std::uint32_t>::max();
}

// The subnet in the path, or the default one if the path ends before; nothing after an answer.
std::optional<Cidr> parse_subnet(const ApiCall& call) {
  const ipam::AllocatorConfig& config = call.control.ipam_config();
  if (call.path.size() < 3) return config.default_subnet;
  const std::string text = call.path[1] + "/" + call.path[2];
  const auto subnet = Cidr::parse_subnet(text);
  if (!subnet) {
    call.reply(error_reply(400, std::string(subnet.error().what) + ": " + text));
    return std::nullopt;
  }
  if (reaches_end(*subnet)) {
    call.reply(error_reply(400, "range " + text + " out of bounds: " + config.universe.text()));
    return std::nullopt;
  }
  return *subnet;
}

// What Weave answers when the caller gave up, or the peer gives its space away.
io::HttpResponse cancelled_reply() {
  return text_reply(200, "cancelled");
}

// The answer for requests whose success has nothing to say.
std::function<io::HttpResponse(const IpamOutcome&)> word_done(unsigned status,
                                                              std::string refusal_prefix) {
  return [status, prefix = std::move(refusal_prefix)](const IpamOutcome& outcome) {
    return std::visit(
        Overloaded{[&](const ipam::effect::Allocated&) { return empty_reply(status); },
                   [&](const ipam::effect::Done&) { return empty_reply(status); },
                   [&](const ipam::effect::Cancelled&) { return cancelled_reply(); },
                   [&](const ipam::effect::Refused& r) {
                     return error_reply(400, prefix + r.reason);
                   }},
        outcome);
  };
}

io::HttpResponse word_allocated(const IpamOutcome& outcome) {
  return std::visit(
      Overloaded{[](const ipam::effect::Allocated& a) { return text_reply(200, a.address.text()); },
                 [](const ipam::effect::Done&) { return empty_reply(200); },
                 [](const ipam::effect::Cancelled&) { return cancelled_reply(); },
                 [](const ipam::effect::Refused& r) {
                   return error_reply(400, r.reason);
                 }},
      outcome);
}

void allocate(const ApiCall& call) {
  const auto ident = parse_ident(call);
  if (!ident) return;
  const auto subnet = parse_subnet(call);
  if (!subnet) return;
  const bool is_container = is_true(call, "check-alive");
  answer_later(
      call,
      [&](IpamCallback done) {
        return call.control.allocate(*ident, *subnet, is_container, std::move(done));
      },
      word_allocated);
}

void claim(const ApiCall& call) {
  const auto ident = parse_ident(call);
  if (!ident) return;
  const std::string text = call.path[1] + "/" + call.path[2];
  const auto address = Cidr::parse(text);
  if (!address) {
    call.reply(error_reply(400, "invalid CIDR address: " + text));
    return;
  }
  const ipam::Allocator::ClaimOptions options{
      .is_container = is_true(call, "check-alive"),
      .no_error_on_unknown = is_true(call, "noErrorOnUnknown")};
  answer_later(
      call,
      [&](IpamCallback done) {
        return call.control.claim(*ident, *address, options, std::move(done));
      },
      word_done(204, "Unable to claim: "));
}

void lookup(const ApiCall& call) {
  const auto subnet = parse_subnet(call);
  if (!subnet) return;
  std::vector<std::string> texts;
  for (Cidr address : call.control.lookup(call.path[0], *subnet))
    texts.push_back(address.text());
  call.reply(text_reply(200, join(texts, " ")));
}

void list_owned(const ApiCall& call) {
  nlohmann::ordered_json owned;  // null when nobody owns anything, as in Weave
  for (const auto& [ident, entry] : call.control.owned()) {
    nlohmann::ordered_json addresses = nlohmann::ordered_json::array();
    for (Cidr address : entry.addresses)
      addresses.push_back(address.text());
    owned.push_back({{"containerid", ident}, {"addrs", std::move(addresses)}});
  }
  const nlohmann::ordered_json body = {{"owned", std::move(owned)}};
  call.reply(json_reply(compact_json_text(body) + "\n"));
}

void release_all(const ApiCall& call) {
  call.control.release(call.path[0],
                       [exchange = call.exchange, word = word_done(204, "")](
                           const IpamOutcome& outcome) { exchange->reply(word(outcome)); });
}

void release_one(const ApiCall& call) {
  const auto address = Ipv4Addr::parse(call.path[1]);
  if (!address) {
    call.reply(error_reply(400, "invalid IP Address: " + call.path[1]));
    return;
  }
  call.control.release(call.path[0], *address,
                       [exchange = call.exchange, word = word_done(204, "Unable to free: ")](
                           const IpamOutcome& outcome) { exchange->reply(word(outcome)); });
}

void wait_for_ring(const ApiCall& call) {
  answer_later(
      call, [&](IpamCallback done) { return call.control.wait_for_ring(std::move(done)); },
      word_done(200, ""));
}

void serve_default_subnet(const ApiCall& call) {
  call.reply(text_reply(200, call.control.ipam_config().default_subnet.text()));
}

void serve_tracker(const ApiCall& call) {
  call.reply(text_reply(200, call.options.range_tracker + "\n"));
}

// `weave reset` asks for this whether or not IPAM is on.
void give_space_away(const ApiCall& call) {
  if (!call.control.ipam_enabled()) {
    call.reply(empty_reply(204));
    return;
  }
  call.control.shut_down_ipam([exchange = call.exchange] { exchange->reply(empty_reply(204)); });
}

// Answered when all that can be mended is; looking alone needs no leave to change anything.
void check(const ApiCall& call) {
  const auto fix = parse_bool(call.request().parameter("fix").value_or("false"));
  if (!fix) {
    call.reply(error_reply(400, "unable to parse fix option: must be true or false"));
    return;
  }
  call.control.check_ipam(*fix && call.request().method == "POST",
                          [exchange = call.exchange](const IpamCheckReport& report) {
                            exchange->reply(json_reply(ipam_check_json(report).dump(2) + "\n"));
                          });
}

void take_over(const ApiCall& call) {
  const std::string& peer = call.path[0];
  const auto force = parse_bool(call.request().parameter("force").value_or("false"));
  if (!force) {
    call.reply(error_reply(400, "unable to parse force option: must be true or false"));
    return;
  }
  std::optional<std::uint64_t> gained = 0;
  if (call.control.ipam_enabled()) gained = call.control.take_over(peer, *force);
  if (!gained) {
    call.reply(error_reply(
        409, "peer " + peer + " is alive: its addresses may be in use, and giving them out again " +
                 "would break both; stop it first, or insist with force=true"));
    return;
  }
  call.reply(text_reply(200, std::to_string(*gained) + " IPs taken over from " + peer + "\n"));
}

constexpr Route ipam_read(std::string_view pattern, void (*handle)(const ApiCall&)) {
  return {.method = "GET", .pattern = pattern, .needs_ipam = true, .handle = handle};
}

constexpr Route ipam_change(std::string_view method, std::string_view pattern,
                            void (*handle)(const ApiCall&)) {
  return {
      .method = method, .pattern = pattern, .changes = true, .needs_ipam = true, .handle = handle};
}

constexpr std::array kRoutes{
    ipam_read("/ipinfo/defaultsubnet", serve_default_subnet),
    ipam_read("/ipinfo/tracker", serve_tracker),
    ipam_change("GET", "/ring", wait_for_ring),  // it may start an election
    ipam_read("/ipam/check", check),
    ipam_change("POST", "/ipam/check", check),
    ipam_read("/ip", list_owned),
    ipam_read("/ip/{}", lookup),
    ipam_read("/ip/{}/{}/{}", lookup),
    ipam_change("POST", "/ip/{}", allocate),
    ipam_change("POST", "/ip/{}/{}/{}", allocate),
    ipam_change("PUT", "/ip/{}/{}/{}", claim),
    ipam_change("DELETE", "/ip/{}", release_all),
    ipam_change("DELETE", "/ip/{}/{}", release_one),
    Route{.method = "DELETE", .pattern = "/peer", .changes = true, .handle = give_space_away},
    Route{.method = "DELETE", .pattern = "/peer/{}", .changes = true, .handle = take_over},
};

}  // namespace

std::span<const Route> ipam_routes() {
  return kRoutes;
}

}  // namespace weft::daemon
