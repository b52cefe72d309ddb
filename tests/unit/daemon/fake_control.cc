// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/daemon/fake_control.h"

#include <algorithm>

#include "base/text.h"

namespace weft::daemon::fake {
namespace {

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (auto byte = from_hex(text.substr(i + 1, 2))) {
        out += as_text(*byte);
        i += 2;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

void add_parameters(io::HttpRequest& request, std::string_view encoded) {
  if (encoded.empty()) return;
  for (std::string_view pair : split(encoded, '&')) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    request.parameters.emplace_back(
        percent_decoded(pair.substr(0, equals)),
        percent_decoded(pair.substr(std::min(equals + 1, pair.size()))));
  }
}

}  // namespace

FakeControl::FakeControl() {
  config.name = PeerName::from_u48(0x7a0000000001);
  config.nickname = "host1";
  config.universe = *Cidr::parse("10.32.0.0/12");
  config.default_subnet = config.universe;
  seen.version = "0.1.0";
  seen.mesh.name = config.name;
  seen.mesh.nickname = config.nickname;
}

std::optional<std::string> FakeControl::connect(const std::vector<std::string>& wanted,
                                                bool replace) {
  for (const std::string& target : wanted) {
    const auto parts = split(target, ':');
    const bool port_ok = parts.size() == 1 || (parts.size() == 2 && parse_u64(parts[1]));
    if (parts[0].empty() || !port_ok) {
      return "invalid peer name \"" + target + "\", should be host[:port]";
    }
  }
  if (replace) targets.clear();
  for (const std::string& target : wanted) {
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
      targets.push_back(target);
    }
  }
  seen.mesh.targets = targets;
  return std::nullopt;
}

void FakeControl::forget(const std::vector<std::string>& unwanted) {
  for (const std::string& target : unwanted)
    std::erase(targets, target);
  seen.mesh.targets = targets;
}

std::optional<std::string> FakeControl::expose(Cidr address, bool skip_nat) {
  if (bridge_failure) return bridge_failure;
  exposed[address] = skip_nat;
  return std::nullopt;
}

std::optional<std::string> FakeControl::hide(Cidr address) {
  if (bridge_failure) return bridge_failure;
  exposed.erase(address);
  return std::nullopt;
}

ipam::RequestId FakeControl::settle(IpamOutcome outcome, IpamCallback done) {
  const ipam::RequestId id{++last_request_};
  if (wait) {
    waiting.emplace(id, std::move(done));
  } else {
    done(outcome);
  }
  return id;
}

bool FakeControl::taken(Ipv4Addr address) const {
  for (const auto& [ident, entry] : addresses) {
    for (Cidr cidr : entry.addresses) {
      if (cidr.addr() == address) return true;
    }
  }
  return false;
}

IpamOutcome FakeControl::try_allocate(const std::string& ident, Cidr subnet, bool is_container) {
  if (shut_down) return ipam::effect::Cancelled{};
  if (const auto held = lookup(ident, subnet); !held.empty()) {
    return ipam::effect::Allocated{held[0]};
  }
  if (!subnet.range().overlaps(config.universe.range())) {
    return ipam::effect::Refused{"range " + subnet.text() +
                                 " out of bounds: " + config.universe.text()};
  }
  const IpRange hosts = subnet.host_range();
  for (Ipv4Addr at = hosts.start; at < hosts.end; at = at + 1) {
    if (taken(at)) continue;
    const Cidr address = *Cidr::make(at, subnet.prefix_len());
    ipam::Owned& owned = addresses[ident];
    owned.is_container = is_container;
    owned.addresses.push_back(address);
    return ipam::effect::Allocated{address};
  }
  return ipam::effect::Refused{"full"};
}

ipam::RequestId FakeControl::allocate(std::string_view ident, Cidr subnet, bool is_container,
                                      IpamCallback done) {
  last_is_container = is_container;
  if (wait) return settle({}, std::move(done));
  return settle(try_allocate(std::string(ident), subnet, is_container), std::move(done));
}

