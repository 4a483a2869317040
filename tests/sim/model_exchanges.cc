// What must be true of exchanges that remember: delays, doubles and histories.
#include <algorithm>

#include "model.h"

namespace polymq::sim {

using engine::QueueId;

void Model::bound(const ExchangeKind& exchange, const engine::QueueEntry& queue) {
  queue_seen(queue);
  bound_[exchange.name].push_back(queue.id);
}

void Model::goes_astray(MessageId id) {
  Published& message = messages_.at(id);
  message.loose = true;
  if (message.unit) message.unit->goes_onward = true;
}

void Model::goes_through(MessageId id, const ExchangeKind& exchange) {
  Published& message = messages_.at(id);
  if (message.unit) message.unit->goes_onward = true;
  message.via = exchange.name;
  const bool one_of_many =
      exchange.type == "x-message-deduplication" && !message.deduplication.empty();
  if (one_of_many) {
    Doubles& doubles = doubles_[{place_of(exchange), message.deduplication}];
    doubles.exchange = &exchange;
    doubles.messages.push_back(id);
  }
  // Of a message that is held nobody hears any more.
  const bool answered = message.answered && message.delay_ms == 0;
  for (const QueueId queue : bound_.at(exchange.name)) {
    Copy& copy = copies_[{id, queue, 0}];
    const QueueKind& kind = *queues_.at(queue).kind;
    copy.may_drop = one_of_many || message.own_ttl || (kind.refuses && !answered) ||
                    (message.delay_ms != 0 && workload_.fails());
  }
}

// --- delays -------------------------------------------------------------------------------------

bool Model::leaves_before(MessageId first, MessageId second) const {
  const Published& a = messages_.at(first);
  const Published& b = messages_.at(second);
  // From one channel they came in that order.
  if (a.by == b.by && a.order < b.order && a.delay_ms <= b.delay_ms) return true;
  // The first was there when it was confirmed; the second not before it was published.
  return a.safe.wall != kNever && a.safe.wall + a.delay_ms < b.published.wall + b.delay_ms;
}

// --- deduplication ------------------------------------------------------------------------------

void Model::check_doubles() const {
  for (const auto& [which, doubles] : doubles_) {
    if (doubles.exchange == nullptr) {
      check_doubles(which.first, doubles, doubles.queue);
      continue;
    }
    for (const QueueId queue : bound_.at(doubles.exchange->name)) {
      if (!queues_.at(queue).kind->refuses) check_doubles(which.first, doubles, queue);
    }
  }
}

// Within a time limit, a message that did not come was a double of one that did not long before.
void Model::check_remembered(const Doubles& doubles,
                             const std::function<bool(MessageId)>& came) const {
  for (const MessageId id : doubles.messages) {
    const Published& message = messages_.at(id);
    if (message.safe.wall == kNever) continue;
    const WallMs since = message.published.wall - doubles.exchange->remembers_ms;
    const bool excused =
        std::any_of(doubles.messages.begin(), doubles.messages.end(), [&](MessageId other) {
          const Published& original = messages_.at(other);
          const bool then =
              original.safe.wall >= since && original.published.tick < message.safe.tick;
          return then && came(other);
        });
    if (!excused) {
      violated("(a) message %lu did not pass %s, nor did any double that was still remembered", id,
               std::string(doubles.exchange->name).c_str());
    }
  }
}

void Model::check_doubles(const std::string& place, const Doubles& doubles, QueueId queue) const {
  const std::int64_t remembers_ms =
      doubles.exchange == nullptr ? 0 : doubles.exchange->remembers_ms;
  std::vector<const Published*> seen;
  bool expected = false;
  bool refused = false;  // its id may have been forgotten, so that another one passed
  for (const MessageId id : doubles.messages) {
    const Published& message = messages_.at(id);
    if (copies_.at({id, queue, 0}).seen) seen.push_back(&message);
    if (message.own_ttl) return;
    expected = expected || promised(message);
    refused = refused || (message.answered && message.safe.wall == kNever);
  }
  if (expected && seen.empty()) {
    violated("(a) of %zu doubles like message %lu none came to %s", doubles.messages.size(),
             doubles.messages.front(), queue_name(queue).c_str());
  }
  if (refused) return check_second_try(doubles, queue);
  if (remembers_ms != 0) {
    check_remembered(doubles, [&](MessageId id) { return copies_.at({id, queue, 0}).seen; });
  }
  for (const Published* one : seen) {
    for (const Published* other : seen) {
      if (one == other) continue;
      const WallMs latest = std::max(one->safe.wall, other->safe.wall);
      const WallMs earliest = std::min(one->published.wall, other->published.wall);
      const bool within = latest != kNever && latest - earliest < remembers_ms;
      if (remembers_ms != 0 && !within) continue;
      violated("(a) doubles of message %lu, at %s, came both to %s", doubles.messages.front(),
               place.c_str(), queue_name(queue).c_str());
    }
  }
}

void Model::check_second_try(const Doubles& doubles, QueueId queue) const {
  for (const MessageId id : doubles.messages) {
    const Published& message = messages_.at(id);
    if (message.safe.wall == kNever || copies_.at({id, queue, 0}).seen) continue;
    const bool dropped_for_another =
        std::any_of(doubles.messages.begin(), doubles.messages.end(), [&](auto other) {
          return copies_.at({other, queue, 0}).seen &&
                 messages_.at(other).refused > message.published.tick;
        });
    if (!dropped_for_another) {
      violated("(a) message %lu was confirmed, but did not come to %s; its doubles were refused",
               id, queue_name(queue).c_str());
    }
  }
}

// --- histories ----------------------------------------------------------------------------------

void Model::binding_to_recent(const engine::QueueEntry& queue) {
  queue_seen(queue);
  histories_[queue.id].asked = ++tick_;
}

void Model::check_order(QueueId queue, const History& history) const {
  std::map<std::uint64_t, std::uint64_t> last;  // by channel
  for (const MessageId id : history.seen) {
    const Published& message = messages_.at(id);
    if (message.via != kRecent) {
      violated("(a) message %lu came to %s, where it was not sent", id, queue_name(queue).c_str());
    }
    if (message.order < last[message.by.value]) {
      violated("(c) message %lu of %s comes behind a later one", id, queue_name(queue).c_str());
    }
    last[message.by.value] = message.order;
  }
}

void Model::check_history(QueueId queue, const History& history) const {
  check_order(queue, history);
  const char* name = queue_name(queue).c_str();
  const std::set<MessageId> seen(history.seen.begin(), history.seen.end());
  std::map<std::uint64_t, std::uint64_t> first;  // the first order seen, by channel
  for (const MessageId id : history.seen) {
    first.try_emplace(messages_.at(id).by.value, messages_.at(id).order);
  }
  std::vector<const Published*> before;  // surely there before the binding
  for (const auto& [id, message] : messages_) {
    if (message.via != kRecent || message.forgotten || !promised(message)) continue;
    if (message.safe.tick < history.asked) before.push_back(&message);
    const auto since = first.find(message.by.value);
    const bool follows = since != first.end() && message.order > since->second;
    const bool after = message.published.tick > history.bound;
    if ((follows || after) && !seen.contains(id)) {
      violated("(a) message %lu went to %s, but not to %s, bound to that", id,
               std::string(kRecent).c_str(), name);
    }
  }
  if (history.bound != UINT64_MAX && seen.size() < std::min(kRecentLength, before.size())) {
    violated("(a) %s got %zu messages, but there were %zu before it was bound", name, seen.size(),
             before.size());
  }
  for (const MessageId id : history.seen) {
    const auto newer = std::count_if(before.begin(), before.end(), [&](const Published* other) {
      return other->published.tick > messages_.at(id).safe.tick;
    });
    if (static_cast<std::size_t>(newer) >= kRecentLength) {
      violated("(a) %s got message %lu, but %zu later ones had passed before it was bound", name,
               id, static_cast<std::size_t>(newer));
    }
  }
}

}  // namespace polymq::sim
