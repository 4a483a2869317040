// What the stores of a simulated node keep over its end: batches are written in order for each
// shard, units wholly or not at all, and what they say becomes what the next life finds.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "random.h"
#include "sabotage.h"
#include "storage/message_store.h"

namespace polymq::sim {

/// Copies the texts that the record has views of, and lets it have views of the copy.
std::unique_ptr<std::string> take_texts(storage::MessageRecord& message);

/// A message with texts of its own.
class KeptMessage {
 public:
  explicit KeptMessage(const storage::MessageRecord& message)
      : record(message), texts_(take_texts(record)) {}

  storage::MessageRecord record;  // its views are into `texts_`
  std::optional<storage::Lease> lease = {};

 private:
  std::shared_ptr<const std::string> texts_;
};

struct KeptQueue {
  std::map<std::uint64_t, KeptMessage> messages = {};  // by position
  std::uint64_t next_position = 1;
  std::uint64_t handed_out = 0;  // all below may have been delivered

  const KeptMessage* find(std::uint64_t position) const {
    const auto known = messages.find(position);
    return known == messages.end() ? nullptr : &known->second;
  }
};

/// What a shard's store seals at once.
struct Batch {
  struct Settled {
    std::uint64_t queue, first, last;
  };
  struct Returned {
    std::uint64_t queue, position;
    std::uint16_t acquired, failed;
  };
  struct Lent {
    std::uint64_t queue, position;
    std::uint16_t acquired, failed;
    storage::Lease lease;
  };
  struct HandedOut {
    std::uint64_t queue, below;
  };
  struct Removed {
    std::uint64_t queue;
  };
  using Change = std::variant<KeptMessage, Settled, Returned, Lent, HandedOut, Removed>;
  struct Part {
    std::uint64_t unit;
    std::uint32_t parts;
  };

  std::vector<Change> changes = {};
  std::vector<Part> parts = {};
  std::uint64_t newest_queue = 0;  // that it speaks of
};

class Disk {
 public:
  explicit Disk(Sabotage sabotage = Sabotage::kNone) : sabotage_(sabotage) {}

  /// A life begins with so many stores.
  void start(std::size_t writers);
  /// It ends. Of what was handed over some more is written, as `random` says; nothing is after
  /// that, though the stores are told so.
  void crash(Random& random);
  /// Only of these queues anything is kept.
  void keep_only(const std::vector<std::uint64_t>& queues);

  /// For sabotage of what is kept of exchanges.
  void spoil_exchange(std::uint64_t incarnation);

  void submit(std::size_t writer, Batch batch) {
    writers_[writer].waiting.push_back(std::move(batch));
  }
  /// Ends the next batch of that writer, and all that must go with it, like this. False when that
  /// has to wait for other parts of a unit, or until its queues are known.
  bool write(std::size_t writer, storage::CommitEnd how);
  bool has_ended(std::size_t writer) const { return !writers_[writer].ended.empty(); }
  storage::CommitEnd take_ended(std::size_t writer);
  void queues_known(std::uint64_t newest) { newest_known_ = std::max(newest_known_, newest); }

  const std::map<std::uint64_t, KeptQueue>& queues() const { return queues_; }
  const KeptQueue* queue(std::uint64_t id) const;
  std::size_t messages() const;
  /// Of a message that is kept, as a start finds it.
  std::optional<storage::Lease> find_lease(const KeptMessage& message);
  bool dead() const { return dead_; }
  /// From now on, until the next start, nothing is written.
  void break_down() { broken_ = true; }
  bool broken() const { return broken_; }

 private:
  struct Writer {
    std::deque<Batch> waiting;
    std::deque<storage::CommitEnd> ended;
  };
  /// How many batches of each writer go together with the next one of `writer`; empty: they cannot
  /// go yet.
  std::vector<std::size_t> group_of(std::size_t writer) const;
  bool complete(std::vector<std::size_t>& take, const Batch::Part& part) const;
  void apply(const Batch& batch);
  KeptMessage* find(std::uint64_t queue, std::uint64_t position);
  void make(const KeptMessage& message);
  void make(const Batch::Settled& settled);
  void make(const Batch::Returned& returned);
  void make(const Batch::Lent& lent);
  void make(const Batch::HandedOut& mark);
  void make(const Batch::Removed& removed) { queues_.erase(removed.queue); }
  bool spoils(Sabotage what);
  void spoil();

  const Sabotage sabotage_;
  std::uint64_t candidates_ = 0;  // for what could have been spoiled
  std::map<std::uint64_t, KeptQueue> queues_;
  std::vector<Writer> writers_;
  std::uint64_t newest_known_ = 0;
  bool dead_ = false;
  bool broken_ = false;
};

}  // namespace polymq::sim
