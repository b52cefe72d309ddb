// SPDX-License-Identifier: Apache-2.0
// A file system for SQLite that writes down, in order, all that changes files, so that a test can
// make the disk as a power failure at any moment may have left it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"

namespace weft::daemon::test {

struct DiskOp {
  enum class Kind { write, truncate, sync, remove };
  Kind kind = Kind::write;
  std::string file;          // path
  std::uint64_t offset = 0;  // or the size to truncate to
  Bytes bytes;
};

// What happens to what was written and not synced.
enum class Unsynced { lost, kept, some, torn };

// Files and their contents after a power failure behind the first `count` operations. A file that
// was never synced may be missing altogether.
std::map<std::string, Bytes> after_power_failure(const std::vector<DiskOp>& ops, std::size_t count,
                                                 Unsynced fate, Rng& rng);

// While it lives, every database of this process goes through it, to real files. One at a time.
class RecordingVfs {
 public:
  RecordingVfs();
  RecordingVfs(const RecordingVfs&) = delete;
  RecordingVfs& operator=(const RecordingVfs&) = delete;
  ~RecordingVfs();

  const std::vector<DiskOp>& ops() const;
  // The disk answers so many reads more, then none.
  void fail_reads_after(std::size_t count);
};

}  // namespace weft::daemon::test
