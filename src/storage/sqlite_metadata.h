// Declared things in an SQLite file: what was committed is there after a crash.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "storage/metadata_store.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/rows.h"

namespace polymq::storage {

/// One thread of its own writes: all that was appended while a commit was under way goes into the
/// next one, so that a burst costs few syncs.
///
/// A full disk is waited out: changes stay queued, are tried again every half second, and
/// short_of_space() says so. Any other error ends what it met and all that follows as kFailed, with
/// one line in the log; a version that does not follow on the file's ends so as kFenced.
class SqliteMetadata final : public MetadataStore {
 public:
  /// Opens the file for this process alone, making it if there is none, and reads it. Its folder
  /// must be there. Error, one line that names the file: it is in use, no database, another
  /// program's, of a newer version, damaged, or cannot be read or written.
  static Result<std::unique_ptr<SqliteMetadata>> open(const std::filesystem::path& file);
  /// Commits what was appended, folds the log into the file, and closes it. A disk that is full
  /// still is tried once more and no longer waited for.
  ~SqliteMetadata() override;

  /// What was in the file when it was opened. Moves it out: to be called once.
  MetadataImage load() { return std::move(image_); }

  /// From now on `wake` is called when there is something new for take_ended: on the storage
  /// thread, with locks held, so it must not call back in here. Set it before the first append;
  /// when this returns the former one is not running. An empty one is allowed.
  void on_ended(std::function<void()> wake);

  void append(std::uint64_t version, std::vector<MetadataChange> changes) override;
  void take_ended(std::vector<MetadataEnd>& ended) override;

  /// The first of `count` ids that were never given out before nor will be again: that is on the
  /// disk when this returns. Any thread; waits for the disk. Error: they could not be reserved, by
  /// whatever it was; also after an append has ended as kFailed or kFenced.
  Result<std::uint64_t> reserve_incarnations(std::uint64_t count);

  /// Any thread; waits for the disk. Runs `first`, and if that is well, writes what is declared to
  /// a new database file. Nothing is committed from before the one until after the other. Error:
  /// that of `first`, or the file cannot be written.
  Result<void> copy_to(const std::filesystem::path& file,
                       const std::function<Result<void>()>& first);

  /// Any thread; waits for the disk, and commits wait for it. All that is in the file. Error: it
  /// cannot be read.
  Result<MetadataImage> read();

  /// Any thread. The version that the file has for sure.
  std::uint64_t durable_version() const { return durable_version_.load(); }
  /// Any thread. Changes wait for space on the disk.
  bool short_of_space() const { return short_of_space_.load(); }

 private:
  struct Append {
    std::uint64_t version = 0;
    std::vector<MetadataChange> changes;
  };
  /// Of a batch: as many as are durable, and how the others ended.
  struct Outcome {
    std::size_t durable = 0;
    MetadataEnd others = MetadataEnd::kDurable;
  };

  SqliteMetadata(std::filesystem::path file, sqlite::Database database)
      : file_(std::move(file)), database_(std::move(database)) {}
  Result<void> begin();

  // The storage thread's.
  void work();
  bool next_batch(std::vector<Append>& batch);
  Outcome commit(const std::vector<Append>& batch);
  std::optional<Outcome> try_commit(const std::vector<Append>& batch, bool last_try);
  sqlite::SqliteResult<std::size_t> write(const std::vector<Append>& batch);
  bool wait_before_retry();
  void tell_space(bool is_short);
  void break_with(MetadataEnd end, const std::string& why);
  void tell(const Outcome& outcome, std::size_t appends);

  const std::filesystem::path file_;
  MetadataImage image_;

  std::mutex database_lock_;  // held for each commit and each reservation, not while waiting
  sqlite::Database database_;
  std::optional<sqlite::RowWriter> writer_;
  std::optional<MetadataEnd> broken_;  // how everything ends from now on

  std::mutex queue_lock_;
  std::condition_variable changed_;
  std::vector<Append> queued_;
  std::vector<MetadataEnd> ended_;
  bool closing_ = false;

  std::mutex wake_lock_;  // held while it is called
  std::function<void()> wake_;

  std::atomic<std::uint64_t> durable_version_{0};
  std::atomic<bool> short_of_space_{false};
  std::thread thread_;
};

}  // namespace polymq::storage
