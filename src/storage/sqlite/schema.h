// The metadata file: its tables, its settings, and what is refused when it is opened.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "storage/sqlite/database.h"

namespace polymq::storage::sqlite {

/// In the file's header, so that `file` and the sqlite3 shell tell whose it is: "PoMQ".
inline constexpr std::uint64_t kApplicationId = 0x506f4d51;
/// Of the tables; the file's user_version. Grows with each change that an older program would
/// misread.
inline constexpr std::uint64_t kSchemaVersion = 2;

/// An empty file of mode 0600; SQLite would make it readable for all. What is there keeps its mode.
Result<void> create_private(const std::filesystem::path& file);

/// Opens the file for this process alone, making it (mode 0600) and its tables if there is none;
/// tables of an older version become those of this one.
/// What is committed afterwards is on the disk when the commit has ended.
/// Error, one line that names the file: it is in use, no database, another program's, of a newer
/// version, damaged, or cannot be written.
Result<Database> open_metadata_file(const std::filesystem::path& file);

}  // namespace polymq::storage::sqlite
