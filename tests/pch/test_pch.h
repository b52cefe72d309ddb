// SPDX-License-Identifier: Apache-2.0
// doctest and what nearly every test includes, parsed once per test program.
#include <doctest/doctest.h>

#include "base/pch/std_pch.h"
