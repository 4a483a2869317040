// A shard's view of the journal: stages what its queues do, seals it into chunks for each lane, and
// knows where every message lies.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "base/sliding_window.h"
#include "storage/journal/journal.h"
#include "storage/journal/kept_queue.h"
#include "storage/message_store.h"

namespace polymq::storage::journal {

/// A lane as it was found.
struct RecoveredLane {
  std::uint64_t next_chunk = 1;
  std::map<std::uint64_t, KeptChunk> chunks;  // with messages that live
};

class ChunkWriter;

/// Shard: its own.
class JournalStore final : public MessageStore {
 public:
  /// `writer`: its number with the journal.
  JournalStore(Journal& journal, std::size_t writer);

  /// Before anything else: what a lane that this shard serves, and its queues, were left with.
  void adopt(Lane lane, const RecoveredLane& found);
  void adopt(std::uint64_t queue, KeptQueue found) { queues_[queue] = std::move(found); }

  StoredQueue open_queue(std::uint64_t queue, Lane lane) override;
  void set_sync(std::uint64_t incarnation, std::optional<SyncPolicy> policy) override;
  void close_queue(std::uint64_t incarnation) override;
  void remove_queue(std::uint64_t incarnation) override;
  void queues_known(std::uint64_t newest) override;
  void give_up() override { journal_.give_up("what is declared cannot be stored"); }
  void append(const MessageRecord& message) override;
  void settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) override;
  void lent(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
            std::uint16_t failed, const Lease& lease) override;
  void returned(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                std::uint16_t failed) override;
  void handed_out(std::uint64_t queue, std::uint64_t below) override;
  Unmarked unmarked(std::uint64_t queue) const override;
  void join_unit(std::uint64_t unit, std::uint32_t parts) override;
  CommitNumber await_staged() override;
  CommitNumber await_everything() override;
  void seal(MonotonicMs now) override;
  void flush() override;
  MonotonicMs seal_due() const override;
  void take_ended(std::vector<CommitEnd>& ended) override;
  bool behind() const override;
  bool refuses() const override { return refuses_; }
  std::uint64_t readable_below(std::uint64_t queue) const override;
  void read_ranges(std::uint64_t queue, std::span<const PositionRange> wanted,
                   std::uint64_t bytes) override;
  void take_read(std::vector<ReadMessages>& read) override;
  bool has_news() const override { return !ended_.empty() || !read_.empty(); }

 private:
  /// A batch under way, and what becomes true when it has ended.
  struct Sealed {
    std::vector<ChunkName> chunks;  // all, as in the batch
    bool shares = false;            // the first one has data of messages in others
    std::uint64_t bytes = 0;
    bool awaited = false;
    struct Below {
      std::uint64_t queue;
      std::uint64_t position;
    };
    std::vector<Below> readable;
    std::vector<Below> marked;
    struct Cut {
      ChunkName chunk;
      std::uint32_t count;
    };
    std::vector<Cut> cuts;
    struct Moved {
      std::uint64_t queue;
      ChunkName to;
      Extent message;
    };
    std::vector<Moved> moved;
    SegmentNumber restates = 0;  // not 0: everything was said again
  };

  KeptQueue* find(std::uint64_t queue);
  const KeptQueue* find(std::uint64_t queue) const;
  void close_log(std::uint64_t log);
  void remove_log(std::uint64_t log);
  KeptQueue& stage(std::uint64_t queue, KeptQueue& kept);
  SyncPolicy sync_of(std::uint64_t log) const;
  KeptChunk* chunk(const ChunkName& name) { return lanes_[name.lane].find(name.number); }
  void cut(const ChunkName& name, std::uint32_t count);
  void seal_now();
  bool staged_again(const MessageRecord& message);
  void share_large(SealedBatch& batch);
  void encode_lane(Lane lane, std::span<const std::uint64_t> queues, SealedBatch& batch);
  void encode_queue(std::uint64_t id, ChunkWriter& writer, std::uint64_t number, KeptChunk& chunk);
  static void encode_lent(std::uint64_t id, KeptQueue& queue, ChunkWriter& writer);
  void encode_appended(KeptQueue& queue, ChunkWriter& writer, std::uint64_t number,
                       KeptChunk& chunk);
  void restate(SegmentNumber number);
  static ReadPart part_of(const KeptChunk& chunk, const Extent& extent, std::uint64_t from,
                          std::uint64_t count);
  void evacuate();
  bool evacuate_from(std::uint64_t id, const KeptQueue& queue);
  void move(ReadMessages read);
  void encode_moved(KeptQueue& queue, ChunkWriter& writer, std::uint64_t number, KeptChunk& chunk);
  void moves_durable(Sealed& sealed);
  std::uint64_t add_parts(const KeptQueue& kept, const PositionRange& range, std::uint64_t& budget,
                          std::vector<ReadPart>& parts);
  void mark_delivered(const KeptQueue& queue, MessageRecord& message) const;
  void marks_durable(std::vector<Sealed::Below>& marked);
  void batch_durable(const EndedBatch& ended, Sealed& sealed);

  Journal& journal_;
  const std::size_t writer_;
  boost::unordered_flat_map<std::uint64_t, KeptQueue> queues_;
  boost::unordered_flat_map<std::uint64_t, SyncPolicy> syncs_;  // of those with one of their own
  std::array<SlidingWindow<KeptChunk>, kLanes> lanes_;          // by the numbers of their chunks

  std::vector<std::uint64_t> dirty_;  // queues with something staged
  std::vector<SealedPart> parts_;
  Sealed open_;  // what will follow from the staged records
  std::uint64_t staged_bytes_ = 0;
  const char* last_large_ = nullptr;  // the body that was staged last, if it was large
  bool any_again_ = false;            // some were staged for several queues
  // Of the batch that is being encoded: the data that messages share, and the chunk that has it.
  std::vector<DataPlace> shared_;
  ChunkName shared_in_;
  bool awaited_ = false;
  bool refuses_ = false;         // as of the last take_ended()
  bool restated_ = false;        // everything is staged again
  SegmentNumber restating_ = 0;  // the last request that was answered
  MonotonicMs staged_at_ = 0;    // 0: nothing is staged, or since this turn only
  CommitNumber sealed_count_ = 0;
  std::uint64_t told_known_ = 0;  // the journal
  std::deque<Sealed> under_way_;
  std::vector<CommitEnd> ended_;  // of batches with nothing left in them
  std::uint64_t under_way_bytes_ = 0;
  std::vector<ReadMessages> read_;  // answered without the journal

  // Moving messages out of segments of which little lives.
  std::vector<SegmentNumber> leaving_;                     // sorted
  std::vector<std::uint64_t> to_evacuate_;                 // queues to look through, from the last
  std::uint64_t evacuated_below_ = 0;                      // positions of that queue
  bool moving_ = false;                                    // some are read or written
  std::vector<std::unique_ptr<std::string>> moved_bytes_;  // until they are sealed
};

}  // namespace polymq::storage::journal
