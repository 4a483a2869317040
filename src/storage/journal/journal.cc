// The journal's doors, for any thread, and its start and stop.
#include "storage/journal/journal.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

void name_thread(const char* name) { ::pthread_setname_np(::pthread_self(), name); }

}  // namespace

Journal::Journal(std::unique_ptr<Files> files, const JournalOptions& options, JournalId id,
                 std::uint64_t next_commit, SegmentNumber next_segment, SegmentTable segments)
    : options_(options),
      id_(id),
      files_(std::move(files)),
      segments_(std::move(segments)),
      segment_files_(*files_, id, options.segment_size, options.spares, options.keep_free),
      next_segment_(next_segment),
      next_commit_(next_commit),
      synced_commit_(next_commit - 1) {}

Journal::~Journal() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    to_commit_.notify_all();
  }
  // It may need another segment for the last batches.
  if (committer_.joinable()) committer_.join();
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    to_keep_house_.notify_all();
    to_read_.notify_all();
  }
  if (housekeeper_.joinable()) housekeeper_.join();
  if (reader_.joinable()) reader_.join();
}

void Journal::connect(std::size_t writer, std::function<void()> wake) {
  if (writers_.size() <= writer) writers_.resize(writer + 1);
  writers_[writer].wake = std::move(wake);
}

FileResult<void> Journal::start() {
  if (auto found = segment_files_.find_spares(); !found) return found;
  segment_files_.hurry(true);
  // Small: the broker starts before a whole one could be filled. On a disk that is short of space,
  // too: consumers must be able to take what is there, and publishers wait from the beginning.
  auto first = segment_files_.prepare(next_segment_, small_segment(), SpaceUse::kLeaveFree);
  if (!first && first.error().no_space) {
    {
      const std::lock_guard lock(mutex_);
      note_space(Space::kShort, first.error().text);
    }
    first = segment_files_.prepare(next_segment_, small_segment(), SpaceUse::kAll);
  }
  if (!first && first.error().no_space) {
    first = segment_files_.prepare(next_segment_, tiny_segment(), SpaceUse::kAll);
  }
  if (!first) return tl::make_unexpected(first.error());
  segment_files_.hurry(false);
  may_be_dead_ = true;
  ++next_segment_;
  prepared_ = *std::move(first);
  committer_ = std::thread([this] {
    name_thread("commit");
    commit_loop();
  });
  housekeeper_ = std::thread([this] {
    name_thread("segments");
    housekeeping_loop();
  });
  reader_ = std::thread([this] {
    name_thread("read-back");
    read_loop();
  });
  return {};
}

void Journal::submit(std::size_t writer, SealedBatch batch) {
  const std::lock_guard lock(mutex_);
  writers_[writer].waiting.push_back(std::move(batch));
  to_commit_.notify_one();
}

Wanted Journal::take_ended(std::size_t writer, std::vector<EndedBatch>& ended) {
  const std::lock_guard lock(mutex_);
  Writer& one = writers_[writer];
  std::move(one.ended.begin(), one.ended.end(), std::back_inserter(ended));
  one.ended.clear();
  const bool evacuate = !one.evacuate_wanted.empty() && may_move_ && !failed_;
  return {state(), one.restate_wanted, evacuate};
}

void Journal::restated(std::size_t writer, SegmentNumber number, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  restated_bytes_ += bytes;
  if (writers_[writer].restate_wanted == number) writers_[writer].restate_wanted = 0;
  const bool all = std::all_of(writers_.begin(), writers_.end(),
                               [](const Writer& one) { return one.restate_wanted == 0; });
  if (!all) return;
  segments_.restated(number);
  house_needed();
}

void Journal::chunks_shrunk(const std::vector<ShrunkChunk>& chunks) {
  const std::lock_guard lock(mutex_);
  // Much may go by a purge, and no segment be begun after it: now and then is often enough.
  constexpr std::uint64_t kGoneChunks = 64;
  for (const ShrunkChunk& chunk : chunks) {
    const bool look = chunk.gone && ++gone_chunks_ % kGoneChunks == 0;
    if (segments_.chunk_shrunk(chunk) || look) house_needed();
  }
}

std::vector<SegmentNumber> Journal::evacuate_wanted(std::size_t writer) const {
  const std::lock_guard lock(mutex_);
  return writers_[writer].evacuate_wanted;
}

