// The journal: a folder of segments that all shards' stores append to. One thread writes and syncs
// what they hand over in groups, one prepares and removes segments, one reads messages back.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "storage/files.h"
#include "storage/journal/batch.h"
#include "storage/journal/read_back.h"
#include "storage/journal/segment_files.h"
#include "storage/journal/segment_table.h"
#include "storage/journal/use_survey.h"

namespace polymq::storage::journal {

struct JournalOptions {
  std::uint64_t segment_size = 64 * 1024 * 1024;
  /// Of queues that have none of their own.
  SyncPolicy sync = SyncPolicy::kAlways;
  /// What nobody waits for is synced that late at most (interval: everything).
  std::chrono::milliseconds sync_interval{100};
  /// With less than that free on the folder's disk, nothing new is accepted: it is for what is
  /// under way by then, and for what is said of older messages.
  std::uint64_t keep_free = 0;
  std::size_t spares = 2;  // segments kept to be used again
};

/// Any thread, but where it says otherwise. Each writer (a shard's store) has a number from 0.
class Journal {
 public:
  /// `next_commit`, `next_segment`: after those found in the folder (recovery.h).
  Journal(std::unique_ptr<Files> files, const JournalOptions& options, JournalId id,
          std::uint64_t next_commit, SegmentNumber next_segment, SegmentTable segments);
  /// What was handed over and is complete is written and synced.
  ~Journal();

  /// Before start(): `wake` is called, on the journal's threads, when there is something to take.
  void connect(std::size_t writer, std::function<void()> wake);
  /// Makes the first segment and starts the threads.
  FileResult<void> start();

  /// Batches of one writer are committed in the order they come in.
  void submit(std::size_t writer, SealedBatch batch);
  /// Appends what became of its batches since the last call, in their order.
  Wanted take_ended(std::size_t writer, std::vector<EndedBatch>& ended);
  /// A batch of so many bytes that said everything again is durable.
  void restated(std::size_t writer, SegmentNumber number, std::uint64_t bytes);
  /// Messages were settled, and that is durable.
  void chunks_shrunk(const std::vector<ShrunkChunk>& chunks);
  /// What Wanted::evacuate is about.
  std::vector<SegmentNumber> evacuate_wanted(std::size_t writer) const;
  void evacuated(std::size_t writer);
  /// Queues up to this incarnation are known to the metadata for good; batches that speak of later
  /// ones wait.
  void queues_known(std::uint64_t newest);
  /// What else a node needs has failed: so has the journal.
  void give_up(const std::string& why);
  /// Of queues that have none of their own.
  SyncPolicy sync_policy() const { return options_.sync; }

  void read(std::size_t writer, ReadRequest request);
  void take_read(std::size_t writer, std::vector<ReadMessages>& read);

  /// For a backup: all that is written is synced, in segments up to the returned one, to which
  /// nothing is added any more; their files stay as they are until release(). Waits for that. One
  /// at a time. Error: one is under way already, there is no room for another segment, or the
  /// journal has failed.
  FileResult<SegmentNumber> hold();
  void release();
  /// Counts what takes the segments' bytes (use_survey.h), while none of them is removed. Waits for
  /// the disk. Error also: a backup is under way.
  FileResult<DiskUse> survey_use(const KnownIncarnations& known, const std::atomic<bool>& stop);

  struct Usage {
    std::size_t segments;
    std::uint64_t bytes;
    std::uint64_t live_bytes;
  };
  Usage usage() const;

