// Rows and deltas.
#include "engine/metadata.h"

#include <unordered_map>
#include <unordered_set>

#include "engine/fields_json.h"

namespace polymq::engine {
namespace {

using storage::MetadataChange;

bool durable(Topology& topology, const Destination& destination) {
  if (destination.is_exchange) return topology.exchange(destination.id)->durable;
  return topology.queue(destination.id)->stored();
}

storage::BindingRow to_row(ExchangeId source, const BindingKey& binding) {
  return {source, binding.destination.id, binding.destination.is_exchange, binding.key,
          to_json(binding.arguments)};
}

/// With the type that the queue got from its vhost, whose default may be another one later.
std::string arguments_of(const Fields& declared, const QueueSettings& settings) {
  constexpr std::string_view kType = "x-queue-type";
  if (settings.type != QueueType::kQuorum || find(declared, kType) != nullptr) {
    return to_json(declared);
  }
  Fields arguments = declared;
  arguments.push_back({std::string(kType), Value::string("quorum")});
  return to_json(arguments);
}

/// Which row of which delta.
class Changes {
 public:
  explicit Changes(Topology& topology) : topology_(topology) {}
  using Change = std::optional<MetadataChange>;

  Change operator()(const VhostAdded& delta) const {
    return storage::VhostRow{delta.id, delta.name, delta.default_queue_type,
                             delta.limits.max_queues};
  }
  Change operator()(const VhostChanged& delta) const {
    return storage::VhostRow{delta.id, topology_.vhost(delta.id)->name, delta.default_queue_type,
                             delta.limits.max_queues};
  }
  Change operator()(const VhostRemoved& delta) const { return storage::VhostGone{delta.id}; }
  Change operator()(const ExchangeAdded& delta) const {
    if (!delta.durable) return std::nullopt;
    return storage::ExchangeRow{delta.id,
                                delta.vhost,
                                delta.name,
                                delta.type,
                                delta.auto_delete,
                                delta.internal,
                                to_json(delta.arguments)};
  }
  Change operator()(const ExchangeRemoved& delta) const {
    if (!topology_.exchange(delta.id)->durable) return std::nullopt;
    return storage::ExchangeGone{delta.id};
  }
  Change operator()(const QueueAdded& delta) const {
    if (!delta.durable || delta.owner) return std::nullopt;
    return storage::QueueRow{delta.id,
                             delta.vhost,
                             delta.name,
                             delta.auto_delete,
                             arguments_of(*delta.arguments, *delta.settings),
                             delta.lane};
  }
  Change operator()(const QueueChanged& delta) const {
    const QueueEntry& entry = *topology_.queue(delta.id);
    if (!entry.stored()) return std::nullopt;
    return storage::QueueRow{entry.id,
                             entry.vhost->id,
                             std::string(entry.name),
                             entry.auto_delete,
                             arguments_of(*delta.arguments, *delta.settings),
                             entry.lane};
  }
  Change operator()(const QueueRemoved& delta) const {
    if (!topology_.queue(delta.id)->stored()) return std::nullopt;
    return storage::QueueGone{delta.id};
  }
  Change operator()(const BindingAdded& delta) const {
    if (!both_durable(delta.source, delta.binding)) return std::nullopt;
    return to_row(delta.source, delta.binding);
  }
  Change operator()(const BindingRemoved& delta) const {
    if (!both_durable(delta.source, delta.binding)) return std::nullopt;
    return storage::BindingGone{to_row(delta.source, delta.binding)};
  }
  // They come from the configuration, or have been stored before they are in force.
  Change operator()(const PoliciesSet&) const { return std::nullopt; }

 private:
  bool both_durable(ExchangeId source, const BindingKey& binding) const {
    return topology_.exchange(source)->durable && durable(topology_, binding.destination);
  }
  Topology& topology_;
};

tl::unexpected<Error> unreadable(std::string_view kind, const std::string& name,
                                 const std::string& why) {
  return fail("the stored " + std::string(kind) + " '" + name + "' cannot be read: " + why);
}

/// Reads rows one after the other.
class Rows {
 public:
  Rows(ShardIndex shards, std::int64_t default_delivery_limit)
      : shards_(shards), default_delivery_limit_(default_delivery_limit) {}

  Result<void> add(const storage::VhostRow& row) {
    vhosts_[row.id] = row.name;
    deltas_.emplace_back(VhostAdded{row.id, row.name, row.default_queue_type, {row.max_queues}});
    return {};
  }