void Journal::evacuated(std::size_t writer) {
  const std::lock_guard lock(mutex_);
  writers_[writer].evacuate_wanted.clear();
}

void Journal::queues_known(std::uint64_t newest) {
  const std::lock_guard lock(mutex_);
  newest_known_queue_ = std::max(newest_known_queue_, newest);
  to_commit_.notify_one();
}

void Journal::give_up(const std::string& why) {
  Lock lock(mutex_);
  fail_all(lock, {false, why});
}

void Journal::read(std::size_t writer, ReadRequest request) {
  const std::lock_guard lock(mutex_);
  for (const ReadPart& part : request.parts) ++segments_.find(part.segment)->readers;
  reads_.emplace_back(writer, std::move(request));
  to_read_.notify_one();
}

void Journal::take_read(std::size_t writer, std::vector<ReadMessages>& read) {
  const std::lock_guard lock(mutex_);
  std::vector<ReadMessages>& from = writers_[writer].read;
  std::move(from.begin(), from.end(), std::back_inserter(read));
  from.clear();
}

// --- backups ------------------------------------------------------------------------------------
FileResult<SegmentNumber> Journal::hold() {
  Lock lock(mutex_);
  if (held_) return tl::make_unexpected(FileError{false, "a backup is under way already"});
  held_ = cut_wanted_ = true;
  to_commit_.notify_one();
  to_hold_.wait(
      lock, [&] { return failed_ || space_ != Space::kEnough || (!cut_wanted_ && !removing_); });
  if (!cut_wanted_ && !removing_) return cut_;
  held_ = cut_wanted_ = false;
  return tl::make_unexpected(
      failed_ ? FileError{false, "the journal has failed: restart the node first"}
              : FileError{true, "the disk of the data folder is full"});
}

FileResult<DiskUse> Journal::survey_use(const KnownIncarnations& known,
                                        const std::atomic<bool>& stop) {
  std::vector<CountedSegment> segments;
  {
    Lock lock(mutex_);
    if (held_) return tl::make_unexpected(FileError{false, "a backup is under way"});
    held_ = true;
    to_hold_.wait(lock, [this] { return !removing_; });
    for (const auto& [number, segment] : segments_.all()) {
      segments.push_back({{number, segment.generation, segment.size, id_},
                          segment.file,
                          segment.sealed ? segment.size : segment.used,
                          segment.indexed});
    }
  }
  auto use = journal::survey_use(*files_, segments, known, stop);
  release();
  return use;
}

void Journal::release() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  house_needed();
}

JournalState Journal::state() const {
  if (failed_) return JournalState::kFailed;
  return space_ == Space::kEnough ? JournalState::kOpen : JournalState::kShortOfSpace;
}

Journal::Usage Journal::usage() const {
  const std::lock_guard lock(mutex_);
  return {segments_.size(), segments_.bytes(), segments_.live_bytes()};
}

// --- reading back -------------------------------------------------------------------------------
void Journal::read_loop() {
  Lock lock(mutex_);
  while (true) {
    to_read_.wait(lock, [&] { return closing_ || !reads_.empty(); });
    if (closing_) return;
    const auto [writer, request] = std::move(reads_.front());
    reads_.pop_front();
    ReadMessages done = read_now(lock, request);
    writers_[writer].read.push_back(std::move(done));
    const std::function<void()>& wake = writers_[writer].wake;
    lock.unlock();
    wake();
    lock.lock();
  }
}

ReadMessages Journal::read_now(Lock& lock, const ReadRequest& request) {
  std::vector<std::shared_ptr<File>> files;
  for (const ReadPart& part : request.parts) {
    files.push_back(segments_.find(part.segment)->file);
  }
  lock.unlock();
  ReadMessages done{request.queue, request.first, request.next, {}, {}, {}, request.moving};
  std::vector<bool> whole(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::size_t damages = done.damages.size();
    read_part(*files[i], request.queue, request.parts[i], done);
    whole[i] = done.damages.size() == damages;
  }
  lock.lock();
  for (std::size_t i = 0; i < files.size(); ++i) {
    SegmentTable::Segment& segment = *segments_.find(request.parts[i].segment);
    // It cannot be emptied: no use in trying again.
    if (request.moving && !whole[i]) segment.damaged = true;
    if (--segment.readers == 0 && segment.live_chunks == 0) house_needed();
  }
  return done;
}

}  // namespace polymq::storage::journal
