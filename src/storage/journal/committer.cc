// The committing thread: takes what the writers have handed over, writes it as one commit, syncs,
// and tells them. While it syncs, the next group collects.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "storage/journal/checksum.h"
#include "storage/journal/journal.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

// One commit takes no more than that, unless a single batch does.
constexpr std::uint64_t kMostPerCommit = 16 * 1024 * 1024;
// What nobody waits for is synced when it has become that much.
constexpr std::uint64_t kMostUnsynced = 64;  // batches
// That part of a segment is for settlements while no other segment is there.
constexpr std::uint64_t kReservedPart = 4;

}  // namespace

void Journal::commit_loop() {
  Lock lock(mutex_);
  while (true) {
    if (cut_wanted_ && !failed_ && (prepared_ || !open_.file)) {
      if (!open_.file || end_open(lock)) cut();
      continue;
    }
    const std::vector<Handed> group = take_group();
    if (!group.empty()) {
      write_group(lock, group);
      continue;
    }
    if (dirty_ && !failed_ && (stopping_ || sync_wanted_ || Clock::now() >= sync_at_)) {
      sync_written(lock);
      continue;
    }
    if (stopping_) return;
    if (dirty_ && !failed_) {
      to_commit_.wait_until(lock, sync_at_);
    } else {
      to_commit_.wait(lock);
    }
  }
}

// What can be written now: in the order of each writer; nothing that speaks of queues which are
// not known for good yet; units only when all their parts are there.
std::vector<Journal::Handed> Journal::take_group() {
  std::vector<Handed> group = take_group(kMostPerCommit);
  // The limit may have cut a unit in two that goes only as a whole.
  if (group.empty()) group = take_group(UINT64_MAX);
  agree_on_sync(group);
  return group;
}

// What stands or falls together is told together: units follow the strictest of their parts.
void Journal::agree_on_sync(std::vector<Handed>& group) {
  SyncPolicy strictest = SyncPolicy::kNever;
  for (const Handed& handed : group) {
    if (!handed.batch.parts.empty()) strictest = std::max(strictest, handed.batch.sync);
  }
  for (Handed& handed : group) {
    if (!handed.batch.parts.empty()) handed.batch.sync = strictest;
  }
}

std::vector<Journal::Handed> Journal::take_group(std::uint64_t most) {
  std::vector<std::size_t> take(writers_.size(), 0);  // how many of each
  std::uint64_t bytes = 0;
  for (std::size_t w = 0; w < writers_.size(); ++w) {
    for (const SealedBatch& batch : writers_[w].waiting) {
      if (batch.newest_queue > newest_known_queue_ && !failed_) break;
      if (bytes != 0 && bytes + batch.bytes.size() > most && batch.parts.empty()) break;
      bytes += batch.bytes.size();
      ++take[w];
    }
  }
  for (bool changed = !failed_; changed;) {
    changed = false;
    std::unordered_map<std::uint64_t, std::uint32_t> there;  // how many of its writers
    for (std::size_t w = 0; w < writers_.size(); ++w) {
      std::unordered_set<std::uint64_t> units;
      for (std::size_t i = 0; i < take[w]; ++i) {
        for (const SealedPart& part : writers_[w].waiting[i].parts) units.insert(part.unit);
      }
      for (const std::uint64_t unit : units) ++there[unit];
    }
    for (std::size_t w = 0; w < writers_.size(); ++w) {
      for (std::size_t i = 0; i < take[w]; ++i) {
        const auto& parts = writers_[w].waiting[i].parts;
        const bool whole = std::all_of(parts.begin(), parts.end(), [&](const SealedPart& part) {
          return there[part.unit] == part.parts;
        });
        if (whole) continue;
        take[w] = i;
        changed = true;
      }
    }
  }
  std::vector<Handed> group;
  for (std::size_t w = 0; w < writers_.size(); ++w) {
    for (; take[w] != 0; --take[w]) {
      group.push_back({w, std::move(writers_[w].waiting.front())});
      writers_[w].waiting.pop_front();
    }
  }
  return group;
}

