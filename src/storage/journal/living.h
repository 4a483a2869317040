// Which messages of a stretch live, for whoever reads segments from the newest to the oldest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/files.h"
#include "storage/journal/interval_set.h"
#include "storage/journal/segment_index.h"

namespace polymq::storage::journal {

struct LivingParts {
  std::vector<Stretch> parts;
  std::string damage;  // empty: there is none
};

/// The parts of a stretch whose positions are not in `covered`: neither settled, nor found in a
/// newer place. If only some are, the records in the chunk's index tell what each of them has.
/// `size`: of the segment. Error: what the disk does not give now, and may give later: it must not
/// be taken for gone.
FileResult<LivingParts> living_parts(const File& segment, std::uint64_t size,
                                     const IndexedChunk& chunk, const Stretch& stretch,
                                     const IntervalSet& covered);

}  // namespace polymq::storage::journal
