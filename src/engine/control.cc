// Decisions on declarations, bindings and deletions.
#include "engine/control.h"

#include <algorithm>

#include "engine/equivalence.h"
#include "engine/metadata.h"

namespace polymq::engine {
namespace {

EngineError not_found(std::string what) { return {ErrorKind::kNotFound, "no " + std::move(what)}; }

Fields sorted_by_name(Fields fields) {
  std::sort(fields.begin(), fields.end(),
            [](const Field& a, const Field& b) { return a.name < b.name; });
  return fields;
}

}  // namespace

Control::Control(Mailer& mailer, Topology& topology, const ControlLimits& limits,
                 storage::MetadataStore& metadata, std::uint64_t first_incarnation)
    : mailer_(mailer),
      topology_(topology),
      limits_(limits),
      metadata_(metadata),
      next_incarnation_(first_incarnation),
      applied_(mailer.shard_count(), 0),
      known_below_(first_incarnation),
      next_lanes_(mailer.shard_count(), 0),
      homes_per_shard_(mailer.shard_count(), 0),
      message_bytes_(mailer.shard_count(), 0) {}

Result<std::vector<Delta>> Control::restore(const storage::MetadataImage& image,
                                            const PolicySets& configured,
                                            std::int64_t default_delivery_limit) {
  auto deltas = to_deltas(image, mailer_.shard_count(), default_delivery_limit);
  if (!deltas) return deltas;
  // Behind the vhosts and before the queues: what has expired meanwhile must know where it goes.
  std::vector<Delta> policies;
  if (auto done = restore_policies(image, configured, policies); !done) {
    return tl::make_unexpected(done.error());
  }
  deltas->insert(deltas->begin() + static_cast<std::ptrdiff_t>(image.vhosts.size()),
                 policies.begin(), policies.end());
  for (Delta& delta : *deltas) {
    if (auto* exchange = std::get_if<ExchangeAdded>(&delta)) {
      const bool stateful = stateful_kind(exchange->type) != StatefulKind::kNone ||
                            *deduplication_of(exchange->type, exchange->arguments);
      if (stateful) ++homes_per_shard_[exchange->home];
    } else if (const auto* queue = std::get_if<QueueAdded>(&delta)) {
      ++homes_per_shard_[queue->home];
    } else if (const auto* vhost = std::get_if<VhostAdded>(&delta)) {
      next_vhost_ = std::max(next_vhost_, vhost->id + 1);
    }
    topology_.apply(delta);
  }
  topology_.take_unused_exchanges();
  version_ = durable_version_ = image.version;
  return deltas;
}

void Control::apply(const Delta& delta) {
  note(delta);
  topology_.apply(delta);
}

// Before it is applied: what follows from it here may send mail, and that sends the round.
void Control::note(const Delta& delta) {
  if (auto change = to_change(delta, topology_)) {
    if (const auto* gone = std::get_if<storage::QueueGone>(&*change)) {
      gone_.emplace_back(topology_.queue(gone->id)->home, gone->id);
    } else if (const auto* exchange = std::get_if<storage::ExchangeGone>(&*change)) {
      const auto& inlet = topology_.exchange(exchange->id)->inlet;
      if (inlet) gone_.emplace_back(inlet->home, exchange->id);
    }
    changes_.push_back(*std::move(change));
  }
  topology_.begin_round(round_ + 1);
  open_.push_back(delta);
}

void Control::handle(ShardIndex from, ControlRequest& request) {
  if (failed_.contains(request.session.value)) {
    return answer(from, {request.request, EngineError{ErrorKind::kPrecondition, "dropped"}});
  }
  if (const auto* declare = std::get_if<DeclareQueue>(&request.what);
      declare != nullptr && declare->gone != 0 && topology_.queue(declare->gone) != nullptr) {
    // Its home has decided that it goes, and that word is still on its way here.
    const QueueId gone = declare->gone;
    parked_[gone].push_back({from, std::move(request)});
    return;
  }
  auto body = std::visit(
      [&](auto& what) -> std::optional<ReplyBody> {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, SetPolicy> || std::is_same_v<What, ClearPolicy>) {
          return decide_later(what, from, request.request);
        } else if constexpr (std::is_same_v<What, DeclareQueue> ||
                             std::is_same_v<What, DeclareExchange>) {
          return decide(what, from);
        } else {
          return decide(what);
        }
      },
      request.what);
  if (!body) return;
  remove_unused_exchanges();
  if (request.session && std::holds_alternative<EngineError>(*body)) {
    failed_.insert(request.session.value);
  }
  answer(from, {request.request, *std::move(body)});
}

