// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/sqlite.h"

namespace weft::daemon {

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
  bool sound = false;
  {
    Statement check(db, "PRAGMA quick_check(1)");
    sound = check.step() && check.text(0) == "ok";
  }
  if (!sound) return Error{.code = Errc::bad_value, .what = "the state file is damaged"};
  for (const char* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"}) {
    if (auto set = database.run(pragma); !set) return set.error();
  }
  return database;
}

Result<> Database::run(const char* sql) {
  int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    return Error{.code = Errc::bad_value, .what = "the state file is damaged"};
  }
  return Error{.code = Errc::system,
               .sys_errno = sqlite3_system_errno(db_.get()),
               .what = "the state file cannot be written"};
}

}  // namespace weft::daemon
