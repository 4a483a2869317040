// Channels and exchanges: declaring them, those that remember messages, and what they are asked.
#include <algorithm>

#include "actors.h"
#include "engine/testing/fake_properties.h"
#include "world.h"

namespace polymq::sim {

using engine::EngineResult;
using engine::Value;

namespace {

/// In that many publishes one id comes into use, and another one out of it.
constexpr std::uint64_t kPublishesPerId = 30;

}  // namespace

void ChannelActor::change_exchange() {
  Random& random = world_.random();
  const engine::Vhost* vhost = client_.client().vhost();
  if (vhost == nullptr) return;
  if (world_.workload().roving && random.chance(80)) {
    const auto kinds = roving_exchanges();
    const ExchangeKind& kind = kinds[random.below(kinds.size())];
    if (random.chance(30)) return remove_exchange(std::string(kind.name));
    return declare_settled(kind);
  }
  const bool first = random.chance(50);
  const bool lasts = world_.workload().restart_permille != 0 && random.chance(70);
  const std::string name = std::string(lasts ? "d." : "x.") + (first ? "0" : "1");
  const bool removes = random.chance(30);
  const auto told = follow(Declarations::Kind::kExchange, !removes, name);
  const auto done = [this, told](const std::shared_ptr<Operation>& operation) {
    return [this, operation, told](EngineResult<void> result) {
      end(operation);
      told(result.has_value());
      if (!result) refused(result.error());
    };
  };
  if (removes) {
    return session_.delete_exchange({vhost->id, name, random.chance(50)},
                                    done(begin("delete exchange " + name)));
  }
  engine::DeclareExchange what{vhost->id, name, first ? "fanout" : "topic", lasts, first && !lasts,
                               false,     {}};
  if (!first) {
    what.arguments.push_back({"alternate-exchange", engine::Value::string("amq.fanout")});
  }
  session_.declare_exchange(std::move(what), done(begin("declare exchange " + name)));
}

void ChannelActor::declare_settled(const ExchangeKind& kind) {
  const std::string name(kind.name);
  const engine::Vhost* vhost = client_.client().vhost();
  if (vhost == nullptr) return;
  const bool lasts = world_.workload().restart_permille != 0;
  const auto operation = begin("declare exchange " + name);
  session_.declare_exchange(
      {vhost->id, name, std::string(kind.type), lasts, false, false, kind.fields()},
      [this, operation](EngineResult<void> result) {
        end(operation);
        if (!result) refused(result.error());
      });
}

void ChannelActor::remove_exchange(const std::string& name) {
  const engine::Vhost* vhost = client_.client().vhost();
  if (vhost == nullptr) return;
  const auto operation = begin("delete exchange " + name);
  session_.delete_exchange({vhost->id, name, false}, [this, operation](EngineResult<void> result) {
    end(operation);
    if (!result) refused(result.error());
  });
}

void ChannelActor::bind_settled(const ExchangeKind& kind, const std::string& queue) {
  const auto operation = begin("bind " + std::string(kind.name) + " to " + queue);
  session_.change_binding({.vhost = client_.client().vhost()->id,
                           .source = std::string(kind.name),
                           .destination = queue,
                           .to_exchange = false,
                           .key = "",
                           .add = true},
                          [this, operation, &kind, queue](EngineResult<void> result) {
                            end(operation);
                            if (!result) {
                              refused(result.error());
                              return;
                            }
                            const engine::QueueEntry& entry = *find_queue(queue);
                            if (kind_of(queue).history) {
                              world_.model().bound_to_recent(entry.id);
                            } else {
                              world_.model().bound(kind, entry);
                            }
                          });
}

// A queue that nobody else knows, so that all it gets comes from there.
void ChannelActor::bind_history() {
  const std::string name = world_.new_history_name();
  const auto operation = begin("declare " + name);
  session_.declare_queue({name, false, false, false, {}},
                         [this, name, operation](EngineResult<engine::QueueState> result) {
                           end(operation);
                           if (!result) {
                             refused(result.error());
                             return;
                           }
                           world_.model().binding_to_recent(*find_queue(name));
                           bind_settled(*settled_exchange(kRecent), name);
                         });
}

// --- messages -----------------------------------------------------------------------------------

std::string ChannelActor::draw_headers(const std::string& exchange, Published& record) {
  const Workload& workload = world_.workload();
  Random& random = world_.random();
  engine::Fields headers;
  if (workload.group_percent != 0 && random.chance(workload.group_percent)) {
    record.group = std::string(1, static_cast<char>('a' + random.below(5)));
    headers.push_back({std::string(engine::kGroupHeader), Value::string(record.group)});
  }
  if (random.chance(workload.id_percent)) {
    // After five minutes they are new ones.
    record.deduplication = std::to_string(random.below(24));
    headers.push_back({"x-deduplication-header", Value::string(record.deduplication)});
  }
  if (!workload.roving && workload.settled_percent == 0) return engine::encode_headers(headers);
  if (random.chance(70)) {
    const auto delay = static_cast<std::int64_t>(random.below(random.chance(50) ? 8 : 300));
    headers.push_back({"x-delay", Value::integer(random.chance(90) ? delay : -delay)});
    if (headers.back().value.as_integer() != nullptr) {
      record.delay_ms = std::max<std::int64_t>(*headers.back().value.as_integer(), 0);
    }
  }
  if (random.chance(70)) {
    // What is remembered for good would soon leave no id that is new.
    const bool restarts = workload.restart_permille != 0;
    const std::uint64_t since = world_.model().publishes() / kPublishesPerId;
    record.deduplication = std::to_string(restarts ? since + random.below(8) : random.below(40));
    headers.push_back({"x-deduplication-header", Value::string(record.deduplication)});
    if (workload.roving && random.chance(20)) {
      headers.push_back({"x-cache-ttl", Value::integer(5)});
    }
  }
  if (workload.roving && random.chance(20)) {
    headers.push_back({"x-recent-history-no-store", Value::boolean(random.chance(70))});
  }
  if (exchange != kDelaying) record.delay_ms = 0;
  return engine::encode_headers(headers);
}

void ChannelActor::note_targets(MessageId id, std::span<engine::Target* const> targets) {
  Model& model = world_.model();
  const engine::Exchange* onward = targets.empty() ? nullptr : targets.back()->exchange;
  const ExchangeKind* settled = onward == nullptr ? nullptr : settled_exchange(onward->name);
  if (settled != nullptr) return model.goes_through(id, *settled);
  const bool astray =
      onward != nullptr || std::any_of(targets.begin(), targets.end(), [](engine::Target* target) {
        return kind_of(target->queue()->name).scatters;
      });
  if (astray) model.goes_astray(id);
  for (engine::Target* target : targets) {
    if (target->exchange != nullptr) continue;
    if (astray) {
      model.queue_seen(*target->queue());
    } else {
      model.routed(id, *target->queue(), model.message(id).answered);
    }
  }
}

void ChannelActor::check_delay(const Held& held) const {
  const Published& message = world_.model().message(held.key.message);
  if (message.via != kDelaying || world_.wall() >= message.published.wall + message.delay_ms) {
    return;
  }
  violated("(c) message %lu comes before its time", held.key.message);
}

void ChannelActor::check_delayed_order(Consumer& consumer, MessageId id) {
  for (const MessageId earlier : consumer.delayed) {
    if (world_.model().leaves_before(id, earlier)) {
      violated("(c) channel %lx: message %lu comes behind %lu, which was due later",
               session_.id().value, id, earlier);
    }
  }
  consumer.delayed.push_back(id);
}

}  // namespace polymq::sim
