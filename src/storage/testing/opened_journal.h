// A journal as a node has it open: started, with a store for each shard that knows what was found.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/files.h"
#include "storage/journal/journal_store.h"
#include "storage/journal/recovery.h"

namespace polymq::storage::journal {

/// Queues by incarnation, as the metadata knows them.
using Lanes = std::unordered_map<std::uint64_t, Lane>;

struct OpenedJournal {
  /// `wake` is called on the journal's threads, for all stores.
  OpenedJournal(std::unique_ptr<Files> files, const Lanes& lanes, std::size_t shards,
                const JournalOptions& options, const std::function<void()>& wake) {
    auto found = recover(*files, lanes, {1, 2});
    EXPECT_TRUE(found) << found.error().text;
    damages = found->damages;
    journal = std::make_unique<Journal>(std::move(files), options, found->id, found->next_commit,
                                        found->next_segment, std::move(found->segments));
    for (std::size_t shard = 0; shard < shards; ++shard) {
      journal->connect(shard, wake);
      stores.push_back(std::make_unique<JournalStore>(*journal, shard));
    }
    for (Lane lane = 0; lane < kLanes; ++lane) {
      stores[lane % shards]->adopt(lane, found->lanes[lane]);
    }
    for (auto& [queue, kept] : found->queues) {
      stores[kept.lane % shards]->adopt(queue, std::move(kept));
    }
    const auto started = journal->start();
    EXPECT_TRUE(started) << started.error().text;
  }

  std::vector<std::string> damages;  // that were found
  std::unique_ptr<Journal> journal;
  std::vector<std::unique_ptr<JournalStore>> stores;
};

}  // namespace polymq::storage::journal
