// What was in a segment's header that is damaged, as its commits tell.
#pragma once

#include <optional>
#include <string_view>

#include "storage/files.h"
#include "storage/journal/segment.h"

namespace polymq::storage::journal {

/// `head`: the header's bytes as they are. `other`: what a segment of the same journal has as its
/// id, if there is one. Nothing: the file has no commits, or they cannot be recognized. Error: it
/// cannot be read.
FileResult<std::optional<SegmentHeader>> guess_header(const File& file, SegmentNumber number,
                                                      std::string_view head,
                                                      const std::optional<JournalId>& other);

}  // namespace polymq::storage::journal
