// Reads back what a segment says: its commits and their indexes, not the bodies. Tells the place
// where the last write broke off from damage.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "storage/files.h"
#include "storage/journal/segment.h"

namespace polymq::storage::journal {

struct FoundChunk {
  std::uint16_t lane = 0;
  std::uint64_t number = 0;
  std::uint64_t offset = 0;  // of its header, in the file
  std::uint32_t size = 0;    // header, index and bodies
  std::string index;
};

struct FoundCommit {
  std::uint64_t number = 0;
  std::uint64_t offset = 0;
  std::vector<FoundChunk> chunks;
};

/// What was synced once and cannot be read any more.
struct Damage {
  std::uint64_t offset = 0;
  std::string what;
};

struct SegmentContents {
  std::vector<FoundCommit> commits;  // in order; those that count and have chunks, unless visited
  std::vector<Damage> damages;
  std::uint64_t last = 0;     // number of the last commit that counts; 0: there is none
  std::uint64_t end = 0;      // behind it
  std::uint64_t unsure = 0;   // from there on to `end` it may never have been synced
  bool ended = false;         // it was ended when the next one was begun
  std::uint64_t dropped = 0;  // commits behind `end`: the last writes, never synced
};

/// Called for each of the commits in turn, instead of keeping them all.
using VisitCommit = std::function<void(const FoundCommit&)>;

/// `newest`: no later segment has commits, so that its last writes may have broken off. In all
/// others everything was synced. Error: the file cannot be read.
FileResult<SegmentContents> scan_segment(const File& file, const SegmentHeader& header, bool newest,
                                         const VisitCommit& visit = {});

}  // namespace polymq::storage::journal
