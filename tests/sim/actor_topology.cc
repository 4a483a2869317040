// Channels that declare, bind, purge and delete.
#include "actors.h"
#include "world.h"

namespace polymq::sim {

using engine::EngineResult;
using engine::QueueEntry;

void ChannelActor::declare() { declare_named(world_.random().pick(world_.queue_names())); }

void ChannelActor::declare_named(const std::string& name) {
  const QueueKind& kind = kind_of(name);
  const bool creates = find_queue(name) == nullptr;
  const auto operation = begin("declare " + name);
  session_.declare_queue({name, kind.durable, kind.exclusive, kind.auto_delete, kind.fields()},
                         [this, name, creates, operation](EngineResult<engine::QueueState> result) {
                           end(operation);
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
  session_.delete_queue(name, conditions,
                        [this, queue, operation](EngineResult<std::uint64_t> result) {
                          end(operation);
                          if (!result) {
                            refused(result.error());
                            return;
                          }
                          for (engine::ShardIndex i = 0; i < world_.shard_count(); ++i) {
                            if (world_.shard(i).topology().queue(queue) != nullptr) {
                              violated("(f) '%s' is done, but shard %u still knows the queue",
                                       operation->what.c_str(), i);
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
  const auto operation = begin("purge " + name);
  session_.purge_queue(name, [this, queue, operation](EngineResult<std::uint64_t> result) {
    end(operation);
    purging_ = 0;
    if (!result) {
      // Not stored: they are gone from memory all the same.
      if (result.error().kind == engine::ErrorKind::kFailed) world_.model().purged(queue);
      refused(result.error());
      return;
    }
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
  const bool roving = world_.workload().roving;
  const auto exchange = [&] { return roving ? random.pick(kRoving) : random.pick(kSources); };
  const bool to_exchange = random.chance(roving ? 40 : 15);
  const std::string source = exchange();
  const std::string destination = to_exchange ? exchange() : random.pick(world_.queue_names());
  const std::string key = random.chance(50) ? destination : random.pick(kKeys);
  const auto operation = begin((add ? "bind " : "unbind ") + source + " to " + destination);
  session_.change_binding({.vhost = vhost->id,
                           .source = source,
                           .destination = destination,
                           .to_exchange = to_exchange,
                           .key = key,
                           .add = add},
                          [this, operation](EngineResult<void> result) {
                            end(operation);
                            if (!result) refused(result.error());
                          });
}

}  // namespace polymq::sim
