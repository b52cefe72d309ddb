// SPDX-License-Identifier: Apache-2.0
// Who a peer is: its 48-bit name (chosen once, persisted), the random UID of one run of it, and
// the 12-bit short ID it goes by in VXLAN headers. See docs/wire/gossip.md.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace weft {

class PeerName {
 public:
  static constexpr std::uint64_t kMax = (std::uint64_t{1} << 48) - 1;

  // 00:00:00:00:00:00, "unknown peer".
  constexpr PeerName() = default;
  // nullopt if v does not fit 48 bits.
  static constexpr std::optional<PeerName> make(std::uint64_t v) {
    return v <= kMax ? std::optional(PeerName(v)) : std::nullopt;
  }
  // For values that cannot be out of range, such as Reader::u48().
  static constexpr PeerName from_u48(std::uint64_t v) { return PeerName(v & kMax); }
  // Folds a byte string of any length, as Weave does with NameByte; the last six bytes count.
  static PeerName from_bytes(ByteView bytes);
  // Six groups of one or two hex digits, or an abbreviation with one "::" (up to four groups).
  static std::optional<PeerName> parse(std::string_view text);

  constexpr std::uint64_t value() const { return value_; }
  constexpr bool known() const { return value_ != 0; }
  // Odd first byte: swift and sleeve datagrams are told apart by this bit, so no peer may have it.
  constexpr bool group_bit() const { return (value_ >> 40 & 1) != 0; }
  std::string text() const;

  friend constexpr auto operator<=>(PeerName, PeerName) = default;

 private:
  explicit constexpr PeerName(std::uint64_t v) : value_(v) {}
  std::uint64_t value_ = 0;
};

// Random per process start; 0 marks a peer known only by name.
struct PeerUid {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(PeerUid, PeerUid) = default;
};

// 12 bits, unique per mesh when all is settled; the lowest peer name wins a collision.
class ShortId {
 public:
  static constexpr std::uint16_t kMax = (1U << 12) - 1;
  static constexpr std::optional<ShortId> make(std::uint64_t v) {
    return v <= kMax ? std::optional(ShortId(static_cast<std::uint16_t>(v))) : std::nullopt;
  }
  constexpr std::uint16_t value() const { return value_; }
  friend constexpr auto operator<=>(ShortId, ShortId) = default;

 private:
  explicit constexpr ShortId(std::uint16_t v) : value_(v) {}
  std::uint16_t value_ = 0;
};

// "7a:00:00:00:00:01(host1)": how every status text and log line names a peer.
std::string display_name(PeerName name, std::string_view nickname);

}  // namespace weft
