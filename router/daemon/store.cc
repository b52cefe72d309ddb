// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/store.h"

#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"
#include "router/daemon/sqlite.h"

namespace weft::daemon {
namespace {

namespace fs = std::filesystem;

// Raised when the tables change in a way an older weaver cannot read.
constexpr std::int64_t kSchemaVersion = 1;
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS owned(ident TEXT PRIMARY KEY, is_container INTEGER,"
    "  addresses TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS targets(position INTEGER PRIMARY KEY, target TEXT);"
    "CREATE TABLE IF NOT EXISTS exposed(address TEXT PRIMARY KEY, skip_nat INTEGER) WITHOUT ROWID;";

// Only one weaver may use a state file. The lock file holds its pid and goes with the process.
class FileLock {
 public:
  static Result<FileLock> take(const std::string& path) {
    FileLock lock;
    lock.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock.fd_ < 0) {
      return Error{.code = Errc::system, .sys_errno = errno, .what = "cannot open the lock file"};
    }
    if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
      return Error{.code = Errc::conflict, .what = "another weaver uses this state file"};
    }
    std::string pid = std::to_string(::getpid()) + "\n";
    bool written =
        ::ftruncate(lock.fd_, 0) == 0 && ::pwrite(lock.fd_, pid.data(), pid.size(), 0) >= 0;
    if (!written) {
      return Error{.code = Errc::system, .sys_errno = errno, .what = "cannot write the lock file"};
    }
    return lock;
  }
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  FileLock() = default;
  int fd_ = -1;
};

std::string holder_of(const std::string& lock_path) {
  int fd = ::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "unknown";
  char buffer[32] = {};
  ssize_t n = ::read(fd, buffer, sizeof buffer - 1);
  ::close(fd);
  std::string_view pid = trim(std::string_view(buffer, n > 0 ? static_cast<std::size_t>(n) : 0));
  return pid.empty() ? "unknown" : std::string(pid);
}

// Renames the database and its journals to a name that does not exist yet.
std::string put_aside(const std::string& path, const std::string& why) {
  std::string base = path + "." + why;
  std::string target = base;
  std::error_code ignored;
  for (int n = 2; fs::exists(target, ignored); ++n)
    target = base + "-" + std::to_string(n);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    fs::rename(path + suffix, target + suffix, ignored);
  }
  return target;
}

std::string addresses_text(const std::vector<Cidr>& addresses) {
  std::vector<std::string> parts;
  parts.reserve(addresses.size());
  for (Cidr address : addresses)
    parts.push_back(address.text());
  return join(parts, " ");
}

Result<std::vector<Cidr>> parse_addresses(std::string_view text) {
  std::vector<Cidr> addresses;
  for (std::string_view part : split(text, ' ')) {
    auto cidr = Cidr::parse(part);
    if (!cidr) return Error{Errc::bad_value, 0, "the state file holds an address that is none"};
    addresses.push_back(*cidr);
  }
  return addresses;
}

}  // namespace

class Store::Core {
 public:
  Core(std::string path, FileLock lock, Database db)
      : path_(std::move(path)), lock_(std::move(lock)), db_(std::move(db)) {}

  sqlite3* handle() const { return db_.handle(); }

  Result<> prepare() {
    if (auto made = db_.run(kSchema); !made) return made;
    Bytes version;
    Writer(version).u64(kSchemaVersion);
    Statement insert(handle(), "INSERT OR IGNORE INTO meta VALUES('schema', ?1)");
    insert.bind(1, ByteView(version)).step();
    auto stored = meta("schema");
    if (!stored) return stored.error();
    // Big-endian of one length: a newer version is a larger string.
    if (*stored && **stored > version) {
      return Error{.code = Errc::unsupported, .what = "a newer weaver has written the state file"};
    }
    return {};
  }

  Result<std::optional<Bytes>> meta(std::string_view key) const {
    Statement select(handle(), "SELECT value FROM meta WHERE key = ?1");
    select.bind(1, key);
    if (select.step()) return std::optional(select.blob(0));
    if (select.failed()) return select.error();
    return std::optional<Bytes>();
  }

  Result<std::optional<PeerName>> name() const {
    auto stored = meta("peername");
    if (!stored) return stored.error();
    if (!*stored || (*stored)->size() != 6) return std::optional<PeerName>();
    return std::optional(PeerName::from_bytes(**stored));
  }

