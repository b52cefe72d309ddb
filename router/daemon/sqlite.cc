// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/sqlite.h"

#include <string_view>

#include "base/text.h"

namespace weft::daemon {
namespace {

constexpr Error kDamaged{.code = Errc::bad_value, .what = "the state file is damaged"};

bool of_damage(int code) {
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

// quick_check speaks of pages that it could not read as of damage: "… error code=266". The lower
// byte is the kind of error.
bool of_reading(std::string_view finding) {
  constexpr std::string_view kMark = "error code=";
  const std::size_t at = finding.find(kMark);
  if (at == std::string_view::npos) return false;
  const std::string_view rest = finding.substr(at + kMark.size());
  const auto code = parse_u64(rest.substr(0, rest.find_first_not_of("0123456789")));
  return code && (*code & 0xff) == SQLITE_IOERR;
}

}  // namespace

Error Statement::error() const {
  if (of_damage(code_)) return kDamaged;
  const int cause = statement_ ? sqlite3_system_errno(sqlite3_db_handle(statement_.get())) : 0;
  return {.code = Errc::system, .sys_errno = cause, .what = "the state file cannot be read"};
}

Statement::Statement(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  code_ = sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
  statement_.reset(statement);
}

Statement& Statement::bind(int column, std::string_view text) {
  if (statement_) {
    sqlite3_bind_text(statement_.get(), column, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
  }
  return *this;
}

Statement& Statement::bind(int column, ByteView blob) {
  if (statement_) {
    sqlite3_bind_blob(statement_.get(), column, blob.data(), static_cast<int>(blob.size()),
                      SQLITE_TRANSIENT);
  }
  return *this;
}

Statement& Statement::bind(int column, std::int64_t number) {
  if (statement_) sqlite3_bind_int64(statement_.get(), column, number);
  return *this;
}

bool Statement::step() {
  if (!statement_) return false;
  code_ = sqlite3_step(statement_.get());
  return code_ == SQLITE_ROW;
}

std::string Statement::text(int column) const {
  const auto* at = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (at == nullptr) return {};
  return {at, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Bytes Statement::blob(int column) const {
  const auto* at = static_cast<const Byte*>(sqlite3_column_blob(statement_.get(), column));
  if (at == nullptr) return {};
  return {at, at + sqlite3_column_bytes(statement_.get(), column)};
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

namespace {

Result<> quick_check(sqlite3* db) {
  Statement check(db, "PRAGMA quick_check(1)");
  if (!check.step()) return check.error();
  const std::string said = check.text(0);
  if (said == "ok") return {};
  if (!of_reading(said)) return kDamaged;
  return Error{.code = Errc::system,
               .sys_errno = sqlite3_system_errno(db),
               .what = "the state file cannot be read"};
}

}  // namespace

Result<Database> Database::open(const std::string& path) {
  Database database;
  sqlite3* db = nullptr;
  int code =
      sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  database.db_.reset(db);
  if (code != SQLITE_OK) {
    return Error{.code = Errc::system,
                 .sys_errno = db == nullptr ? 0 : sqlite3_system_errno(db),
                 .what = "the state file cannot be opened"};
  }
  sqlite3_busy_timeout(db, 2000);
  sqlite3_extended_result_codes(db, 0);
  if (auto sound = quick_check(db); !sound) return sound.error();
  for (const char* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"}) {
    if (auto set = database.run(pragma); !set) return set.error();
  }
  return database;
}

Result<> Database::run(const char* sql) {
  int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  if (of_damage(code)) return kDamaged;
  return Error{.code = Errc::system,
               .sys_errno = sqlite3_system_errno(db_.get()),
               .what = "the state file cannot be written"};
}

}  // namespace weft::daemon