void Control::handle(ShardIndex, const ForgetSession& ended) { failed_.erase(ended.session.value); }

// --- exchanges ----------------------------------------------------------------------------------
ReplyBody Control::decide(const DeclareExchange& what, ShardIndex from) {
  Vhost* vhost = topology_.vhost(what.vhost);
  if (vhost == nullptr) return not_found("vhost");
  if (const Exchange* known = topology_.exchange(*vhost, what.name)) {
    const auto same = check_exchange_equivalence(
        what.name, vhost->name,
        {known->type, known->durable, known->auto_delete, known->internal, known->arguments},
        {what.type, what.durable, what.auto_delete, what.internal, what.arguments});
    if (!same) return same.error();
    return Done{};
  }
  if (what.name.starts_with("amq.")) {
    return EngineError{ErrorKind::kRefused,
                       "exchange name '" + what.name + "' contains reserved prefix 'amq.*'"};
  }
  if (!what.permitted) return what.permitted.error();
  if (const auto made = make_matcher(what.type, what.arguments); !made) {
    return EngineError{ErrorKind::kPrecondition, made.error().text};
  }
  const auto deduplication = deduplication_of(what.type, what.arguments);
  if (!deduplication) return EngineError{ErrorKind::kPrecondition, deduplication.error().text};
  if (vhost->exchanges.size() >= limits_.max_exchanges_per_vhost) {
    return EngineError{ErrorKind::kLimit,
                       "cannot declare " + exchange_in_vhost(what.name, vhost->name) +
                           ": exchange limit of " +
                           std::to_string(limits_.max_exchanges_per_vhost) + " is reached"};
  }
  const bool stateful = stateful_kind(what.type) != StatefulKind::kNone || *deduplication;
  const ExchangeId id = next_incarnation_++;
  const ShardIndex home = !stateful      ? ShardIndex{0}
                          : what.durable ? home_of_exchange(id, mailer_.shard_count())
                                         : place(from);
  if (stateful) ++homes_per_shard_[home];
  apply(ExchangeAdded{id, what.vhost, what.name, what.type, what.durable, what.auto_delete,
                      what.internal, what.arguments, home});
  return Done{};
}

ReplyBody Control::decide(const DeleteExchange& what) {
  Vhost* vhost = topology_.vhost(what.vhost);
  Exchange* exchange = vhost == nullptr ? nullptr : topology_.exchange(*vhost, what.name);
  if (exchange == nullptr) return Done{};
  if (what.if_unused && exchange->binding_count != 0) {
    return EngineError{ErrorKind::kPrecondition,
                       exchange_in_vhost(what.name, vhost->name) + " in use"};
  }
  remove_exchange(exchange->id);
  return Done{};
}

void Control::remove_exchange(ExchangeId id) {
  if (const auto& inlet = topology_.exchange(id)->inlet) --homes_per_shard_[inlet->home];
  apply(ExchangeRemoved{id});
}

void Control::remove_unused_exchanges() {
  for (auto unused = topology_.take_unused_exchanges(); !unused.empty();
       unused = topology_.take_unused_exchanges()) {
    for (const ExchangeId id : unused) {
      if (topology_.exchange(id) != nullptr) remove_exchange(id);
    }
  }
}