  Result<StoredState> read() const {
    StoredState state;
    auto stored_name = name();
    if (!stored_name) return stored_name.error();
    state.name = *stored_name;
    state.ran_before = state.name.has_value();
    auto ring = meta("ring");
    if (!ring) return ring.error();
    auto given = meta("given");
    if (!given) return given.error();
    if (*given) state.given = std::string(as_text(**given));
    state.allocator.ring = std::move(*ring);
    for (const auto part : {&Core::read_owned, &Core::read_targets, &Core::read_exposed}) {
      if (auto done = (this->*part)(state); !done) return done.error();
    }
    return state;
  }

  bool put_meta(std::string_view key, ByteView value) {
    Statement insert(handle(), "INSERT OR REPLACE INTO meta VALUES(?1, ?2)");
    insert.bind(1, key).bind(2, value).step();
    return !insert.failed();
  }

  // Runs `body` in one transaction; rolls back and reports if any statement failed.
  template <class Body>
  Result<> transaction(Body body) {
    if (auto begun = db_.run("BEGIN IMMEDIATE"); !begun) return begun;
    if (!body()) {
      int sys_errno = sqlite3_system_errno(handle());
      (void)db_.run("ROLLBACK");
      return Error{
          .code = Errc::system, .sys_errno = sys_errno, .what = "the state file cannot be written"};
    }
    auto committed = db_.run("COMMIT");
    if (!committed) (void)db_.run("ROLLBACK");
    return committed;
  }

  bool apply(const ipam::effect::StoreRing& ring) { return put_meta("ring", ring.ring); }
  bool apply(const ipam::effect::StoreOwned& owned) {
    if (owned.owned.addresses.empty()) {
      Statement erase(handle(), "DELETE FROM owned WHERE ident = ?1");
      erase.bind(1, owned.ident).step();
      return !erase.failed();
    }
    Statement insert(handle(), "INSERT OR REPLACE INTO owned VALUES(?1, ?2, ?3)");
    insert.bind(1, owned.ident)
        .bind(2, std::int64_t{owned.owned.is_container})
        .bind(3, addresses_text(owned.owned.addresses))
        .step();
    return !insert.failed();
  }
  bool apply(const peer::StoreTargets& targets) {
    Statement erase(handle(), "DELETE FROM targets");
    erase.step();
    bool good = !erase.failed();
    std::int64_t position = 0;
    for (const std::string& target : targets.targets) {
      Statement insert(handle(), "INSERT INTO targets VALUES(?1, ?2)");
      insert.bind(1, position++).bind(2, target).step();
      good = good && !insert.failed();
    }
    return good;
  }

  // What is in the file is read once at the start, so that damage shows before anything is built on
  // it.
  Result<> check_content() {
    auto content = read();
    if (content) return {};
    if (content.error().code != Errc::bad_value) return content.error();
    return start_over("damaged");
  }

  // Puts the present file aside and starts an empty one.
  Result<> start_over(const std::string& why) {
    db_ = Database();
    std::string aside = put_aside(path_, why);
    notices.push_back({.level = LogLevel::warning,
                       .component = "store",
                       .text = "state put aside: " + aside + "; starting with an empty " + path_});
    auto fresh = Database::open(path_);
    if (!fresh) return fresh.error();
    db_ = std::move(*fresh);
    return prepare();
  }

  std::string path_;
  std::vector<LogLine> notices;

 private:
  Result<> read_owned(StoredState& state) const {
    Statement owned(handle(), "SELECT ident, is_container, addresses FROM owned");
    while (owned.step()) {
      auto addresses = parse_addresses(owned.text(2));
      if (!addresses) return addresses.error();
      state.allocator.owned[owned.text(0)] = {.is_container = owned.number(1) != 0,
                                              .addresses = std::move(*addresses)};
    }
    return read_to_end(owned);
  }
  Result<> read_targets(StoredState& state) const {
    Statement targets(handle(), "SELECT target FROM targets ORDER BY position");
    while (targets.step())
      state.targets.push_back(targets.text(0));
    return read_to_end(targets);
  }
  Result<> read_exposed(StoredState& state) const {
    Statement exposed(handle(), "SELECT address, skip_nat FROM exposed");
    while (exposed.step()) {
      auto cidr = Cidr::parse(exposed.text(0));
      if (!cidr) return Error{Errc::bad_value, 0, "the state file holds an address that is none"};
      state.exposed.push_back({.address = *cidr, .skip_nat = exposed.number(1) != 0});
    }
    return read_to_end(exposed);
  }
  static Result<> read_to_end(const Statement& statement) {
    if (statement.failed()) return statement.error();
    return {};
  }

