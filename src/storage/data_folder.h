// The folder where a durable broker keeps everything: opens what is there, for this process alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/backup.h"
#include "storage/journal/disk_use.h"
#include "storage/journal/journal.h"
#include "storage/journal/journal_store.h"
#include "storage/metadata_store.h"
#include "storage/sqlite_metadata.h"

namespace polymq::storage {

/// What is declared, and the bytes of its messages in the journal.
struct DeclaredUse {
  MetadataImage declared;
  journal::DiskUse use;
};

/// The main thread, but for the stores, which their shards use.
class DataFolder {
 public:
  /// Makes the folder if there is none, and locks it. Error, one line: it is in use, of a newer
  /// version, or cannot be read.
  static Result<std::unique_ptr<DataFolder>> open(const std::string& path);
  ~DataFolder();

  /// Before start(), by a node: tools look at a folder without a life of their own, so that tokens
  /// of the one before stay good. Error: it cannot be written.
  Result<void> begin_life();
  /// Reads the journal and starts it, with a store for each shard. `wake` is called on other
  /// threads when a shard's store has something to tell. `use`, if not null, gets what was found to
  /// take space. Error: it cannot be read or written.
  Result<void> start(std::size_t shards, const journal::JournalOptions& options,
                     const std::function<void(std::size_t shard)>& wake,
                     journal::DiskUse* use = nullptr);

  const MetadataImage& image() const { return image_; }
  /// In this life: neither it nor any later one was ever given out to a queue or an exchange.
  std::uint64_t first_incarnation() const { return first_incarnation_; }
  /// The same, of the life before this one, if there was one.
  std::uint64_t incarnation_before() const;
  MetadataStore& metadata() { return *metadata_; }
  MessageStore& store(std::size_t shard) { return *stores_[shard]; }
  const journal::Journal& journal() const { return *journal_; }
  /// What could not be read, a line each.
  const std::vector<std::string>& damages() const { return damages_; }

  /// After start(), on any thread, which waits for the disk: makes a copy (backup.h). Must have
  /// ended before close().
  Result<BackedUp> back_up(const std::string& target, const std::atomic<bool>& stop);

  /// After start(), on any thread, which waits for the disk: what the declared things take of it
  /// (journal/use_survey.h). Must have ended before close(). Error, one line: it cannot be read,
  /// a backup is under way, or `stop` became true.
  Result<DeclaredUse> survey_use(const std::atomic<bool>& stop);

  /// Writes what was handed over, and stops all threads. Before what `wake` needs goes.
  void close();

 private:
  DataFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  Result<void> check_format();

  const std::string path_;
  const int lock_;
  std::unique_ptr<SqliteMetadata> metadata_;
  MetadataImage image_;
  std::uint64_t first_incarnation_ = 1;
  std::unique_ptr<journal::Journal> journal_;
  std::vector<std::unique_ptr<journal::JournalStore>> stores_;
  std::vector<std::string> damages_;
};

}  // namespace polymq::storage
