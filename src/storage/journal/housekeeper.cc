// The journal's housekeeper: prepares the next segment, removes those in which nothing counts,
// asks for what keeps others alive, and gives an index to those that stay.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "storage/journal/journal.h"
#include "storage/journal/segment_index.h"
#include "storage/journal/segment_scan.h"

namespace polymq::storage::journal {
namespace {

constexpr std::uint64_t kMostWaiting = 4;  // segments that wait for a restatement
constexpr std::uint64_t kMostDead = 6;     // segments' worth of what is dead, beside what lives
constexpr std::uint64_t kGrowth = 4;
constexpr std::uint64_t kSmallSegment = 4 * 1024 * 1024;
constexpr std::uint64_t kTinySegment = 256 * 1024;  // when there is no room for a small one
// Of the newest ones, with the open one, no index is made: most segments are gone before they are
// that old.
constexpr SegmentNumber kYoung = 2;

}  // namespace

void Journal::house_needed() {
  may_be_dead_ = true;
  freed_commit_ = written_commit_;
  to_keep_house_.notify_one();
}

void Journal::housekeeping_loop() {
  using namespace std::chrono_literals;
  constexpr auto kRetry = 500ms;
  Lock lock(mutex_);
  while (!closing_) {
    // While room is short, what was not worth it before may be.
    if (std::exchange(may_be_dead_, false) || space_ != Space::kEnough) remove_dead(lock);
    prepare_next(lock);
    look_for_room_to_move();
    const auto needed = [&] { return closing_ || may_be_dead_ || needs_segment(); };
    if (!needed() && index_one(lock)) continue;
    if (space_ != Space::kEnough) {  // room may come from elsewhere
      to_keep_house_.wait_for(lock, kRetry, needed);
    } else {
      to_keep_house_.wait(lock, needed);
    }
  }
}

void Journal::remove_dead(Lock& lock) {
  while (!failed_) {
    // What frees a segment must be on the disk, though others were told before. More may have been
    // freed while the last one was removed.
    if (synced_commit_ < freed_commit_) {
      sync_wanted_ = true;
      to_commit_.notify_one();
      return;
    }
    if (held_) break;
    const auto dead = segments_.removable();
    if (!dead) break;
    SegmentTable::Segment gone = *segments_.find(*dead);
    removing_ = true;
    lock.unlock();
    const auto done = segment_files_.retire(*dead, gone.size, gone.generation);
    lock.lock();
    removing_ = false;
    to_hold_.notify_all();
    if (!done) return fail_all(lock, done.error());
    segments_.remove(*dead);
    lock.unlock();
    gone.file.reset();  // the last one: giving up a file's blocks takes the system a while
    lock.lock();
  }
  if (held_) return;  // it is looked at again when that is over
  want_restatement();
  want_evacuation();
}

// Segments that have nothing but what they say of older ones: cheap to say again, once there are
// enough of them.
void Journal::want_restatement() {
  const bool under_way = std::any_of(writers_.begin(), writers_.end(),
                                     [](const Writer& one) { return one.restate_wanted != 0; });
  if (under_way || segments_.waiting_bytes() < worth_restating()) return;
  restated_bytes_ = 0;
  for (Writer& writer : writers_) {
    writer.restate_wanted = open_.number;
    writer.wake();
  }
}

// More than saying it again takes, or that would have no end. Where room is short, much less than
// usual: of what is kept free, half at most.
std::uint64_t Journal::worth_restating() const {
  const std::uint64_t usual = kMostWaiting * options_.segment_size;
  if (space_ == Space::kEnough) return std::max(usual, 2 * restated_bytes_);
  const std::uint64_t least = kMostWaiting * small_segment();
  const std::uint64_t quarter = options_.keep_free / 4;
  return std::max(least, std::clamp(2 * restated_bytes_, std::min(usual, quarter), 2 * quarter));
}

// More is dead than alive, and it lies in segments that something living keeps.
void Journal::want_evacuation() {
  const bool under_way = std::any_of(writers_.begin(), writers_.end(), [](const Writer& one) {
    return !one.evacuate_wanted.empty();
  });
  const std::uint64_t live = segments_.live_bytes();
  const bool short_of_room = space_ != Space::kEnough;
  const std::uint64_t allowed =
      2 * live + kMostDead * (short_of_room ? small_segment() : options_.segment_size);
  if (under_way || segments_.bytes() <= allowed) return;
  const std::vector<SegmentNumber> sparse = segments_.sparse(options_.segment_size);
  if (sparse.empty()) return;
  for (Writer& writer : writers_) {
    writer.evacuate_wanted = sparse;
    writer.wake();
  }
}

// Moving takes room before it gives some: of what is kept free for consumers, half at most.
void Journal::look_for_room_to_move() {
  bool may = true;
  if (space_ != Space::kEnough) {
    const std::uint64_t needed = std::max(kMostWaiting * small_segment(), options_.keep_free / 2);
    const auto free = files_->free_space();
    may = space_ == Space::kShort && free && *free >= needed;
  }
  if (std::exchange(may_move_, may) || !may) return;
  for (const Writer& writer : writers_) writer.wake();
}

// Something is to be done now: when there is no room, only another look after a while helps.
bool Journal::needs_segment() const {
  if (failed_ || (prepared_ && prepared_->header.size >= wanted_size_)) return false;
  return space_ == Space::kEnough || (space_ == Space::kShort && wanted_size_ != 0);
}

std::uint64_t Journal::small_segment() const {
  return std::min(kSmallSegment, options_.segment_size);
}

std::uint64_t Journal::tiny_segment() const { return std::min(kTinySegment, small_segment()); }

void Journal::prepare_next(Lock& lock) {
  if (failed_ || closing_) return;
  if (prepared_ && prepared_->header.size >= wanted_size_) {
    // It may have been made of what should stay free, and not be needed for long.
    const bool short_of = space_ != Space::kEnough;
    if (short_of && segment_files_.has_room(small_segment())) note_space(Space::kEnough, {});
    return;
  }
  auto next = make_segment(lock);
  if (!next) {
    if (!next.error().no_space) return fail_all(lock, next.error());
    to_commit_.notify_one();
    to_hold_.notify_all();
    return;
  }
  ++next_segment_;
  auto small = std::exchange(prepared_, *std::move(next));
  to_commit_.notify_one();
  if (!small) return;
  lock.unlock();
  const SegmentHeader& header = small->header;
  const auto gone = segment_files_.retire(header.number, header.size, header.generation);
  small.reset();
  lock.lock();
  if (!gone) fail_all(lock, gone.error());
}

// The space that is to stay free is used when the committer could not go on without: publishers
// wait by then, so that it is for what they had under way, and for what consumers settle.
FileResult<PreparedSegment> Journal::make_segment(Lock& lock) {
  const SegmentNumber number = next_segment_;
  const auto make = [&](std::uint64_t size, SpaceUse use) {
    lock.unlock();
    auto made = segment_files_.prepare(number, size, use);
    lock.lock();
    return made;
  };
  // The first ones are small, so that each is ready before the one before it is full.
  const std::uint64_t usual = std::max(kGrowth * open_.size, wanted_size_);
  const std::uint64_t least = std::max(small_segment(), wanted_size_);
  auto made = make(std::max(least, std::min(options_.segment_size, usual)), SpaceUse::kLeaveFree);
  if (!made && made.error().no_space) made = make(least, SpaceUse::kLeaveFree);
  if (made) {
    note_space(Space::kEnough, {});
  } else if (made.error().no_space) {
    const std::string reason = made.error().text;
    if (space_ == Space::kEnough) note_space(Space::kShort, reason);
    if (wanted_size_ == 0) return made;
    made = make(least, SpaceUse::kAll);
    if (!made && made.error().no_space) {
      made = make(std::max(tiny_segment(), wanted_size_), SpaceUse::kAll);
    }
    note_space(made ? Space::kShort : Space::kNone, reason);
  }
  return made;
}

void Journal::note_space(Space space, const std::string& reason) {
  const Space before = std::exchange(space_, space);
  if (before == Space::kEnough && space != Space::kEnough) {
    log::Line(log::Area::kStorage, log::Level::kError,
              "the disk is full: publishers wait until there is room")
        .with("reason", reason);
    // The sooner publishers wait, the more room is left for what consumers settle.
    for (const Writer& writer : writers_) writer.wake();
    to_commit_.notify_one();
  } else if (before != Space::kEnough && space == Space::kEnough) {
    log::Line(log::Area::kStorage, log::Level::kInfo, "there is room on the disk again");
  }
}

// What stays for a while gets an index, so that a start does not have to read it. False when there
// is nothing to do.
bool Journal::index_one(Lock& lock) {
  const auto number = segments_.unindexed(open_.number - std::min(open_.number, kYoung) + 1);
  if (!number || failed_ || space_ != Space::kEnough) return false;
  SegmentTable::Segment& segment = *segments_.find(*number);
  segment.indexed = true;
  // Only this thread removes segments.
  const std::shared_ptr<File> file = segment.file;
  const SegmentHeader header{*number, segment.generation, segment.size, id_};
  lock.unlock();
  SegmentIndexer indexer;
  bool whole = true;
  const auto contents = scan_segment(*file, header, false, [&](const FoundCommit& commit) {
    for (const FoundChunk& chunk : commit.chunks) whole = indexer.add(chunk) && whole;
  });
  if (whole && contents && contents->damages.empty() && contents->last != 0) {
    // Without an index the segment itself is read.
    (void)store_index(*files_, indexer.finish(contents->last), header);
  }
  lock.lock();
  return true;
}

}  // namespace polymq::storage::journal
