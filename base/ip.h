// SPDX-License-Identifier: Apache-2.0
// IPv4 addresses, half-open address ranges, CIDRs and UDP/TCP endpoints.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft {

struct Ipv4Addr {
  std::uint32_t value = 0;  // first octet most significant

  static std::optional<Ipv4Addr> parse(std::string_view text);
  std::string text() const;
  friend constexpr auto operator<=>(Ipv4Addr, Ipv4Addr) = default;
};

inline constexpr Ipv4Addr operator+(Ipv4Addr a, std::uint32_t n) {
  return {a.value + n};
}
// How far b lies before a; modulo 2^32.
inline constexpr std::uint32_t operator-(Ipv4Addr a, Ipv4Addr b) {
  return a.value - b.value;
}

class Cidr;

// [start, end): the unit of ring, space and subnets. Never wraps; an empty range has start == end.
struct IpRange {
  Ipv4Addr start;
  Ipv4Addr end;

  constexpr std::uint32_t size() const { return end - start; }
  constexpr bool empty() const { return start >= end; }
  constexpr bool contains(Ipv4Addr a) const { return start <= a && a < end; }
  constexpr bool overlaps(IpRange o) const { return start < o.end && o.start < end; }
  IpRange intersection(IpRange o) const;
  // "10.32.0.0-10.47.255.255": first and last address.
  std::string text() const;
  // The shortest list of CIDRs that covers exactly this range, in order.
  std::vector<Cidr> cidrs() const;
  friend constexpr auto operator<=>(IpRange, IpRange) = default;
};

// An address with a prefix length; the address may have host bits set ("10.32.0.5/12").
class Cidr {
 public:
  // nullopt if prefix_len > 32.
  static std::optional<Cidr> make(Ipv4Addr addr, unsigned prefix_len);
  static std::optional<Cidr> parse(std::string_view text);
  // As parse, and refuses host bits and fewer than 4 addresses, in Weave's words.
  static Result<Cidr> parse_subnet(std::string_view text);

  constexpr Cidr() = default;
  constexpr Ipv4Addr addr() const { return addr_; }
  constexpr std::uint8_t prefix_len() const { return prefix_len_; }
  // 2^(32 - prefix_len); a /0 is 2^32.
  constexpr std::uint64_t size() const { return std::uint64_t{1} << (32 - prefix_len_); }
  Ipv4Addr first() const;
  bool is_subnet() const { return first() == addr_; }
  bool contains(Ipv4Addr a) const;
  // All addresses. Not for 0.0.0.0/0, whose end does not fit.
  IpRange range() const;
  // All but the first and the last: where allocation happens.
  IpRange host_range() const;
  std::string text() const;
  friend constexpr auto operator<=>(const Cidr&, const Cidr&) = default;

 private:
  constexpr Cidr(Ipv4Addr addr, std::uint8_t prefix_len) : addr_(addr), prefix_len_(prefix_len) {}
  Ipv4Addr addr_;
  std::uint8_t prefix_len_ = 32;
};

struct Endpoint {
  Ipv4Addr ip;
  std::uint16_t port = 0;

  // "10.0.0.1:6783"; the port is required.
  static std::optional<Endpoint> parse(std::string_view text);
  std::string text() const;
  friend constexpr auto operator<=>(Endpoint, Endpoint) = default;
};

}  // namespace weft
