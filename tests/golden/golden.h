// SPDX-License-Identifier: Apache-2.0
// Test vectors made by the real Weave, read at run time from the folder that WEFT_GOLDEN names
// (default: tests/golden), so that other cases can be fed in without a change. The folder must be
// there. A missing file is a skip that says so, and scripts/test counts it as one; a field that no
// test knows is an error, lest a vector be ignored.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "base/bytes.h"
#include "base/json/json.h"
#include "tests/golden/default_folder.h"

namespace weft::golden {

inline std::filesystem::path folder() {
  const char* named = std::getenv("WEFT_GOLDEN");
  std::filesystem::path path = named != nullptr ? named : default_folder();
  REQUIRE_MESSAGE(std::filesystem::is_directory(path),
                  "WEFT_GOLDEN is no folder: " << path.string());
  return path;
}

// The vectors of one file, or nothing (with a message) if there is no such file.
inline std::optional<nlohmann::json> load(const std::string& file) {
  std::ifstream in(folder() / file);
  if (!in) {
    MESSAGE("skipped: no " << (folder() / file).string());
    return std::nullopt;
  }
  auto json = nlohmann::json::parse(in, nullptr, false);
  REQUIRE_MESSAGE(!json.is_discarded(), file << " is not JSON");
  return json;
}

// Fails if `object` has a field that the test does not look at.
inline void require_known(const nlohmann::json& object, std::initializer_list<const char*> fields) {
  REQUIRE(object.is_object());
  for (const auto& item : object.items()) {
    bool known = false;
    for (const char* field : fields)
      known = known || item.key() == field;
    REQUIRE_MESSAGE(known,
                    "unknown field " << item.key() << " in " << object.dump().substr(0, 200));
  }
}

inline Bytes hex(const nlohmann::json& text) {
  auto bytes = from_hex(text.get<std::string>());
  REQUIRE_MESSAGE(bytes.has_value(), "not hexadecimal: " << text.dump());
  return *bytes;
}

}  // namespace weft::golden
