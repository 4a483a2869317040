// The ledger of leases that end by themselves: since when, until when, and what their tokens may
// do.
#include <algorithm>

#include "model.h"

namespace polymq::sim {

using engine::Freshness;
using engine::QueueId;
using engine::TokenEnd;

namespace {

/// So long an attempt is known.
constexpr std::int64_t kAttemptMs = 300'000;
/// More messages are not handed out at once.
constexpr unsigned kMostAtOnce = 10;

}  // namespace

// --- who has what -------------------------------------------------------------------------------

WallMs Model::outlived_at(const QueueKind& kind, WallMs enqueued) {
  const bool is_kept_briefly = kind.retention_ms != 0 && !kind.moving;
  return is_kept_briefly ? after(enqueued, kind.retention_ms) : kNever;
}

// Somebody may be asking for the same once more, which lets the lease begin again.
WallMs Model::earliest_end(const CopyKey& key, const Copy& copy) const {
  const Lease& lease = *copy.lease;
  const WallMs earliest = std::min(lease.earliest, lease.outlived);
  if (lease.attempt.empty()) return earliest;
  const auto attempt = attempts_.find({key.queue, lease.attempt});
  if (attempt == attempts_.end() || attempt->second.pending.empty()) return earliest;
  return std::min(earliest, *attempt->second.pending.begin());
}

bool Model::may_have_returned(const CopyKey& key, const Copy& copy) const {
  if (copy.state != State::kHeld || !copy.lease) return false;
  return copy.lease->returns != 0 || earliest_end(key, copy) <= now_;
}

void Model::has_returned(Copy& copy) {
  copy.state = State::kIn;
  if (copy.lease->returns == 0) {
    copy.taken = copy.out;
    ++copy.failed;
  } else {
    copy.taken = static_cast<std::uint16_t>(copy.out - 1);
    copy.taken_more = 1;
    ++copy.failed_more;
  }
  copy.lease.reset();
}

void Model::leases_are_over() {
  for (auto& [key, copy] : copies_) {
    if (copy.state == State::kHeld && copy.lease) has_returned(copy);
  }
}

Model::Out Model::out_of(QueueId queue) const {
  Out out;
  for (const auto& [key, copy] : copies_) {
    if (key.queue != queue) continue;
    if (copy.state != State::kHeld) continue;
    const bool outlived =
        copy.lease && copy.lease->outlived <= now_ && !queues_.at(queue).kind->changing;
    if (!outlived && (!copy.lease || now_ < copy.lease->latest)) ++out.most;
    const bool sure = copy.deletes == 0 && !copy.perhaps_deleted;
    if (sure && !may_have_returned(key, copy)) ++out.least;
  }
  const auto lost = lost_.find(queue);
  if (lost != lost_.end() && now_ < lost->second.second) out.most += lost->second.first;
  return out;
}

// --- receives -----------------------------------------------------------------------------------

void Model::poll_begins(Asked& asked) {
  asked.wall = now_;
  asked.tick = ++tick_;
  ++polls_[asked.queue];
  if (asked.attempt.empty()) return;
  Attempt& attempt = attempts_[{asked.queue, asked.attempt}];
  const bool alone = attempt.pending.empty();
  ++attempt.begun;
  asked.number = alone ? attempt.begun : 0;
  WallMs until = attempt.items.empty() || !alone ? 0 : attempt.noted + kAttemptMs;
  for (std::size_t i = 0; i < attempt.items.size() && until != 0; ++i) {
    const CopyKey& key = attempt.items[i].key;
    const Copy& copy = copies_.at(key);
    const bool same = copy.state == State::kHeld && copy.lease && copy.asks == attempt.asks[i] &&
                      copy.holds == attempt.holds[i];
    until = same ? std::min(until, earliest_end(key, copy)) : 0;
  }
  asked.repeats_until = until;
  attempt.pending.insert(after(now_, asked.lease_ms));
}

void Model::poll_ends(const Asked& asked, bool repeated) {
  --polls_[asked.queue];
  if (asked.attempt.empty()) return;
  Attempt& attempt = attempts_.at({asked.queue, asked.attempt});
  attempt.pending.erase(attempt.pending.find(after(asked.wall, asked.lease_ms)));
  // Another one that was asked for later may have come first.
  if (repeated || asked.repeats_until <= now_ || asked.number != attempt.begun) return;
  for (std::size_t i = 0; i < attempt.items.size(); ++i) {
    const Copy& copy = copies_.at(attempt.items[i].key);
    if (copy.state != State::kHeld || !copy.lease) return;
    if (copy.asks != attempt.asks[i] || copy.holds != attempt.holds[i]) return;
  }
  violated("(n) a receive is asked for once more within its time, and answered otherwise");
}

// What it was handed once more stays with nobody.
void Model::poll_is_closed(const Asked& asked) {
  --polls_[asked.queue];
  if (asked.attempt.empty()) {
    if (after(asked.wall, asked.lease_ms) > now_) --blind_[asked.queue];
    return;
  }
  Attempt& attempt = attempts_.at({asked.queue, asked.attempt});
  attempt.pending.erase(attempt.pending.find(after(asked.wall, asked.lease_ms)));
  const WallMs latest = after(now_, asked.lease_ms);
  for (auto& [key, copy] : copies_) {
    if (key.queue != asked.queue || !copy.lease || copy.lease->attempt != asked.attempt) continue;
    copy.lease->earliest = std::min(copy.lease->earliest, after(asked.wall, asked.lease_ms));
    copy.lease->latest = std::max(copy.lease->latest, latest);
    copy.lease->begun_last = now_;
  }
  attempt.items.clear();  // they may be others now
  auto& [count, until] = lost_[asked.queue];
  count = (now_ < until ? count : 0) + kMostAtOnce;
  until = std::max(until, latest);
}

void Model::note_attempt(const Asked& asked, const std::vector<HandOut>& items) {
  if (asked.attempt.empty()) return;
  Attempt& attempt = attempts_.at({asked.queue, asked.attempt});
  attempt.items.clear();
  attempt.asks.clear();
  attempt.holds.clear();
  if (asked.number != attempt.begun) return;  // who knows which one of several was the last
  attempt.items = items;
  attempt.noted = asked.wall;
  for (const HandOut& item : items) {
    const Copy& copy = copies_.at(item.key);
    // What is asked already may change it yet.
    const bool left_alone = copy.in_flight == 0 && !copy.perhaps_deleted;
    attempt.asks.push_back(left_alone ? copy.asks : UINT64_MAX);
    attempt.holds.push_back(copy.holds);
  }
}

// Answers of several shards overtake each other. Which of two hand-outs was first is told by their
// numbers.
bool Model::came_late(const CopyKey& key, const Copy& copy, const engine::ReceivedItem& item,
                      const Asked& asked, bool repeated) const {
  // A repeated answer is about an earlier hand-out.
  const bool newer = asked.tick > std::max(copy.seen_tick, copy.settled_at) && !repeated;
  if (newer) return false;
  if (copy.state == State::kSettled || copy.left_for_good) return true;  // handed out before
  const bool may_be_over = after(asked.wall, asked.lease_ms) <= now_;
  // One that moves begins to count again; who is handed it last is not told then.
  if (queues_.at(asked.queue).kind->moving) {
    return copy.state == State::kHeld && !may_have_returned(key, copy) && may_be_over;
  }
  const unsigned last = copy.state == State::kHeld ? copy.out - 1u : copy.taken;
  const bool late = item.token.acquired <= last;
  // Who was handed the same may have ended it.
  if (late && !may_be_over && asked.attempt.empty()) {
    violated("(m) message %lu of %s was handed out again before its lease had ended", key.message,
             queue_name(asked.queue).c_str());
  }
  return late;
}

void Model::check_times(const CopyKey& key, Copy& copy, const engine::ReceivedItem& item,
                        const Asked& asked) {
  const Published& message = messages_.at(key.message);
  if (item.enqueued < message.published.wall || item.enqueued > now_ ||
      item.first_received < item.enqueued || item.first_received > now_) {
    violated("(m) message %lu came at %ld, was received first at %ld, and now it is %ld",
             key.message, item.enqueued, item.first_received, now_);
  }
  const QueueKind& kind = *queues_.at(key.queue).kind;
  if (kind.moving) return;
  const std::int64_t retention = kind.changing ? 0 : kind.retention_ms;
  if (retention != 0 && asked.wall >= item.enqueued + retention) {
    violated("(m) message %lu is handed out when it is too old", key.message);
  }
  if (copy.first_lease != 0 && copy.first_lease != item.first_received) {
    violated("(m) message %lu was received first at %ld, and at %ld", key.message, copy.first_lease,
             item.first_received);
  }
  copy.first_lease = item.first_received;
  if (message.position != 0 && key.path == 0 && item.token.position != message.position) {
    violated("(a) message %lu is at %lu, but its publisher was told %lu", key.message,
             item.token.position, message.position);
  }
}

Model::Taken Model::received(const engine::ReceivedItem& item, const Asked& asked, bool repeated) {
  const MessageId id = checked_body(*item.message);
  const CopyKey key = key_of(id, asked.queue, *item.message);
  Copy& copy = copy_of(key);
  check_times(key, copy, item, asked);
  life_ = std::max(life_, item.token.life);
  const bool again = copy.seen;
  const bool same = copy.state == State::kHeld && copy.lease && copy.lease->token == item.token &&
                    (!queues_.at(key.queue).kind->moving || copy.place == asked.queue);
  if (same && !asked.attempt.empty() && copy.lease->attempt == asked.attempt) {
    ++copy.lease->receivers;
    ++copy.asks;
    copy.lease->earliest = std::min(copy.lease->earliest, after(asked.wall, asked.lease_ms));
    copy.lease->latest = std::max(copy.lease->latest, after(now_, asked.lease_ms));
    copy.lease->begun_last = now_;
    copy.lease->told = ++tick_;
    return {key, false, true, false};
  }
  if (came_late(key, copy, item, asked, repeated)) {
    if (copy.left_for_good) copy.out = std::max(copy.out, item.token.acquired);
    return {key, true, again, false};
  }
  if (repeated && asked.attempt.empty()) violated("(n) an answer is one to another receive");
  hold(key, copy, asked.queue, item.token.acquired - 1u);
  note_death(key, *item.message);
  const WallMs begun = std::max(asked.wall, messages_.at(id).published.wall);
  const QueueKind& kind = *queues_.at(key.queue).kind;
  copy.lease = Lease{.token = item.token,
                     .earliest = after(begun, asked.lease_ms),
                     .latest = after(now_, asked.lease_ms),
                     .begun_first = begun,
                     .begun_last = now_,
                     .outlived = outlived_at(kind, item.enqueued),
                     .attempt = asked.attempt,
                     .told = ++tick_};
  return {key, false, again, now_ < copy.lease->earliest};
}

// `before`: how often it had been handed out.
void Model::hold(const CopyKey& key, Copy& copy, QueueId queue, unsigned before) {
  const char* where = queue_name(queue).c_str();
  const Published& message = messages_.at(key.message);
  const QueueKind& kind = *queues_.at(queue).kind;
  if (may_have_returned(key, copy)) has_returned(copy);
  if (copy.state == State::kHeld)
    violated("(a) message %lu of %s has two holders", key.message, where);
  if (copy.state == State::kSettled) {
    violated("(a) message %lu of %s is handed out after it was settled", key.message, where);
  }
  if (copy.state == State::kGone) {
    violated("(a) message %lu of %s is handed out, but it did not survive the restart", key.message,
             where);
  }
  if (message.duplicate && key.path == 0) {
    violated("(o) message %lu of %s is handed out, but was said to be a double", key.message,
             where);
  }
  if (kind.receive_limit != 0 && before >= kind.receive_limit) {
    violated("(m) message %lu of %s is handed out for the %uth time", key.message, where,
             before + 1);
  }
  if (copy.left_for_good) {
    violated("(e) message %lu of %s is handed out, and is a dead letter elsewhere", key.message,
             where);
  }
  const std::int64_t delay = message.wait_ms >= 0 ? message.wait_ms : kind.delay_ms;
  const bool waits = delay != 0 && key.path == 0 && !kind.changing && !kind.moving;
  if (waits && now_ < message.published.wall + delay) {
    violated("(c) message %lu of %s comes before its time", key.message, where);
  }
  if (kind.moving) {
    copy.place = queue;
  } else {
    check_number(key, copy, before, queue);
  }
  // Those that nobody saw ended by themselves.
  if (before > copy.taken)
    copy.failed_more = static_cast<std::uint16_t>(copy.failed_more + before - copy.taken);
  copy.taken = static_cast<std::uint16_t>(before);
  copy.taken_more = 0;
  copy.out = static_cast<std::uint16_t>(before + 1);
  copy.state = State::kHeld;
  copy.lease.reset();
  copy.seen = true;
  copy.first_seen = std::min(copy.first_seen, now_);
  copy.seen_tick = ++tick_;
  ++copy.holds;
}

unsigned Model::unseen(QueueId queue) const {
  const auto count = [&](const auto& of) {
    const auto known = of.find(queue);
    return known == of.end() ? 0 : known->second;
  };
  return count(blind_) + count(polls_);
}

void Model::check_number(const CopyKey& key, const Copy& copy, unsigned before,
                         QueueId queue) const {
  if (copy.uncertain) return;
  const unsigned most = copy.taken + copy.taken_more + unseen(queue);
  if (before >= copy.taken && before <= most) return;
  violated("(b) message %lu of %s was handed out %u times, but %u to %u times as far as is seen",
           key.message, queue_name(queue).c_str(), before, copy.taken, most);
}

void Model::note_death(const CopyKey& key, const engine::Message& message) {
  const engine::MessageExtension* extension = message.extension();
  if (key.path == 0 || extension == nullptr || extension->deaths.size() != 1) return;
  const engine::DeathEntry& death = extension->deaths.front();
  for (const auto& [id, queue] : queues_) {
    const auto original = copies_.find({key.message, id, 0});
    if (queue.name != death.queue || original == copies_.end()) continue;
    if (queue.kind->receive_limit == 0 || death.count != 1) continue;
    Copy& copy = original->second;
    copy.left_for_good = true;
    copy.seen_tick = ++tick_;
    const bool known = polls_[id] == 0 && blind_[id] == 0 && workload_.restart_permille == 0;
    const bool too_early =
        death.reason == engine::DeathReason::kDeliveryLimit && copy.out < queue.kind->receive_limit;
    if (!known || !too_early) continue;
    violated("(m) message %lu left %s when it had been handed out %u times", key.message,
             queue.name.c_str(), copy.out);
  }
}

void Model::unwritten(const HandOut& hand_out) {
  const auto known = copies_.find(hand_out.key);
  if (known == copies_.end()) return;
  Copy& copy = known->second;
  if (copy.state != State::kHeld || !copy.lease || copy.lease->token != hand_out.token) return;
  if (--copy.lease->receivers != 0) return;
  // Its time may be up before its queue hears of it.
  ++copy.lease->returns;
  has_returned(copy);
}

// --- tokens -------------------------------------------------------------------------------------

void Model::asks(TokenRequest& request) {
  Copy& copy = copies_.at(request.hand_out.key);
  const engine::LeaseToken& token = request.hand_out.token;
  const bool held = copy.state == State::kHeld;
  const bool current = held && copy.lease && copy.lease->token == token &&
                       (copy.place == 0 || copy.place == request.hand_out.queue);
  request.asked = now_;
  request.tick = ++tick_;
  const bool sure =
      current && copy.lease->returns == 0 && copy.deletes == 0 && !copy.perhaps_deleted;
  request.sure_until = sure ? earliest_end(request.hand_out.key, copy) : 0;
  request.alone = copy.in_flight == 0;
  request.asks = ++copy.asks;
  ++copy.in_flight;
  const bool comparable = token.life == life_ && !queues_.at(request.hand_out.queue).kind->moving;
  // The last one that a message which waits was handed out with is still the latest.
  const bool over = request.freshness == Freshness::kCurrent && copy.taken == token.acquired;
  const bool later = held ? copy.out > token.acquired : copy.taken > token.acquired;
  request.outdated = comparable && (held || copy.state == State::kIn) && (later || (!held && over));
  // Of earlier lives only what was out all the time is current.
  if (token.life != life_ && copy.place == 0) {
    const bool waits = copy.state == State::kIn && request.freshness == Freshness::kCurrent;
    request.outdated = waits || (held && copy.lease && !current);
  }
  request.held = held;
  request.hold = copy.holds;
  request.consumed = held && !copy.lease;
  if (request.what == TokenRequest::What::kDelete) ++copy.deletes;
  if (!current || request.what == TokenRequest::What::kDelete) return;
  if (request.what == TokenRequest::What::kGiveBack || request.lease_ms == 0) {
    ++copy.lease->returns;
  } else {
    copy.lease->earliest = std::min(copy.lease->earliest, after(now_, request.lease_ms));
  }
}

// What was given back is handed out under the same token once more.
bool Model::is_current(const Copy& copy, const TokenRequest& request) {
  return copy.state == State::kHeld && copy.lease && copy.holds == request.hold &&
         copy.lease->token == request.hand_out.token;
}

void Model::answered(const TokenRequest& request, TokenEnd end) {
  const CopyKey& key = request.hand_out.key;
  const auto known = copies_.find(key);
  if (known == copies_.end()) return;
  Copy& copy = known->second;
  --copy.in_flight;
  if (request.what != TokenRequest::What::kExtend) {
    // It was answered when all was stored.
    std::uint64_t& stored = stored_[request.hand_out.queue];
    stored = std::max(stored, request.tick);
  }
  const bool current = is_current(copy, request);
  const bool sure = request.sure_until > now_ && request.alone && copy.asks == request.asks &&
                    current && (copy.lease->attempt.empty() || now_ < earliest_end(key, copy));
  if (sure && end != TokenEnd::kDone && end != TokenEnd::kOverLimit) {
    violated("(m) a token is refused (%d) within the lease of message %lu of %s",
             static_cast<int>(end), key.message, queue_name(request.hand_out.queue).c_str());
  }
  // What a holder gives back is handed out under the same number again.
  const State state = request.held ? State::kHeld : State::kIn;
  const bool unchanged = copy.state == state && copy.holds == request.hold &&
                         (!copy.lease || copy.lease->returns == 0);
  if (end == TokenEnd::kDone && request.outdated && unchanged &&
      request.freshness != Freshness::kAny) {
    violated("(m) an outdated token of message %lu of %s does something", key.message,
             queue_name(request.hand_out.queue).c_str());
  }
  if (end == TokenEnd::kDone && copy.state == State::kGone) {
    violated("(m) by a token of message %lu, which was lost, another one is meant", key.message);
  }
  if (end == TokenEnd::kDone && request.consumed && copy.state == State::kHeld &&
      copy.holds == request.hold) {
    violated("(m) message %lu is taken from its consumer by a token", key.message);
  }
  if (request.what == TokenRequest::What::kDelete) return was_deleted(request, copy, end);
  const bool ends = request.what == TokenRequest::What::kGiveBack || request.lease_ms == 0;
  if (!current) return;
  if (!ends) return was_extended(request, copy, end);
  --copy.lease->returns;
  if (end != TokenEnd::kDone) return;
  const bool gives_back = request.what == TokenRequest::What::kGiveBack;
  // Who was handed the same may have it.
  if (gives_back && --copy.lease->receivers != 0) return;
  copy.taken = gives_back ? static_cast<std::uint16_t>(copy.out - 1) : copy.out;
  copy.state = State::kIn;
  copy.lease.reset();
}

bool Model::leaves_by_itself(const CopyKey& key, const Copy& copy) const {
  const QueueKind& kind = *queues_.at(key.queue).kind;
  if (copy.perhaps_deleted) return true;
  if (kind.retention_ms != 0 && !kind.changing && key.path == 0) {
    return now_ >= messages_.at(key.message).published.wall + kind.retention_ms;
  }
  return copy.may_drop || kind.lossy || kind.moving || !kind.dead_letters_to.empty() ||
         messages_.at(key.message).own_ttl || !kind.stable;
}

void Model::was_deleted(const TokenRequest& request, Copy& copy, TokenEnd end) {
  const CopyKey& key = request.hand_out.key;
  const char* where = queue_name(request.hand_out.queue).c_str();
  --copy.deletes;
  if (end != TokenEnd::kDone && end != TokenEnd::kUnknown) return;
  if (end == TokenEnd::kUnknown) {
    if (leaves_by_itself(key, copy)) return;
    const bool there = copy.state == State::kIn || copy.state == State::kHeld;
    if (there && copy.deletes == 0) {
      violated("(a) message %lu of %s is not known, and nobody has settled it", key.message, where);
    }
  }
  if (copy.state == State::kGone) return;
  if (copy.state == State::kSettled) {
    if (end == TokenEnd::kDone && copy.settled_at < request.tick) {
      violated("(a) message %lu of %s is deleted once more", key.message, where);
    }
    return;
  }
  copy.state = State::kSettled;
  copy.settled_at = ++tick_;
  copy.settled_for_good = true;
  copy.lease.reset();
}

void Model::was_extended(const TokenRequest& request, Copy& copy, TokenEnd end) {
  Lease& lease = *copy.lease;
  const MessageId id = request.hand_out.key.message;
  if (end == TokenEnd::kOverLimit) {
    if (after(now_, request.lease_ms) > after(lease.begun_first, request.most_ms)) return;
    violated("(m) the lease of message %lu is put off too far, but was not", id);
  }
  if (end != TokenEnd::kDone) return;
  const bool begins_again = polls_[request.hand_out.queue] != 0 && !lease.attempt.empty();
  if (!begins_again &&
      after(request.asked, request.lease_ms) > after(lease.begun_last, request.most_ms)) {
    violated("(m) the lease of message %lu is put off beyond the limit", id);
  }
  const WallMs earliest = after(request.asked, request.lease_ms);
  const WallMs latest = after(now_, request.lease_ms);
  const bool only = request.alone && copy.asks == request.asks;
  lease.earliest = only ? earliest : std::min(lease.earliest, earliest);
  lease.latest = only ? latest : std::max(lease.latest, latest);
  lease.told = ++tick_;
}

void Model::never_answered(const TokenRequest& request) {
  const auto known = copies_.find(request.hand_out.key);
  if (known == copies_.end()) return;
  Copy& copy = known->second;
  --copy.in_flight;
  ++copy.asks;
  if (request.what == TokenRequest::What::kDelete) {
    --copy.deletes;
    if (copy.state != State::kSettled) copy.may_drop = copy.perhaps_deleted = true;
    return;
  }
  // What might have ended the lease stays counted among `returns`.
  const bool current = is_current(copy, request);
  if (current) copy.lease->latest = std::max(copy.lease->latest, after(now_, request.lease_ms));
}

}  // namespace polymq::sim
