// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"

#include <algorithm>

#include "base/ensure.h"
#include "base/text.h"

namespace weft {
namespace {

// Subnets below this size have no host range to allocate from.
constexpr std::uint64_t kSubnetSizeMin = 4;

}  // namespace

std::optional<Ipv4Addr> Ipv4Addr::parse(std::string_view text) {
  std::uint32_t value = 0;
  int octets = 0;
  for (std::string_view part : split(text, '.')) {
    auto octet = parse_u64(part);
    bool leading_zero = part.size() > 1 && part[0] == '0';
    if (!octet || *octet > 255 || leading_zero || ++octets > 4) return std::nullopt;
    value = value << 8 | static_cast<std::uint32_t>(*octet);
  }
  if (octets != 4) return std::nullopt;
  return Ipv4Addr{value};
}

std::string Ipv4Addr::text() const {
  return std::to_string(value >> 24) + "." + std::to_string(value >> 16 & 255) + "." +
         std::to_string(value >> 8 & 255) + "." + std::to_string(value & 255);
}

IpRange IpRange::intersection(IpRange o) const {
  IpRange r{std::max(start, o.start), std::min(end, o.end)};
  return r.empty() ? IpRange{r.start, r.start} : r;
}

std::string IpRange::text() const {
  return start.text() + "-" + Ipv4Addr{end.value - 1}.text();
}

std::vector<Cidr> IpRange::cidrs() const {
  std::vector<Cidr> out;
  std::uint64_t at = start.value;
  while (at < end.value) {
    unsigned bits = at == 0 ? 32 : static_cast<unsigned>(__builtin_ctzll(at));
    while ((std::uint64_t{1} << bits) > end.value - at)
      --bits;
    out.push_back(*Cidr::make({static_cast<std::uint32_t>(at)}, 32 - bits));
    at += std::uint64_t{1} << bits;
  }
  return out;
}

std::optional<Cidr> Cidr::make(Ipv4Addr addr, unsigned prefix_len) {
  if (prefix_len > 32) return std::nullopt;
  return Cidr(addr, static_cast<std::uint8_t>(prefix_len));
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto addr = Ipv4Addr::parse(text.substr(0, slash));
  auto len = parse_u64(text.substr(slash + 1));
  if (!addr || !len || *len > 32) return std::nullopt;
  return make(*addr, static_cast<unsigned>(*len));
}

Result<Cidr> Cidr::parse_subnet(std::string_view text) {
  auto cidr = parse(text);
  if (!cidr) return Error{.code = Errc::bad_value, .what = "invalid CIDR address"};
  if (!cidr->is_subnet()) {
    return Error{.code = Errc::bad_value,
                 .what = "invalid subnet - bits after network prefix are not all zero"};
  }
  if (cidr->size() < kSubnetSizeMin) {
    return Error{.code = Errc::bad_value, .what = "invalid subnet - smaller than minimum size 4"};
  }
  return *cidr;
}

Ipv4Addr Cidr::first() const {
  std::uint64_t mask = ~(size() - 1);
  return {static_cast<std::uint32_t>(addr_.value & mask)};
}

bool Cidr::contains(Ipv4Addr a) const {
  return static_cast<std::uint64_t>(a - first()) < size() && a >= first();
}

IpRange Cidr::range() const {
  ensure(prefix_len_ > 0 && first().value + size() <= 0xffffffffU,
         "a range that reaches 2^32 has no end address");
  return {first(), first() + static_cast<std::uint32_t>(size())};
}

IpRange Cidr::host_range() const {
  if (size() < kSubnetSizeMin) return {first(), first()};
  IpRange r = range();
  return {r.start + 1, {r.end.value - 1}};
}

std::string Cidr::text() const {
  return addr_.text() + "/" + std::to_string(prefix_len_);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto ip = Ipv4Addr::parse(text.substr(0, colon));
  auto port = parse_u64(text.substr(colon + 1));
  if (!ip || !port || *port > 65535) return std::nullopt;
  return Endpoint{.ip = *ip, .port = static_cast<std::uint16_t>(*port)};
}

std::string Endpoint::text() const {
  return ip.text() + ":" + std::to_string(port);
}

}  // namespace weft
