// Applying deltas to a replica, and walking it to route.
#include "engine/topology.h"

#include <algorithm>
#include <cassert>

#include "engine/exchange/delay.h"
#include "engine/queue.h"

namespace polymq::engine {
namespace {

/// A flood of different keys must not fill memory: past this an exchange's cache starts anew.
constexpr std::size_t kMostCachedRoutes = 16384;

template <class Map, class Key>
auto* find_owned(Map& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : it->second.get();
}
template <class Map, class Key>
auto* find_pointer(Map& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : it->second;
}

void add_once(std::vector<Exchange*>& list, Exchange* exchange) {
  if (std::find(list.begin(), list.end(), exchange) == list.end()) list.push_back(exchange);
}

std::shared_ptr<const QueueSettings> shared(const QueueSettings& settings) {
  // Nearly all queues have no settings at all: they share one object.
  static const auto kPlain = std::make_shared<const QueueSettings>();
  return settings == *kPlain ? kPlain : std::make_shared<const QueueSettings>(settings);
}

}  // namespace

QueueEntry::~QueueEntry() = default;
Topology::Topology(TopologyObserver& observer) : observer_(observer) {}
Topology::~Topology() = default;

Vhost* Topology::vhost(std::string_view name) { return find_owned(vhosts_, name); }
Vhost* Topology::vhost(VhostId id) { return find_pointer(vhosts_by_id_, id); }
Exchange* Topology::exchange(const Vhost& vhost, std::string_view name) {
  return find_owned(vhost.exchanges, name);
}
Exchange* Topology::exchange(ExchangeId id) { return find_pointer(exchanges_, id); }
QueueEntry* Topology::queue(const Vhost& vhost, std::string_view name) {
  return find_owned(vhost.queues, name);
}
QueueEntry* Topology::queue(QueueId id) { return find_pointer(queues_, id); }

bool Topology::has_binding(const Exchange& source, const BindingKey& binding) const {
  const auto keys = source.bindings.find(binding.destination.id);
  if (keys == source.bindings.end()) return false;
  const auto same = keys->second.find(binding.key);
  if (same == keys->second.end()) return false;
  return std::find(same->second.begin(), same->second.end(), binding.arguments) !=
         same->second.end();
}

void Topology::apply(const Delta& delta) {
  ++version_;
  std::visit([this](const auto& change) { (*this)(change); }, delta);
}

void Topology::operator()(const VhostAdded& delta) {
  auto vhost = std::make_unique<Vhost>();
  vhost->id = delta.id;
  vhost->name = delta.name;
  vhost->default_queue_type = delta.default_queue_type;
  vhost->limits = delta.limits;
  vhosts_by_id_[delta.id] = vhost.get();
  vhosts_[delta.name] = std::move(vhost);
}

void Topology::operator()(const VhostChanged& delta) {
  Vhost* changed = vhost(delta.id);
  changed->default_queue_type = delta.default_queue_type;
  changed->limits = delta.limits;
}

void Topology::operator()(const VhostRemoved& delta) {
  Vhost* gone = vhost(delta.id);
  observer_.vhost_removed(*gone);
  vhosts_by_id_.erase(delta.id);
  vhosts_.erase(std::string(gone->name));
}

void Topology::operator()(const ExchangeAdded& delta) {
  auto exchange = std::make_unique<Exchange>();
  exchange->id = delta.id;
  exchange->vhost = vhost(delta.vhost);
  exchange->name = delta.name;
  exchange->type = delta.type;
  exchange->durable = delta.durable;
  exchange->auto_delete = delta.auto_delete;
  exchange->internal = delta.internal;
  exchange->arguments = delta.arguments;
  auto made = make_matcher(delta.type, delta.arguments);
  assert(made.has_value() && "control checks the type and its arguments");
  exchange->matcher = std::move(*made);
  exchange->stateful = stateful_kind(delta.type);
  exchange->deduplication = *deduplication_of(delta.type, delta.arguments);
  if (exchange->stateful != StatefulKind::kNone || exchange->deduplication) {
    exchange->inlet = std::make_unique<Target>(
        Target{.id = delta.id, .home = delta.home, .exchange = exchange.get()});
  }
  apply_policies(*exchange);
  exchanges_[delta.id] = exchange.get();
  // Someone may have named it as alternate before it existed.
  if (alternates_ != 0) {
    for (auto& [name, other] : exchange->vhost->exchanges) other->routes.clear();
  }
  Exchange& added = *exchange;
  exchange->vhost->exchanges[delta.name] = std::move(exchange);
  observer_.exchange_added(added);
}

void Topology::operator()(const ExchangeRemoved& delta) {
  Exchange* gone = exchange(delta.id);
  observer_.exchange_removed(*gone);
  forget_routes(*gone);
  for (Exchange* source : std::vector<Exchange*>(gone->sources)) {
    remove_bindings_to(*source, {gone->id, true});
  }
  for (const auto& [id, keys] : gone->bindings) {
    if (QueueEntry* queue = this->queue(QueueId{id}); queue != nullptr) {
      std::erase(queue->sources, gone);
    } else if (Exchange* next = exchange(id); next != nullptr) {
      std::erase(next->sources, gone);
    }
  }
  if (!gone->alternate.empty()) --alternates_;
  exchanges_.erase(delta.id);
  std::erase(unused_exchanges_, delta.id);
  gone->vhost->exchanges.erase(std::string(gone->name));
}

void Topology::operator()(const QueueAdded& delta) {
  auto entry = std::make_unique<QueueEntry>();
  entry->id = delta.id;
  entry->vhost = vhost(delta.vhost);
  entry->name = delta.name;
  entry->home = delta.home;
  entry->durable = delta.durable;
  entry->auto_delete = delta.auto_delete;
  entry->owner = delta.owner;
  entry->lane = delta.lane;
  entry->round = round_;
  entry->arguments = delta.arguments;
  entry->declared = delta.settings;
  apply_policies(*entry);
  QueueEntry& added = *entry;
  queues_[delta.id] = &added;
  entry->vhost->queues[delta.name] = std::move(entry);
  observer_.queue_added(added);
}

void Topology::operator()(const QueueChanged& delta) {
  QueueEntry& entry = *queue(delta.id);
  entry.round = round_;
  entry.arguments = delta.arguments;
  entry.declared = delta.settings;
  apply_policies(entry);
  observer_.queue_settings_changed(entry);
}

void Topology::operator()(const QueueRemoved& delta) {
  QueueEntry* gone = queue(delta.id);
  observer_.queue_removed(*gone);
  for (Exchange* source : std::vector<Exchange*>(gone->sources)) {
    remove_bindings_to(*source, {gone->id, false});
  }
  queues_.erase(delta.id);
  gone->vhost->queues.erase(std::string(gone->name));
}

void Topology::operator()(const BindingAdded& delta) {
  Exchange* source = exchange(delta.source);
  const BindingKey& binding = delta.binding;
  source->bindings[binding.destination.id][binding.key].push_back(binding.arguments);
  ++source->binding_count;
  source->matcher->add(binding.destination, binding.key, binding.arguments);
  if (binding.destination.is_exchange) {
    add_once(exchange(binding.destination.id)->sources, source);
  } else {
    add_once(queue(binding.destination.id)->sources, source);
  }
  std::erase(unused_exchanges_, source->id);
  forget_routes(*source);
  observer_.binding_added(*source, binding.destination);
}

void Topology::operator()(const BindingRemoved& delta) {
  Exchange* source = exchange(delta.source);
  auto& keys = source->bindings[delta.binding.destination.id];
  auto& same = keys[delta.binding.key];
  std::erase(same, delta.binding.arguments);
  if (same.empty()) keys.erase(delta.binding.key);
  if (keys.empty()) {
    source->bindings.erase(delta.binding.destination.id);
    unlink(*source, delta.binding.destination);
  }
  --source->binding_count;
  source->matcher->remove(delta.binding.destination, delta.binding.key, delta.binding.arguments);
  bindings_gone(*source);
}

void Topology::operator()(const PoliciesSet& delta) {
  Vhost* changed = vhost(delta.vhost);
  changed->policies = delta.policies;
  for (auto& [name, exchange] : changed->exchanges) {
    apply_policies(*exchange);
    exchange->routes.clear();
  }
  for (auto& [name, entry] : changed->queues) {
    apply_policies(*entry);
    observer_.queue_settings_changed(*entry);
  }
}

void Topology::remove_bindings_to(Exchange& source, Destination destination) {
  const auto keys = source.bindings.find(destination.id);
  for (const auto& [key, same] : keys->second) {
    for (const Fields& arguments : same) {
      source.matcher->remove(destination, key, arguments);
      --source.binding_count;
    }
  }
  source.bindings.erase(keys);
  unlink(source, destination);
  bindings_gone(source);
}

void Topology::unlink(Exchange& source, Destination destination) {
  if (destination.is_exchange) {
    std::erase(exchange(destination.id)->sources, &source);
  } else {
    std::erase(queue(destination.id)->sources, &source);
  }
}

void Topology::bindings_gone(Exchange& source) {
  forget_routes(source);
  if (source.binding_count == 0 && source.auto_delete) unused_exchanges_.push_back(source.id);
}

void Topology::apply_policies(QueueEntry& entry) {
  const PolicySet* policies = entry.vhost->policies.get();
  entry.effective = policies == nullptr ? entry.declared
                                        : shared(policies->effective(entry.name, *entry.declared));
}

void Topology::apply_policies(Exchange& exchange) {
  if (!exchange.alternate.empty()) --alternates_;
  exchange.alternate.clear();
  if (const Value* argument = find(exchange.arguments, "alternate-exchange")) {
    if (argument->as_string() != nullptr) exchange.alternate = *argument->as_string();
  } else if (exchange.vhost->policies) {
    exchange.alternate = exchange.vhost->policies->alternate_exchange(exchange.name);
  }
  if (!exchange.alternate.empty()) ++alternates_;
}

void Topology::forget_routes(Exchange& exchange) {
  if (alternates_ != 0) {  // anything may lead here by name
    for (auto& [name, other] : exchange.vhost->exchanges) other->routes.clear();
    return;
  }
  std::vector<Exchange*> cold{&exchange};
  for (std::size_t i = 0; i < cold.size(); ++i) {
    cold[i]->routes.clear();
    for (Exchange* source : cold[i]->sources) add_once(cold, source);
  }
}

std::span<Target* const> Topology::route(Exchange& exchange, std::string_view key,
                                         std::span<const std::string> more_keys,
                                         const MessageView& message, std::uint64_t random) {
  ++route_mark_;
  if (exchange.is_default()) {
    reached_.clear();
    if (QueueEntry* entry = queue(*exchange.vhost, key)) reach(*entry);
    for (const std::string& more : more_keys) {
      if (QueueEntry* entry = queue(*exchange.vhost, more)) reach(*entry);
    }
    return reached_;
  }
  if (more_keys.empty()) {
    const auto known = exchange.routes.find(key);
    if (known != exchange.routes.end()) return known->second;
  }
  bool cacheable = more_keys.empty();
  walk(exchange, key, more_keys, message, random, Walk::kRoute, cacheable);
  if (cacheable) {
    if (exchange.routes.size() >= kMostCachedRoutes) exchange.routes.clear();
    exchange.routes.emplace(key, reached_);
  }
  return reached_;
}

std::span<Target* const> Topology::route_onward(Exchange& exchange, std::string_view key,
                                                std::span<const std::string> more_keys,
                                                const MessageView& message, std::uint64_t random,
                                                std::span<const std::uint64_t> passed) {
  ++route_mark_;
  for (const std::uint64_t id : passed) {
    if (QueueEntry* entry = queue(QueueId{id})) {
      entry->route_mark = route_mark_;
    } else if (const Exchange* other = this->exchange(ExchangeId{id}); other && other->inlet) {
      other->inlet->route_mark = route_mark_;
    }
  }
  exchange.inlet->route_mark = route_mark_;
  bool cacheable = false;
  walk(exchange, key, more_keys, message, random, Walk::kOnward, cacheable);
  return reached_;
}

bool Topology::leads_to_queue(Exchange& exchange, std::string_view key,
                              std::span<const std::string> more_keys, const MessageView& message,
                              std::uint64_t random) {
  ++route_mark_;
  bool cacheable = false;
  std::vector<Target*> kept = std::exchange(reached_, {});  // an answer may still be in use
  walk(exchange, key, more_keys, message, random, Walk::kProbe, cacheable);
  const bool leads = !reached_.empty();
  reached_ = std::move(kept);
  return leads;
}

bool Topology::stops(const Exchange& exchange, bool first, Walk how, const MessageView& message,
                     bool& cacheable) const {
  if (exchange.inlet == nullptr || (first && how == Walk::kOnward)) return false;
  if (how != Walk::kProbe &&
      (exchange.deduplication || exchange.stateful != StatefulKind::kDelayed)) {
    return true;
  }
  // A message without a delay has no business at a delayed exchange's home.
  cacheable = false;
  return exchange.stateful == StatefulKind::kDelayed && delay_ms(message) > 0;
}

void Topology::walk(Exchange& start, std::string_view key, std::span<const std::string> more_keys,
                    const MessageView& message, std::uint64_t random, Walk how, bool& cacheable) {
  reached_.clear();
  inlets_.clear();
  to_visit_.assign(1, &start);
  for (std::size_t i = 0; i < to_visit_.size(); ++i) {
    Exchange& exchange = *to_visit_[i];
    if (stops(exchange, i == 0, how, message, cacheable)) {
      reach(*exchange.inlet);
      continue;
    }
    matched_.clear();
    exchange.matcher->match(key, message, random, matched_);
    for (const std::string& more : more_keys) {
      exchange.matcher->match(more, message, random, matched_);
    }
    cacheable = cacheable && exchange.matcher->by_key_alone();
    for (const Destination& destination : matched_) {
      if (destination.is_exchange) {
        visit(*this->exchange(destination.id));
      } else {
        reach(*queue(destination.id));
      }
    }
    if (matched_.empty() && !exchange.alternate.empty()) {
      if (Exchange* alternate = this->exchange(*exchange.vhost, exchange.alternate)) {
        visit(*alternate);
      }
    }
  }
  reached_.insert(reached_.end(), inlets_.begin(), inlets_.end());
}

void Topology::visit(Exchange& exchange) { add_once(to_visit_, &exchange); }

void Topology::reach(Target& target) {
  if (target.route_mark == route_mark_) return;
  target.route_mark = route_mark_;
  (target.exchange == nullptr ? reached_ : inlets_).push_back(&target);
}

}  // namespace polymq::engine
