// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/moving_in.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipam-crdt/boltdb.h"
#include "ipam-crdt/weave_db.h"

namespace weft::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNote =
    "weaver keeps its own state here. The database that Weave Net may have left beside it is not\n"
    "read again. To read it once more: stop weaver, remove this file and weft.db.\n";

std::string note_path(const std::string& db_prefix) {
  return db_prefix + "weft.moved";
}

// Weave names its file after its --db-prefix, which its manifest and its script chose differently.
std::optional<std::string> find_database(const std::string& db_prefix) {
  const fs::path folder = fs::path(db_prefix).parent_path();
  std::error_code ignored;
  for (const fs::path& path :
       {fs::path(db_prefix + "data.db"), folder / "weave-netdata.db", folder / "weavedata.db"}) {
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return std::nullopt;
}

class ReadOnlyFile {
 public:
  explicit ReadOnlyFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ReadOnlyFile(const ReadOnlyFile&) = delete;
  ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;
  ~ReadOnlyFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool is_open() const { return fd_ >= 0; }
  // Bolt's own lock: exclusive while Weave runs.
  bool lock() const { return ::flock(fd_, LOCK_SH | LOCK_NB) == 0; }

  Result<Bytes> read() const {
    struct stat info {};
    if (::fstat(fd_, &info) != 0 || info.st_size < 0) return system_error();
    if (static_cast<std::uint64_t>(info.st_size) > ipam::kBoltFileMax) {
      return Error{.code = Errc::too_large, .what = "the file is too large"};
    }
    Bytes bytes(static_cast<std::size_t>(info.st_size));
    std::size_t done = 0;
    while (done < bytes.size()) {
      ssize_t n = ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error();
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
    return bytes;
  }

 private:
  static Error system_error() {
    return {.code = Errc::system, .sys_errno = errno, .what = "the file cannot be read"};
  }
  int fd_;
};

std::vector<peer::StoreOp> as_ops(ipam::WeaveDatabase database) {
  std::vector<peer::StoreOp> ops;
  if (database.ring) ops.emplace_back(ipam::effect::StoreRing{std::move(*database.ring)});
  for (auto& [ident, owned] : database.owned) {
    if (owned.addresses.empty()) continue;
    ops.emplace_back(ipam::effect::StoreOwned{.ident = ident, .owned = std::move(owned)});
  }
  ops.emplace_back(peer::StoreTargets{std::move(database.direct_peers)});
  return ops;
}

LogLine notice(LogLevel level, std::string text) {
  return {.level = level, .component = "store", .text = std::move(text)};
}

// What the file says, if it is for us to take.
std::optional<ipam::WeaveDatabase> take(const ReadOnlyFile& file, const std::string& path,
                                        const MovingIn& where, MovedIn& out) {
  auto refuse = [&](const std::string& why) {
    out.notices.push_back(notice(LogLevel::warning, "Weave's database " + path +
                                                        " is not taken over: " + why +
                                                        "; the ring will be asked from the peers"));
    return std::nullopt;
  };
  auto bytes = file.read();
  if (!bytes) return refuse(to_string(bytes.error()));
  auto database = ipam::parse_weave_database(*bytes);
  if (!database) return refuse(to_string(database.error()));
  if (!database->name) return refuse("it holds no peer name");
  if (where.given && *where.given != *database->name) {
    return refuse("it is that of " + database->name->text() + ", but --name says " +
                  where.given->text());
  }
  return std::move(*database);
}

}  // namespace

std::variant<MovedIn, Failure> move_in(const MovingIn& where, Store& store) {
  MovedIn out;
  std::error_code ignored;
  auto stored = store.load();
  if (!stored) {
    return Failure{.error = stored.error(), .subject = store.path(), .hint = "check the disk"};
  }
  if (stored->name || fs::exists(note_path(where.db_prefix), ignored)) return out;
  auto path = find_database(where.db_prefix);
  if (!path) return out;
  ReadOnlyFile file(*path);
  if (file.is_open() && !file.lock()) {
    return Failure{.error = {.code = Errc::conflict, .what = "Weave is running on this host"},
                   .subject = *path,
                   .hint = "stop it first; its containers keep their addresses"};
  }
  auto database = take(file, *path, where, out);
  if (!database) return out;
  out.name = database->name;
  std::string what = std::to_string(database->owned.size()) + " holders of addresses" +
                     (database->ring ? " and the ring" : "");
  if (auto done = store.commit(as_ops(std::move(*database))); !done) {
    return Failure{.error = done.error(), .subject = store.path(), .hint = "check the disk"};
  }
  out.notices.push_back(notice(LogLevel::info, "moved in: the name " + out.name->text() + ", " +
                                                   what + " were taken from Weave's " + *path +
                                                   ", which is left as it is"));
  return out;
}

Result<> end_moving_in(const std::string& db_prefix) {
  const std::string path = note_path(db_prefix);
  std::error_code ignored;
  if (fs::exists(path, ignored)) return {};
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Error{.code = Errc::system, .sys_errno = errno, .what = "the note cannot be written"};
  }
  bool written = ::write(fd, kNote.data(), kNote.size()) == static_cast<ssize_t>(kNote.size()) &&
                 ::fsync(fd) == 0;
  int wrong = errno;
  ::close(fd);
  if (written) return {};
  return Error{.code = Errc::system, .sys_errno = wrong, .what = "the note cannot be written"};
}

}  // namespace weft::daemon
