// SPDX-License-Identifier: Apache-2.0
// What nearly every command includes, parsed once.
#include <CLI/CLI.hpp>

#include "base/pch/json_pch.h"
