// Making damaged segments whole: what can be read is written to a new file, the damaged one is
// given away.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/files.h"

namespace polymq::storage::journal {

/// Gives a file another place, too: it is about to lose its name here.
using KeepAside = std::function<FileResult<void>(const std::string& name)>;

/// Of a journal that nobody uses. Segments in which commits, chunks or indexes are damaged are
/// written anew with all chunks that are whole, in their order; one of which nothing can be known
/// goes. Bodies are not looked at. A crash in between is well: it can be done again. Returns what
/// is lost, a line each: file, offset, what, and what it seems to have held. Error: a file cannot
/// be read, or there is no room for a new one.
FileResult<std::vector<std::string>> repair_segments(Files& files, const KeepAside& keep_aside);

}  // namespace polymq::storage::journal