 private:
  struct Writer {
    std::function<void()> wake;
    std::deque<SealedBatch> waiting;
    std::vector<EndedBatch> ended;
    std::vector<ReadMessages> read;
    SegmentNumber restate_wanted = 0;
    std::vector<SegmentNumber> evacuate_wanted;
  };
  struct Written {
    std::size_t writer;
    EndedBatch batch;
    SyncPolicy sync = SyncPolicy::kAlways;
    bool awaited = false;
  };
  /// The segment that is written to.
  struct Open {
    SegmentNumber number = 0;
    std::shared_ptr<File> file;
    std::uint64_t size = 0;
    std::uint64_t used = 0;
    std::uint32_t seed = 0;
  };
  /// What is left on the disk: enough; only what should stay free, which publishers get no more of;
  /// nothing.
  enum class Space : std::uint8_t { kEnough, kShort, kNone };
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;
  struct Handed {
    std::size_t writer;
    SealedBatch batch;
  };

  // The committer.
  void commit_loop();
  std::vector<Handed> take_group();
  std::vector<Handed> take_group(std::uint64_t most);
  static void agree_on_sync(std::vector<Handed>& group);
  void write_group(Lock& lock, const std::vector<Handed>& group);
  FileResult<void> write_commit(const std::vector<Handed>& group, std::vector<Written>& written);
  bool make_room(Lock& lock, std::uint64_t blocks, bool messages);
  bool end_open(Lock& lock);
  void cut();
  bool must_wait_for_next(std::uint64_t blocks, bool messages) const;
  FileResult<void> write_end();
  void sync_written(Lock& lock);
  void end(std::vector<Written>& batches, CommitEnd how);
  void end_written();
  void fail_all(Lock& lock, const FileError& error);

  // The housekeeper.
  void house_needed();
  void housekeeping_loop();
  void remove_dead(Lock& lock);
  JournalState state() const;  // with the lock
  void want_restatement();
  void want_evacuation();
  bool needs_segment() const;
  std::uint64_t worth_restating() const;
  void look_for_room_to_move();
  std::uint64_t small_segment() const;
  std::uint64_t tiny_segment() const;
  FileResult<PreparedSegment> make_segment(Lock& lock);
  void prepare_next(Lock& lock);
  void note_space(Space space, const std::string& reason);
  bool index_one(Lock& lock);

  // The reader.
  void read_loop();
  ReadMessages read_now(Lock& lock, const ReadRequest& request);

  const JournalOptions options_;
  const JournalId id_;
  std::unique_ptr<Files> files_;

  mutable std::mutex mutex_;
  std::condition_variable to_commit_;
  std::condition_variable to_keep_house_;
  std::condition_variable to_read_;
  std::deque<Writer> writers_;
  bool stopping_ = false;  // the committer ends when all is written
  bool closing_ = false;   // and after it the others
  bool failed_ = false;
  Space space_ = Space::kEnough;
  std::uint64_t newest_known_queue_ = 0;
  SegmentTable segments_;
  SegmentFiles segment_files_;
  SegmentNumber next_segment_;
  std::optional<PreparedSegment> prepared_;  // to be written to next
  std::uint64_t wanted_size_ = 0;            // of the next one, when the committer waits for it
  std::uint64_t gone_chunks_ = 0;            // of which no message lives
  bool may_be_dead_ = false;                 // a segment may have lost what kept it
  std::uint64_t restated_bytes_ = 0;         // of the last restatement
  bool may_move_ = true;                     // there is room for what is evacuated
  std::uint64_t freed_commit_ = 0;           // what had been written then
  std::uint64_t written_commit_ = 0;
  bool sync_wanted_ = false;  // before a segment may go
  std::deque<std::pair<std::size_t, ReadRequest>> reads_;
  bool held_ = false;        // no segment is removed
  bool cut_wanted_ = false;  // the open segment should be ended
  SegmentNumber cut_ = 0;    // the last one when that was done
  bool removing_ = false;    // one is being removed
  std::condition_variable to_hold_;

  // The committer's own.
  Open open_;
  std::uint64_t next_commit_;
  std::uint64_t synced_commit_;
  std::vector<Written> unsynced_;  // to be told when they are synced
  bool dirty_ = false;             // something is written and not synced
  Clock::time_point sync_at_{};

  std::thread committer_;
  std::thread housekeeper_;
  std::thread reader_;
};

}  // namespace polymq::storage::journal
