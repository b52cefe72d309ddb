// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/footprint.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <malloc.h>
#include <sys/mman.h>

namespace weft::daemon {

void release_startup_pages() {
  ::malloc_trim(0);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> maps(std::fopen("/proc/self/maps", "re"),
                                                       &std::fclose);
  if (!maps) return;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), maps.get()) != nullptr) {
    char* rest = nullptr;
    std::uintptr_t start = std::strtoull(line.data(), &rest, 16);
    std::uintptr_t end = *rest == '-' ? std::strtoull(rest + 1, &rest, 16) : start;
    std::string_view tail(rest);
    // Code only: it is never written, so dropping it loses nothing. Read-only data may hold
    // relocations that exist nowhere else.
    bool code = tail.substr(0, 5) == " r-xp" && tail.find('/') != std::string_view::npos;
    if (!code) continue;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives addresses as text
    ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  }
}

}  // namespace weft::daemon