IpamOutcome FakeControl::try_claim(const std::string& ident, Cidr address) {
  const std::string own_name = address.addr().text();
  for (const auto& [holder, entry] : addresses) {
    for (Cidr held : entry.addresses) {
      if (held.addr() != address.addr()) continue;
      if (holder == ident || ident == "_") return ipam::effect::Done{};
      if (holder == own_name) {
        return ipam::effect::Refused{"address " + address.text() + " already in use"};
      }
      return ipam::effect::Refused{"address " + address.text() + " is already owned by " + holder};
    }
  }
  addresses[ident == "_" ? own_name : ident].addresses.push_back(address);
  return ipam::effect::Done{};
}

ipam::RequestId FakeControl::claim(std::string_view ident, Cidr address,
                                   ipam::Allocator::ClaimOptions options, IpamCallback done) {
  last_is_container = options.is_container;
  last_no_error_on_unknown = options.no_error_on_unknown;
  if (wait) return settle({}, std::move(done));
  return settle(try_claim(std::string(ident), address), std::move(done));
}

ipam::RequestId FakeControl::wait_for_ring(IpamCallback done) {
  return settle(ipam::effect::Done{}, std::move(done));
}

void FakeControl::cancel(ipam::RequestId request) {
  waiting.erase(request);
  cancelled.push_back(request);
}

void FakeControl::release(std::string_view ident, IpamCallback done) {
  if (addresses.erase(std::string(ident)) != 0) return done(ipam::effect::Done{});
  done(ipam::effect::Refused{"Delete: no addresses for " + std::string(ident)});
}

void FakeControl::release(std::string_view ident, Ipv4Addr address, IpamCallback done) {
  const auto found = addresses.find(std::string(ident));
  const std::size_t erased =
      found == addresses.end() ? 0 : std::erase_if(found->second.addresses, [&](Cidr held) {
        return held.addr() == address;
      });
  if (erased != 0) {
    if (found->second.addresses.empty()) addresses.erase(found);
    return done(ipam::effect::Done{});
  }
  done(ipam::effect::Refused{"Free: address " + address.text() + " not found for " +
                             std::string(ident)});
}

std::vector<Cidr> FakeControl::lookup(std::string_view ident, Cidr subnet) const {
  std::vector<Cidr> out;
  const auto found = addresses.find(std::string(ident));
  if (found == addresses.end()) return out;
  for (Cidr held : found->second.addresses) {
    if (subnet.contains(held.addr())) out.push_back(held);
  }
  return out;
}

void FakeControl::shut_down_ipam(std::function<void()> done) {
  shut_down = true;
  done();
}

void FakeControl::check_ipam(bool fix, std::function<void(const IpamCheckReport&)> done) {
  for (IpamFinding& finding : check_report.findings)
    finding.fixed = fix;
  done(check_report);
}

std::optional<std::uint64_t> FakeControl::take_over(std::string_view peer, bool force) {
  const std::string name(peer);
  const bool alive = std::find(live_peers.begin(), live_peers.end(), name) != live_peers.end();
  if (alive && !force) return std::nullopt;
  return std::exchange(dead_peers[name], 0);
}

void FakeControl::answer_all(const IpamOutcome& outcome) {
  for (auto& [id, done] : std::exchange(waiting, {}))
    done(outcome);
}

io::HttpRequest request(std::string method, std::string_view url, std::string_view form) {
  io::HttpRequest out;
  out.method = std::move(method);
  const std::size_t query = std::min(url.find('?'), url.size());
  out.path = percent_decoded(url.substr(0, query));
  for (std::string_view segment : split(url.substr(1, query - 1), '/')) {
    if (!segment.empty()) out.segments.push_back(percent_decoded(segment));
  }
  add_parameters(out, url.substr(std::min(query + 1, url.size())));
  add_parameters(out, form);
  out.local = true;
  return out;
}

}  // namespace weft::daemon::fake
