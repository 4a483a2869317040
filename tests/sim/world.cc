// The scheduler: whose turn it is, which mail arrives, what time it is.
#include "world.h"

#include <algorithm>

#include "engine/testing/fake_properties.h"

namespace polymq::sim {

using engine::ShardIndex;

namespace {

/// A quiescent engine is reached long before, unless something goes round and round.
constexpr int kMostRoundsToQuiet = 3000;

}  // namespace

World::World(std::uint64_t seed, const Workload& workload, const RunOptions& run)
    : seed_(seed),
      workload_(workload),
      steps_(run.steps),
      log_(run.verbose),
      random_(seed),
      model_(workload_),
      sabotage_(run.sabotage),
      disk_(run.sabotage),
      metadata_(seed, workload.store.delay_percent, run.sabotage) {
  static const engine::FakeCodec codec;  // headers as readable text
  engine::register_codec(engine::Dialect::kAmqp091, codec);
  start_node(static_cast<ShardIndex>(random_.between(1, 4)));
}

World::~World() = default;

bool World::reads_sockets(ShardIndex shard) const {
  return !network_->overflowing(shard) && !shards_[shard]->alarm();
}

// --- turns --------------------------------------------------------------------------------------

void World::step() {
  const unsigned restarts = workload_.restart_permille;
  if (restarts != 0 && random_.below(1000) < restarts) return restart(false);
  if (workload_.break_permille != 0 && random_.below(1000) < workload_.break_permille) {
    break_something();
  }
  const std::uint64_t dice = random_.below(1000);
  if (dice < 760) return turn(static_cast<ShardIndex>(random_.below(shards_.size())));
  if (dice < 960) return advance_clock();
  if (dice < 970) return operate();
  if (clients_.size() < workload_.clients) open_client();
}

void World::turn(ShardIndex index) {
  engine::Shard& shard = *shards_[index];
  model_.time_is(now_.wall);
  shard.begin_turn(now_);
  if (random_.chance(50)) let_act(index);
  for (ShardIndex from = 0; from < shards_.size(); ++from) {
    if (from == index || (!winding_down_ && random_.chance(hold_percent_))) continue;
    engine::Envelope envelope;
    for (std::uint64_t most = winding_down_ ? 64 : random_.between(1, 8); most != 0; --most) {
      if (!network_->take(from, index, envelope)) break;
      shard.receive(from, std::move(envelope));
    }
  }
  let_act(index);
  more_work_[index] = shard.finish_turn();
  write_sockets(index, false);
  more_work_[index] = shard.finish_turn() || more_work_[index];
  network_->drain_overflow(index);
  reap();
}

void World::let_act(ShardIndex shard) {
  if (winding_down_) return;
  std::vector<ClientActor*> here;
  for (const auto& client : clients_) {
    if (client->client().shard().self() == shard) here.push_back(client.get());
  }
  for (ClientActor* client : here) {
    if (random_.chance(act_percent_)) client->act();
  }
}

void World::write_sockets(ShardIndex shard, bool all) {
  for (const auto& client : clients_) {
    if (client->finished() || client->client().shard().self() != shard) continue;
    if (all || random_.chance(60)) client->write(all);
  }
}

void World::advance_clock() {
  static constexpr std::int64_t kLeaps[] = {1'000, 60'000, 300'000, 310'000, 43'200'000};
  if (workload_.leap_permille != 0 && random_.below(1000) < workload_.leap_permille) {
    const std::int64_t leap = random_.pick(kLeaps);
    now_.monotonic += leap;
    now_.wall += leap;
    return;
  }
  if (random_.chance(15)) return jump_to_timer();
  const auto ms = static_cast<std::int64_t>(random_.below(random_.chance(20) ? 60 : 4));
  now_.monotonic += ms;
  now_.wall += ms;
}

WallMs World::next_timer() const {
  WallMs next = kNever;
  for (const auto& shard : shards_) next = std::min(next, shard->next_timer());
  return next;
}

void World::jump_to_timer() {
  const WallMs next = next_timer();
  if (next == kNever || next <= now_.wall) return;
  now_.monotonic += next - now_.wall;
  now_.wall = next;
}

void World::reap() {
  std::erase_if(clients_, [](const auto& client) { return client->finished(); });
}

bool World::quiet() const {
  return network_->idle() && metadata_.idle() && next_timer() > now_.wall &&
         std::none_of(more_work_.begin(), more_work_.end(), [](bool more) { return more; }) &&
         std::all_of(stores_.begin(), stores_.end(), [](const auto& s) { return s->idle(); }) &&
         std::none_of(clients_.begin(), clients_.end(), [](const auto& c) { return c->busy(); });
}

void World::quiesce(const char* when) {
  // One more round when all seems quiet: what was parked or noted shows only in a turn.
  int quiet_rounds = 0;
  for (int round = 0; quiet_rounds < 3; ++round) {
    if (round == kMostRoundsToQuiet) {
      for (const auto& client : clients_) client->check_quiet();
      violated("(j) the engine does not come to rest %s", when);
    }
    const std::uint64_t events = log_.count();
    for (ShardIndex shard = 0; shard < shards_.size(); ++shard) {
      turn(shard);
      write_sockets(shard, true);
    }
    quiet_rounds = quiet() && log_.count() == events ? quiet_rounds + 1 : 0;
  }
  for (const auto& client : clients_) client->check_quiet();
}

void World::note_token(const HandOut& hand_out) {
  constexpr std::size_t kKept = 40;
  tokens_.push_back(hand_out);
  if (tokens_.size() <= kKept) return;
  // Some get very old.
  tokens_.erase(tokens_.begin() + static_cast<std::ptrdiff_t>(random_.below(kKept)));
}

// --- what actors ask ----------------------------------------------------------------------------

StoredName World::stored_name(MessageId id) const {
  const Published& message = model_.message(id);
  return {id, message.exchange, message.routing_key};
}

void World::check_stored(MessageId id) const {
  // What is held is answered for; what goes astray may be stored at any time.
  if (model_.message(id).loose || model_.message(id).delay_ms != 0) return;
  const StoredName name = stored_name(id);
  for (const auto& store : stores_) {
    const Store::State state = store->appended(name);
    if (state == Store::State::kUnderWay) {
      violated("(f) message %lu is confirmed, but its commit is under way", id);
    }
    if (state == Store::State::kFailed) {
      violated("(f) message %lu is confirmed, but its commit failed", id);
    }
  }
}

bool World::is_everywhere(engine::QueueId queue) const {
  return std::all_of(shards_.begin(), shards_.end(), [&](const auto& shard) {
    const engine::QueueEntry* entry = shard->topology().queue(queue);
    return entry != nullptr && !(entry->local && entry->local->deleting);
  });
}

void World::check_settlement_stored(const CopyKey& key) const {
  if (key.path != 0) return;              // not told from others of the same message
  if (!is_everywhere(key.queue)) return;  // with its queue, the message has gone anyway
  const StoredName name = stored_name(key.message);
  for (const auto& store : stores_) {
    const Store::State state = store->settled(name, key.queue);
    if (state == Store::State::kUnderWay || state == Store::State::kFailed) {
      violated("(g) a transaction is done, but its acknowledgement of message %lu is not stored",
               key.message);
    }
  }
}

void World::check_purge_stored(engine::QueueId queue) const {
  if (!model_.knows_queue(queue) || !is_everywhere(queue)) return;
  if (model_.is_purged(queue)) return;
  for (const MessageId id : model_.waiting_in(queue)) {
    for (const auto& store : stores_) {
      if (store->settled(stored_name(id), queue) == Store::State::kUnderWay) {
        violated("(g) a purge of %s is done, but that message %lu went is not stored",
                 model_.queue_name(queue).c_str(), id);
      }
    }
  }
}

bool World::withdrawn(const CopyKey& key) const {
  const Published& message = model_.message(key.message);
  if (key.path != 0 || !message.told_refused()) return false;
  if (message.delay_ms != 0) return false;  // refused when it was held, it goes on all the same
  // It may have been on its way to a channel that closed.
  if (model_.may_be_disordered(key.message, key.queue)) return false;
  return std::any_of(stores_.begin(), stores_.end(), [&](const auto& store) {
    return store->appended(stored_name(key.message), key.queue) == Store::State::kFailed;
  });
}

void World::active_consumer(engine::QueueId queue, engine::ConsumerId consumer) {
  ActiveConsumer& active = active_consumers_[queue];
  if (active.consumer == consumer) return;
  if (active.consumer && !active.leaving) {
    violated("(e) %s has two single active consumers", model_.queue_name(queue).c_str());
  }
  active = {consumer, false};
}

void World::leaves(engine::QueueId queue, engine::ConsumerId consumer) {
  const auto active = active_consumers_.find(queue);
  if (active != active_consumers_.end() && active->second.consumer == consumer) {
    active->second.leaving = true;
  }
}

}  // namespace polymq::sim
