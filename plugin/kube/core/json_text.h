// SPDX-License-Identifier: Apache-2.0
// JSON of the API server and of the daemon, bounded in size and depth, and fields read from it
// without exceptions: what is absent or of another type is as if empty.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/json/json.h"
#include "base/result.h"

namespace weft::kube {

using Json = nlohmann::json;

// Kubernetes objects nest a dozen levels; schemas of custom resources more, which we do not read.
inline constexpr std::size_t kJsonDepthMax = 40;

// An object of at most `size_max` bytes of text; deeper nesting is refused before it is built.
Result<Json> parse_object(std::string_view text, std::size_t size_max);

// One line of text. Bytes that are no UTF-8 are replaced: what came in escaped may hold them.
std::string print(const Json& json);

// The member `name`; nullptr if `object` is none, or has no such member, or it is null.
const Json* member(const Json& object, const char* name);
std::string text_of(const Json& object, const char* name);
std::optional<std::int64_t> number_of(const Json& object, const char* name);
bool flag_of(const Json& object, const char* name);

// The member `name` as an object, made if it is not there or something else.
Json& object_in(Json& object, const char* name);

// "a b/c" → "a%20b%2Fc": for one part of a path, or a value in a query.
std::string percent_encode(std::string_view text);

// RFC 3339 with whole seconds, as metav1.Time, and with microseconds, as metav1.MicroTime.
std::string time_text(std::chrono::system_clock::time_point wall);
std::string micro_time_text(std::chrono::system_clock::time_point wall);

}  // namespace weft::kube
