// What must be true of that which is left when the node has died.
#include <algorithm>

#include "model.h"

namespace polymq::sim {

using engine::QueueId;

void Model::restarted(const Remains& remains) {
  const OnDisk on_disk = index(remains);
  check_stored_leases(on_disk, remains);
  leases_are_over();  // but for those that are stored; see take_over()
  const Held held = index_held(remains);
  for (const auto& [key, found] : on_disk) check_found(key, *found, remains);
  for (const auto& [key, copy] : copies_) {
    if (!remains.queues.contains(key.queue) || on_disk.contains(key)) continue;
    if (key.path == 0 && held.contains(key.message)) continue;
    check_missing(key, copy, on_disk, remains);
  }
  check_stored_order(remains);
  check_stored_units(on_disk, held, remains);
  check_two_places(on_disk, remains);
  note_letters(on_disk, remains);
  check_held(on_disk, held);
  check_arrivals(on_disk, held);
  check_stored_doubles(on_disk, held, remains);
  check_stored_history(on_disk, held, remains);
  take_over(on_disk, remains);
  take_over_exchanges(on_disk, held, remains);
}

Model::OnDisk Model::index(const Remains& remains) const {
  OnDisk on_disk;
  for (const FoundMessage& found : remains.messages) {
    if (!messages_.contains(found.id)) {
      violated("(a) the store has a message that nobody published (%lu)", found.id);
    }
    const bool moves = queues_.at(found.queue).kind->moving;
    const CopyKey key = moves ? CopyKey{found.id, messages_.at(found.id).origin, 0}
                              : CopyKey{found.id, found.queue, found.path};
    if (!on_disk.try_emplace(key, &found).second) {
      violated("(a) after the restart message %lu is twice in %s", found.id,
               queue_name(found.queue).c_str());
    }
  }
  return on_disk;
}

// --- single copies ------------------------------------------------------------------------------

void Model::check_found(const CopyKey& key, const FoundMessage& found,
                        const Remains& remains) const {
  const Published& message = messages_.at(key.message);
  const char* where = queue_name(found.queue).c_str();
  if (!message.persistent) {
    violated("(a) message %lu of %s is transient, and there after a restart", key.message, where);
  }
  if (message.unit && message.unit->outcome == Unit::Outcome::kRefused &&
      !message.unit->goes_onward) {
    violated("(g) message %lu of %s is of a refused transaction, and there after a restart",
             key.message, where);
  }
  const auto known = copies_.find(key);
  if (known == copies_.end()) {
    if (key.path != 0) return;  // a dead letter that nobody has seen yet
    violated("(a) message %lu is in %s after a restart, where it was not routed", key.message,
             where);
  }
  const Copy& copy = known->second;
  if (copy.state == State::kGone) {
    violated("(a) message %lu of %s is there after a restart, but was not after the one before",
             key.message, where);
  }
  // In a queue whose end had begun nothing was settled any more.
  const bool for_good = copy.settled_for_good && !may_be_ending(key.queue);
  const bool stays = copy.discarded && queues_.at(key.queue).kind->at_least_once;
  if (copy.state == State::kSettled && (for_good || (remains.at_rest && !stays))) {
    violated("(g) message %lu of %s was settled, and its settlement stored, but it is back",
             key.message, where);
  }
  check_mark(key, copy, found, remains);
}

void Model::check_mark(const CopyKey& key, const Copy& copy, const FoundMessage& found,
                       const Remains& remains) const {
  if (queues_.at(key.queue).kind->moving) return;  // it may have moved
  if (copy.marked && !found.marked) {
    violated("(b) message %lu of %s was marked as delivered, and is not any more", key.message,
             queue_name(key.queue).c_str());
  }
  if (!copy.sent || found.marked || remains.broken) return;
  violated("(b) message %lu of %s was sent before the restart, and is not marked as delivered",
           key.message, queue_name(key.queue).c_str());
}

bool Model::may_be_ending(QueueId queue) const {
  const QueueRecord& record = queues_.at(queue);
  return may_vanish_.contains(queue) || ending_vhosts_.contains(record.vhost) ||
         record.kind->auto_delete || record.kind->fleeting;
}

// Its publisher was told, or it has survived a restart already.
bool Model::surely_stored(const CopyKey& key, const Copy& copy, const Remains& remains) const {
  const Published& message = messages_.at(key.message);
  if (!message.persistent) return false;
  if (copy.found) return true;
  return key.path == 0 && (message.safe.wall != kNever || (remains.at_rest && promised(message)));
}

void Model::check_missing(const CopyKey& key, const Copy& copy, const OnDisk& on_disk,
                          const Remains& remains) const {
  if (!surely_stored(key, copy, remains)) return;
  if (may_be_ending(key.queue)) return;
  const bool waits = copy.state == State::kIn || copy.state == State::kHeld;
  const QueueKind& kind = *queues_.at(key.queue).kind;
  const bool may_leave = kind.lossy || messages_.at(key.message).own_ttl;
  const QueueId target = queue_called(kind.dead_letters_to, remains.queues);
  if (target != 0 && key.path == 0 && !copy.purged && !kind.moving && kind.retention_ms == 0 &&
      !copy.perhaps_deleted) {
    const bool dies = (copy.state == State::kSettled && copy.discarded) || (waits && may_leave);
    if (dies && !letter_arrived(key.message, target, on_disk)) {
      violated("(e) after the restart message %lu is neither in %s nor in %s", key.message,
               queue_name(key.queue).c_str(), queue_name(target).c_str());
    }
  }
  if (!waits || copy.may_drop) return;
  violated("(a) message %lu of %s was stored, and is lost after the restart", key.message,
           queue_name(key.queue).c_str());
}

// --- several copies -----------------------------------------------------------------------------

void Model::check_stored_order(const Remains& remains) const {
  // By queue, publisher, and the exchange that remembers, if it passed one.
  std::map<std::tuple<QueueId, std::uint64_t, std::string>, std::uint64_t> last;
  for (const FoundMessage& found : remains.messages) {
    if (found.path != 0) continue;
    const Published& message = messages_.at(found.id);
    if (message.via == kDelaying || queues_.at(found.queue).kind->moving) continue;
    std::uint64_t& order = last[{found.queue, message.by.value, message.via}];
    if (message.order < order) {
      violated("(c) after the restart message %lu of %s is behind a later one", found.id,
               queue_name(found.queue).c_str());
    }
    order = message.order;
  }
}

// Of a transaction whose end nobody heard of all is there, what it acknowledged is gone; or nothing
// of it has happened.
void Model::check_stored_units(const OnDisk& on_disk, const Held& held,
                               const Remains& remains) const {
  struct Evidence {
    MessageId done = 0;
    MessageId undone = 0;
  };
  std::map<const Unit*, Evidence> units;
  const auto open = [](const Unit* unit) {
    return unit != nullptr &&
           (unit->outcome == Unit::Outcome::kPending || unit->outcome == Unit::Outcome::kUnknown);
  };
  for (const auto& [key, copy] : copies_) {
    const Published& message = messages_.at(key.message);
    if (!remains.queues.contains(key.queue) || !message.persistent || key.path != 0) continue;
    const bool there = on_disk.contains(key) || held.contains(key.message);
    const bool may_leave = queues_.at(key.queue).kind->lossy || message.own_ttl || copy.purged ||
                           may_be_ending(key.queue);
    if (open(message.unit.get())) {
      Evidence& evidence = units[message.unit.get()];
      const bool waits = copy.state == State::kIn || copy.state == State::kHeld;
      if (there) evidence.done = key.message;
      if (!there && waits && !may_leave && !copy.may_drop) evidence.undone = key.message;
    }
    if (copy.state == State::kInDoubt && copy.doubt_goes && open(copy.doubt.get())) {
      Evidence& evidence = units[copy.doubt.get()];
      if (there && !may_be_ending(key.queue)) evidence.undone = key.message;
      if (!there && !may_leave && surely_stored(key, copy, remains)) evidence.done = key.message;
    }
  }
  MessageId done = 0;
  MessageId undone = 0;  // the lowest, as addresses have no order
  for (const auto& [unit, evidence] : units) {
    if (evidence.done == 0 || evidence.undone == 0 || (done != 0 && evidence.done > done)) continue;
    done = evidence.done;
    undone = evidence.undone;
  }
  if (done != 0) {
    violated("(g) of one transaction what is about message %lu is stored, about %lu it is not",
             done, undone);
  }
}

void Model::check_two_places(const OnDisk& on_disk, const Remains& remains) const {
  for (const FoundMessage& found : remains.messages) {
    const QueueId source = queue_called(found.died_in, remains.queues);
    if (queues_.at(found.queue).kind->moving) continue;
    if (source == 0 || !on_disk.contains({found.id, source, 0})) continue;
    if (queues_.at(source).kind->at_least_once) continue;
    violated("(e) after the restart message %lu is in %s, and as a dead letter in %s, too",
             found.id, queue_name(source).c_str(), queue_name(found.queue).c_str());
  }
}

void Model::note_letters(const OnDisk& on_disk, const Remains& remains) {
  for (const FoundMessage& found : remains.messages) {
    if (!found.died_in.empty()) note_letter(found.id, found.died_in, found.path);
  }
  for (auto& [what, letters] : letters_) {
    const QueueId source = queue_called(what.second, remains.queues);
    if (source != 0 && on_disk.contains({what.first, source, 0})) ++letters.most;
  }
}

bool Model::letter_arrived(MessageId id, QueueId target, const OnDisk& on_disk) const {
  const CopyKey first{id, target, 1};
  const auto is_it = [&](const CopyKey& key) { return key.message == id && key.queue == target; };
  if (const auto there = on_disk.lower_bound(first);
      there != on_disk.end() && is_it(there->first)) {
    return true;
  }
  for (auto it = copies_.lower_bound(first); it != copies_.end() && is_it(it->first); ++it) {
    const Copy& copy = it->second;
    if (copy.state == State::kSettled || copy.state == State::kInDoubt) return true;
    if (copy.perhaps_deleted) return true;
  }
  return false;
}

QueueId Model::queue_called(std::string_view name, const std::set<QueueId>& there) const {
  if (name.empty()) return 0;
  for (const auto& [id, queue] : queues_) {
    if (queue.name == name && there.contains(id)) return id;
  }
  return 0;
}

// --- the next life ------------------------------------------------------------------------------

void Model::take_over(const OnDisk& on_disk, const Remains& remains) {
  groups_.clear();
  for (auto it = copies_.begin(); it != copies_.end();) {
    const bool was_settled = it->second.state == State::kSettled;
    const CopyKey& key = it->first;
    // A dead letter that is not there may come once more, if its original is back.
    const auto same = on_disk.lower_bound({key.message, 0, 0});
    const bool original = same != on_disk.end() && same->first.message == key.message;
    const bool may_come = key.path != 0 && !on_disk.contains(key) && (original || !was_settled);
    it->second.state = State::kGone;
    it = may_come ? copies_.erase(it) : std::next(it);
  }
  for (const auto& [key, found] : on_disk) {
    const auto known = copies_.find(key);
    const bool sent = known != copies_.end() && known->second.sent && found->marked;
    Copy copy;
    const bool expires = key.path == 0 && messages_.at(key.message).own_ttl;
    const QueueKind& kind = *queues_.at(key.queue).kind;
    copy.may_drop = kind.lossy || kind.retention_ms != 0 || expires;
    copy.seen = known != copies_.end() && known->second.seen;
    copy.taken = found->acquired;
    copy.failed = found->failed;
    copy.sent = sent;
    copy.marked = found->marked;
    copy.found = true;
    if (known != copies_.end()) {
      copy.first_seen = known->second.first_seen;
      copy.asks = known->second.asks;
    }
    if (queues_.at(found->queue).kind->moving) copy.place = found->queue;
    take_over_lease(key, copy, *found);
    copies_[key] = copy;
  }
  for (auto& [id, message] : messages_) message.unit.reset();
  may_vanish_.clear();  // who wanted to delete the others has gone
  for (const auto& [id, queue] : queues_) {
    if (!remains.queues.contains(id)) may_vanish_.insert(id);
  }
  ending_vhosts_.clear();
  purges_.clear();
  dead_expected_.clear();
  dead_seen_.clear();
}

void Model::clients_are_gone() {
  life_ = 0;
  polls_.clear();
  blind_.clear();
  attempts_.clear();
  lost_.clear();
  stored_.clear();
  disordered_.clear();
  disordering_.clear();
  ended_owners_.clear();
}

}  // namespace polymq::sim
