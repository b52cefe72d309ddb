// SPDX-License-Identifier: Apache-2.0
// The little of SQLite that the store uses, with errors as Results and handles that close.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "base/bytes.h"

namespace weft::daemon {

class Statement {
 public:
  Statement(sqlite3* db, const char* sql);

  Statement& bind(int column, std::string_view text);
  Statement& bind(int column, ByteView blob);
  Statement& bind(int column, std::int64_t number);
  // True while there is a row; false at the end or on an error (see failed()).
  bool step();
  bool failed() const { return code_ != SQLITE_OK && code_ != SQLITE_ROW && code_ != SQLITE_DONE; }
  // What failed, for whoever reads: a damaged file (bad_value), or a disk that does not answer.
  Error error() const;
  std::string text(int column) const;
  Bytes blob(int column) const;
  std::int64_t number(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int code_ = SQLITE_OK;
};

class Database {
 public:
  // Opens or creates the file and checks it: Errc::bad_value means it is no sound database. That it
  // cannot be read, for whatever reason, is Errc::system: there may be nothing wrong with it.
  static Result<Database> open(const std::string& path);

  Result<> run(const char* sql);
  sqlite3* handle() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace weft::daemon
