// Opens the folder as a broker would, and reads all that is there.
#include "storage/folder_check.h"

#include <unordered_map>

#include "storage/folder_walk.h"

namespace polymq::storage {
namespace {

class Check {
 public:
  Result<CheckedFolder> run(const std::string& path);

 private:
  struct Counted {
    std::uint64_t messages = 0;
    std::uint64_t body_bytes = 0;
  };
  Counted count(const FolderWalk::Log& log);
  void add_to_queue(const FolderWalk::Log& log, const Counted& counted);
  void add_to_exchange(const FolderWalk::Log& log, const Counted& counted);
  void add_use(std::uint64_t log, CheckedUse& use);

  FolderWalk walk_;
  CheckedFolder checked_;
  std::unordered_map<std::uint64_t, journal::LogUse> uses_;  // by log
};

Check::Counted Check::count(const FolderWalk::Log& log) {
  Counted counted;
  walk_.read(log, [&](const ReadMessages& read) {
    for (const MessageRecord& message : read.messages) {
      ++counted.messages;
      counted.body_bytes += message.body.size();
    }
    for (const ReadMessages::Damage& damage : read.damages) {
      checked_.damages.push_back(log.name + ", position " + std::to_string(damage.first) + ": " +
                                 damage.what);
    }
  });
  return counted;
}

void Check::add_use(std::uint64_t log, CheckedUse& use) {
  const auto found = uses_.find(log);
  if (found == uses_.end()) return;
  use.live += found->second.live;
  use.dead += found->second.dead;
}

// Logs come owner by owner.
void Check::add_to_queue(const FolderWalk::Log& log, const Counted& counted) {
  std::vector<CheckedQueue>& queues = checked_.queues;
  if (queues.empty() || queues.back().id != log.queue->id) {
    queues.push_back({.id = log.queue->id, .name = log.queue->name});
  }
  CheckedQueue& queue = queues.back();
  add_use(log.id, queue.use);
  if (!log.is_queue()) {
    queue.seen_ids = counted.messages;
    return;
  }
  queue.messages = counted.messages;
  queue.body_bytes = counted.body_bytes;
  checked_.messages += counted.messages;
}

void Check::add_to_exchange(const FolderWalk::Log& log, const Counted& counted) {
  if (!uses_.contains(log.id)) return;
  std::vector<CheckedExchange>& exchanges = checked_.exchanges;
  if (exchanges.empty() || exchanges.back().id != log.exchange->id) {
    exchanges.push_back({.id = log.exchange->id, .name = log.exchange->name});
  }
  CheckedExchange& exchange = exchanges.back();
  add_use(log.id, exchange.use);
  switch (part_of(log.id)) {
    case LogPart::kMessages:
      exchange.held = counted.messages;
      break;
    case LogPart::kSeenIds:
      exchange.seen_ids = counted.messages;
      break;
    case LogPart::kHistory:
      exchange.history = counted.messages;
      break;
  }
}

Result<CheckedFolder> Check::run(const std::string& path) {
  const auto started = walk_.open(path).and_then([&] { return walk_.start(); });
  if (!started) return tl::make_unexpected(started.error());
  checked_.damages = walk_.folder().damages();
  checked_.use = walk_.use();
  for (const journal::LogUse& use : checked_.use.logs) uses_[use.log] = use;
  for (const FolderWalk::Log& log : walk_.logs()) {
    const Counted counted = count(log);
    if (log.queue != nullptr) {
      add_to_queue(log, counted);
    } else {
      add_to_exchange(log, counted);
    }
  }
  return std::move(checked_);
}

}  // namespace

Result<CheckedFolder> check_folder(const std::string& path) { return Check().run(path); }

}  // namespace polymq::storage