  FileLock lock_;
  Database db_;
};

Store::Store(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Store::~Store() = default;

std::variant<std::unique_ptr<Store>, Failure> Store::open(const std::string& path) {
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  std::string lock_path = path + ".lock";
  auto lock = FileLock::take(lock_path);
  if (!lock) {
    bool held = lock.error().code == Errc::conflict;
    return Failure{.error = lock.error(),
                   .subject = path,
                   .hint = held ? "its pid is " + holder_of(lock_path) + "; stop it first"
                                : "choose a folder that can be written with --db-prefix"};
  }
  auto database = Database::open(path);
  std::vector<LogLine> notices;
  if (!database && database.error().code == Errc::bad_value) {
    std::string aside = put_aside(path, "damaged");
    notices.push_back({.level = LogLevel::error,
                       .component = "store",
                       .text = path + " is damaged and was put aside as " + aside +
                               "; the ring will be taken from the peers again"});
    database = Database::open(path);
  }
  if (!database) {
    return Failure{.error = database.error(),
                   .subject = path,
                   .hint = "check the disk and the permissions of the folder"};
  }
  auto core = std::make_unique<Core>(path, std::move(*lock), std::move(*database));
  core->notices = std::move(notices);
  if (auto prepared = core->prepare(); !prepared) {
    const bool newer = prepared.error().code == Errc::unsupported;
    return Failure{.error = prepared.error(),
                   .subject = path,
                   .hint = newer ? "start that version again, or another file with --db-prefix"
                                 : "check the disk"};
  }
  if (auto checked = core->check_content(); !checked) {
    return Failure{.error = checked.error(),
                   .subject = path,
                   .hint = "check the disk; the file was left as it is"};
  }
  return std::unique_ptr<Store>(new Store(std::move(core)));
}

std::optional<PeerName> Store::peek_name(const std::string& path) {
  sqlite3* db = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
  std::optional<PeerName> name;
  if (code == SQLITE_OK) {
    Statement select(db, "SELECT value FROM meta WHERE key = 'peername'");
    if (select.step() && select.blob(0).size() == 6) name = PeerName::from_bytes(select.blob(0));
  }
  sqlite3_close(db);
  return name;
}

const std::string& Store::path() const {
  return core_->path_;
}
const std::vector<LogLine>& Store::notices() const {
  return core_->notices;
}

Result<StoredState> Store::load() const {
  return core_->read();
}

Result<> Store::adopt_name(PeerName name) {
  auto stored = core_->name();
  if (!stored) return stored.error();
  if (*stored && **stored != name) {
    std::string owner = (*stored)->text();
    for (char& c : owner)
      c = c == ':' ? '-' : c;
    if (auto fresh = core_->start_over("of-" + owner); !fresh) return fresh;
  }
  Bytes bytes;
  Writer(bytes).u48(name.value());
  return core_->transaction([&] { return core_->put_meta("peername", bytes); });
}

Result<> Store::commit(const std::vector<peer::StoreOp>& ops) {
  if (ops.empty()) return {};
  return core_->transaction([&] {
    bool good = true;
    for (const peer::StoreOp& op : ops) {
      good = std::visit([&](const auto& o) { return core_->apply(o); }, op) && good;
    }
    return good;
  });
}

Result<> Store::set_given(std::string_view peers) {
  return core_->transaction([&] { return core_->put_meta("given", as_bytes(peers)); });
}

Result<> Store::set_exposed(const std::vector<Exposed>& exposed) {
  return core_->transaction([&] {
    Statement erase(core_->handle(), "DELETE FROM exposed");
    erase.step();
    bool good = !erase.failed();
    for (const Exposed& e : exposed) {
      Statement insert(core_->handle(), "INSERT OR REPLACE INTO exposed VALUES(?1, ?2)");
      insert.bind(1, e.address.text()).bind(2, std::int64_t{e.skip_nat}).step();
      good = good && !insert.failed();
    }
    return good;
  });
}

}  // namespace weft::daemon
