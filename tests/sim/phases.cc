// The life of a simulated world: setting up, working, winding down, and the checks at the end.
#include <algorithm>
#include <climits>
#include <set>

#include "engine/policy.h"
#include "world.h"

namespace polymq::sim {

using engine::Fields;
using engine::PolicyAuthor;
using engine::ReplyBody;
using engine::ShardIndex;
using engine::Value;

namespace {

/// How long nothing happens before the last look: longer than anything waits by itself.
constexpr std::int64_t kRestMs = 2000;
constexpr std::int64_t kRestStepMs = 100;
/// Of all leases and delays.
constexpr std::int64_t kLongestLeaseMs = 43'200'000;

}  // namespace

void World::run() {
  set_up();
  winding_down_ = false;
  for (std::uint64_t step_number = 0; step_number < steps_; ++step_number) step();
  if (disk_.broken() || metadata_.broken()) restart(false);
  winding_down_ = true;
  calm_ = true;
  for (const auto& store : stores_) store->calm();
  metadata_.calm();
  quiesce("after the work");
  check_nobody_waits();
  let_polls_end();
  close_clients();
  if (workload_.restart_permille != 0 && random_.chance(70)) restart(true);
  // Timers that are due: expiry, retries, reports of memory.
  for (std::int64_t rested = 0; rested <= kRestMs; rested += kRestStepMs) {
    now_.monotonic += kRestStepMs;
    now_.wall += kRestStepMs;
    quiesce("while time passes");
  }
  let_leases_end();
  check_topology();
  check_settings();
  check_alarm();
  all_expired_ = true;
  model_.leases_are_over();
  for (const std::string& vhost : vhost_names()) drain(vhost);
  std::set<engine::QueueId> alive;
  std::set<engine::VhostId> vhosts;
  for (const auto& [name, vhost] : shards_[0]->topology().vhosts()) {
    vhosts.insert(vhost->id);
    for (const auto& [queue, entry] : vhost->queues) alive.insert(entry->id);
  }
  model_.check_end(alive, vhosts);
  for (const std::string& vhost : vhost_names()) delete_everything(vhost);
  check_nothing_left();
}

std::vector<std::string> World::vhost_names() const {
  std::vector<std::string> names;
  for (const auto& [name, vhost] : shards_[0]->topology().vhosts()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

void World::set_up() {
  for (const std::string_view kind : workload_.kinds) {
    if (kind.empty()) break;
    for (const char* number : {".0", ".1"}) queue_names_.push_back(std::string(kind) + number);
  }
  administer(engine::AddVhost{"/", "", {}}, "add vhost /");
  if (workload_.vhosts) administer(engine::AddVhost{"v2", "", {}}, "add vhost v2");
  if (workload_.configured) {
    quiesce("before there are policies");
    administer(engine::SetPolicies{"/", policies_.at("/")}, "set policies");
  }
  quiesce("at the start");
  for (const std::string& vhost : vhost_names()) {
    clients_.push_back(
        std::make_unique<ClientActor>(*this, *shards_[random_.below(shards_.size())], vhost));
    ChannelActor& channel = clients_.back()->open_channel();
    for (const std::string& name : queue_names_) {
      if (!kind_of(name).stable && !random_.chance(60)) continue;
      channel.declare_named(name);
      quiesce("while queues are declared");
      if (channel.closing()) break;
    }
    if (workload_.settled_percent != 0) set_up_exchanges(channel);
  }
}

void World::set_up_exchanges(ChannelActor& channel) {
  for (const ExchangeKind& kind : settled_exchanges()) {
    channel.declare_settled(kind);
    quiesce("while exchanges are declared");
    for (const std::string& name : queue_names_) {
      if (!kind_of(name).stable || kind_of(name).deduplicates) continue;
      channel.bind_settled(kind, name);
      quiesce("while exchanges are bound");
    }
  }
}

void World::open_client() {
  engine::Shard& shard = *shards_[random_.below(shards_.size())];
  const std::string vhost = workload_.vhosts && random_.chance(40) ? "v2" : "/";
  if (shard.topology().vhost(vhost) == nullptr) return;
  clients_.push_back(std::make_unique<ClientActor>(*this, shard, vhost));
}

// --- operators ----------------------------------------------------------------------------------

void World::administer(decltype(engine::ControlRequest::what) what, const char* name,
                       std::function<void()> done) {
  log_.add("operator: %s", name);
  ++administering_;
  shards_[random_.below(shards_.size())]->administer(std::move(what), [this, done](ReplyBody&) {
    if (administering_ == 0) violated("(f) an operator is answered twice");
    --administering_;
    if (done) done();
  });
}

void World::operate() {
  if (workload_.policies && random_.chance(70)) return change_policies();
  if (workload_.vhosts && random_.chance(30)) return change_vhost();
}

void World::change_policies() {
  const Fields choices = {
      {"max-length", Value::integer(static_cast<std::int64_t>(random_.below(6)))},
      {"message-ttl", Value::integer(static_cast<std::int64_t>(random_.below(60)))},
      {"expires", Value::integer(static_cast<std::int64_t>(random_.between(50, 300)))},
      {"dead-letter-exchange", Value::string("")},
      {"dead-letter-routing-key", Value::string("dead.0")},
      {"max-length-bytes", Value::integer(static_cast<std::int64_t>(random_.below(300)))},
      {"overflow", Value::string("reject-publish")},
      {"alternate-exchange", Value::string("amq.fanout")}};
  std::vector<engine::Policy> users;
  std::vector<engine::Policy> operators;
  for (const char* name : {"a", "b"}) {
    Fields definition;
    for (const engine::Field& choice : choices) {
      if (random_.chance(30)) definition.push_back(choice);
    }
    const auto author = random_.chance(70) ? PolicyAuthor::kUser : PolicyAuthor::kOperator;
    auto policy =
        engine::make_policy(author, {.vhost = "/",
                                     .name = name,
                                     .pattern = random_.chance(50) ? "^pol" : "^(pol\\.0|x\\.)",
                                     .apply_to = author == PolicyAuthor::kUser ? "all" : "queues",
                                     .priority = static_cast<std::int64_t>(random_.below(2)),
                                     .definition = definition});
    if (!policy) continue;  // nothing in it, or what operators may not say
    if (random_.chance(40)) {
      administer(engine::SetPolicy{author, std::move(*policy)}, "set a policy at run time");
      continue;
    }
    (author == PolicyAuthor::kUser ? users : operators).push_back(std::move(*policy));
  }
  administer(engine::SetPolicies{"/", std::make_shared<const engine::PolicySet>(
                                          std::move(users), std::move(operators))},
             "set policies");
  if (random_.chance(30)) {
    administer(engine::ClearPolicy{"/", PolicyAuthor::kUser, "a"}, "clear a policy");
  }
}

// Dead letters always go the same way, so that it is known where they are.
std::shared_ptr<const engine::PolicySet> World::draw_configuration() {
  const auto number = [&](std::uint64_t most) {
    return Value::integer(static_cast<std::int64_t>(random_.between(1, most)));
  };
  const auto limits = [&] {
    Fields drawn;
    if (random_.chance(60)) drawn.push_back({"max-length", number(8)});
    if (random_.chance(40)) drawn.push_back({"message-ttl", number(200)});
    return drawn;
  };
  Fields user = limits();
  user.push_back({"dead-letter-exchange", Value::string("")});
  user.push_back({"dead-letter-routing-key", Value::string("dead.0")});
  std::vector<engine::Policy> users;
  std::vector<engine::Policy> operators;
  const auto add = [&](PolicyAuthor author, const char* pattern, const Fields& definition,
                       std::vector<engine::Policy>& to) {
    auto policy = engine::make_policy(author, {.vhost = "/",
                                               .name = "p",
                                               .pattern = pattern,
                                               .apply_to = "queues",
                                               .definition = definition});
    if (policy) to.push_back(std::move(*policy));  // else there is nothing in it
  };
  add(PolicyAuthor::kUser, "^dpol", user, users);
  add(PolicyAuthor::kOperator, "^(dpol|dlen)", limits(), operators);
  return std::make_shared<const engine::PolicySet>(std::move(users), std::move(operators));
}

void World::break_something() {
  const bool metadata = random_.chance(60);
  log_.add("the %s breaks", metadata ? "metadata" : "disk");
  if (metadata) return metadata_.break_down();
  disk_.break_down();
}

void World::change_vhost() {
  const engine::Vhost* known = shards_[0]->topology().vhost("v2");
  const bool adds = known == nullptr;
  const Declarations::Name name{Declarations::Kind::kVhost, 0, "v2"};
  const auto told = [this, name, adds, begun = declarations_.begin(name, adds)] {
    const engine::Vhost* here = shards_[0]->topology().vhost("v2");
    declarations_.end(name, adds, begun, true, {here == nullptr ? 0 : here->id, 0});
  };
  if (adds) return administer(engine::AddVhost{"v2", "", {}}, "add vhost v2", told);
  model_.vhost_may_vanish(known->id);
  declarations_.vhost_may_vanish(known->id);
  administer(engine::RemoveVhost{"v2"}, "remove vhost v2", told);
}

// --- winding down -------------------------------------------------------------------------------

void World::close_clients() {
  for (std::size_t i = 0; i < clients_.size(); ++i) clients_[i]->close();
  quiesce("while clients close");
  if (!clients_.empty()) violated("(j) a client does not end");
  if (administering_ != 0) violated("(f) an operator waits for an answer");
}

bool World::could_take(const engine::Queue& queue, const engine::Consumer& consumer) const {
  const engine::Consumer* active = queue.consumers().active();
  if (queue.settings().single_active_consumer && active != &consumer) return false;
  if (consumer.options.no_ack) return true;
  if (consumer.options.prefetch != 0 && consumer.leases.size() >= consumer.options.prefetch) {
    return false;
  }
  if (!consumer.shared_credit) return true;
  return std::any_of(clients_.begin(), clients_.end(), [&](const auto& client) {
    const ChannelActor* channel = client->find_channel(consumer.session);
    return channel != nullptr && channel->has_shared_credit();
  });
}

void World::check_nobody_waits() const {
  for (const auto& shard : shards_) {
    for (const auto& [name, vhost] : shard->topology().vhosts()) {
      for (const auto& [queue, entry] : vhost->queues) {
        if (!entry->local) continue;
        for (const engine::Consumer* consumer : entry->local->attached) {
          if (consumer->link->unwritten_bytes != 0) {
            violated("(e) all is written, but the window of client %lx holds %zu bytes",
                     consumer->link->client.value, consumer->link->unwritten_bytes);
          }
        }
        for (const engine::Consumer* poll : entry->local->polls()) {
          const engine::ConsumerSet& others = entry->local->consumers();
          if (others.single_active() || others.has_exclusive()) continue;
          if (entry->local->unacked() >= poll->poll->options.most_leased) continue;
          if (entry->local->has_for(*poll)) {
            violated("(n) %s has %lu messages, and a receive of channel %lx waits for them",
                     queue.c_str(), entry->local->ready(), poll->session.value);
          }
        }
        for (const engine::Consumer* consumer : entry->local->consumers().members()) {
          if (entry->local->has_for(*consumer) && could_take(*entry->local, *consumer)) {
            violated("(j) %s has %lu messages, and a consumer of channel %lx waits for them",
                     queue.c_str(), entry->local->ready(), consumer->session.value);
          }
        }
      }
    }
  }
}

// All replicas are the same, and no home keeps anything of clients that are gone.
void World::check_topology() {
  engine::Topology& control = shards_[0]->topology();
  for (ShardIndex index = 0; index < shards_.size(); ++index) {
    engine::Shard& shard = *shards_[index];
    engine::Topology& replica = shard.topology();
    if (replica.vhosts().size() != control.vhosts().size() ||
        replica.queue_count() != control.queue_count()) {
      violated("(h) shard %u has another topology than control", index);
    }
    for (const auto& [name, vhost] : control.vhosts()) {
      const engine::Vhost* same = replica.vhost(name);
      if (same == nullptr || same->exchanges.size() != vhost->exchanges.size()) {
        violated("(h) shard %u has other exchanges in %s", index, name.c_str());
      }
      for (const auto& [exchange, here] : vhost->exchanges) {
        const auto there = same->exchanges.find(exchange);
        if (there == same->exchanges.end() || there->second->binding_count != here->binding_count) {
          violated("(h) shard %u has other bindings of %s", index, exchange.c_str());
        }
      }
    }
    const auto left = shard.home().leftovers();
    if (left.consumers + left.sessions + left.links + left.dying_queues + left.units != 0) {
      violated(
          "(h) without clients shard %u keeps %zu consumers, %zu sessions, %zu links, %zu dying "
          "queues, %zu units",
          index, left.consumers, left.sessions, left.links, left.dying_queues, left.units);
    }
    if (left.exchanges != 0) {
      violated("(j) shard %u: exchanges keep %zu messages that were due", index, left.exchanges);
    }
  }
}

void World::check_settings() const {
  for (const auto& shard : shards_) {
    for (const auto& [name, vhost] : shard->topology().vhosts()) {
      for (const auto& [queue, entry] : vhost->queues) {
        const engine::QueueEntry* control = shards_[0]->topology().queue(entry->id);
        if (control == nullptr || *control->effective != *entry->effective) {
          violated("(h) shards differ about the settings of %s", queue.c_str());
        }
        if (entry->local) check_limits(*entry->local, queue.c_str());
      }
    }
  }
}

void World::check_limits(const engine::Queue& queue, const char* name) const {
  const engine::QueueSettings& settings = queue.settings();
  const auto over = [](const std::optional<std::int64_t>& limit, std::uint64_t amount) {
    return limit && amount > static_cast<std::uint64_t>(*limit);
  };
  if (settings.effective_overflow() == engine::Overflow::kDropHead &&
      (over(settings.max_length, queue.ready()) ||
       over(settings.max_length_bytes, queue.ready_bytes()))) {
    violated("(j) %s stays over its limit: %lu messages, %lu bytes", name, queue.ready(),
             queue.ready_bytes());
  }
  // There are no consumers any more, and that was long ago.
  if (settings.ttl_ms.value_or(kNever) < kRestMs && queue.ready() != 0) {
    violated("(j) %s keeps %lu messages that have expired", name, queue.ready());
  }
  if (workload_.receives() && settings.retention_ms.value_or(kNever) < kLongestLeaseMs &&
      queue.ready() != 0) {
    violated("(j) %s keeps %lu messages longer than it should", name, queue.ready());
  }
  if (settings.expires_ms.value_or(kNever) < kRestMs) {
    violated("(j) %s should have gone by itself", name);
  }
}

void World::check_alarm() const {
  std::int64_t bytes = 0;
  for (const auto& shard : shards_) bytes += shard->meter().bytes;
  for (const auto& shard : shards_) {
    const bool must_be_on = bytes > workload_.memory_limit;
    const bool must_be_off = bytes < workload_.memory_limit / 100 * 95;
    if (shard->alarm() ? must_be_off : must_be_on) {
      violated("(j) shard %u: the alarm is %d with %ld bytes in messages", shard->self(),
               shard->alarm(), bytes);
    }
  }
}

// Takes everything out of the queues, as the model's last look at them: the highest level first.
void World::drain(const std::string& vhost) {
  clients_.push_back(
      std::make_unique<ClientActor>(*this, *shards_[random_.below(shards_.size())], vhost));
  ChannelActor& channel = clients_.back()->open_channel();
  std::vector<std::string> names;
  for (const auto& [name, entry] : shards_[0]->topology().vhost(vhost)->queues) {
    names.push_back(name);
    model_.queue_seen(*entry);
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) drain(channel, vhost, name);
  // Some expired only when they came to the head.
  for (const std::string& name : names) drain(channel, vhost, name);
  close_clients();
}

void World::drain(ChannelActor& channel, const std::string& vhost, const std::string& name) {
  int level = INT_MAX;
  for (Got got; !got.empty;) {
    const engine::QueueEntry* entry =
        shards_[0]->topology().queue(*shards_[0]->topology().vhost(vhost), name);
    if (entry == nullptr) return;
    const engine::QueueEntry* home = shards_[entry->home]->topology().queue(entry->id);
    const std::uint64_t ready = home->local->ready();
    if (home->local->delayed() != 0) {
      violated("(c) %s keeps messages that were due long ago", name.c_str());
    }
    if (home->local->unacked() != 0) {
      violated("(h) %s says that messages are out, but nobody has them", name.c_str());
    }
    channel.get(name, true, &got);
    quiesce("while queues are drained");
    const std::uint64_t left = home->local->ready();
    const engine::QueueSettings& settings = home->local->settings();
    const bool expires = settings.ttl_ms || settings.retention_ms || workload_.ttl_percent != 0;
    // What was handed out too often dies when what is before it in its group has gone.
    const bool dies = settings.message_groups && settings.receive_limit;
    const bool exactly = !expires && !dies;
    const bool wrong = got.empty ? left != 0 || (exactly && ready != 0) : left + 1 != ready;
    if (wrong && (got.empty || exactly)) {
      violated("(j) %s counts %lu messages, and after a get %lu", name.c_str(), ready, left);
    }
    const int highest = home->local->settings().max_priority.value_or(0);
    if (got.empty || home->local->settings().type != engine::QueueType::kClassic) continue;
    if (std::min(got.priority, highest) > level) {
      violated("(c) %s gives a message of level %d behind one of level %d", name.c_str(),
               std::min(got.priority, highest), level);
    }
    level = std::min(got.priority, highest);
  }
}

void World::delete_everything(const std::string& vhost) {
  clients_.push_back(
      std::make_unique<ClientActor>(*this, *shards_[random_.below(shards_.size())], vhost));
  ChannelActor& channel = clients_.back()->open_channel();
  std::vector<std::string> names;
  for (const auto& [name, entry] : shards_[0]->topology().vhost(vhost)->queues)
    names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    channel.remove_queue(name);
    quiesce("while queues are deleted");
  }
  for (const std::span<const ExchangeKind> kinds : {settled_exchanges(), roving_exchanges()}) {
    for (const ExchangeKind& kind : kinds) {
      channel.remove_exchange(std::string(kind.name));
      quiesce("while exchanges are deleted");
    }
  }
  close_clients();
}

// What failed may have been a settlement.
void World::check_kept_nothing() const {
  if (workload_.fails()) return;
  if (disk_.messages() != 0) violated("(h) %zu stored messages are left", disk_.messages());
  const storage::MetadataImage image = metadata_.image();
  if (!image.queues.empty()) violated("(h) %zu stored queues are left", image.queues.size());
}

void World::check_nothing_left() {
  for (int i = 0; i < 5; ++i) {  // past the timers of queues that are gone
    const std::int64_t ms = workload_.receives() ? kLongestLeaseMs : 100'000;
    now_.monotonic += ms;
    now_.wall += ms;
    quiesce("at the end");
  }
  std::int64_t bytes = 0;
  for (ShardIndex index = 0; index < shards_.size(); ++index) {
    engine::Shard& shard = *shards_[index];
    bytes += shard.meter().bytes;
    const auto left = shard.home().leftovers();
    if (left.consumers + left.sessions + left.links + left.dying_queues + left.units +
            left.dead_letters + left.exchanges !=
        0) {
      violated(
          "(h) shard %u is left with %zu consumers, %zu sessions, %zu links, %zu dying queues, "
          "%zu units, %zu dead letters, %zu messages in exchanges",
          index, left.consumers, left.sessions, left.links, left.dying_queues, left.units,
          left.dead_letters, left.exchanges);
    }
    if (shard.pending_requests() != 0) {
      violated("(h) shard %u waits for %zu answers", index, shard.pending_requests());
    }
    if (shard.alarm()) violated("(j) the alarm of shard %u does not end", index);
    if (shard.clients() != 0) violated("(h) shard %u has clients", index);
    if (shard.next_timer() != kNever) violated("(h) shard %u has timers", index);
    if (stores_[index]->kept() != 0) {
      violated("(h) the store of shard %u keeps %zu messages", index, stores_[index]->kept());
    }
  }
  check_kept_nothing();
  if (bytes != 0) violated("(h) %ld bytes of messages are left", bytes);
}

}  // namespace polymq::sim
