// SPDX-License-Identifier: Apache-2.0
// ensure() states what only a bug of ours can break. It is on in release builds and aborts; what a
// peer, a user or the kernel can cause is a Result instead.
#pragma once

namespace weft {

[[noreturn]] void ensure_failed(const char* what, const char* file, int line);

inline void ensure(bool condition, const char* what, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  if (!condition) [[unlikely]]
    ensure_failed(what, file, line);
}

}  // namespace weft
