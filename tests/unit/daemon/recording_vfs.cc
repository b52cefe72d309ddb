// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/daemon/recording_vfs.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include <doctest/doctest.h>
#include <sqlite3.h>

namespace weft::daemon::test {
namespace {

struct Recorder {
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::vector<DiskOp> ops;
  std::size_t reads_left = std::numeric_limits<std::size_t>::max();
};

// SQLite calls plain functions; a VFS and its files lead back to their recorder.
struct File {
  sqlite3_file base;  // first: SQLite sees only this
  Recorder* recorder;
  std::string* path;
  sqlite3_file* real;  // behind this struct, in the same block
};

File& of(sqlite3_file* file) {
  return *reinterpret_cast<File*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
  return of(file).real;
}

int close(sqlite3_file* file) {
  int code = real(file)->pMethods->xClose(real(file));
  delete of(file).path;
  return code;
}
int read(sqlite3_file* file, void* into, int size, sqlite3_int64 at) {
  std::size_t& left = of(file).recorder->reads_left;
  if (left == 0) return SQLITE_IOERR_READ;
  --left;
  return real(file)->pMethods->xRead(real(file), into, size, at);
}
int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  const auto* bytes = static_cast<const Byte*>(from);
  of(file).recorder->ops.push_back({.kind = DiskOp::Kind::write,
                                    .file = *of(file).path,
                                    .offset = static_cast<std::uint64_t>(at),
                                    .bytes = Bytes(bytes, bytes + size)});
  return real(file)->pMethods->xWrite(real(file), from, size, at);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  of(file).recorder->ops.push_back({.kind = DiskOp::Kind::truncate,
                                    .file = *of(file).path,
                                    .offset = static_cast<std::uint64_t>(size),
                                    .bytes = {}});
  return real(file)->pMethods->xTruncate(real(file), size);
}
int sync(sqlite3_file* file, int) {
  // The real one is spared: the machine that runs the test does not fail.
  of(file).recorder->ops.push_back(
      {.kind = DiskOp::Kind::sync, .file = *of(file).path, .offset = 0, .bytes = {}});
  return SQLITE_OK;
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int unlock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int check_reserved(sqlite3_file* file, int* out) {
  return real(file)->pMethods->xCheckReservedLock(real(file), out);
}
int file_control(sqlite3_file* file, int what, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), what, argument);
}
int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
int characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
int shm_map(sqlite3_file* file, int page, int size, int extend, volatile void** out) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}
int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}
void shm_barrier(sqlite3_file* file) {
  real(file)->pMethods->xShmBarrier(real(file));
}
int shm_unmap(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

// Version 2: nothing is mapped into memory, where writes would go unseen.
constexpr sqlite3_io_methods kMethods{.iVersion = 2,
                                      .xClose = close,
                                      .xRead = read,
                                      .xWrite = write,
                                      .xTruncate = truncate,
                                      .xSync = sync,
                                      .xFileSize = file_size,
                                      .xLock = lock,
                                      .xUnlock = unlock,
                                      .xCheckReservedLock = check_reserved,
                                      .xFileControl = file_control,
                                      .xSectorSize = sector_size,
                                      .xDeviceCharacteristics = characteristics,
                                      .xShmMap = shm_map,
                                      .xShmLock = shm_lock,
                                      .xShmBarrier = shm_barrier,
                                      .xShmUnmap = shm_unmap,
                                      .xFetch = nullptr,
                                      .xUnfetch = nullptr};

Recorder& recorder(sqlite3_vfs* vfs) {
  return *static_cast<Recorder*>(vfs->pAppData);
}

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  File& mine = of(file);
  mine.base.pMethods = nullptr;
  mine.recorder = &recorder(vfs);
  mine.real = reinterpret_cast<sqlite3_file*>(&mine + 1);
  sqlite3_vfs* beneath = mine.recorder->real;
  int code = beneath->xOpen(beneath, name, mine.real, flags, out_flags);
  if (code != SQLITE_OK) return code;
  mine.path = new std::string(name == nullptr ? "" : name);
  mine.base.pMethods = &kMethods;
  return SQLITE_OK;
}
int remove(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  recorder(vfs).ops.push_back(
      {.kind = DiskOp::Kind::remove, .file = name, .offset = 0, .bytes = {}});
  sqlite3_vfs* beneath = recorder(vfs).real;
  return beneath->xDelete(beneath, name, sync_folder);
}

