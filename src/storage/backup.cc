// Cutting, linking or copying, and giving the copy its name at the end.
#include "storage/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "storage/data_folder.h"
#include "storage/files.h"
#include "storage/journal/journal.h"
#include "storage/journal/segment.h"
#include "storage/sqlite_metadata.h"

namespace polymq::storage {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnerOnly = 0700;
constexpr std::uint64_t kCopiedAtOnce = 1024 * 1024;

tl::unexpected<Error> failed(const std::string& what, const fs::path& path, int error) {
  return fail(what + " " + path.native() + ": " + std::generic_category().message(error));
}

/// A file's content, or a folder's names, are on the disk.
Result<void> sync(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("cannot open", path, errno);
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0) return failed("cannot sync", path, error);
  return {};
}

Result<void> copy_synced(const fs::path& from, const fs::path& to, const std::atomic<bool>& stop) {
  const auto source = open_folder(from.parent_path().native())->open(from.filename().native());
  if (!source) return fail(source.error().text);
  const auto copy = open_folder(to.parent_path().native())->create(to.filename().native());
  if (!copy) return fail(copy.error().text);
  const auto size = (*source)->size();
  if (!size) return fail(size.error().text);
  std::string bytes;
  for (std::uint64_t at = 0; at < *size; at += bytes.size()) {
    if (stop) return fail("the backup was stopped");
    bytes.resize(std::min<std::uint64_t>(kCopiedAtOnce, *size - at));
    const auto done = (*source)->read(at, bytes.data(), bytes.size()).and_then([&] {
      const std::string_view part = bytes;
      return (*copy)->write(at, {&part, 1});
    });
    if (!done) return fail(done.error().text);
  }
  if (auto done = (*copy)->sync(); !done) return fail(done.error().text);
  return {};
}

/// Whether `path`, which need not exist, lies in `folder`.
bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code ignored;
  const fs::path inner = fs::weakly_canonical(path, ignored);
  // However it is written, with a slash at the end or without.
  const fs::path outer = fs::weakly_canonical(folder / "format", ignored).parent_path();
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

class Backup {
 public:
  Backup(fs::path folder, fs::path target, const std::atomic<bool>& stop)
      : folder_(std::move(folder)), target_(std::move(target)), stop_(stop) {
    if (!target_.has_filename()) target_ = target_.parent_path();  // it ends with a slash
    partial_ = target_;
    partial_ += ".partial";
  }
  ~Backup() {
    std::error_code ignored;
    if (made_) fs::remove_all(partial_, ignored);
  }
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  Result<void> begin();
  fs::path path_of(const char* name) const { return partial_ / name; }
  /// Those up to that number, while they are held, and their indexes.
  Result<void> take_segments(journal::SegmentNumber last);
  Result<BackedUp> finish();

 private:
  Result<void> take_file(const std::string& name);

  const fs::path folder_;
  fs::path target_;
  fs::path partial_;
  const std::atomic<bool>& stop_;
  bool made_ = false;
  BackedUp done_;
};

Result<void> Backup::begin() {
  if (!target_.is_absolute()) return fail(target_.native() + " is no absolute path");
  std::error_code error;
  const fs::file_status status = fs::symlink_status(target_, error);
  const bool there = fs::exists(status);
  if (there && !(fs::is_directory(status) && fs::is_empty(target_, error) && !error)) {
    return fail(target_.native() + " exists and is not an empty folder");
  }
  if (lies_in(target_, folder_)) {
    return fail(target_.native() + " lies in the data folder " + folder_.native());
  }
  if (::mkdir(partial_.c_str(), kOwnerOnly) != 0) {
    if (errno == EEXIST) {
      return fail(partial_.native() +
                  " exists: another backup is making it, or one broke off and it can be removed");
    }
    return failed("cannot make the folder", partial_, errno);
  }
  made_ = true;
  if (::mkdir(path_of("journal").c_str(), kOwnerOnly) != 0) {
    return failed("cannot make the folder", path_of("journal"), errno);
  }
  return copy_synced(folder_ / "format", path_of("format"), stop_);
}

