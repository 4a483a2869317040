// Locking, checking and opening a data folder.
#include "storage/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <random>
#include <system_error>
#include <unordered_map>

#include "storage/files.h"
#include "storage/journal/recovery.h"
#include "storage/start_progress.h"
#include "storage/whole_file.h"

namespace polymq::storage {
namespace {

constexpr mode_t kOwnerOnly = 0700;
constexpr std::string_view kFormat = "polymq-data 3\n";
/// All that they have is read; what is written is not for programs that know no more than that.
constexpr std::string_view kFormerFormats[] = {"polymq-data 1\n", "polymq-data 2\n"};
/// Queues and exchanges get their numbers from a range of this size, a new one at each start.
constexpr std::uint64_t kIncarnationsPerStart = std::uint64_t{1} << 36;

std::string reason(int error) { return std::generic_category().message(error); }

std::uint64_t draw() {
  std::random_device system;
  return std::uint64_t{system()} << 32 | system();
}

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), kOwnerOnly) == 0) {
    const auto named = open_folder(path + "/..")->sync_names();
    if (named) return {};
    return fail("cannot sync the folder that " + path + " is in: " + named.error().text);
  }
  if (errno == EEXIST) return {};
  return fail("cannot make the folder " + path + ": " + reason(errno));
}

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::open(const std::string& path) {
  if (auto made = make_folder(path); !made) return tl::make_unexpected(made.error());
  const std::string lock_path = path + "/lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return fail("cannot open " + lock_path + ": " + reason(errno));
  std::unique_ptr<DataFolder> folder(new DataFolder(path, lock));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return fail("the data folder " + path + " is in use by another process");
  }
  if (auto known = folder->check_format(); !known) return tl::make_unexpected(known.error());
  auto metadata = SqliteMetadata::open(path + "/metadata.sqlite");
  if (!metadata) return tl::make_unexpected(metadata.error());
  folder->metadata_ = *std::move(metadata);
  folder->image_ = folder->metadata_->load();
  return folder;
}

Result<void> DataFolder::begin_life() {
  auto first = metadata_->reserve_incarnations(kIncarnationsPerStart);
  if (!first) return tl::make_unexpected(first.error());
  first_incarnation_ = *first;
  return {};
}

std::uint64_t DataFolder::incarnation_before() const {
  return first_incarnation_ - std::min(first_incarnation_, kIncarnationsPerStart);
}

DataFolder::~DataFolder() {
  close();
  ::close(lock_);
}

void DataFolder::close() {
  journal_.reset();
  metadata_.reset();
}

// A new folder gets the format's file last but before any data.
Result<void> DataFolder::check_format() {
  const auto files = open_folder(path_);
  const auto write_format = [&]() -> Result<void> {
    if (auto done = write_whole(*files, "format", kFormat); !done) return fail(done.error().text);
    return {};
  };
  auto file = files->open("format");
  if (!file) {
    if (std::filesystem::exists(path_ + "/metadata.sqlite")) {
      return fail("the data folder " + path_ + " has data, but no file `format`");
    }
    return write_format();
  }
  const auto size = (*file)->size();
  std::string text(size ? std::min<std::uint64_t>(*size, 64) : 0, '\0');
  if (auto read = (*file)->read(0, text.data(), text.size()); !read) {
    return fail(read.error().text);
  }
  if (text == kFormat) return {};
  if (std::ranges::find(kFormerFormats, text) != std::end(kFormerFormats)) return write_format();
  // The start that made it broke off there.
  if (text.empty() && !std::filesystem::exists(path_ + "/metadata.sqlite")) {
    if (auto gone = files->remove("format"); !gone) return fail(gone.error().text);
    return check_format();
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return fail("the data folder " + path_ + " is of another version: '" + text +
              "'; this program knows 'polymq-data 3'");
}

Result<void> DataFolder::start(std::size_t shards, const journal::JournalOptions& options,
                               const std::function<void(std::size_t)>& wake,
                               journal::DiskUse* use) {
  const std::string journal_path = path_ + "/journal";
  if (auto made = make_folder(journal_path); !made) return made;
  auto files = open_folder(journal_path);
  std::unordered_map<std::uint64_t, Lane> lanes;
  for (const QueueRow& queue : image_.queues) lanes[queue.id] = queue.lane;
  for (const ExchangeRow& exchange : image_.exchanges) {
    lanes[exchange.id] = lane_of_exchange(exchange.id);
  }
  StartProgress progress(StartProgress::Clock::now());
  auto found =
      journal::recover(*files, lanes, {draw(), draw()}, [&](std::size_t read, std::size_t of) {
        progress.read(read, of, StartProgress::Clock::now());
      });
  if (!found) return fail(found.error().text);
  damages_ = std::move(found->damages);
  if (use != nullptr) *use = std::move(found->use);
  journal_ =
      std::make_unique<journal::Journal>(std::move(files), options, found->id, found->next_commit,
                                         found->next_segment, std::move(found->segments));
  for (std::size_t shard = 0; shard < shards; ++shard) {
    journal_->connect(shard, [wake, shard] { wake(shard); });
    stores_.push_back(std::make_unique<journal::JournalStore>(*journal_, shard));
  }
  metadata_->on_ended([wake] { wake(0); });
  for (Lane lane = 0; lane < kLanes; ++lane) {
    stores_[lane % shards]->adopt(lane, found->lanes[lane]);
  }
  for (auto& [queue, kept] : found->queues) {
    stores_[kept.lane % shards]->adopt(queue, std::move(kept));
  }
  if (auto started = journal_->start(); !started) return fail(started.error().text);
  return {};
}

Result<BackedUp> DataFolder::back_up(const std::string& target, const std::atomic<bool>& stop) {
  return storage::back_up(path_, *metadata_, *journal_, target, stop);
}

Result<DeclaredUse> DataFolder::survey_use(const std::atomic<bool>& stop) {
  DeclaredUse found;
  const auto known = [&]() -> FileResult<std::unordered_set<std::uint64_t>> {
    auto declared = metadata_->read();
    if (!declared) return tl::make_unexpected(FileError{false, declared.error().text});
    found.declared = *std::move(declared);
    std::unordered_set<std::uint64_t> incarnations;
    for (const QueueRow& queue : found.declared.queues) incarnations.insert(queue.id);
    for (const ExchangeRow& exchange : found.declared.exchanges) incarnations.insert(exchange.id);
    return incarnations;
  };
  auto use = journal_->survey_use(known, stop);
  if (!use) return fail(use.error().text);
  found.use = *std::move(use);
  return found;
}

}  // namespace polymq::storage
