// SPDX-License-Identifier: Apache-2.0
// Small files read whole, and files replaced whole: readers see the old one or the new one, also
// after a crash.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace weft::kube {

// not_found: there is none; too_large; system: as the kernel says.
Result<std::string> read_file(const std::string& path, std::size_t size_max);

// Writes beside it, under a name that begins with '.' and ends in ".new", and renames.
Result<> replace_file(const std::string& path, std::string_view text, mode_t mode);
// The same with a copy of another file.
Result<> install_file(const std::string& from, const std::string& path, mode_t mode);
// The same with a symbolic link.
Result<> replace_link(const std::string& path, const std::string& target);

bool same_content(const std::string& a, const std::string& b);
// Where a symbolic link leads; empty: it is none.
std::string link_target(const std::string& path);
// Names in a folder, sorted; empty if it cannot be read.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace weft::kube