// --- queues -------------------------------------------------------------------------------------
ReplyBody Control::decide(const DeclareQueue& what, ShardIndex from) {
  Vhost* vhost = topology_.vhost(what.vhost);
  if (vhost == nullptr) return not_found("vhost");
  if (const QueueEntry* known = topology_.queue(*vhost, what.name)) {
    const auto same = check_redeclaration(*known, what.client,
                                          {.name = what.name,
                                           .vhost = vhost->name,
                                           .durable = what.durable,
                                           .exclusive = static_cast<bool>(what.owner),
                                           .auto_delete = what.auto_delete,
                                           .arguments = what.arguments,
                                           .default_type = vhost->default_queue_type});
    if (!same) return same.error();
    return QueueDeclared{known->id, false};
  }
  if (!what.settings) return what.settings.error();
  const std::uint64_t limit =
      std::min(limits_.max_queues_per_vhost, vhost->limits.max_queues.value_or(UINT64_MAX));
  if (vhost->queues.size() >= limit) {
    return EngineError{ErrorKind::kLimit, "cannot declare queue '" + what.name +
                                              "': queue limit in vhost '" + vhost->name + "' (" +
                                              std::to_string(limit) + ") is reached"};
  }
  const QueueId id = next_incarnation_++;
  const bool stored = what.durable && !what.owner;
  // Only the first shards serve lanes, if there are more shards than lanes.
  const ShardIndex home = stored ? place(from) % storage::kLanes : place(from);
  ++homes_per_shard_[home];
  // Many queues are declared alike: they share what they were declared with.
  if (!last_arguments_ || *last_arguments_ != what.arguments) {
    last_arguments_ = std::make_shared<const Fields>(what.arguments);
  }
  if (!last_settings_ || *last_settings_ != **what.settings) last_settings_ = *what.settings;
  apply(QueueAdded{id, what.vhost, what.name, home, what.durable, what.auto_delete, what.owner,
                   last_arguments_, last_settings_, stored ? next_lane(home) : storage::Lane{0}});
  return QueueDeclared{id, true};
}

// Its type stays what it is.
ReplyBody Control::decide(const ChangeQueue& what) {
  Vhost* vhost = topology_.vhost(what.vhost);
  const QueueEntry* entry = vhost == nullptr ? nullptr : topology_.queue(*vhost, what.queue);
  if (entry == nullptr) return not_found("queue '" + what.queue + "'");
  if (entry->exclusive() && entry->owner != what.client) {
    return EngineError{ErrorKind::kLocked, locked_queue(what.queue, vhost->name)};
  }
  if (what.expected && *what.expected != *entry->arguments) {
    return EngineError{ErrorKind::kChanged, queue_in_vhost(what.queue, vhost->name) + " changed"};
  }
  const auto replaced = [&](const Field& field) {
    const auto is_it = [&](const std::string& name) { return name == field.name; };
    return find(what.set, field.name) != nullptr ||
           std::any_of(what.clear.begin(), what.clear.end(), is_it);
  };
  Fields arguments;
  for (const Field& field : *entry->arguments) {
    if (!replaced(field)) arguments.push_back(field);
  }
  arguments.insert(arguments.end(), what.set.begin(), what.set.end());
  auto settings = parse_queue_arguments({.name = what.queue,
                                         .vhost = vhost->name,
                                         .durable = entry->durable,
                                         .exclusive = entry->exclusive(),
                                         .auto_delete = entry->auto_delete,
                                         .arguments = arguments});
  if (!settings) return settings.error();
  settings->default_delivery_limit = entry->declared->default_delivery_limit;
  if (settings->type != entry->declared->type) {
    return EngineError{ErrorKind::kPrecondition,
                       queue_in_vhost(what.queue, vhost->name) + " keeps its type"};
  }
  apply(QueueChanged{entry->id, std::make_shared<const Fields>(std::move(arguments)),
                     std::make_shared<const QueueSettings>(*std::move(settings))});
  return Done{};
}

