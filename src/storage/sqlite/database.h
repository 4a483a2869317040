// SQLite's C interface as values: a connection, a prepared statement, errors with their text.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polymq::storage::sqlite {

struct SqliteError {
  int code = 0;  // SQLite's primary result code
  std::string text;

  /// The disk is full: what failed may succeed later.
  bool no_space() const { return code == SQLITE_FULL; }
};
template <class T>
using SqliteResult = Result<T, SqliteError>;

/// A prepared statement: bind every parameter, then run() it, or step() through its rows and
/// reset(). Belongs to its Database and must not outlive it.
class Statement {
 public:
  /// `index`: of the parameter, from 1. Numbers are kept as SQLite's signed ones with the same
  /// bits, texts with any bytes in them; a text must stay alive until the run is over. What goes
  /// wrong is told by the next step.
  Statement& bind(int index, std::uint64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_null(int index);

  /// True: there is a row to read. False: the end. After an error the statement is reset.
  SqliteResult<bool> step();
  /// Makes it ready for the next run; ends what it holds open.
  void reset() { sqlite3_reset(handle_.get()); }
  /// Bind, run to the end, reset: of a statement without rows.
  SqliteResult<void> run();

  /// Of the current row; `column` from 0. The text is gone with the next step or reset.
  std::uint64_t number(int column) const;
  std::string_view text(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}
  void note(int code) {
    if (bind_code_ == SQLITE_OK) bind_code_ = code;
  }

  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int bind_code_ = SQLITE_OK;
};

/// A connection to one file. One thread at a time.
class Database {
 public:
  /// Opens the file; an empty one is an empty database. Nothing is read yet, so that what is no
  /// database shows with the first statement. Error: it does not exist, or not for us.
  static SqliteResult<Database> open(const std::filesystem::path& file);

  /// Statements without rows that matter and without parameters, separated by semicolons.
  SqliteResult<void> execute(const char* sql);
  /// `sql`: one statement. It is meant to be kept and run often.
  SqliteResult<Statement> prepare(std::string_view sql);
  /// The number in the first row of a statement's result; nullopt when there is no row.
  SqliteResult<std::optional<std::uint64_t>> number(std::string_view sql);

  /// Rows that the last INSERT, UPDATE or DELETE touched.
  std::int64_t changes() const { return sqlite3_changes64(handle_.get()); }
  /// Undoes what has begun and has not been committed, if SQLite has not done so itself.
  void roll_back();

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}
  SqliteError error() const;

  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace polymq::storage::sqlite