// The folder is read, not the journal's list: damaged segments are worth keeping, too.
Result<void> Backup::take_segments(journal::SegmentNumber last) {
  const auto names = open_folder((folder_ / "journal").native())->list();
  if (!names) return fail(names.error().text);
  for (const std::string& name : *names) {
    auto number = journal::segment_of_name(name);
    if (!number) number = journal::segment_of_index_name(name);
    if (!number || *number > last) continue;
    if (stop_) return fail("the backup was stopped");
    if (auto taken = take_file(name); !taken) return taken;
  }
  return {};
}

Result<void> Backup::take_file(const std::string& name) {
  const fs::path from = folder_ / "journal" / name;
  const fs::path to = path_of("journal") / name;
  bool linked = ::link(from.c_str(), to.c_str()) == 0;
  if (!linked) {
    const int error = errno;
    // A segment that was prepared, never written to, and found too small; all others are held. Or
    // an index, which can be made again.
    if (error == ENOENT) return {};
    // Not across file systems, on some not at all, and not without end.
    if (error != EXDEV && error != EPERM && error != EOPNOTSUPP && error != EMLINK) {
      return failed("cannot link", to, error);
    }
    const auto copied = copy_synced(from, to, stop_);
    // One that is not whole is of no consequence.
    if (!copied && journal::segment_of_name(name)) return copied;
  }
  if (!journal::segment_of_name(name)) return {};
  std::error_code ignored;
  ++done_.segments;
  done_.linked += linked ? 1 : 0;
  done_.bytes += fs::file_size(to, ignored);
  return {};
}

Result<BackedUp> Backup::finish() {
  for (const fs::path& path : {path_of("metadata.sqlite"), path_of("journal"), partial_}) {
    if (auto synced = sync(path); !synced) return tl::make_unexpected(synced.error());
  }
  if (stop_) return fail("the backup was stopped");
  if (std::rename(partial_.c_str(), target_.c_str()) != 0) {
    return failed("cannot rename " + partial_.native() + " to", target_, errno);
  }
  made_ = false;
  if (auto synced = sync(target_.parent_path()); !synced) {
    return tl::make_unexpected(synced.error());
  }
  return done_;
}

/// Lets the journal go on when it goes.
class Hold {
 public:
  explicit Hold(journal::Journal& journal) : journal_(journal) {}
  ~Hold() {
    if (held_) journal_.release();
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  Result<void> take() {
    const auto last = journal_.hold();
    if (!last) return fail(last.error().text);
    held_ = true;
    last_ = *last;
    return {};
  }
  journal::SegmentNumber last() const { return last_; }

 private:
  journal::Journal& journal_;
  bool held_ = false;
  journal::SegmentNumber last_ = 0;
};

}  // namespace

std::string to_text(const BackedUp& done) {
  return std::to_string(done.segments) + " segments, " + std::to_string(done.bytes) + " bytes, " +
         (done.linked == done.segments ? "all" : std::to_string(done.linked)) +
         " of them shared with the data folder";
}

Result<BackedUp> back_up(const std::string& folder, SqliteMetadata& metadata,
                         journal::Journal& journal, const std::string& target,
                         const std::atomic<bool>& stop) {
  Backup backup(folder, target, stop);
  if (auto begun = backup.begin(); !begun) return tl::make_unexpected(begun.error());
  Hold hold(journal);
  const auto done = metadata.copy_to(backup.path_of("metadata.sqlite"), [&] { return hold.take(); })
                        .and_then([&] { return backup.take_segments(hold.last()); });
  if (!done) return tl::make_unexpected(done.error());
  return backup.finish();
}

Result<BackedUp> back_up_folder(const std::string& folder, const std::string& target,
                                const std::atomic<bool>& stop) {
  if (!fs::exists(folder + "/format")) return fail(folder + " is no data folder");
  auto opened = DataFolder::open(folder);
  if (!opened) return tl::make_unexpected(opened.error());
  if (auto started = (*opened)->start(1, {}, [](std::size_t) {}); !started) {
    return tl::make_unexpected(started.error());
  }
  return (*opened)->back_up(target, stop);
}

}  // namespace polymq::storage
