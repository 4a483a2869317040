// Channels that declare, bind, purge and delete.
#include "actors.h"
#include "world.h"

namespace polymq::sim {

using engine::EngineResult;
using engine::QueueEntry;

// --- what outlives a restart --------------------------------------------------------------------

Declarations::Ids ChannelActor::incarnations(const Declarations::Name& name, bool to_exchange) {
  engine::Vhost* vhost = client_.client().vhost();
  if (vhost == nullptr) return {};
  engine::Topology& topology = client_.client().shard().topology();
  const auto exchange = [&](const std::string& called) -> std::uint64_t {
    const engine::Exchange* known = topology.exchange(*vhost, called);
    return known == nullptr || !known->durable ? 0 : known->id;
  };
  const auto queue = [&](const std::string& called) -> std::uint64_t {
    const QueueEntry* known = topology.queue(*vhost, called);
    return known == nullptr || !known->durable || known->exclusive() ? 0 : known->id;
  };
  if (name.kind == Declarations::Kind::kQueue) return {queue(name.name), 0};
  if (name.kind == Declarations::Kind::kExchange) return {exchange(name.name), 0};
  const std::uint64_t source = exchange(name.name);
  const std::uint64_t target = to_exchange ? exchange(name.destination) : queue(name.destination);
  return source == 0 || target == 0 ? Declarations::Ids{} : Declarations::Ids{source, target};
}

std::function<void(bool)> ChannelActor::follow(Declarations::Kind kind, bool adds,
                                               const std::string& name,
                                               const std::string& destination, bool to_exchange,
                                               const std::string& key) {
  const engine::Vhost* vhost = client_.client().vhost();
  if (vhost == nullptr) return [](bool) {};
  const Declarations::Name what{kind, vhost->id, name, destination, key};
  const Declarations::Ids before = incarnations(what, to_exchange);
  return [this, what, adds, to_exchange, before,
          begun = world_.declarations().begin(what, adds)](bool done) {
    Declarations::Ids ids = incarnations(what, to_exchange);
    if (what.kind == Declarations::Kind::kBinding && ids != before) ids = {};
    world_.declarations().end(what, adds, begun, done, ids);
  };
}

// --- queues -------------------------------------------------------------------------------------

void ChannelActor::declare() { declare_named(world_.random().pick(world_.queue_names())); }

void ChannelActor::declare_named(const std::string& name) {
  const QueueKind& kind = kind_of(name);
  const bool creates = find_queue(name) == nullptr;
  const auto operation = begin("declare " + name);
  const auto told = follow(Declarations::Kind::kQueue, true, name);
  session_.declare_queue({name, kind.durable, kind.exclusive, kind.auto_delete, kind.fields()},
                         [=, this](const EngineResult<engine::QueueState>& result) {
                           end(operation);
                           const bool stays = !kind_of(name).auto_delete && !kind_of(name).fleeting;
                           told(result && stays);
                           if (!result) {
                             refused(result.error());
                             return;
                           }
                           if (creates) check_declared_everywhere(name);
                         });
}

// After declare-ok any connection anywhere routes by it, unless it goes away again.
void ChannelActor::check_declared_everywhere(const std::string& name) {
  const QueueEntry* here = find_queue(name);
  if (here == nullptr) return;
  Model& model = world_.model();
  model.queue_seen(*here);
  const QueueKind& kind = kind_of(name);
  if (kind.auto_delete || kind.exclusive || kind.fleeting || model.name_vanished(name)) return;
  if (model.vhost_is_ending(here->vhost->id)) return;
  for (engine::ShardIndex shard = 0; shard < world_.shard_count(); ++shard) {
    engine::Topology& topology = world_.shard(shard).topology();
    if (topology.queue(here->id) == nullptr && topology.vhost(here->vhost->id) != nullptr) {
      violated("(k) %s is declared, but shard %u does not know it", name.c_str(), shard);
    }
  }
}

void ChannelActor::remove() {
  const std::string name = world_.random().pick(world_.queue_names());
  if (!kind_of(name).stable) remove_queue(name);
}

void ChannelActor::remove_queue(const std::string& name) {
  const QueueEntry* entry = find_queue(name);
  engine::DeleteQueue conditions;
  if (!world_.winding_down()) {
    conditions = {world_.random().chance(20), world_.random().chance(20)};
  }
  const engine::QueueId queue = entry == nullptr ? 0 : entry->id;
  if (entry != nullptr) {
    world_.model().queue_seen(*entry);
    world_.model().may_vanish(queue);
  }
  const auto operation = begin("delete " + name);
  const auto told = follow(Declarations::Kind::kQueue, false, name);
  session_.delete_queue(name, conditions, [=, this](const EngineResult<std::uint64_t>& result) {
    end(operation);
    const QueueKind& kind = kind_of(name);
    told(result && !kind.auto_delete && !kind.fleeting);
    if (!result) {
      refused(result.error());
      return;
    }
    for (engine::ShardIndex i = 0; i < world_.shard_count(); ++i) {
      if (world_.shard(i).topology().queue(queue) != nullptr) {
        violated("(f) '%s' is done, but shard %u still knows the queue", operation->what.c_str(),
                 i);
      }
    }
  });
}

void ChannelActor::purge() {
  const std::string name = world_.random().pick(world_.queue_names());
  if (kind_of(name).stable) return;
  const QueueEntry* entry = find_queue(name);
  const engine::QueueId queue = entry == nullptr ? 0 : entry->id;
  purging_ = queue;
  world_.model().purge_begins(queue);
  const auto operation = begin("purge " + name);
  session_.purge_queue(name, [this, queue, operation](EngineResult<std::uint64_t> result) {
    end(operation);
    purging_ = 0;
    world_.model().purge_ends(queue);
    if (!result) {
      // Not stored: they are gone from memory all the same.
      if (result.error().kind == engine::ErrorKind::kFailed) world_.model().purged(queue);
      refused(result.error());
      return;
    }
    world_.check_purge_stored(queue);
    world_.model().purged(queue);
  });
}

void ChannelActor::inspect() {
  const auto operation = begin("look at a queue");
  session_.inspect_queue(world_.random().pick(world_.queue_names()),
                         [this, operation](EngineResult<engine::QueueState> result) {
                           end(operation);
                           if (!result) refused(result.error());
                         });
}

void ChannelActor::change_binding(bool add) {
  static constexpr const char* kSources[] = {"amq.fanout", "amq.topic", "amq.direct", "x.0", "x.1"};
  static constexpr const char* kRoving[] = {"y.0",        "y.1",       "y.2",        "y.3", "y.4",
                                            "amq.fanout", "amq.topic", "amq.direct", "x.0", "x.1"};
  static constexpr const char* kKeys[] = {"plain.*", "#", "safe.0"};
  Random& random = world_.random();
  const engine::Vhost* vhost = client_.client().vhost();
  if (vhost == nullptr) return;
  static constexpr const char* kLasting[] = {"amq.fanout", "amq.topic", "d.0", "d.1", "x.1"};
  const bool roving = world_.workload().roving;
  const bool lasting = world_.workload().restart_permille != 0;
  const auto exchange = [&] {
    if (lasting) return random.pick(kLasting);
    return roving ? random.pick(kRoving) : random.pick(kSources);
  };
  const bool to_exchange = random.chance(roving ? 40 : 15);
  const std::string source = exchange();
  const std::string destination = to_exchange ? exchange() : random.pick(world_.queue_names());
  const std::string key = random.chance(50) ? destination : random.pick(kKeys);
  const auto operation = begin((add ? "bind " : "unbind ") + source + " to " + destination);
  const auto told =
      follow(Declarations::Kind::kBinding, add, source, destination, to_exchange, key);
  session_.change_binding({.vhost = vhost->id,
                           .source = source,
                           .destination = destination,
                           .to_exchange = to_exchange,
                           .key = key,
                           .add = add},
                          [this, operation, told](EngineResult<void> result) {
                            end(operation);
                            told(result.has_value());
                            if (!result) refused(result.error());
                          });
}

}  // namespace polymq::sim
