// SPDX-License-Identifier: Apache-2.0
// nlohmann/json, compiled once. Without the last lines every file that touches JSON compiles the
// whole library again, which took half of such a file's time.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

extern template class nlohmann::basic_json<>;
extern template class nlohmann::detail::serializer<nlohmann::json>;
extern template class nlohmann::basic_json<nlohmann::ordered_map>;
extern template class nlohmann::detail::serializer<nlohmann::ordered_json>;
