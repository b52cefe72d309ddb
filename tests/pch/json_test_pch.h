// SPDX-License-Identifier: Apache-2.0
// As test_pch.h, for tests that also read JSON.
#include <doctest/doctest.h>

#include "base/pch/json_pch.h"
