// The store that keeps nothing: messages live in the engine's memory only.
#pragma once

#include "storage/message_store.h"

namespace polymq::storage {

/// Every commit is as durable as this process the moment it is sealed. Nothing can be read back.
class MemoryStore final : public MessageStore {
 public:
  StoredQueue open_queue(std::uint64_t, Lane) override { return {}; }
  void set_sync(std::uint64_t, std::optional<SyncPolicy>) override {}
  void close_queue(std::uint64_t) override {}
  void remove_queue(std::uint64_t) override {}
  void queues_known(std::uint64_t) override {}
  void give_up() override {}

  void append(const MessageRecord&) override { touched_ = true; }
  void settle(std::uint64_t, std::uint64_t, std::uint64_t) override { touched_ = true; }
  void lent(std::uint64_t, std::uint64_t, std::uint16_t, std::uint16_t, const Lease&) override {}
  void returned(std::uint64_t, std::uint64_t, std::uint16_t, std::uint16_t) override {}
  void handed_out(std::uint64_t, std::uint64_t) override {}
  Unmarked unmarked(std::uint64_t) const override { return {}; }
  void join_unit(std::uint64_t, std::uint32_t) override {}

  CommitNumber await_staged() override { return touched_ ? sealed_ + 1 : 0; }
  CommitNumber await_everything() override {
    return touched_ ? sealed_ + 1 : told_ == sealed_ ? 0 : sealed_;
  }
  void seal(MonotonicMs) override {
    if (!touched_) return;
    touched_ = false;
    ++sealed_;
  }
  void flush() override { seal(0); }
  MonotonicMs seal_due() const override { return kNever; }
  void take_ended(std::vector<CommitEnd>& ended) override {
    ended.insert(ended.end(), sealed_ - told_, CommitEnd::kDurable);
    told_ = sealed_;
  }
  bool behind() const override { return false; }
  bool refuses() const override { return false; }

  std::uint64_t readable_below(std::uint64_t) const override { return 0; }
  void read_ranges(std::uint64_t, std::span<const PositionRange>, std::uint64_t) override {}
  void take_read(std::vector<ReadMessages>&) override {}
  /// Nobody is ever woken.
  bool has_news() const override { return told_ != sealed_; }

 private:
  bool touched_ = false;
  CommitNumber sealed_ = 0;
  CommitNumber told_ = 0;
};

}  // namespace polymq::storage
