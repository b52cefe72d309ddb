// SPDX-License-Identifier: Apache-2.0
#include "router/io/stream_address.h"

#include <algorithm>

#include <arpa/inet.h>
#include <net/if.h>

namespace weft::io {
namespace {

std::optional<Ipv6Endpoint> parse_ipv6(std::string_view host, std::uint16_t port) {
  const std::size_t percent = host.find('%');
  const std::string address(host.substr(0, percent));
  in6_addr parsed{};
  if (::inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return std::nullopt;
  Ipv6Endpoint out{.ip = {}, .scope = 0, .port = port};
  std::copy(std::begin(parsed.s6_addr), std::end(parsed.s6_addr), out.ip.begin());
  if (percent == std::string_view::npos) return out;
  out.scope = ::if_nametoindex(std::string(host.substr(percent + 1)).c_str());
  if (out.scope == 0) return std::nullopt;
  return out;
}

std::string ipv6_text(const Ipv6Endpoint& at) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, at.ip.data(), text.data(), text.size());
  return "[" + std::string(text.data()) + "]:" + std::to_string(at.port);
}

}  // namespace

StreamAddress::StreamAddress(const HttpAddress& at) {
  if (const auto* path = std::get_if<UnixPath>(&at.where)) {
    where = *path;
  } else {
    where = std::get<Endpoint>(at.where);
  }
}

std::optional<StreamAddress> StreamAddress::literal(std::string_view host, std::uint16_t port) {
  if (const auto ip = Ipv4Addr::parse(host))
    return StreamAddress(Endpoint{.ip = *ip, .port = port});
  if (const auto ip = parse_ipv6(host, port)) return StreamAddress(*ip);
  return std::nullopt;
}

std::string StreamAddress::text() const {
  if (const auto* path = std::get_if<UnixPath>(&where)) return path->path;
  if (const auto* six = std::get_if<Ipv6Endpoint>(&where)) return ipv6_text(*six);
  return std::get<Endpoint>(where).text();
}

}  // namespace weft::io
