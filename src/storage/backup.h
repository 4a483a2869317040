// A consistent copy of a data folder, made while a node uses it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace polymq::storage {

class SqliteMetadata;
namespace journal {
class Journal;
}

struct BackedUp {
  std::size_t segments = 0;
  std::size_t linked = 0;  // of them: they share their disk space with the folder
  std::uint64_t bytes = 0;
};

/// For people, one line.
std::string to_text(const BackedUp& done);

/// Copies the folder that `metadata` and `journal` are of to the new folder `target`, an absolute
/// path: nothing may be there, or an empty folder. It is made beside its place, as
/// `target`.partial, and gets its name when all is on the disk. Segments are linked where the file
/// system can, else copied.
///
/// The copy is of one moment, and starts as a node's own folder does. While nothing is declared or
/// deleted, the journal is cut: what is written is synced, and its segments are ended and stay.
/// Then the metadata is copied: it knows every queue that these segments may speak of, but for
/// those that were deleted before, whose records are garbage. The other way round, messages that
/// moved to a queue declared in between would be in neither queue.
///
/// Any thread, which waits for the disk. When `stop` becomes true it ends soon, with an error. With
/// any error nothing is left. Error: one line.
Result<BackedUp> back_up(const std::string& folder, SqliteMetadata& metadata,
                         journal::Journal& journal, const std::string& target,
                         const std::atomic<bool>& stop);

/// The same of a folder that nobody uses; takes its lock meanwhile, and ends what the last run left
/// open, as a start would. Error also: it is in use, no data folder, or cannot be read.
Result<BackedUp> back_up_folder(const std::string& folder, const std::string& target,
                                const std::atomic<bool>& stop);

}  // namespace polymq::storage