void Journal::write_group(Lock& lock, const std::vector<Handed>& group) {
  std::uint64_t size = kCommitHeader;
  bool awaited = false;  // that it is on the disk
  bool timed = false;    // it should be there in a while
  bool messages = false;
  for (const Handed& handed : group) {
    size += handed.batch.bytes.size();
    awaited = awaited || (handed.batch.awaited && handed.batch.sync == SyncPolicy::kAlways);
    timed = timed || handed.batch.sync != SyncPolicy::kNever;
    for (const SealedChunk& chunk : handed.batch.chunks) messages = messages || chunk.has_messages;
  }
  std::vector<Written> written;
  FileResult<void> done;
  if (!failed_ && make_room(lock, whole_blocks(size), messages)) {
    lock.unlock();
    done = write_commit(group, written);
    lock.lock();
    if (!done) fail_all(lock, done.error());
  }
  if (failed_) {
    written.clear();
    for (const Handed& handed : group) {
      written.push_back({handed.writer, {.number = handed.batch.number}});
    }
    return end(written, CommitEnd::kFailed);
  }
  for (const Handed& handed : group) {
    for (const SealedChunk& chunk : handed.batch.chunks) {
      if (chunk.has_messages) segments_.chunk_placed(open_.number, chunk.weight);
    }
  }
  segments_.find(open_.number)->used = open_.used;
  written_commit_ = next_commit_ - 1;
  if (!std::exchange(dirty_, true)) sync_at_ = Clock::time_point::max();
  if (timed) sync_at_ = std::min(sync_at_, Clock::now() + options_.sync_interval);
  std::move(written.begin(), written.end(), std::back_inserter(unsynced_));
  end_written();
  // What need not be synced may be held up behind something that must.
  for (const Written& one : unsynced_) awaited = awaited || one.awaited;
  // There may be something to write all the time.
  const bool due = sync_wanted_ || Clock::now() >= sync_at_;
  if (awaited || due || unsynced_.size() >= kMostUnsynced) sync_written(lock);
}

// Those that need not be on the disk; but behind none of the same writer that must.
void Journal::end_written() {
  std::vector<bool> waits(writers_.size(), false);
  std::vector<Written> ended;
  std::vector<Written> kept;
  for (Written& one : unsynced_) {
    if (one.sync == SyncPolicy::kAlways) waits[one.writer] = true;
    (waits[one.writer] ? kept : ended).push_back(std::move(one));
  }
  unsynced_ = std::move(kept);
  if (!ended.empty()) end(ended, CommitEnd::kDurable);
}

FileResult<void> Journal::write_commit(const std::vector<Handed>& group,
                                       std::vector<Written>& written) {
  static constexpr std::array<char, kBlock> kZeros{};
  CommitHeader header{.number = next_commit_, .synced = synced_commit_};
  std::vector<std::string_view> parts(1);
  for (const Handed& handed : group) {
    const std::string_view bytes = handed.batch.bytes.view();
    if (!bytes.empty()) parts.push_back(bytes);
    Written batch{handed.writer,
                  {handed.batch.number, CommitEnd::kDurable, open_.number, {}},
                  handed.batch.sync,
                  handed.batch.awaited};
    std::uint64_t at = 0;
    for (const SealedChunk& chunk : handed.batch.chunks) {
      header.headers_checksum = crc32c(bytes.substr(at, kChunkHeader), header.headers_checksum);
      batch.batch.offsets.push_back(open_.used + kCommitHeader + header.size + at);
      at += chunk.size;
      ++header.chunks;
    }
    header.size += bytes.size();
    written.push_back(std::move(batch));
  }
  const std::string head = encode(header, open_.seed);
  parts.front() = head;
  const std::uint64_t rest = header.blocks() - kCommitHeader - header.size;
  if (rest != 0) parts.emplace_back(kZeros.data(), rest);
  if (auto done = open_.file->write(open_.used, parts); !done) return done;
  open_.used += header.blocks();
  ++next_commit_;
  return {};
}

// New messages do not go into the last part of a segment before it is known whether there will be
// another one: if not, publishers hear of it while there is room for what consumers settle.
bool Journal::must_wait_for_next(std::uint64_t blocks, bool messages) const {
  return messages && !prepared_ && space_ == Space::kEnough && !failed_ &&
         open_.used + blocks > open_.size - open_.size / kReservedPart;
}

