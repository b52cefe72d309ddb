// SPDX-License-Identifier: Apache-2.0
// How the daemon words times, columns and foreign text for people. What other peers sent may hold
// anything, so it passes through printable() before it reaches a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/peer_name.h"

namespace weft::daemon {

// As Go prints a time.Time in UTC: "2026-11-22 19:14:29.948828771 +0000 UTC".
std::string go_time(std::chrono::system_clock::time_point t);
// RFC 3339 with as many digits of a second as are needed: "2026-11-22T19:14:29.5Z".
std::string rfc3339(std::chrono::system_clock::time_point t);

// Control characters become '?': no line is forged and no terminal is steered by a peer.
std::string printable(std::string_view text);
// "7a:00:00:00:00:01(host1)", printable.
std::string peer_label(PeerName name, std::string_view nickname);

// Blanks up to `width` characters (not bytes), as Go's %-Nv.
std::string pad_right(std::string_view text, std::size_t width);
// "06.2%": Go's %04.1f%%. Zero of zero is zero.
std::string percent(std::uint64_t part, std::uint64_t whole);
// True if `text` holds `word`, letters compared without case (ASCII).
bool mentions(std::string_view text, std::string_view word);

}  // namespace weft::daemon
