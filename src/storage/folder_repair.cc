// Repairing in two steps: what the segments say, then what the messages are.
#include "storage/folder_repair.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "storage/folder_walk.h"
#include "storage/journal/repair.h"
#include "storage/journal/segment.h"

namespace polymq::storage {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnerOnly = 0700;

class Repair {
 public:
  explicit Repair(std::string path) : path_(std::move(path)) {}
  Result<RepairedFolder> run();

 private:
  Result<void> repair_segments();
  Result<void> drop_messages(FolderWalk& walk);
  FileResult<void> keep_aside(const std::string& name);

  const std::string path_;
  RepairedFolder done_;
};

/// A second name for the file, which survives whatever becomes of the first. Files with two names
/// are never written to again.
FileResult<void> Repair::keep_aside(const std::string& name) {
  const auto failed = [](const std::string& what) {
    return tl::make_unexpected(
        FileError{errno == ENOSPC, what + ": " + std::generic_category().message(errno)});
  };
  const std::string folder = path_ + "/damaged";
  if (::mkdir(folder.c_str(), kOwnerOnly) != 0 && errno != EEXIST) {
    return failed("cannot make the folder " + folder);
  }
  const std::string from = path_ + "/journal/" + name;
  std::string to = folder + "/" + name;
  std::error_code ignored;
  // One of an earlier repair may be there: a segment can be damaged twice.
  for (int again = 2; fs::exists(to) && !fs::equivalent(from, to, ignored); ++again) {
    to = folder + "/" + name + "." + std::to_string(again);
  }
  if (std::ranges::find(done_.kept_aside, to) != done_.kept_aside.end()) return {};
  if (!fs::exists(to) && ::link(from.c_str(), to.c_str()) != 0) return failed("cannot link " + to);
  done_.kept_aside.push_back(to);
  return open_folder(folder)->sync_names().and_then(
      [&] { return open_folder(path_)->sync_names(); });
}

Result<void> Repair::repair_segments() {
  if (!fs::exists(path_ + "/journal")) return {};  // its first start broke off
  const auto files = open_folder(path_ + "/journal");
  auto lost = journal::repair_segments(
      *files, [this](const std::string& name) { return keep_aside(name); });
  if (!lost) return fail(lost.error().text);
  done_.lost = *std::move(lost);
  return {};
}

Result<void> Repair::drop_messages(FolderWalk& walk) {
  struct Lost {
    std::uint64_t queue;
    ReadMessages::Damage damage;
  };
  std::vector<Lost> all;
  for (const FolderWalk::Log& log : walk.logs()) {
    walk.read(log, [&](const ReadMessages& read) {
      for (const ReadMessages::Damage& damage : read.damages) {
        done_.lost.push_back(log.name + ", positions " + std::to_string(damage.first) + " to " +
                             std::to_string(damage.last) + ": " + damage.what);
        if (log.is_queue()) done_.messages_lost += damage.last - damage.first + 1;
        all.push_back({log.id, damage});
      }
    });
  }
  for (const Lost& lost : all) {
    // What is said of it begins with the file's name.
    const std::string name = lost.damage.what.substr(0, lost.damage.what.find(','));
    if (!journal::segment_of_name(name)) continue;
    if (auto kept = keep_aside(name); !kept) return fail(kept.error().text);
  }
  for (const Lost& lost : all) {
    walk.folder().store(0).settle(lost.queue, lost.damage.first, lost.damage.last);
  }
  if (!walk.commit()) return fail("the journal cannot be written: see what was said before");
  return {};
}

Result<RepairedFolder> Repair::run() {
  {
    FolderWalk walk;
    if (auto opened = walk.open(path_); !opened) {
      std::string text = opened.error().text;
      if (text.find("metadata.sqlite: damaged") != std::string::npos ||
          text.find("metadata.sqlite: not an SQLite") != std::string::npos) {
        text +=
            ". What is declared cannot be repaired here: restore a backup, or try the "
            "`.recover` of sqlite3's shell";
      }
      return fail(std::move(text));
    }
    const auto done = repair_segments().and_then([&] { return walk.start(); }).and_then([&] {
      return drop_messages(walk);
    });
    if (!done) return tl::make_unexpected(done.error());
  }
  auto now = check_folder(path_);
  if (!now) return tl::make_unexpected(now.error());
  done_.now = *std::move(now);
  return std::move(done_);
}

}  // namespace

Result<RepairedFolder> repair_folder(const std::string& path) { return Repair(path).run(); }

}  // namespace polymq::storage
