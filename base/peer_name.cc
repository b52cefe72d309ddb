// SPDX-License-Identifier: Apache-2.0
#include "base/peer_name.h"

#include <array>
#include <vector>

#include "base/text.h"

namespace weft {
namespace {

constexpr std::size_t kGroups = 6;
// An abbreviated name has one "::" and at most this many explicit groups.
constexpr std::size_t kAbbreviatedGroupsMax = 4;

std::optional<std::uint8_t> hex_group(std::string_view group) {
  if (group.empty() || group.size() > 2) return std::nullopt;
  unsigned v = 0;
  for (char c : group) {
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
    v = v * 16 + digit;
  }
  return static_cast<std::uint8_t>(v);
}

std::optional<std::vector<std::uint8_t>> hex_groups(std::string_view text) {
  std::vector<std::uint8_t> groups;
  if (text.empty()) return groups;
  for (std::string_view part : split(text, ':')) {
    auto group = hex_group(part);
    if (!group || groups.size() == kGroups) return std::nullopt;
    groups.push_back(*group);
  }
  return groups;
}

std::uint64_t fold(const std::vector<std::uint8_t>& groups) {
  std::uint64_t v = 0;
  for (std::uint8_t group : groups)
    v = v << 8 | group;
  return v;
}

}  // namespace

PeerName PeerName::from_bytes(ByteView bytes) {
  std::uint64_t v = 0;
  for (Byte b : bytes)
    v = v << 8 | std::to_integer<std::uint64_t>(b);
  return from_u48(v);
}

std::optional<PeerName> PeerName::parse(std::string_view text) {
  // Weave scans names the way scanf does: blanks in front are passed over.
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    auto groups = hex_groups(text);
    if (!groups || groups->size() != kGroups) return std::nullopt;
    return PeerName(fold(*groups));
  }
  auto left = hex_groups(text.substr(0, gap));
  auto right = hex_groups(text.substr(gap + 2));
  if (!left || !right) return std::nullopt;
  std::size_t given = left->size() + right->size();
  if (given == 0 || given > kAbbreviatedGroupsMax) return std::nullopt;
  return PeerName(fold(*left) << (8 * (kGroups - left->size())) | fold(*right));
}

std::string PeerName::text() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 40; shift >= 0; shift -= 8) {
    std::uint64_t group = value_ >> shift & 0xff;
    if (!text.empty()) text += ':';
    text += kDigits[group >> 4];
    text += kDigits[group & 15];
  }
  return text;
}

std::string display_name(PeerName name, std::string_view nickname) {
  return name.text() + "(" + std::string(nickname) + ")";
}

}  // namespace weft
