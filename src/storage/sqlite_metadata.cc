// The storage thread: takes what is queued, commits it at once, tells how each append ended.
#include "storage/sqlite_metadata.h"

#include <pthread.h>

#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "base/log.h"
#include "storage/sqlite/schema.h"

namespace polymq::storage {
namespace {

constexpr std::chrono::milliseconds kSpaceRetry{500};

}  // namespace

Result<std::unique_ptr<SqliteMetadata>> SqliteMetadata::open(const std::filesystem::path& file) {
  auto database = sqlite::open_metadata_file(file);
  if (!database) return tl::make_unexpected(database.error());
  std::unique_ptr<SqliteMetadata> store(new SqliteMetadata(file, std::move(*database)));
  if (auto begun = store->begin(); !begun) return tl::make_unexpected(begun.error());
  return store;
}

Result<void> SqliteMetadata::begin() {
  auto image = sqlite::read_image(database_);
  if (!image) return fail(file_.string() + ": " + image.error().text);
  auto writer = sqlite::RowWriter::prepare(database_);
  if (!writer) return fail(file_.string() + ": " + writer.error().text);
  durable_version_ = image->version;
  image_ = std::move(*image);
  writer_ = std::move(*writer);
  thread_ = std::thread([this] { work(); });
  return {};
}

SqliteMetadata::~SqliteMetadata() {
  if (!thread_.joinable()) return;  // it was never begun
  on_ended({});
  {
    const std::lock_guard lock(queue_lock_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
  // Closing the only connection folds the log into the file and removes it; should that fail, the
  // log stays and is read by the next start.
}

void SqliteMetadata::on_ended(std::function<void()> wake) {
  const std::lock_guard lock(wake_lock_);
  wake_ = std::move(wake);
}

void SqliteMetadata::append(std::uint64_t version, std::vector<MetadataChange> changes) {
  {
    const std::lock_guard lock(queue_lock_);
    queued_.push_back({version, std::move(changes)});
  }
  changed_.notify_one();
}

void SqliteMetadata::take_ended(std::vector<MetadataEnd>& ended) {
  const std::lock_guard lock(queue_lock_);
  ended.insert(ended.end(), ended_.begin(), ended_.end());
  ended_.clear();
}

Result<std::uint64_t> SqliteMetadata::reserve_incarnations(std::uint64_t count) {
  const std::lock_guard lock(database_lock_);
  if (broken_) return fail(file_.string() + ": not written to any more after an error");
  if (count > std::numeric_limits<std::int64_t>::max()) {
    return fail(file_.string() + ": there are not so many incarnations");
  }
  const std::string by = std::to_string(count);
  // A sum that is too large is no integer, which the table refuses.
  const auto first = database_.number("UPDATE meta SET value = value + " + by +
                                      " WHERE key = 'next_incarnation' RETURNING value - " + by);
  if (!first) return fail(file_.string() + ": " + first.error().text);
  if (!*first) return fail(file_.string() + ": there is no next_incarnation in its table meta");
  return **first;
}

Result<void> SqliteMetadata::copy_to(const std::filesystem::path& file,
                                     const std::function<Result<void>()>& first) {
  const std::lock_guard lock(database_lock_);
  if (auto done = first(); !done) return done;
  if (auto made = sqlite::create_private(file); !made) return made;
  auto copy = database_.prepare("VACUUM INTO ?");
  if (!copy) return fail(file.string() + ": " + copy.error().text);
  if (auto done = copy->bind(1, file.native()).run(); !done) {
    return fail(file.string() + ": " + done.error().text);
  }
  return {};
}

Result<MetadataImage> SqliteMetadata::read() {
  const std::lock_guard lock(database_lock_);
  auto image = sqlite::read_image(database_);
  if (!image) return fail(file_.string() + ": " + image.error().text);
  return *std::move(image);
}

void SqliteMetadata::work() {
  ::pthread_setname_np(::pthread_self(), "metadata");
  std::vector<Append> batch;
  while (next_batch(batch)) {
    tell(commit(batch), batch.size());
    batch.clear();
  }
}

/// Waits for something to commit. False: closing, and there is nothing left.
bool SqliteMetadata::next_batch(std::vector<Append>& batch) {
  std::unique_lock lock(queue_lock_);
  changed_.wait(lock, [&] { return closing_ || !queued_.empty(); });
  batch.swap(queued_);
  return !batch.empty();
}

SqliteMetadata::Outcome SqliteMetadata::commit(const std::vector<Append>& batch) {
  for (bool last_try = false;; last_try = wait_before_retry()) {
    if (const auto outcome = try_commit(batch, last_try)) return *outcome;
  }
}

/// Nothing: the disk is full.
std::optional<SqliteMetadata::Outcome> SqliteMetadata::try_commit(const std::vector<Append>& batch,
                                                                  bool last_try) {
  const std::lock_guard lock(database_lock_);
  if (broken_) return Outcome{.durable = 0, .others = *broken_};
  const auto kept = write(batch);
  if (!kept) {
    database_.roll_back();
    if (kept.error().no_space() && !last_try) {
      tell_space(true);
      return std::nullopt;
    }
    break_with(MetadataEnd::kFailed, kept.error().text);
    return Outcome{.durable = 0, .others = MetadataEnd::kFailed};
  }
  tell_space(false);
  if (*kept != 0) durable_version_ = batch[*kept - 1].version;
  if (*kept != batch.size()) {
    break_with(MetadataEnd::kFenced, "version " + std::to_string(batch[*kept].version) +
                                         " does not follow on the file's");
  }
  return Outcome{.durable = *kept, .others = broken_.value_or(MetadataEnd::kDurable)};
}

/// One transaction of all that fit; returns how many did.
sqlite::SqliteResult<std::size_t> SqliteMetadata::write(const std::vector<Append>& batch) {
  if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) {
    return tl::make_unexpected(begun.error());
  }
  std::size_t kept = 0;
  for (const Append& append : batch) {
    const auto follows = writer_->advance(append.version);
    if (!follows) return tl::make_unexpected(follows.error());
    if (!*follows) break;
    for (const MetadataChange& change : append.changes) {
      if (auto done = writer_->apply(change); !done) return tl::make_unexpected(done.error());
    }
    ++kept;
  }
  return database_.execute("COMMIT").map([&] { return kept; });
}

/// True: closing, the next try is the last one.
bool SqliteMetadata::wait_before_retry() {
  std::unique_lock lock(queue_lock_);
  changed_.wait_for(lock, kSpaceRetry, [&] { return closing_; });
  return closing_;
}

void SqliteMetadata::tell_space(bool is_short) {
  if (short_of_space_.exchange(is_short) == is_short) return;
  if (is_short) {
    log::Line(log::Area::kStorage, log::Level::kError,
              "disk full: changes of what is declared wait for space")
        .with("file", file_.string());
  } else {
    log::Line(log::Area::kStorage, log::Level::kInfo,
              "there is space again: changes of what is declared are kept")
        .with("file", file_.string());
  }
}

void SqliteMetadata::break_with(MetadataEnd end, const std::string& why) {
  broken_ = end;
  short_of_space_ = false;
  log::Line(log::Area::kStorage, log::Level::kError,
            "what is declared cannot be kept: nothing more is written")
      .with("file", file_.string())
      .with("reason", why);
}

void SqliteMetadata::tell(const Outcome& outcome, std::size_t appends) {
  {
    const std::lock_guard lock(queue_lock_);
    ended_.insert(ended_.end(), outcome.durable, MetadataEnd::kDurable);
    ended_.insert(ended_.end(), appends - outcome.durable, outcome.others);
  }
  const std::lock_guard lock(wake_lock_);
  if (wake_) wake_();
}

}  // namespace polymq::storage
