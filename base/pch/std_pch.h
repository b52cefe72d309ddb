// SPDX-License-Identifier: Apache-2.0
// What nearly every file of the pure libraries includes, parsed once per library.
#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>
