// The ledger of copies and its checks.
#include "model.h"

#include <algorithm>
#include <cstring>

namespace polymq::sim {
namespace {

using engine::DeliveryItem;
using engine::Message;
using engine::QueueId;

constexpr std::size_t kIdBytes = sizeof(MessageId);

char filler(MessageId id, std::size_t at) { return static_cast<char>(id * 31 + at * 7); }

}  // namespace

std::uint64_t path_of(const Message& message) {
  if (message.extension() == nullptr || message.extension()->deaths.empty()) return 0;
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto mix = [&](std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3u; };
  for (const engine::DeathEntry& entry : message.extension()->deaths) {
    for (const char c : entry.queue) mix(static_cast<unsigned char>(c));
    mix(static_cast<std::uint64_t>(entry.reason));
    mix(entry.count);
    mix(entry.first ? 1 : 0);
    if (kind_of(entry.queue).at_least_once) mix(static_cast<std::uint64_t>(entry.time_s));
  }
  return hash | 1;
}

// --- publishing ---------------------------------------------------------------------------------

void Model::fill_body(MessageId id, char* body, std::size_t size) {
  std::memcpy(body, &id, kIdBytes);
  for (std::size_t at = kIdBytes; at < size; ++at) body[at] = filler(id, at);
}

MessageId Model::id_of(const Message& message) {
  MessageId id = 0;
  if (message.body().size() >= kIdBytes) std::memcpy(&id, message.body().data(), kIdBytes);
  return id;
}

MessageId Model::published(Published message) {
  const MessageId id = next_++;
  message.published.tick = ++tick_;
  if (message.unit) message.unit->messages.push_back(id);
  messages_.emplace(id, std::move(message));
  return id;
}

void Model::routed(MessageId id, const engine::QueueEntry& entry, bool answered) {
  queue_seen(entry);
  Copy& copy = copies_[{id, entry.id, 0}];
  const QueueKind& kind = kind_of(entry.name);
  Published& message = messages_.at(id);
  const bool has_id = !message.deduplication.empty();
  const bool one_of_many = kind.deduplicates && has_id;
  const bool one_within = kind.window_ms != 0 && has_id;
  copy.may_drop = kind.lossy || (kind.refuses && !answered) || message.own_ttl || one_of_many ||
                  one_within || kind.retention_ms != 0;
  if (kind.moving) message.origin = copy.place = entry.id;
  if (one_within) {
    const std::string scope = kind.ids_by_group ? message.group + ":" : "";
    windows_[{entry.id, scope + message.deduplication}].push_back(id);
  }
  if (!one_of_many) return;
  Doubles& doubles = doubles_[{place_of(entry.id), message.deduplication}];
  doubles.queue = entry.id;
  doubles.messages.push_back(id);
}

void Model::confirmed(MessageId id, bool positively) {
  if (positively) return;
  messages_.at(id).refused = ++tick_;
  // It may be in some of its queues all the same.
  for (auto it = copies_.lower_bound({id, 0, 0}); it != copies_.end() && it->first.message == id;
       ++it) {
    it->second.may_drop = true;
  }
}

void Model::unconfirmed(MessageId id) {
  for (auto it = copies_.lower_bound({id, 0, 0}); it != copies_.end() && it->first.message == id;
       ++it) {
    const bool refuses = kind_of(queue_name(it->first.queue)).refuses;
    if (refuses || workload_.fails()) it->second.may_drop = true;
  }
}

bool Model::may_be_disordered(MessageId id, QueueId queue) const {
  const auto closing = disordering_.find(queue);
  if (closing != disordering_.end() && closing->second != 0) return true;
  const auto known = disordered_.find(queue);
  return known != disordered_.end() && id < known->second;
}

// --- the life of a copy -------------------------------------------------------------------------

MessageId Model::checked_body(const Message& message) const {
  const std::string_view body = message.body();
  const MessageId id = id_of(message);
  const auto known = messages_.find(id);
  if (known == messages_.end()) violated("(a) a message that nobody published (%lu)", id);
  if (body.size() != known->second.body_size) violated("(a) message %lu has another size", id);
  // Large bodies: a look at places everywhere is enough.
  for (std::size_t at = kIdBytes; at < body.size(); at += 1 + body.size() / 256) {
    if (body[at] != filler(id, at)) violated("(a) message %lu has another body", id);
  }
  return id;
}

// The second time that a message comes by unknown ways it is another copy, or the same again.
CopyKey Model::key_of(MessageId id, QueueId queue, const Message& message) {
  if (messages_.at(id).loose) return {id, queue, ++last_stray_ * 2};
  if (queues_.at(queue).kind->moving) return {id, messages_.at(id).origin, 0};
  return {id, queue, path_of(message)};
}

Model::Copy& Model::copy_of(const CopyKey& key) {
  const auto known = copies_.find(key);
  if (known != copies_.end()) return known->second;
  if (queues_.at(key.queue).kind->history) {
    Copy& copy = copies_[key];
    copy.may_drop = true;  // what must be there is looked at in the end
    return copy;
  }
  if (key.path == 0) {
    violated("(a) message %lu came from %s, where it was not routed", key.message,
             queue_name(key.queue).c_str());
  }
  Copy& copy = copies_[key];
  copy.may_drop = true;  // how many dead letters there must be is counted instead
  ++dead_seen_[{key.message, key.queue}];
  return copy;
}

void Model::check_counters(const CopyKey& key, const Copy& copy, const DeliveryItem& item) const {
  const QueueKind& kind = *queues_.at(key.queue).kind;
  if (kind.moving) return;  // they begin again with each move
  if (item.redelivered != (item.acquired != 0 || copy.marked)) {
    violated("(b) message %lu of %s is redelivered: %d, but it was acquired %u times, marked: %d",
             key.message, queue_name(key.queue).c_str(), item.redelivered, item.acquired,
             copy.marked);
  }
  if (copy.uncertain) return;
  // How often it was handed out is looked at with all others; see hold().
  const unsigned more = copy.failed_more + unseen(key.queue);
  if (item.failed < copy.failed || item.failed > copy.failed + more) {
    violated("(b) message %lu of %s: failed %u times, but %u to %u times as far as is seen",
             key.message, queue_name(key.queue).c_str(), item.failed, copy.failed,
             copy.failed + more);
  }
}

CopyKey Model::delivered(const DeliveryItem& item, QueueId queue) {
  const MessageId id = checked_body(*item.message);
  const Published& message = messages_.at(id);
  const CopyKey key = key_of(id, queue, *item.message);
  if (key.path == 0 && !queues_.at(queue).kind->moving &&
      (item.message->exchange() != message.exchange ||
       item.message->routing_key() != message.routing_key)) {
    violated("(a) message %lu has another exchange or routing key", id);
  }
  Copy& copy = copy_of(key);
  if (may_have_returned(key, copy)) has_returned(copy);
  if (message.unit && message.unit->outcome == Unit::Outcome::kRefused &&
      !message.unit->goes_onward && !workload_.fails()) {
    violated("(g) message %lu is of a refused transaction", id);
  }
  if (copy.state == State::kInDoubt || message.loose) copy.uncertain = true;
  hold(key, copy, queue, item.acquired);
  check_counters(key, copy, item);
  copy.failed = item.failed;
  copy.failed_more = 0;
  note_death(key, *item.message);
  if (const engine::MessageExtension* extension = item.message->extension();
      extension != nullptr && extension->deaths.size() == 1) {
    note_letter(id, extension->deaths[0].queue, key.path);
  }
  if (const auto history = histories_.find(queue); history != histories_.end()) {
    history->second.seen.push_back(id);
  }
  return key;
}

void Model::check_group(const CopyKey& key, Holder holder, bool again) {
  const Published& message = messages_.at(key.message);
  const QueueKind& kind = *queues_.at(key.queue).kind;
  if (key.path != 0 || message.group.empty() || !kind.grouped || kind.moving) return;
  const Group group{key.queue, message.group};
  std::map<CopyKey, Holder>& held = groups_[group];
  held.erase(key);  // it has come back since
  std::erase_if(held, [&](const auto& one) {
    const Copy& copy = copies_.at(one.first);
    return copy.state != State::kHeld || copy.deletes != 0 || copy.perhaps_deleted ||
           may_have_returned(one.first, copy);
  });
  for (const auto& [other, by] : held) {
    if (by == holder) continue;
    violated("(d) message %lu of group %s of %s while another one has message %lu", key.message,
             message.group.c_str(), queue_name(key.queue).c_str(), other.message);
  }
  held.emplace(key, holder);
  // What was given back counts as never handed out.
  const bool seen = again || copies_.at(key).holds > 1;
  if (seen || may_be_disordered(key.message, key.queue)) return;
  std::uint64_t& last = begun_[{group, message.by}];
  if (message.order < last) {
    violated("(c) message %lu of group %s of %s comes behind a later one", key.message,
             message.group.c_str(), queue_name(key.queue).c_str());
  }
  last = message.order;
}

void Model::settled(const CopyKey& key, bool discarded) {
  Copy& copy = copies_.at(key);
  if (discarded && queues_.at(key.queue).kind->moving) {
    const QueueKind& place = *queues_.at(copy.place).kind;
    if (!place.dead_letters_to.empty()) return returned(key, Return::kWritten);
  }
  copy.settled_at = ++tick_;
  copy.state = State::kSettled;
  copy.discarded = discarded;
  if (!discarded || queues_.at(key.queue).kind->lossy) return;
  if (const auto target = dead_letter_targets_.find(key.queue);
      target != dead_letter_targets_.end()) {
    ++dead_expected_[{key.message, target->second}];
  }
}

void Model::returned(const CopyKey& key, Return how) {
  Copy& copy = copies_.at(key);
  copy.state = State::kIn;
  if (how == Return::kUnwritten) return;
  ++copy.taken;
  if (how == Return::kFailed) ++copy.failed;
}

void Model::in_doubt(const CopyKey& key, const std::shared_ptr<const Unit>& by, bool goes) {
  Copy& copy = copies_.at(key);
  copy.state = State::kInDoubt;
  copy.doubt = by;
  copy.doubt_goes = goes;
  copy.uncertain = true;
}

void Model::doubt_ends(const CopyKey& key, const Unit* by, engine::Settle how,
                       Unit::Outcome outcome) {
  Copy& copy = copies_.at(key);
  // It came back, and somebody has it, or has even settled it in the next transaction.
  if (copy.state != State::kInDoubt || copy.doubt.get() != by) return;
  const bool gone = how == engine::Settle::kAck || how == engine::Settle::kDiscard;
  if (gone && outcome == Unit::Outcome::kApplied) {
    settled(key, how == engine::Settle::kDiscard);
    // The original stays until its dead letter is safe.
    const bool stays = queues_.at(key.queue).kind->at_least_once;
    copy.settled_for_good = how == engine::Settle::kAck || !stays;
  } else if (gone && outcome == Unit::Outcome::kUnknown) {
    copy.may_drop = true;  // and stays in doubt
  } else {
    copy.state = State::kIn;
  }
}

void Model::check_lent(const Message& message, const CopyKey& key) const {
  if (checked_body(message) != key.message) {
    violated("(a) message %lu became another while it was lent", key.message);
  }
}

void Model::purged(QueueId queue) {
  for (auto& [key, copy] : copies_) {
    if (key.queue != queue) continue;
    if (copy.state != State::kHeld || may_have_returned(key, copy)) {
      copy.may_drop = copy.purged = true;
    }
  }
}

std::vector<MessageId> Model::waiting_in(QueueId queue) const {
  std::vector<MessageId> waiting;
  for (const auto& [key, copy] : copies_) {
    if (key.queue != queue || key.path != 0 || copy.state != State::kIn) continue;
    if (queues_.at(queue).kind->lossy || messages_.at(key.message).own_ttl) continue;
    waiting.push_back(key.message);
  }
  return waiting;
}

// --- direct messages ----------------------------------------------------------------------------

void Model::received_directly(const Message& message) {
  const MessageId id = checked_body(message);
  if (direct_.erase(id) == 0) violated("(a) direct message %lu arrives twice", id);
}

// --- queues -------------------------------------------------------------------------------------

void Model::queue_seen(const engine::QueueEntry& entry) {
  queues_.try_emplace(entry.id,
                      QueueRecord{entry.name, entry.vhost->id, entry.owner, &kind_of(entry.name)});
}

void Model::dead_letter_target(QueueId source, const engine::QueueEntry* target) {
  if (target == nullptr) {
    dead_letter_targets_.erase(source);
  } else {
    queue_seen(*target);
    dead_letter_targets_[source] = target->id;
  }
}

void Model::may_vanish(QueueId queue) {
  may_vanish_.insert(queue);
  vanished_names_.insert(queue_name(queue));
}

// --- the end ------------------------------------------------------------------------------------

void Model::check_end(const std::set<QueueId>& alive,
                      const std::set<engine::VhostId>& vhosts) const {
  for (const auto& [id, queue] : queues_) {
    const bool may_go = may_vanish_.contains(id) || ended_owners_.contains(queue.owner) ||
                        queue.kind->auto_delete || queue.kind->fleeting ||
                        !vhosts.contains(queue.vhost);
    if (!alive.contains(id) && !may_go) {
      violated("(a) queue %s (#%lu) is gone, and nobody removed it", queue.name.c_str(), id);
    }
  }
  for (const auto& [key, copy] : copies_) {
    if (!alive.contains(key.queue)) continue;
    if (copy.state == State::kHeld) {
      violated("(a) message %lu of %s is still held", key.message, queue_name(key.queue).c_str());
    }
    const Published& message = messages_.at(key.message);
    if (copy.state == State::kSettled || copy.state == State::kGone || copy.may_drop ||
        !promised(message))
      continue;
    violated("(a)(k) message %lu of %s (#%lu) is lost", key.message, queue_name(key.queue).c_str(),
             key.queue);
  }
  check_units(alive);
  if (workload_.fails()) return;
  check_dead_letters(alive);
  if (!workload_.vhosts) check_those_that_left(alive);
  check_doubles();
  check_windows();
  for (const auto& [queue, history] : histories_) check_history(queue, history);
}

bool Model::promised(const Published& message) const {
  return !message.unit || message.unit->outcome == Unit::Outcome::kApplied;
}

// A transaction whose end nobody heard of: all of its messages must be there, or none.
void Model::check_units(const std::set<QueueId>& alive) const {
  if (workload_.fails()) return;
  for (const auto& [id, message] : messages_) {
    const std::shared_ptr<Unit>& unit = message.unit;
    if (!unit || unit->outcome != Unit::Outcome::kUnknown || unit->messages.front() != id) continue;
    MessageId seen = 0;
    MessageId missing = 0;
    for (const MessageId part : unit->messages) {
      for (auto it = copies_.lower_bound({part, 0, 0});
           it != copies_.end() && it->first.message == part; ++it) {
        if (it->second.seen) seen = part;
        // Behind exchanges that remember, a queue may refuse its part.
        const bool may_refuse = unit->goes_onward && queues_.at(it->first.queue).kind->refuses;
        if (!it->second.seen && !it->second.may_drop && !may_refuse &&
            alive.contains(it->first.queue)) {
          missing = part;
        }
      }
    }
    if (seen != 0 && missing != 0) {
      violated("(g) of one transaction message %lu is there and %lu is not", seen, missing);
    }
  }
}

// What left a queue by itself went where its dead letters go.
void Model::check_those_that_left(const std::set<QueueId>& alive) const {
  for (const auto& [key, copy] : copies_) {
    const QueueKind& kind = *queues_.at(key.queue).kind;
    if (kind.moving || kind.retention_ms != 0) continue;
    if (kind.dead_letters_to.empty() || kind_of(kind.dead_letters_to).refuses) continue;
    if (!alive.contains(key.queue) || key.path != 0 || copy.purged) continue;
    if (copy.perhaps_deleted) continue;
    const Published& message = messages_.at(key.message);
    if (copy.state != State::kIn || !promised(message) || message.told_refused()) continue;
    if (letter_arrived(key.message, queue_called(kind.dead_letters_to, alive), {})) continue;
    violated("(e) message %lu left %s, but did not come to %s", key.message,
             queue_name(key.queue).c_str(), std::string(kind.dead_letters_to).c_str());
  }
}

void Model::note_letter(MessageId id, const std::string& died_in, std::uint64_t path) {
  if (!kind_of(died_in).at_least_once || messages_.at(id).loose) return;
  Letters& letters = letters_[{id, died_in}];
  letters.paths.insert(path);
  if (letters.paths.size() <= letters.most) return;
  violated("(e) %zu dead letters of message %lu came from %s, which died there %zu times at most",
           letters.paths.size(), id, died_in.c_str(), letters.most);
}

void Model::check_dead_letters(const std::set<QueueId>& alive) const {
  for (const auto& [what, expected] : dead_expected_) {
    if (!alive.contains(what.second)) continue;
    const auto seen = dead_seen_.find(what);
    const std::uint64_t arrived = seen == dead_seen_.end() ? 0 : seen->second;
    if (arrived < expected) {
      violated("(a) message %lu: %lu dead letters for %s, but %lu arrived", what.first, expected,
               queue_name(what.second).c_str(), arrived);
    }
  }
}

}  // namespace polymq::sim