// It may have been given another order, or be gone.
void Control::handle(ShardIndex, const MoveEnded& ended) {
  const QueueEntry* entry = topology_.queue(ended.queue);
  auto order = entry == nullptr ? std::nullopt : move_order_of(*entry->arguments);
  if (!order || order->id != ended.order) return;
  order->state = ended.state;
  order->failure = ended.failure;
  order->moved = ended.moved;
  (void)decide(ChangeQueue{.vhost = entry->vhost->id,
                           .queue = entry->name,
                           .set = {{std::string(kMoveOrderArgument), to_value(*order)}},
                           .clear = {},
                           .client = entry->owner});
}

// A queue or an exchange with state. Where it was declared, so that its own traffic needs no hop,
// unless that shard has clearly more than its share.
ShardIndex Control::place(ShardIndex declared_on) const {
  const auto least = std::min_element(homes_per_shard_.begin(), homes_per_shard_.end());
  if (homes_per_shard_[declared_on] <= *least * 2 + 8) return declared_on;
  return static_cast<ShardIndex>(least - homes_per_shard_.begin());
}

void Control::handle(ShardIndex, const RemoveQueue& removal) {
  if (const QueueEntry* entry = topology_.queue(removal.queue)) {
    --homes_per_shard_[entry->home];
    apply(QueueRemoved{removal.queue});
    remove_unused_exchanges();
  }
  if (removal.request != 0) {
    answer(removal.origin, {removal.request, Removed{removal.messages}});
  }
  if (const auto it = parked_.find(removal.queue); it != parked_.end()) {
    std::vector<Parked> parked = std::move(it->second);
    parked_.erase(it);
    for (Parked& one : parked) handle(one.from, one.request);
  }
}

// --- bindings -----------------------------------------------------------------------------------
ReplyBody Control::decide(const ChangeBinding& what) {
  Vhost* vhost = topology_.vhost(what.vhost);
  if (vhost == nullptr) return not_found("vhost");
  Exchange* source = topology_.exchange(*vhost, what.source);
  if (!what.add) return unbind(*vhost, source, what);
  Destination destination;
  if (what.to_exchange) {
    const Exchange* target = topology_.exchange(*vhost, what.destination);
    if (source == nullptr) return not_found(exchange_in_vhost(what.source, vhost->name));
    if (target == nullptr) return not_found(exchange_in_vhost(what.destination, vhost->name));
    destination = {target->id, true};
  } else {
    const QueueEntry* target = topology_.queue(*vhost, what.destination);
    if (source == nullptr) return not_found(exchange_in_vhost(what.source, vhost->name));
    if (target == nullptr) return not_found(queue_in_vhost(what.destination, vhost->name));
    if (target->exclusive() && target->owner != what.client) {
      return EngineError{ErrorKind::kLocked, locked_queue(what.destination, vhost->name)};
    }
    destination = {target->id, false};
  }
  const BindingKey binding{destination, what.key, sorted_by_name(what.arguments)};
  if (const auto valid = source->matcher->check(binding.key, binding.arguments); !valid) {
    return EngineError{ErrorKind::kPrecondition, valid.error().text};
  }
  if (!topology_.has_binding(*source, binding)) apply(BindingAdded{source->id, binding});
  return Done{};
}

// What is not there needs no unbinding.
ReplyBody Control::unbind(Vhost& vhost, Exchange* source, const ChangeBinding& what) {
  Destination destination;
  bool others = false;  // an exclusive queue of another client
  if (what.to_exchange) {
    if (const Exchange* target = topology_.exchange(vhost, what.destination)) {
      destination = {target->id, true};
    }
  } else if (const QueueEntry* target = topology_.queue(vhost, what.destination)) {
    destination = {target->id, false};
    others = target->exclusive() && target->owner != what.client;
  }
  const BindingKey binding{destination, what.key, sorted_by_name(what.arguments)};
  if (source == nullptr || destination.id == 0 || !topology_.has_binding(*source, binding)) {
    return Done{};
  }
  if (others) return EngineError{ErrorKind::kLocked, locked_queue(what.destination, vhost.name)};
  apply(BindingRemoved{source->id, binding});
  return Done{};
}

