// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/daemon/recorded.h"

#include <iterator>
#include <regex>
#include <sstream>

#include "base/text.h"
#include "tests/golden/golden.h"

namespace weft::daemon::recorded {
namespace {

using Json = nlohmann::ordered_json;

PeerName peer(const Json& name) {
  return *PeerName::parse(name.get<std::string>());
}

TimePoint parse_time(const std::string& text) {
  static const std::regex kForm(
      R"((\d+)-(\d+)-(\d+)[ T](\d+):(\d+):(\d+)(?:\.(\d+))?(?:Z| \+0000 UTC.*))");
  std::smatch m;
  REQUIRE_MESSAGE(std::regex_match(text, m, kForm), text);
  const auto number = [&](std::size_t i) {
    return std::stoi(m[i].str());
  };
  namespace chr = std::chrono;
  const chr::sys_days day = chr::year(number(1)) / chr::month(static_cast<unsigned>(number(2))) /
                            chr::day(static_cast<unsigned>(number(3)));
  std::string fraction = m[7].str();
  fraction.resize(9, '0');
  const auto since_epoch = day.time_since_epoch() + chr::hours(number(4)) +
                           chr::minutes(number(5)) + chr::seconds(number(6)) +
                           chr::nanoseconds(std::stoll(fraction));
  return TimePoint(chr::duration_cast<Duration>(since_epoch));
}

gossip::LinkState parse_state(const std::string& text) {
  using enum gossip::LinkState;
  for (gossip::LinkState state : {established, pending, waiting, failed, connecting, retrying}) {
    if (to_string(state) == text) return state;
  }
  FAIL("unknown state " << text);
  return failed;
}

gossip::PeerStatus parse_peer(const Json& json) {
  gossip::PeerStatus out{.name = peer(json["Name"]),
                         .nickname = json["NickName"],
                         .uid = {json["UID"].get<std::uint64_t>()},
                         .version = json["Version"],
                         .short_id = ShortId::make(json["ShortID"].get<std::uint64_t>())};
  for (const Json& c : json["Connections"]) {
    out.connections.push_back({.peer = peer(c["Name"]),
                               .nickname = c["NickName"],
                               .address = c["Address"],
                               .outbound = c["Outbound"],
                               .established = c["Established"]});
  }
  return out;
}

// A live connection: the end of Info is "name(nick)", Attrs tell of the overlay.
void parse_live(const Json& json, gossip::LinkStatus& link, Snapshot& out) {
  link.link = gossip::LinkId{out.mesh.links.size() + 1};
  const std::string info = json["Info"];
  const std::string label = info.substr(info.rfind(' ') + 1);
  link.peer = *PeerName::parse(label.substr(0, label.find('(')));
  link.nickname = label.substr(label.find('(') + 1);
  link.nickname.pop_back();
  const Json& attributes = json["Attrs"];
  link.encrypted = attributes.value("encrypted", false);
  out.overlays[*link.link] = {.overlay = attributes["name"],
                              .established = true,
                              .encrypted = link.encrypted,
                              .mtu = attributes["mtu"].get<int>()};
}

// A failed target: "error, retry: time".
void parse_failed(const std::string& info, gossip::LinkStatus& link) {
  const std::size_t retry = info.rfind(", retry: ");
  REQUIRE_MESSAGE(retry != std::string::npos, info);
  link.error = info.substr(0, retry);
  const std::string when = info.substr(retry + 9);
  link.retry_never = when == "never";
  if (!link.retry_never) link.retry = parse_time(when);
}

void parse_links(const Json& router, Snapshot& out) {
  for (const Json& c : router["Connections"]) {
    gossip::LinkStatus link{.outbound = c["Outbound"],
                            .address = *Endpoint::parse(c["Address"].get<std::string>()),
                            .state = parse_state(c["State"])};
    if (c["Attrs"].is_null()) {
      parse_failed(c["Info"], link);
      link.target = link.address.ip.text();
    } else {
      parse_live(c, link, out);
    }
    out.mesh.links.push_back(link);
  }
}

void parse_router(const Json& router, Snapshot& out) {
  out.mesh.name = peer(router["Name"]);
  out.mesh.nickname = router["NickName"];
  out.mesh.port = router["Port"];
  out.mesh.encrypted = router["Encryption"];
  out.mesh.discovery = router["PeerDiscovery"];
  out.mesh.termination_count = router["TerminationCount"];
  for (const Json& p : router["Peers"])
    out.mesh.peers.push_back(parse_peer(p));
  for (const Json& target : router["Targets"])
    out.mesh.targets.push_back(target);
  parse_links(router, out);
  for (const Json& route : router["UnicastRoutes"]) {
    out.unicast_routes[peer(route["Dest"])] = peer(route["Via"]);
  }
  for (const Json& route : router["BroadcastRoutes"]) {
    auto& via = out.broadcast_routes[peer(route["Source"])];
    for (const Json& hop : route["Via"])
      via.push_back(peer(hop));
  }
  const Json& stats = router["CaptureStats"];
  out.capture = {.interface = router["Interface"],
                 .packets_received = stats["PacketsReceived"],
                 .packets_dropped = stats["PacketsDropped"],
                 .packets_if_dropped = stats["PacketsIfDropped"]};
  for (const Json& mac : router["MACs"]) {
    out.macs.push_back({.mac = *MacAddr::parse(mac["Mac"].get<std::string>()),
                        .peer = peer(mac["Name"]),
                        .last_seen = parse_time(mac["LastSeen"])});
  }
}

ipam::AllocatorStatus parse_ipam(const Json& json) {
  const Cidr universe = *Cidr::parse(json["Range"].get<std::string>());
  ipam::AllocatorStatus out{.universe = universe.range(),
                            .universe_text = json["Range"],
                            .default_subnet = json["DefaultSubnet"],
                            .universe_size = json["RangeNumIPs"],
                            .active = json["ActiveIPs"]};
  for (const Json& e : json["Entries"]) {
    out.entries.push_back({.token = *Ipv4Addr::parse(e["Token"].get<std::string>()),
                           .size = e["Size"],
                           .peer = peer(e["Peer"]),
                           .nickname = e["Nickname"],
                           .known_peer = e["IsKnownPeer"],
                           .version = e["Version"]});
  }
  // "s3 10.34.0.0/30". No recording has a pending claim.
  REQUIRE(json["PendingClaims"].is_null());
  for (const Json& pending : json["PendingAllocates"]) {
    const std::string text = pending;
    const std::size_t blank = text.find(' ');
    out.pending_allocates.push_back(
        {.ident = text.substr(0, blank), .what = text.substr(blank + 1)});
  }
  return out;
}

// "### host1  GET /ip/c1  [curl: -d a=1 -d b=2]"
Exchange parse_heading(const std::string& line) {
  static const std::regex kForm(R"(### (\S+)(?: \([^)]*\))?  (\S+) (.*)  \[curl: (.*)\])");
  std::smatch m;
  REQUIRE_MESSAGE(std::regex_match(line, m, kForm), line);
  Exchange out{.host = m[1], .method = m[2], .url = m[3]};
  std::istringstream options(m[4]);
  for (std::string word; options >> word;) {
    if (word == "-d" && options >> word) out.form += (out.form.empty() ? "" : "&") + word;
  }
  return out;
}

// A body without a length goes up to the next request, or to what curl said when it gave one up.
std::size_t end_of_chunked(const std::string& text, std::size_t at) {
  return std::min(text.find("\n\n###", at), text.find("\n\n curl rc=", at));
}

}  // namespace

std::vector<std::string> situations() {
  constexpr std::pair<const char*, int> kMoments[] = {
      {"01-before-ipam", 3},     {"02-after-ipam", 3},  {"03-host3-stopped", 2},
      {"04-host3-restarted", 3}, {"05-host3-reset", 2}, {"06-host3-asked-space", 3},
      {"07-host3-rmpeer", 2},
  };
  std::vector<std::string> out;
  for (const char* mode : {"plain/", "encrypted/"}) {
    for (const auto& [moment, hosts] : kMoments) {
      for (int host = 1; host <= hosts; ++host)
        out.push_back(std::string(mode) + moment + "-host" + std::to_string(host));
    }
  }
  return out;
}

std::optional<std::string> read(const std::string& name) {
  std::ifstream in(golden::folder() / name);
  if (!in) {
    MESSAGE("skipped: no " << (golden::folder() / name).string());
    return std::nullopt;
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::optional<Json> report(const std::string& situation) {
  const auto text = read("status/" + situation + "-report.json");
  if (!text) return std::nullopt;
  Json json = Json::parse(*text, nullptr, false);
  REQUIRE(!json.is_discarded());
  return json;
}

Snapshot snapshot_of(const Json& report) {
  Snapshot out;
  out.version = report["Version"];
  out.ready = report["Ready"];
  parse_router(report["Router"], out);
  if (report.contains("IPAM")) out.ipam = parse_ipam(report["IPAM"]);
  return out;
}

std::string with_hints(std::string text) {
  static const std::regex kRefused(
      R"((dial tcp :0->([0-9.]+):(\d+): connect: connection refused))");
  return std::regex_replace(text, kRefused,
                            "$1 (nothing listens there: is weaver running on $2, and is TCP $3 its "
                            "port?)");
}

std::string without_monotonic(std::string text) {
  static const std::regex kMonotonic(R"( m=\+[0-9.]+)");
  return std::regex_replace(text, kMonotonic, "");
}

std::vector<Exchange> exchanges(const std::string& text) {
  std::vector<Exchange> out;
  std::size_t at = 0;
  const auto next_line = [&] {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    return line;
  };
  while (at < text.size()) {
    std::string line = next_line();
    if (!line.starts_with("### host")) continue;
    Exchange exchange = parse_heading(line);
    line = next_line();
    if (!line.starts_with("HTTP/1.1 ")) continue;  // it was not answered
    exchange.status = static_cast<unsigned>(*parse_u64(line.substr(9, 3)));
    std::optional<std::size_t> length;
    while (!(line = next_line()).empty()) {
      if (line.starts_with("Content-Type: ")) exchange.content_type = line.substr(14);
      if (line.starts_with("Content-Length: ")) length = *parse_u64(line.substr(16));
    }
    if (!length) length = exchange.status == 204 ? 0 : end_of_chunked(text, at) - at;
    exchange.body = text.substr(at, *length);
    at += *length;
    out.push_back(std::move(exchange));
  }
  return out;
}

}  // namespace weft::daemon::recorded
