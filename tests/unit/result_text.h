// SPDX-License-Identifier: Apache-2.0
// Failed checks of a Result show its error.
#pragma once

#include <doctest/doctest.h>

#include "base/result.h"

template <class T>
struct doctest::StringMaker<weft::Result<T>> {
  static doctest::String convert(const weft::Result<T>& result) {
    return result ? "ok" : weft::to_string(result.error()).c_str();
  }
};
