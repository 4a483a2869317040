// Queues that the operator wants to be there.
#include <algorithm>
#include <map>
#include <memory>

#include "base/log.h"
#include "sqs/redrive.h"
#include "sqs/service.h"

namespace polymq::sqs {
namespace {

/// Waits for all of them; tells what went wrong first.
struct Providing {
  explicit Providing(std::function<void(Result<void>)> when_done) : done(std::move(when_done)) {}
  ~Providing() { done(std::move(result)); }
  Providing(const Providing&) = delete;
  Providing& operator=(const Providing&) = delete;

  void ended(const std::string& queue, const std::string* error) {
    if (error != nullptr && result) result = fail("queue '" + queue + "': " + *error);
  }
  std::function<void(Result<void>)> done;
  Result<void> result;
};

std::string text_of(const SqsError& error) {
  return error.message.empty() ? std::string(default_message(error.code, true)) : error.message;
}

/// What the queue becomes: a new one, or the known one with what is given changed.
SqsResult<StoredQueue> wanted_queue(const ConfiguredQueue& queue, const StoredQueue* known,
                                    std::int64_t now_s) {
  const auto attributes = views_of(queue.attributes);
  const auto tags = views_of(queue.tags);
  if (known == nullptr) return describe_queue(queue.name, attributes, tags, now_s);
  StoredQueue wanted = *known;
  auto settings = known->settings.changed(attributes);
  if (!settings) return tl::make_unexpected(std::move(settings.error()));
  wanted.settings = *std::move(settings);
  if (auto good = add_tags(tags, wanted); !good) {
    return tl::make_unexpected(std::move(good.error()));
  }
  std::sort(wanted.tags.begin(), wanted.tags.end());
  return wanted;
}

}  // namespace

void Service::provide(const std::vector<ConfiguredQueue>& queues,
                      std::function<void(Result<void>)> done) {
  const auto providing = std::make_shared<Providing>(std::move(done));
  const auto refused = [&](const std::string& queue, const SqsError& error) {
    const std::string text = text_of(error);
    providing->ended(queue, &text);
  };
  std::map<std::string, StoredQueue, std::less<>> wanted;
  for (const ConfiguredQueue& queue : queues) {
    const engine::QueueEntry* entry = entry_of(queue.name);
    auto described =
        wanted_queue(queue, entry == nullptr ? nullptr : &stored(*entry), shard_.now().wall / 1000);
    if (!described) return refused(queue.name, described.error());
    wanted.insert_or_assign(queue.name, *std::move(described));
  }
  const auto find = [&](std::string_view name) -> const QueueSettings* {
    if (const auto found = wanted.find(name); found != wanted.end()) return &found->second.settings;
    const engine::QueueEntry* entry = entry_of(name);
    return entry == nullptr ? nullptr : &stored(*entry).settings;
  };
  for (const auto& [name, queue] : wanted) {
    // What holds already may go on, even if it could not be set again.
    const engine::QueueEntry* entry = entry_of(name);
    const auto policy = queue.settings.text(QueueAttribute::kRedrivePolicy);
    if (entry != nullptr &&
        stored(*entry).settings.text(QueueAttribute::kRedrivePolicy) == policy) {
      continue;
    }
    const auto good = check_redrive(name, queue.settings, find);
    if (!good) return refused(name, good.error());
  }
  for (auto& [name, queue] : wanted) {
    const auto ended = [providing, queue_name = name](const auto& result) {
      providing->ended(queue_name, result ? nullptr : &result.error().text);
    };
    const engine::QueueEntry* entry = entry_of(name);
    if (entry == nullptr) {
      make(name, queue, ended);
    } else if (to_arguments(stored(*entry)) != to_arguments(queue)) {
      log::Line(log::Area::kServer, log::Level::kInfo, "a queue gets its configured attributes")
          .with("queue", name);
      change({name, entry}, std::move(queue), ended);
    }
  }
}

}  // namespace polymq::sqs