  Result<void> add(const storage::ExchangeRow& row) {
    auto arguments = fields_from_json(row.arguments);
    if (!arguments) return unreadable("exchange", row.name, arguments.error().text);
    if (const auto made = make_matcher(row.type, *arguments); !made) {
      return unreadable("exchange", row.name, made.error().text);
    }
    if (const auto limits = deduplication_of(row.type, *arguments); !limits) {
      return unreadable("exchange", row.name, limits.error().text);
    }
    exchanges_.insert(row.id);
    deltas_.emplace_back(ExchangeAdded{row.id, row.vhost, row.name, row.type, true, row.auto_delete,
                                       row.internal, *std::move(arguments),
                                       home_of_exchange(row.id, shards_)});
    return {};
  }

  Result<void> add(const storage::QueueRow& row) {
    auto arguments = fields_from_json(row.arguments);
    if (!arguments) return unreadable("queue", row.name, arguments.error().text);
    auto settings = parse_queue_arguments({.name = row.name,
                                           .vhost = vhosts_[row.vhost],
                                           .durable = true,
                                           .auto_delete = row.auto_delete,
                                           .arguments = *arguments});
    if (!settings) return unreadable("queue", row.name, settings.error().text);
    if (row.lane >= storage::kLanes) return unreadable("queue", row.name, "its lane");
    settings->default_delivery_limit = default_delivery_limit_;
    queues_.insert(row.id);
    deltas_.emplace_back(QueueAdded{row.id,
                                    row.vhost,
                                    row.name,
                                    shard_of(row.lane, shards_),
                                    true,
                                    row.auto_delete,
                                    {},
                                    shared(last_arguments_, *std::move(arguments)),
                                    shared(last_settings_, *std::move(settings)),
                                    row.lane});
    return {};
  }

  Result<void> add(const storage::BindingRow& row) {
    auto arguments = fields_from_json(row.arguments);
    if (!arguments) return unreadable("binding", row.key, arguments.error().text);
    const auto& destinations = row.to_exchange ? exchanges_ : queues_;
    if (!exchanges_.contains(row.source) || !destinations.contains(row.destination)) {
      return unreadable("binding", row.key, "what it binds is not there");
    }
    deltas_.emplace_back(BindingAdded{
        row.source, {{row.destination, row.to_exchange}, row.key, *std::move(arguments)}});
    return {};
  }

  std::vector<Delta> take() { return std::move(deltas_); }

 private:
  /// Many queues are declared alike.
  template <class T>
  static std::shared_ptr<const T> shared(std::shared_ptr<const T>& last, T value) {
    if (!last || *last != value) last = std::make_shared<const T>(std::move(value));
    return last;
  }

  const ShardIndex shards_;
  const std::int64_t default_delivery_limit_;
  std::unordered_map<VhostId, std::string> vhosts_;
  std::unordered_set<std::uint64_t> exchanges_;
  std::unordered_set<std::uint64_t> queues_;
  std::shared_ptr<const Fields> last_arguments_;
  std::shared_ptr<const QueueSettings> last_settings_;
  std::vector<Delta> deltas_;
};

}  // namespace

std::optional<MetadataChange> to_change(const Delta& delta, Topology& topology) {
  return std::visit(Changes(topology), delta);
}

Result<std::vector<Delta>> to_deltas(const storage::MetadataImage& image, ShardIndex shards,
                                     std::int64_t default_delivery_limit) {
  Rows rows(shards, default_delivery_limit);
  const auto add_all = [&](const auto& all) -> Result<void> {
    for (const auto& row : all) {
      if (auto added = rows.add(row); !added) return added;
    }
    return {};
  };
  for (const auto& done : {add_all(image.vhosts), add_all(image.exchanges), add_all(image.queues),
                           add_all(image.bindings)}) {
    if (!done) return tl::make_unexpected(done.error());
  }
  return rows.take();
}

storage::PolicyRow to_row(VhostId vhost, PolicyAuthor author, const Policy& policy) {
  return {vhost,
          author == PolicyAuthor::kOperator,
          policy.name,
          policy.pattern.text(),
          std::string(to_text(policy.apply_to)),
          policy.priority,
          to_json(policy.definition)};
}

Result<Policy> to_policy(const storage::PolicyRow& row, std::string_view vhost) {
  auto definition = fields_from_json(row.definition);
  if (!definition) return unreadable("policy", row.name, definition.error().text);
  auto policy = make_policy(author_of(row), {.vhost = vhost,
                                             .name = row.name,
                                             .pattern = row.pattern,
                                             .apply_to = row.apply_to,
                                             .priority = row.priority,
                                             .definition = *std::move(definition)});
  if (!policy) return unreadable("policy", row.name, policy.error().text);
  return policy;
}

}  // namespace polymq::engine
