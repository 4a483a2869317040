// What must be true of that which exchanges, and queues that deduplicate, remember when the node
// has died.
#include <algorithm>

#include "engine/deduplication_window.h"
#include "model.h"

namespace polymq::sim {

using engine::QueueId;

std::string hash_of_id(const std::string& id) {
  const auto key = engine::DeduplicationKey::of("", id);
  return {reinterpret_cast<const char*>(&key), sizeof key};
}

Model::Held Model::index_held(const Remains& remains) const {
  Held held;
  for (const FoundHeld& found : remains.held) {
    if (!messages_.contains(found.id)) {
      violated("(a) an exchange holds a message that nobody published (%lu)", found.id);
    }
    if (!held.try_emplace(found.id, &found).second) {
      violated("(a) after the restart message %lu is held twice", found.id);
    }
  }
  return held;
}

// --- arrival ------------------------------------------------------------------------------------

// What moves there is not handed out before it is stored.
bool Model::came_to(MessageId id, QueueId queue, const OnDisk& on_disk) const {
  return on_disk.contains({id, queue, 0}) || copies_.at({id, queue, 0}).seen;
}

bool Model::has_arrived(MessageId id, const OnDisk& on_disk, const Held& held) const {
  const std::vector<QueueId>& queues = bound_.at(messages_.at(id).via);
  return held.contains(id) || came_to(id, queues.front(), on_disk);
}

void Model::check_held(const OnDisk& on_disk, const Held& held) const {
  for (const auto& [id, found] : held) {
    const Published& message = messages_.at(id);
    const char* where = found->exchange.c_str();
    if (!message.persistent) {
      violated("(a) message %lu is transient, and held by %s after a restart", id, where);
    }
    if (message.via != found->exchange) violated("(a) message %lu is held by %s", id, where);
    const WallMs latest = message.safe.wall == kNever ? kNever : message.safe.wall;
    const bool in_time = found->due >= message.published.wall + message.delay_ms &&
                         (latest == kNever || found->due <= latest + message.delay_ms);
    if (!in_time) violated("(c) message %lu is due at another time after a restart", id);
    for (const QueueId queue : bound_.at(message.via)) {
      if (!came_to(id, queue, on_disk)) continue;
      violated("(a) after the restart message %lu is held by %s, but has come to %s, too", id,
               where, queue_name(queue).c_str());
    }
  }
}

// To all queues at once, and together with what the exchange remembers of it.
void Model::check_arrivals(const OnDisk& on_disk, const Held& held) const {
  for (const auto& [id, message] : messages_) {
    const bool noted =
        message.delay_ms != 0 || message.via == kRecent ||
        (!message.via.empty() && doubles_.contains({message.via, message.deduplication}));
    if (!message.persistent || message.via.empty() || !noted || held.contains(id)) continue;
    const std::vector<QueueId>& queues = bound_.at(message.via);
    const bool first = came_to(id, queues.front(), on_disk);
    for (const QueueId queue : queues) {
      if (came_to(id, queue, on_disk) == first) continue;
      violated("(g) after the restart message %lu is in one of %s and %s only", id,
               queue_name(queues.front()).c_str(), queue_name(queue).c_str());
    }
  }
}

// --- ids ----------------------------------------------------------------------------------------

// An id is known if, and as long as, a message with it has arrived.
void Model::check_stored_doubles(const OnDisk& on_disk, const Held& held,
                                 const Remains& remains) const {
  for (const auto& [which, doubles] : doubles_) {
    const auto& [place, id] = which;
    const std::int64_t remembers_ms =
        doubles.exchange == nullptr ? 0 : doubles.exchange->remembers_ms;
    std::vector<MessageId> arrived;
    bool must_know = false;
    MessageId promised = 0;
    for (const MessageId one : doubles.messages) {
      const Published& message = messages_.at(one);
      if (!message.persistent) break;  // then none of them is
      if (message.safe.wall != kNever) promised = one;
      const bool stored = doubles.exchange != nullptr ? has_arrived(one, on_disk, held)
                                                      : on_disk.contains({one, doubles.queue, 0});
      const bool seen = doubles.exchange == nullptr && copies_.at({one, doubles.queue, 0}).seen;
      if (stored || seen) arrived.push_back(one);
      const bool recent = remembers_ms == 0 || message.published.wall + remembers_ms > remains.now;
      must_know = must_know || (stored && recent);
    }
    const bool knows = knows_id(place, id, remains);
    if (promised != 0 && arrived.empty()) {
      violated("(a) after the restart message %lu is lost, and so are its doubles", promised);
    }
    if (remembers_ms != 0 && promised != 0) {
      check_remembered(doubles, [&](MessageId one) { return has_arrived(one, on_disk, held); });
    }
    if (knows && arrived.empty()) {
      violated("(a) %s knows id %s after the restart, but no message with it is there",
               place.c_str(), id.c_str());
    }
    if (must_know && !knows) {
      violated("(a) %s does not know the id of message %lu after the restart", place.c_str(),
               arrived.front());
    }
    if (remembers_ms == 0 && arrived.size() > 1) {
      violated("(a) after the restart doubles %lu and %lu are there", arrived[0], arrived[1]);
    }
  }
}

// --- histories ----------------------------------------------------------------------------------

void Model::check_stored_history(const OnDisk& on_disk, const Held& held,
                                 const Remains& remains) const {
  const std::vector<MessageId>& history = remains.history;
  if (history.size() > kRecentLength) {
    violated("(a) %zu messages are remembered after the restart", history.size());
  }
  for (const MessageId id : history) {
    const auto known = messages_.find(id);
    if (known == messages_.end() || known->second.via != kRecent || known->second.forgotten) {
      violated("(a) message %lu is remembered after the restart, but was not there", id);
    }
    if (held.contains(id) || !has_arrived(id, on_disk, held)) {
      violated("(g) message %lu is remembered after the restart, but has not arrived", id);
    }
    if (std::count(history.begin(), history.end(), id) != 1) {
      violated("(a) message %lu is remembered twice", id);
    }
  }
  for (const auto& [id, message] : messages_) {
    if (message.via != kRecent || message.forgotten || !message.persistent) continue;
    if (std::find(history.begin(), history.end(), id) != history.end()) continue;
    // What has not arrived yet is not remembered yet, or it is lost: check_missing() says so.
    if (held.contains(id) || !has_arrived(id, on_disk, held)) continue;
    const std::uint64_t since = message.published.tick;
    const auto later = std::count_if(messages_.begin(), messages_.end(), [&](const auto& other) {
      return other.second.via == kRecent && !other.second.forgotten && other.first != id &&
             other.second.safe.tick >= since;
    });
    if (static_cast<std::size_t>(later) < kRecentLength) {
      violated("(a) message %lu is not remembered after the restart, but at most %zu came later",
               id, static_cast<std::size_t>(later));
    }
  }
}

// --- the next life ------------------------------------------------------------------------------

void Model::take_over_exchanges(const OnDisk& on_disk, const Held& held, const Remains& remains) {
  for (auto& [id, message] : messages_) {
    if (message.via.empty()) continue;
    if (message.via == kRecent) {
      const auto at = std::find(remains.history.begin(), remains.history.end(), id);
      message.forgotten = at == remains.history.end() && !held.contains(id);
    }
    if (message.safe.wall == kNever && message.persistent && has_arrived(id, on_disk, held)) {
      message.safe = {remains.now, ++tick_};
    }
  }
  for (const auto& [id, found] : held) {
    for (const QueueId queue : bound_.at(found->exchange)) {
      Copy copy;
      copy.found = true;
      copies_[{id, queue, 0}] = copy;
    }
  }
  for (auto& [which, doubles] : doubles_) {
    const bool known = knows_id(which.first, which.second, remains);
    std::erase_if(doubles.messages, [&](MessageId id) {
      if (!messages_.at(id).persistent) return true;
      if (doubles.exchange != nullptr) return !has_arrived(id, on_disk, held);
      return !known || !came_to(id, doubles.queue, on_disk);
    });
  }
  std::erase_if(doubles_, [](const auto& doubles) { return doubles.second.messages.empty(); });
  std::erase_if(histories_,
                [&](const auto& history) { return !remains.queues.contains(history.first); });
}

}  // namespace polymq::sim
