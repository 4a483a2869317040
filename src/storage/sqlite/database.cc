// Calls of SQLite's C interface and nothing else.
#include "storage/sqlite/database.h"

#include <utility>

namespace polymq::storage::sqlite {
namespace {

SqliteError error_of(sqlite3* database) {
  return {sqlite3_errcode(database) & 0xff, sqlite3_errmsg(database)};
}

}  // namespace

Statement& Statement::bind(int index, std::uint64_t value) {
  note(sqlite3_bind_int64(handle_.get(), index, static_cast<sqlite3_int64>(value)));
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* at = text.empty() ? "" : text.data();
  note(sqlite3_bind_text64(handle_.get(), index, at, text.size(), nullptr, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_null(int index) {
  note(sqlite3_bind_null(handle_.get(), index));
  return *this;
}

SqliteResult<bool> Statement::step() {
  if (const int code = std::exchange(bind_code_, SQLITE_OK); code != SQLITE_OK) {
    return tl::make_unexpected(SqliteError{code & 0xff, sqlite3_errstr(code)});
  }
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const SqliteError error = error_of(sqlite3_db_handle(handle_.get()));
  reset();
  return tl::make_unexpected(error);
}

SqliteResult<void> Statement::run() {
  const auto stepped = step();
  if (!stepped) return tl::make_unexpected(stepped.error());
  reset();
  return {};
}

std::uint64_t Statement::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(handle_.get(), column));
}

std::string_view Statement::text(int column) const {
  // As a blob: no conversion, and nothing that could fail for want of memory.
  const auto* at = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
  const int size = sqlite3_column_bytes(handle_.get(), column);
  return at == nullptr ? std::string_view() : std::string_view(at, static_cast<std::size_t>(size));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

SqliteResult<Database> Database::open(const std::filesystem::path& file) {
  sqlite3* handle = nullptr;
  // A path that begins with a slash is never one of SQLite's special names.
  const int code = sqlite3_open_v2(std::filesystem::absolute(file).c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle);
  if (code == SQLITE_OK) return database;
  if (handle == nullptr) return tl::make_unexpected(SqliteError{code & 0xff, "out of memory"});
  return tl::make_unexpected(database.error());
}

SqliteResult<void> Database::execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return tl::make_unexpected(error());
}

SqliteResult<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code == SQLITE_OK) return Statement(handle);
  return tl::make_unexpected(error());
}

SqliteResult<std::optional<std::uint64_t>> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::make_unexpected(statement.error());
  auto row = statement->step();
  if (!row) return tl::make_unexpected(row.error());
  std::optional<std::uint64_t> value;
  if (*row) value = statement->number(0);
  // To its end: only there a statement that writes is committed.
  while (*row) {
    row = statement->step();
    if (!row) return tl::make_unexpected(row.error());
  }
  return value;
}

void Database::roll_back() {
  // It fails only when there is nothing to undo.
  if (sqlite3_get_autocommit(handle_.get()) == 0) {
    sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

SqliteError Database::error() const { return error_of(handle_.get()); }

}  // namespace polymq::storage::sqlite