// A block stays free for the mark that ends the segment. False when the journal has failed or ends.
bool Journal::make_room(Lock& lock, std::uint64_t blocks, bool messages) {
  while (open_.file && must_wait_for_next(blocks, messages)) {
    segment_files_.hurry(true);
    to_keep_house_.notify_one();
    to_commit_.wait(lock);
  }
  segment_files_.hurry(false);
  if (open_.file && open_.used + blocks + kBlock <= open_.size) return !failed_;
  wanted_size_ = blocks + 2 * kBlock;
  while (!prepared_ || prepared_->header.size < wanted_size_) {
    if (failed_) return false;
    if (stopping_ && space_ == Space::kNone) {
      fail_all(lock, {true, "it ends while there is no room on the disk"});
      return false;
    }
    segment_files_.hurry(true);
    to_keep_house_.notify_one();
    if (dirty_) {  // it may be what frees a segment
      sync_written(lock);
    } else {
      to_commit_.wait(lock);
    }
  }
  segment_files_.hurry(false);
  wanted_size_ = 0;
  if (open_.file && !end_open(lock)) return false;
  if (cut_wanted_) cut();
  const PreparedSegment next = *std::exchange(prepared_, std::nullopt);
  open_ = {next.header.number, next.file, next.header.size, kBlock, next.header.seed()};
  segments_.add(
      open_.number,
      {.file = next.file, .size = next.header.size, .generation = next.header.generation});
  to_keep_house_.notify_one();
  return true;
}

// False when the journal has failed. All that was written is synced after it.
bool Journal::end_open(Lock& lock) {
  lock.unlock();
  const auto done = write_end();
  lock.lock();
  if (!done) fail_all(lock, done.error());
  if (!failed_) sync_written(lock);
  if (failed_) return false;
  segments_.find(open_.number)->sealed = true;
  open_.file = nullptr;
  may_be_dead_ = true;  // and there may be too much of what is dead
  to_keep_house_.notify_one();
  return true;
}

// Between two segments is where a backup is made.
void Journal::cut() {
  cut_wanted_ = false;
  cut_ = segments_.size() == 0 ? 0 : segments_.all().rbegin()->first;
  to_hold_.notify_all();
}

FileResult<void> Journal::write_end() {
  const CommitHeader header{.number = next_commit_, .synced = synced_commit_, .ends_segment = true};
  std::string block = encode(header, open_.seed);
  block.resize(kBlock, '\0');
  const std::string_view part = block;
  if (auto done = open_.file->write(open_.used, {&part, 1}); !done) return done;
  open_.used += kBlock;
  ++next_commit_;
  return {};
}

void Journal::sync_written(Lock& lock) {
  const std::uint64_t last = next_commit_ - 1;
  lock.unlock();
  const auto done = open_.file->sync();
  lock.lock();
  if (!done) return fail_all(lock, done.error());
  synced_commit_ = last;
  if (std::exchange(sync_wanted_, false)) {
    may_be_dead_ = true;
    to_keep_house_.notify_one();
  }
  dirty_ = false;
  end(unsynced_, CommitEnd::kDurable);
}

// Under the lock. The writers are woken with it held: that is an eventfd each, once a group.
void Journal::end(std::vector<Written>& batches, CommitEnd how) {
  std::vector<bool> woken(writers_.size(), false);
  for (Written& one : batches) {
    one.batch.end = how;
    writers_[one.writer].ended.push_back(std::move(one.batch));
    woken[one.writer] = true;
  }
  batches.clear();
  for (std::size_t w = 0; w < writers_.size(); ++w) {
    if (woken[w]) writers_[w].wake();
  }
}

// After a failed sync nothing that the system keeps for this file can be trusted: what was not
// synced has failed, and nothing is accepted any more.
void Journal::fail_all(Lock&, const FileError& error) {
  if (failed_) return;
  failed_ = true;
  log::Line(log::Area::kStorage, log::Level::kError,
            "the journal has failed: nothing is stored any more until a restart")
      .with("reason", error.text);
  end(unsynced_, CommitEnd::kFailed);
  to_commit_.notify_one();
  to_hold_.notify_all();
}

}  // namespace polymq::storage::journal
