// SPDX-License-Identifier: Apache-2.0
// What our decoders of IPAM messages accept, beyond the limits that any gob stream has.
#pragma once

#include <cstddef>

namespace weft::ipam {

// These bounds hold for what we keep as well as for what we read, and together they fit into one
// message (10 MiB): a state that grew beyond that could not be told to anybody.
// 3.5 MB of them; rings of a thousand peers have ten thousand.
inline constexpr std::size_t kRingEntriesMax = std::size_t{1} << 17;
// Peers in one list: seeds, a proposed value, nicknames.
inline constexpr std::size_t kPeersMax = std::size_t{1} << 16;
// Longer nicknames are not ours to remember; Weave sets no limit, so they are dropped, not refused.
inline constexpr std::size_t kNicknameMax = 256;
// Nicknames that are remembered.
inline constexpr std::size_t kNicknamesMax = 8192;
// Entries of the stored table of owned addresses.
inline constexpr std::size_t kOwnedMax = std::size_t{1} << 20;

}  // namespace weft::ipam
