// The store that keeps nothing: messages live in the engine's memory only.
#pragma once

#include "storage/message_store.h"

namespace polymq::storage {

/// Every commit is as durable as this process the moment it is sealed.
class MemoryStore final : public MessageStore {
 public:
  void append(const MessageRecord&) override { touched_ = true; }
  void settle(std::uint64_t, std::uint64_t) override { touched_ = true; }
  void begin_unit() override {}
  void end_unit() override {}

  CommitNumber staged() const override { return touched_ ? sealed_ + 1 : 0; }
  void seal() override {
    if (!touched_) return;
    touched_ = false;
    ++sealed_;
  }
  void take_ended(std::vector<CommitEnd>& ended) override {
    ended.insert(ended.end(), sealed_ - told_, CommitEnd::kDurable);
    told_ = sealed_;
  }

 private:
  bool touched_ = false;
  CommitNumber sealed_ = 0;
  CommitNumber told_ = 0;
};

}  // namespace polymq::storage
