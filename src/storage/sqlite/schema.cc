// Tables for people too: `sqlite3 metadata.sqlite` shows what is declared while no broker runs.
#include "storage/sqlite/schema.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace polymq::storage::sqlite {
namespace {

// No foreign keys: what goes along is deleted by name, and the indexes are there for that.
// No unique names: that is decided before a change gets here.
constexpr char kDeclaredThings[] = R"(
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('version', 0), ('next_incarnation', 1), ('starts', 0);

CREATE TABLE vhosts (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  default_queue_type TEXT NOT NULL,
  max_queues INTEGER  -- NULL: not said
) STRICT;

CREATE TABLE exchanges (
  id INTEGER PRIMARY KEY,
  vhost INTEGER NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  auto_delete INTEGER NOT NULL,
  internal INTEGER NOT NULL,
  arguments TEXT NOT NULL
) STRICT;
CREATE INDEX exchanges_by_vhost ON exchanges (vhost);

CREATE TABLE queues (
  id INTEGER PRIMARY KEY,
  vhost INTEGER NOT NULL,
  name TEXT NOT NULL,
  auto_delete INTEGER NOT NULL,
  arguments TEXT NOT NULL,
  lane INTEGER NOT NULL
) STRICT;
CREATE INDEX queues_by_vhost ON queues (vhost);

CREATE TABLE bindings (
  source INTEGER NOT NULL,       -- an exchange
  destination INTEGER NOT NULL,  -- a queue, or with to_exchange an exchange
  to_exchange INTEGER NOT NULL,
  key TEXT NOT NULL,
  arguments TEXT NOT NULL,
  PRIMARY KEY (source, destination, to_exchange, key, arguments)
) STRICT, WITHOUT ROWID;
CREATE INDEX bindings_by_destination ON bindings (to_exchange, destination);
)";

constexpr char kPolicies[] = R"(
CREATE TABLE policies (           -- set at run time; others are in the configuration
  vhost INTEGER NOT NULL,
  by_operator INTEGER NOT NULL,
  name TEXT NOT NULL,
  pattern TEXT NOT NULL,
  apply_to TEXT NOT NULL,
  priority INTEGER NOT NULL,
  definition TEXT NOT NULL,
  PRIMARY KEY (vhost, by_operator, name)
) STRICT, WITHOUT ROWID;
)";

/// What makes a version's tables of those of the version before it.
constexpr std::array<std::string_view, kSchemaVersion> kSteps{kDeclaredThings, kPolicies};

// The log is folded into the file after 16 MiB of it, and given back to the disk when one burst
// has made it larger than 64 MiB. A temporary file could meet another full disk: memory instead.
constexpr char kSettings[] = R"(
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = OFF;
PRAGMA wal_autocheckpoint = 4096;
PRAGMA journal_size_limit = 67108864;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -16384;
)";

tl::unexpected<Error> refuse(const std::filesystem::path& file, const std::string& why) {
  return fail(file.string() + ": " + why);
}

tl::unexpected<Error> refuse(const std::filesystem::path& file, const SqliteError& error) {
  switch (error.code) {
    case SQLITE_BUSY:
      return refuse(file, "in use by another process");
    case SQLITE_NOTADB:
      return refuse(file, "not an SQLite database");
    case SQLITE_CORRUPT:
      return refuse(file, "damaged: " + error.text);
    default:
      return refuse(file, error.text);
  }
}

struct Identity {
  std::uint64_t application_id = 0;
  std::uint64_t schema_version = 0;
  std::uint64_t tables = 0;
  /// Also one that was made by a process that did not live to fill it.
  bool is_new() const { return application_id == 0 && schema_version == 0 && tables == 0; }
};

SqliteResult<Identity> identify(Database& database) {
  Identity identity;
  const auto read = [&](std::string_view sql, std::uint64_t& to) -> SqliteResult<void> {
    const auto number = database.number(sql);
    if (!number) return tl::make_unexpected(number.error());
    to = number->value_or(0);
    return {};
  };
  return read("PRAGMA application_id", identity.application_id)
      .and_then([&] { return read("PRAGMA user_version", identity.schema_version); })
      .and_then([&] { return read("SELECT count(*) FROM sqlite_schema", identity.tables); })
      .map([&] { return identity; });
}

/// What is wrong with the file's structure, on one line; empty: nothing. Cheap beside reading all
/// rows, and sees damage of indexes, which that does not.
SqliteResult<std::string> find_damage(Database& database) {
  auto statement = database.prepare("PRAGMA quick_check(1)");
  if (!statement) return tl::make_unexpected(statement.error());
  return statement->step().map([&](bool row) {
    std::string found(row ? statement->text(0) : "");
    if (found == "ok") found.clear();
    std::ranges::replace(found, '\n', ' ');
    return found;
  });
}

/// The write-ahead log: one sync for a commit. False: the file system cannot have it.
SqliteResult<bool> use_log(Database& database) {
  auto statement = database.prepare("PRAGMA journal_mode = WAL");
  if (!statement) return tl::make_unexpected(statement.error());
  return statement->step().map([&](bool row) { return row && statement->text(0) == "wal"; });
}

/// One transaction: the tables that a new or older file lacks, and the count of starts, whose
/// writing also proves that the file can be written and is ours alone.
SqliteResult<void> begin_use(Database& database, std::uint64_t schema_version) {
  const std::string identity = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                               "; PRAGMA user_version = " + std::to_string(kSchemaVersion) + ";";
  std::string sql = "BEGIN EXCLUSIVE;";
  for (std::uint64_t step = schema_version; step < kSteps.size(); ++step) sql += kSteps[step];
  if (schema_version != kSchemaVersion) sql += identity;
  sql += "UPDATE meta SET value = value + 1 WHERE key = 'starts'; COMMIT";
  return database.execute(sql.c_str());
}

}  // namespace

Result<void> create_private(const std::filesystem::path& file) {
  const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made >= 0) {
    ::close(made);
  } else if (errno != EEXIST) {
    return refuse(file, std::generic_category().message(errno));
  }
  return {};
}

Result<Database> open_metadata_file(const std::filesystem::path& file) {
  if (auto made = create_private(file); !made) return tl::make_unexpected(made.error());
  auto database = Database::open(file);
  if (!database) return refuse(file, database.error());
  // Before anything is read: then the log needs no memory shared with other processes.
  if (auto set = database->execute("PRAGMA locking_mode = EXCLUSIVE"); !set) {
    return refuse(file, set.error());
  }
  const auto identity = identify(*database);
  if (!identity) return refuse(file, identity.error());
  if (!identity->is_new()) {
    if (identity->application_id != kApplicationId) {
      return refuse(file, "a database of another program");
    }
    if (identity->schema_version > kSchemaVersion) {
      return refuse(file, "written by a newer version of PolyMQ: its schema is " +
                              std::to_string(identity->schema_version) + ", known here is " +
                              std::to_string(kSchemaVersion));
    }
  }
  const auto log = use_log(*database);
  if (!log) return refuse(file, log.error());
  if (!*log) return refuse(file, "no write-ahead log is possible on its file system");
  const auto damage = find_damage(*database);
  if (!damage) return refuse(file, damage.error());
  if (!damage->empty()) return refuse(file, "damaged: " + *damage);
  const auto used = database->execute(kSettings).and_then(
      [&] { return begin_use(*database, identity->schema_version); });
  if (!used) return refuse(file, used.error());
  return std::move(*database);
}

}  // namespace polymq::storage::sqlite
