// Waits for the ends of what a test appended to a metadata store.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include "storage/metadata_store.h"

namespace polymq::storage::testing {

/// Must outlive the store that it wakes for.
class EndsCollector {
 public:
  /// To be called by the store when it has ends; any thread.
  std::function<void()> wake() {
    return [this] {
      {
        const std::lock_guard lock(lock_);
        woken_ = true;
      }
      changed_.notify_one();
    };
  }

  /// `ended` and behind it what ends next, until there are `count` or more; fewer only when they do
  /// not come within half a minute.
  std::vector<MetadataEnd> await(MetadataStore& store, std::size_t count,
                                 std::vector<MetadataEnd> ended = {}) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    store.take_ended(ended);
    while (ended.size() < count) {
      {
        std::unique_lock lock(lock_);
        if (!changed_.wait_until(lock, deadline, [&] { return woken_; })) break;
        woken_ = false;
      }
      store.take_ended(ended);
    }
    return ended;
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace polymq::storage::testing
