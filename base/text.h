// SPDX-License-Identifier: Apache-2.0
// Small text helpers that several libraries need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

// "a,b" → {"a","b"}; "" → {""}. The parts view into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
// Decimal digits only, no sign, no blanks; nullopt on overflow.
std::optional<std::uint64_t> parse_u64(std::string_view text);
// Go's strconv.ParseBool: 1 t T TRUE true True, 0 f F FALSE false False.
std::optional<bool> parse_bool(std::string_view text);
// `size` (at most 12) characters of [0-9a-v] that depend on all of `text`. Not cryptographic: for
// names that must differ and have little room, such as those of network interfaces.
std::string short_digest(std::string_view text, std::size_t size);

}  // namespace weft