// --- rounds -------------------------------------------------------------------------------------
void Control::answer(ShardIndex to, Reply reply, std::optional<std::uint64_t> version) {
  // What changes nothing depends only on what was decided before, which may still be under way.
  const std::uint64_t decided = changes_.empty() ? version_ : version_ + 1;
  waiting_.push_back(
      {open_.empty() ? round_ : round_ + 1, version.value_or(decided), to, std::move(reply)});
}

bool Control::send_round() {
  const bool changed = !open_.empty();
  if (!changes_.empty()) {
    metadata_.append(++version_, std::exchange(changes_, {}));
    handed_.push_back(
        {version_, changed ? round_ + 1 : round_, next_incarnation_, std::exchange(gone_, {})});
    take_metadata();  // one that keeps nothing has ended it already
  }
  if (changed) {
    ++round_;
    told_kept_ = kept_round();
    const auto deltas = std::make_shared<const std::vector<Delta>>(std::exchange(open_, {}));
    for (ShardIndex shard = 0; shard < mailer_.shard_count(); ++shard) {
      if (shard != mailer_.self()) mailer_.send(shard, Round{round_, deltas, told_kept_});
    }
    applied_[mailer_.self()] = round_;
  }
  const bool waited = !waiting_.empty();
  release_waiting();
  return changed || waited != !waiting_.empty();
}

void Control::handle(ShardIndex from, const RoundApplied& applied) {
  applied_[from] = applied.round;
  release_waiting();
}

void Control::release_waiting() {
  const std::uint64_t everywhere = *std::min_element(applied_.begin(), applied_.end());
  std::vector<Waiting> released;  // sending may send a round, and that comes back here
  for (; !waiting_.empty() && waiting_.front().round <= everywhere &&
         (metadata_failed_ || waiting_.front().version <= durable_version_);
       waiting_.pop_front()) {
    released.push_back(std::move(waiting_.front()));
  }
  for (Waiting& waiting : released) {
    if (waiting.version > durable_version_) {
      waiting.reply.body = EngineError{ErrorKind::kFailed, "it could not be stored"};
    }
    mailer_.send(waiting.to, std::move(waiting.reply));
  }
}

bool Control::take_metadata() {
  std::vector<storage::MetadataEnd> ended;
  metadata_.take_ended(ended);
  for (const storage::MetadataEnd end : ended) {
    const Handed handed = std::move(handed_.front());
    handed_.pop_front();
    if (end != storage::MetadataEnd::kDurable) {
      metadata_failed_ = true;
      continue;
    }
    durable_version_ = handed.version;
    kept_round_ = handed.round;
    known_below_ = handed.incarnations_below;
    for (const auto& [home, queue] : handed.gone) mailer_.send(home, ForgetStored{{queue}});
  }
  if (ended.empty()) return false;
  // Before the answers that rely on it.
  if (kept_round() > told_kept_) {
    told_kept_ = kept_round();
    for (ShardIndex shard = 0; shard < mailer_.shard_count(); ++shard) {
      if (shard != mailer_.self()) mailer_.send(shard, RoundsKept{told_kept_});
    }
  }
  release_waiting();
  return true;
}

// Queues of one shard are spread over the lanes that it serves.
storage::Lane Control::next_lane(ShardIndex home) {
  const ShardIndex shards = mailer_.shard_count();
  const auto lane = static_cast<storage::Lane>(home + next_lanes_[home] * shards);
  ++next_lanes_[home];
  if (home + next_lanes_[home] * shards >= storage::kLanes) next_lanes_[home] = 0;
  return lane;
}

void Control::handle(ShardIndex from, const MemoryReport& report) {
  message_bytes_[from] = report.message_bytes;
}

std::int64_t Control::message_bytes() const {
  std::int64_t sum = 0;
  for (const std::int64_t bytes : message_bytes_) sum += bytes;
  return sum;
}

}  // namespace polymq::engine
