// Channels that publish: plainly, with confirms, in transactions, and directly to each other.
#include <algorithm>

#include "actors.h"
#include "world.h"

namespace polymq::sim {

using engine::Message;
using engine::Settle;

engine::Message* ChannelActor::make_message(const std::string& exchange, const std::string& key,
                                            bool answered, MessageId& id) {
  Random& random = world_.random();
  const Workload& workload = world_.workload();
  Published record{.by = world_.unique(session_.id()), .order = next_order_++};
  record.exchange = exchange;
  record.routing_key = key;
  record.body_size = random.between(
      sizeof(MessageId), std::max<std::size_t>(workload.largest_body, sizeof(MessageId)));
  record.priority = random.chance(30) ? static_cast<int>(random.below(8)) : -1;
  record.own_ttl = random.chance(workload.ttl_percent);
  record.unit = mode_ == Mode::kTransaction ? unit_ : nullptr;
  record.answered = answered;
  record.published.wall = world_.wall();
  const std::string properties = draw_headers(exchange, record);
  record.persistent = random.chance(workload.persistent_percent);
  if (random.chance(workload.own_delay_percent)) {
    static constexpr std::int64_t kDelays[] = {0, 5, 50, 50, 1'000, 900'000};
    record.wait_ms = random.pick(kDelays);
  }
  const std::int64_t delay = record.wait_ms;
  if (workload.restart_permille != 0 && !record.deduplication.empty()) {
    record.persistent = record.deduplication.back() != '0';  // all of an id, or none
  }
  engine::MessageParts parts{.exchange = exchange,
                             .routing_key = key,
                             .properties = properties,
                             .body_size = record.body_size,
                             .persistent = record.persistent};
  if (record.priority >= 0) parts.priority = static_cast<std::uint8_t>(record.priority);
  const std::size_t size = record.body_size;
  const bool expires = record.own_ttl;
  id = world_.model().published(std::move(record));
  Message* message = Message::create(parts, client_.client().shard().meter());
  Model::fill_body(id, message->body_space(), size);
  if (delay >= 0) message->make_extension().delay_ms = delay;
  if (expires) {
    message->make_extension().ttl = {
        random.chance(20) ? 0 : static_cast<std::int64_t>(random.below(80))};
  }
  return message;
}

std::string ChannelActor::draw_exchange() {
  static constexpr const char* kExchanges[] = {"amq.fanout", "amq.topic", "amq.direct", "x.0",
                                               "x.1"};
  static constexpr const char* kLasting[] = {"amq.fanout", "amq.topic", "d.0", "d.1"};
  Random& random = world_.random();
  const auto kind = [&](std::span<const ExchangeKind> kinds) {
    return std::string(kinds[random.below(kinds.size())].name);
  };
  if (random.chance(world_.workload().settled_percent)) return kind(settled_exchanges());
  if (world_.workload().roving && random.chance(70)) return kind(roving_exchanges());
  if (world_.workload().restart_permille != 0) return random.pick(kLasting);
  return random.pick(kExchanges);
}

// What a mandatory message asks; the targets found before stay what they are.
void ChannelActor::check_unroutable(engine::Exchange& exchange, const Message& message,
                                    std::span<engine::Target* const> targets) {
  const std::vector<engine::Target*> before(targets.begin(), targets.end());
  const bool unroutable = session_.unroutable(exchange, message, targets);
  if (!std::equal(before.begin(), before.end(), targets.begin(), targets.end())) {
    violated("a question about routing changes its answer");
  }
  const bool found = !targets.empty() && targets.front()->exchange == nullptr;
  if ((found && unroutable) || (targets.empty() && !unroutable)) {
    violated("(f) %zu targets, but unroutable is %d", targets.size(), unroutable);
  }
}

void ChannelActor::publish() {
  Random& random = world_.random();
  engine::Vhost* vhost = client_.client().vhost();
  if (vhost == nullptr) return;
  engine::Topology& topology = client_.client().shard().topology();
  const bool memories = world_.workload().roving || world_.workload().settled_percent > 50;
  for (std::uint64_t n = random.between(1, 6); n != 0; --n) {
    // In the middle, so that a batch may carry messages with and without confirms.
    if (becomes_confirm_ && random.chance(30)) becomes_confirm_ = false;
    const bool tracked = mode_ == Mode::kConfirm && !becomes_confirm_;
    const bool by_name = random.chance(memories ? 20 : world_.workload().receives() ? 100 : 60);
    const std::string key = random.pick(world_.queue_names());
    const std::string name = by_name ? "" : draw_exchange();
    engine::Exchange* exchange = topology.exchange(*vhost, name);
    if (exchange == nullptr) continue;
    if (mode_ == Mode::kTransaction && !unit_) unit_ = std::make_shared<Unit>();
    MessageId id = 0;
    // Its publisher hears of it: transactions before they end, confirms if they are asked for.
    const bool answered = mode_ == Mode::kTransaction || tracked;
    Message* message = make_message(name, key, answered, id);
    const auto targets = session_.route(*exchange, *message);
    note_targets(id, targets);
    if (random.chance(10)) check_unroutable(*exchange, *message, targets);
    world_.log().add("channel %lx: publishes %lu to '%s' for %s: %zu queues", session_.id().value,
                     id, name.c_str(), key.c_str(), targets.size());
    if (mode_ == Mode::kTransaction) {
      engine::Session::TransactionPublish publish{message, {}};
      for (const engine::Target* target : targets) {
        publish.targets.emplace_back(target->home, target->id);
      }
      transaction_.push_back(std::move(publish));
    } else if (tracked) {
      const bool unroutable = targets.empty();
      unconfirmed_[session_.publisher().publish_tracked(message, targets)] = id;
      if (unroutable) take_confirms();
    } else {
      world_.model().unconfirmed(id);
      session_.publisher().publish(message, targets);
    }
  }
}

void ChannelActor::take_confirms() {
  if (closing_) violated("(f) confirms for channel %lx after it closed", session_.id().value);
  engine::Publisher& publisher = session_.publisher();
  for (const engine::PublishPlace& place : std::exchange(publisher.places(), {})) {
    const auto known = unconfirmed_.find(place.sequence);
    if (known == unconfirmed_.end()) violated("(f) a place is told after the confirm");
    const engine::QueueEntry* entry = find_queue(world_.model().message(known->second).routing_key);
    if (entry == nullptr) continue;
    world_.model().placed(known->second, entry->id, place.position, place.duplicate);
  }
  for (const engine::Publisher::Settled& settled : publisher.settled()) {
    const auto known = unconfirmed_.find(settled.sequence);
    if (known == unconfirmed_.end()) {
      violated("(f) channel %lx: publish %lu is confirmed twice", session_.id().value,
               settled.sequence);
    }
    world_.log().add("channel %lx: message %lu is %s", session_.id().value, known->second,
                     settled.rejected ? "refused" : "confirmed");
    world_.model().confirmed(known->second, !settled.rejected);
    if (!settled.rejected) world_.check_stored(known->second);
    if (!settled.rejected) world_.model().is_safe(known->second, world_.wall());
    unconfirmed_.erase(known);
  }
  publisher.settled().clear();
  if (unconfirmed_.empty() && publisher.pending() != 0) {
    violated("(f) channel %lx: the publisher waits for confirms of nothing", session_.id().value);
  }
}

// --- transactions -------------------------------------------------------------------------------

void ChannelActor::commit() {
  const auto unit = unit_ ? std::exchange(unit_, nullptr) : std::make_shared<Unit>();
  std::vector<engine::SettleItem> settles;
  std::vector<std::pair<CopyKey, Settle>> settled;
  for (const Settlement& settlement : std::exchange(transaction_settles_, {})) {
    const auto held = held_.find(settlement.tag);
    settles.push_back(
        {held->second.consumer, held->second.lease, held->second.lease, settlement.how});
    settled.emplace_back(held->second.key, settlement.how);
    note_dead_letter_target(held->second.key.queue);
    const CopyKey& key = held->second.key;
    const bool stays = kind_of(world_.model().queue_name(key.queue)).at_least_once;
    const bool goes =
        settlement.how == Settle::kAck || (settlement.how == Settle::kDiscard && !stays);
    world_.model().in_doubt(key, unit, goes);
    if (!held->second.reported) lent_.insert(*held);
    held_.erase(held);
  }
  unacked_changed();
  unit_in_commit_ = unit;
  settles_in_commit_ = settled;
  const auto operation = begin("commit of " + std::to_string(transaction_.size()) + " and " +
                               std::to_string(settles.size()));
  session_.commit(std::exchange(transaction_, {}), std::move(settles), [this, operation](bool ok) {
    end(operation);
    commit_ended(ok ? Unit::Outcome::kApplied : Unit::Outcome::kRefused);
    if (!ok) close();  // as AMQP does: what was acknowledged comes back
  });
}

void ChannelActor::commit_ended(Unit::Outcome outcome) {
  world_.log().add("channel %lx: the transaction is %s", session_.id().value,
                   outcome == Unit::Outcome::kApplied   ? "done"
                   : outcome == Unit::Outcome::kRefused ? "refused"
                                                        : "of unknown outcome");
  unit_in_commit_->outcome = outcome;
  if (outcome == Unit::Outcome::kApplied) {
    for (const MessageId id : unit_in_commit_->messages) {
      world_.check_stored(id);
      world_.model().is_safe(id, world_.wall());
    }
  }
  for (const auto& [key, how] : std::exchange(settles_in_commit_, {})) {
    if (outcome == Unit::Outcome::kApplied && how == Settle::kAck) {
      world_.check_settlement_stored(key);
    }
    // A commit that the store failed has settled all the same, as long as memory is all there is.
    // So has one of whose messages one was refused behind an exchange that remembers.
    const bool failed = outcome == Unit::Outcome::kRefused &&
                        (world_.workload().fails() || unit_in_commit_->goes_onward);
    world_.model().doubt_ends(key, unit_in_commit_.get(), how,
                              failed ? Unit::Outcome::kUnknown : outcome);
  }
  unit_in_commit_.reset();
}

void ChannelActor::rollback() {
  for (engine::Session::TransactionPublish& publish : std::exchange(transaction_, {})) {
    publish.message->release(client_.client().shard().meter());
  }
  if (unit_) std::exchange(unit_, nullptr)->outcome = Unit::Outcome::kRefused;
  for (const Settlement& settlement : std::exchange(transaction_settles_, {})) {
    const auto held = held_.find(settlement.tag);
    if (held != held_.end()) held->second.in_transaction = false;
  }
}

// --- direct messages ----------------------------------------------------------------------------

void ChannelActor::direct() {
  Random& random = world_.random();
  std::vector<World::DirectAddress>& addresses = world_.direct_addresses();
  if (addresses.empty() || random.chance(15)) {
    direct_nonce_ = session_.accept_direct(random.chance(80));
    if (direct_nonce_ != 0) addresses.push_back({session_.id(), direct_nonce_});
    return;
  }
  const World::DirectAddress to = random.pick(addresses);
  if (random.chance(20)) {
    const auto operation = begin("look at a direct address");
    return session_.inspect_direct(to.session, to.nonce,
                                   [this, operation](bool) { end(operation); });
  }
  MessageId id = 0;
  Message* message = make_message("", "direct", false, id);
  world_.model().sent_directly(id);
  world_.log().add("channel %lx: sends %lu directly to %lx", session_.id().value, id,
                   to.session.value);
  session_.send_direct(to.session, to.nonce, message);
}

void ChannelActor::on_direct_message(const Message& message) {
  if (closing_) violated("(f) a direct message for a channel that closed");
  if (direct_nonce_ == 0) violated("(f) a direct message for a channel that takes none");
  world_.model().received_directly(message);
}

}  // namespace polymq::sim
