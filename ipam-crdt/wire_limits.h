// SPDX-License-Identifier: Apache-2.0
// What our decoders of IPAM messages accept, beyond the limits that any gob stream has.
#pragma once

#include <cstddef>

namespace weft::ipam {

// Every token of a /12, were every second address somebody else's; far beyond what 10 MiB carry.
inline constexpr std::size_t kRingEntriesMax = std::size_t{1} << 19;
// Peers in one list: seeds, a proposed value, nicknames.
inline constexpr std::size_t kPeersMax = std::size_t{1} << 16;
// Longer nicknames are not ours to remember; Weave sets no limit, so they are dropped, not refused.
inline constexpr std::size_t kNicknameMax = 1024;
// Entries of the stored table of owned addresses.
inline constexpr std::size_t kOwnedMax = std::size_t{1} << 20;

}  // namespace weft::ipam
