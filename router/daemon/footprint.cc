// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/footprint.h"

#include <cstdint>
#include <cstdio>
#include <memory>

#include <malloc.h>
#include <sys/mman.h>

namespace weft::daemon {

void release_startup_pages() {
  ::malloc_trim(0);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> maps(std::fopen("/proc/self/maps", "re"),
                                                       &std::fclose);
  if (!maps) return;
  char line[512];
  while (std::fgets(line, sizeof line, maps.get()) != nullptr) {
    std::uintptr_t start = 0;
    std::uintptr_t end = 0;
    char permissions[5] = {};
    char path = 0;
    int fields = std::sscanf(line, "%lx-%lx %4s %*s %*s %*s %c", &start, &end, permissions, &path);
    // Code only: it is never written, so dropping it loses nothing. Read-only data may hold
    // relocations that exist nowhere else.
    bool code = fields == 4 && path == '/' && permissions[1] == '-' && permissions[2] == 'x';
    if (code) ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  }
}

}  // namespace weft::daemon
