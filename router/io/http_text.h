// SPDX-License-Identifier: Apache-2.0
// The texts inside HTTP: percent-encoding, forms, paths. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "router/io/http.h"

namespace weft::io {

// A form or query with more parameters is refused.
inline constexpr std::size_t kParametersMax = 1000;

using Parameters = std::vector<std::pair<std::string, std::string>>;

// nullopt: '%' without two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);
// Everything but letters, digits and "-._~" is encoded.
std::string percent_encode(std::string_view text);

// ASCII letters in lower case: names of header fields are compared that way.
std::string lower_case(std::string_view text);

// "a=1&b=2&c": a name without '=' has an empty value, empty parts are skipped.
std::optional<Parameters> parse_form(std::string_view text);
std::string form_text(const Parameters& parameters);

// Fills path, segments and the query's parameters from a request target ("/ip/c1?x=1"). Segments
// are split before they are decoded, so "%2F" inside one is no separator. False: malformed.
bool parse_target(std::string_view target, HttpRequest& into);

}  // namespace weft::io
