// Logs that are read whole when they are opened: what exchanges hold and remember, and which ids
// were seen. Queues read theirs on their own, bit by bit.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// Shard: one, over its store.
class StoredLogs {
 public:
  using Take = std::function<Result<void>(const storage::MessageRecord&)>;

  explicit StoredLogs(storage::MessageStore& store) : store_(store) {}

  /// Once, before anything is said of the log. Returns the first position that was never used.
  /// Entries are handed to `take` later, in order; until then loading() is true. What `take` cannot
  /// decode is logged.
  std::uint64_t open(std::uint64_t log, storage::Lane lane, Take take);
  bool loading() const { return !loads_.empty(); }
  /// True if it was an answer to what is asked here.
  bool take(const storage::ReadMessages& read);
  /// What is being read of it is not wanted any more.
  void forget(std::uint64_t incarnation);

  storage::MessageStore& store() { return store_; }

 private:
  storage::MessageStore& store_;
  boost::unordered_flat_map<std::uint64_t, Take> loads_;  // by log
};

}  // namespace polymq::engine