Recorder& the_recorder() {
  sqlite3_vfs* vfs = sqlite3_vfs_find("weft-recording");
  REQUIRE(vfs != nullptr);
  return recorder(vfs);
}

void put(Bytes& file, const DiskOp& op) {
  if (op.kind == DiskOp::Kind::truncate) file.resize(op.offset);
  if (op.kind != DiskOp::Kind::write) return;
  if (file.size() < op.offset + op.bytes.size()) file.resize(op.offset + op.bytes.size());
  std::copy(op.bytes.begin(), op.bytes.end(),
            file.begin() + static_cast<std::ptrdiff_t>(op.offset));
}

// One operation of which nobody knows whether the disk had it.
void put_unsynced(Bytes& file, DiskOp op, Unsynced fate, Rng& rng) {
  switch (fate) {
    case Unsynced::lost:
      return;
    case Unsynced::kept:
      return put(file, op);
    case Unsynced::some:
      if (rng.below(2) == 0) put(file, op);
      return;
    case Unsynced::torn:
      if (rng.below(3) == 0) return;
      if (!op.bytes.empty()) op.bytes.resize(rng.below(op.bytes.size() + 1));
      return put(file, op);
  }
}

}  // namespace

std::map<std::string, Bytes> after_power_failure(const std::vector<DiskOp>& ops, std::size_t count,
                                                 Unsynced fate, Rng& rng) {
  std::map<std::string, Bytes> disk;
  std::map<std::string, std::vector<const DiskOp*>> unsynced;
  for (std::size_t i = 0; i < count; ++i) {
    const DiskOp& op = ops[i];
    if (op.kind == DiskOp::Kind::sync) {
      for (const DiskOp* pending : unsynced[op.file])
        put(disk[op.file], *pending);
      unsynced.erase(op.file);
    } else if (op.kind == DiskOp::Kind::remove) {
      disk.erase(op.file);
      unsynced.erase(op.file);
    } else {
      unsynced[op.file].push_back(&op);
    }
  }
  if (fate == Unsynced::lost) return disk;
  for (const auto& [file, pending] : unsynced) {
    for (const DiskOp* op : pending)
      put_unsynced(disk[file], *op, fate, rng);
  }
  return disk;
}

RecordingVfs::RecordingVfs() {
  auto made = std::make_unique<Recorder>();
  made->real = sqlite3_vfs_find(nullptr);
  REQUIRE(made->real != nullptr);
  made->vfs = *made->real;
  made->vfs.zName = "weft-recording";
  made->vfs.szOsFile = static_cast<int>(sizeof(File)) + made->real->szOsFile;
  made->vfs.pNext = nullptr;
  made->vfs.pAppData = made.get();
  made->vfs.xOpen = open;
  made->vfs.xDelete = remove;
  // The other functions came along from the real one, and do not look at its data.
  made->vfs.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* out) {
    return recorder(vfs).real->xAccess(recorder(vfs).real, name, flags, out);
  };
  made->vfs.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* out) {
    return recorder(vfs).real->xFullPathname(recorder(vfs).real, name, size, out);
  };
  REQUIRE(sqlite3_vfs_register(&made->vfs, 1) == SQLITE_OK);
  (void)made.release();  // until the destructor unregisters it
}

RecordingVfs::~RecordingVfs() {
  std::unique_ptr<Recorder> held(&the_recorder());
  sqlite3_vfs_unregister(&held->vfs);
  sqlite3_vfs_register(held->real, 1);
}

void RecordingVfs::fail_reads_after(std::size_t count) {
  the_recorder().reads_left = count;
}
const std::vector<DiskOp>& RecordingVfs::ops() const {
  return the_recorder().ops;
}

}  // namespace weft::daemon::test
