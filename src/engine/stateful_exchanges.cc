// Publishing onward from exchanges with state, histories for new bindings, and answers that wait.
#include "engine/stateful_exchanges.h"

#include <algorithm>

#include "base/log.h"

namespace polymq::engine {
namespace {

std::span<const std::string> more_keys(const Message& message) {
  const MessageExtension* extension = message.extension();
  return extension == nullptr ? std::span<const std::string>() : extension->more_keys;
}

}  // namespace

StatefulExchanges::StatefulExchanges(Mailer& mailer, Topology& topology, StoredLogs& logs,
                                     MemoryMeter& meter, const Now& now)
    : topology_(topology),
      logs_(logs),
      meter_(meter),
      now_(now),
      publisher_(SessionId::make(mailer.self(), kExchangePublisher), mailer, meter),
      random_(mailer.self()) {}

StatefulExchanges::~StatefulExchanges() {
  for (auto& [id, state] : states_) state->clear(SIZE_MAX);
  for (auto& state : dying_) state->clear(SIZE_MAX);
}

std::uint64_t StatefulExchanges::random() {
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  return random_ >> 16;
}

ExchangeState* StatefulExchanges::find_state(ExchangeId exchange) {
  const auto it = states_.find(exchange);
  return it == states_.end() ? nullptr : it->second.get();
}

ExchangeState& StatefulExchanges::state_of(const Exchange& exchange) {
  std::unique_ptr<ExchangeState>& state = states_[exchange.id];
  if (!state) {
    state = std::make_unique<ExchangeState>(exchange.stateful, exchange.arguments,
                                            exchange.deduplication, meter_);
    if (exchange.durable) state->keep_in(logs_, exchange.id);
  }
  return *state;
}

// A durable one may have kept something from before a restart.
void StatefulExchanges::exchange_added(const Exchange& exchange) {
  if (exchange.durable) state_of(exchange);
}

void StatefulExchanges::loaded() {
  for (auto& [id, state] : states_) touch(id, *state);
}

void StatefulExchanges::exchange_removed(const Exchange& exchange) {
  if (exchange.durable) {
    logs_.forget(exchange.id);
    logs_.store().close_queue(exchange.id);  // before the messages, which it looks at
  }
  const auto it = states_.find(exchange.id);
  if (it == states_.end()) return;
  if (const auto here = passing_.find(exchange.id); here != passing_.end()) {
    const std::unordered_map<Position, Onward> passing = std::move(here->second);
    passing_.erase(here);
    for (const auto& [position, onward] : passing) settle(onward, false);
  }
  note_paging(*it->second, false);
  dying_.push_back(std::move(it->second));
  states_.erase(it);
}

// --- publishes ----------------------------------------------------------------------------------
StatefulExchanges::Published StatefulExchanges::publish(Exchange& exchange, Message* message,
                                                        std::uint64_t sequence, bool awaited,
                                                        bool in_unit) {
  replay();  // bindings that are older than the message
  ExchangeState& state = state_of(exchange);
  const bool stored = state.stored() && message->persistent();
  const std::optional<DeduplicationKey> key = state.deduplication_key(*message);
  if (key && state.seen(*key, *message, now_.wall)) {
    message->release(meter_);
    hand_over();  // its original may be among what is to go
    const auto original = undecided_.find(SeenHere{exchange.id, *key});
    // In a circle of exchanges the original may wait for just this answer.
    const bool waits = awaited && !relayed_ && original != undecided_.end();
    if (waits) original->second.push_back(owe(sequence));
    return {.duplicate = stored};
  }
  if (const auto position = state.hold(*message, now_.wall)) {
    message->release(meter_);
    touch(exchange.id, state);
    return stored ? Published{.stored = position} : Published{};
  }
  if (in_unit && state.stored()) {
    // It arrives here with its unit, and goes on in one of its own; those that are not stored keep
    // their places among the others.
    const Position position = state.hold(own(message), now_.wall);
    passing_[exchange.id][position] = {awaited ? owe(sequence) : Owed{}, exchange.id, key};
    if (key) undecided_[SeenHere{exchange.id, *key}];
    touch(exchange.id, state);
    return stored ? Published{.stored = position} : Published{};
  }
  const bool noted = state.record(*message) || key;
  staged_ = staged_ || (stored && noted);
  find_targets(exchange, *message, Cycles::kCut);
  if (!awaited && !key) {
    pass_on(exchange, message, nullptr);
    return {};
  }
  if (key) undecided_[SeenHere{exchange.id, *key}];
  const Onward onward{awaited ? owe(sequence) : Owed{}, exchange.id, key};
  pass_on(exchange, message, &onward);
  return {};
}

StatefulExchanges::Owed StatefulExchanges::owe(std::uint64_t sequence) {
  if (open_relay_ == 0) open_relay_ = ++last_relay_;
  ++relays_[open_relay_].owed;
  return {open_relay_, sequence};
}

void StatefulExchanges::withdraw(ExchangeId exchange, Position position) {
  if (ExchangeState* state = find_state(exchange)) state->withdraw(position);
  if (const auto onward = take_passing(exchange, position)) settle(*onward, true);
}

std::optional<StatefulExchanges::Onward> StatefulExchanges::take_passing(ExchangeId exchange,
                                                                         Position position) {
  const auto here = passing_.find(exchange);
  if (here == passing_.end()) return std::nullopt;
  auto taken = here->second.extract(position);
  if (here->second.empty()) passing_.erase(here);
  return taken.empty() ? std::nullopt : std::optional(std::move(taken.mapped()));
}

// A message that is ours alone, in place of a reference.
Message* StatefulExchanges::own(Message* message) {
  if (message->references() == 1) return message;
  Message* copy = message->clone(meter_);
  message->release(meter_);
  return copy;
}

void StatefulExchanges::find_targets(Exchange& exchange, const Message& message, Cycles cycles) {
  const MessageExtension* extension = message.extension();
  const auto passed = extension == nullptr ? std::span<const std::uint64_t>() : extension->passed;
  targets_.clear();
  for (Target* target : topology_.route_onward(exchange, message.routing_key(), more_keys(message),
                                               MessageHeaders(message), random(), passed)) {
    const QueueEntry* queue = target->queue();
    const bool closes = queue != nullptr && extension != nullptr && cycles == Cycles::kCut &&
                        closes_cycle(extension->deaths, queue->name);
    if (!closes) targets_.push_back(target);
  }
}

void StatefulExchanges::pass_on(Exchange& exchange, Message* message, const Onward* onward) {
  exchange.published_out += targets_.size();
  if (targets_.empty()) {
    message->release(meter_);
    if (onward != nullptr) settle(*onward, false);
    return;
  }
  Message* own = this->own(message);  // a queue here may have it, too
  if (targets_.back()->exchange != nullptr) {
    own->make_extension().passed.push_back(exchange.id);
  }
  if (onward == nullptr) return publisher_.publish(own, targets_);
  onward_.push(*onward);
  onward_bytes_ += onward->bytes;
  publisher_.publish_tracked(own, targets_);
}

// --- answers ------------------------------------------------------------------------------------
void StatefulExchanges::answer(RelayId relay, ShardIndex to, BatchAnswer answer) {
  Relay& waiting = relays_.find(relay)->second;
  waiting.to = to;
  waiting.answer = std::move(answer);
  finish(relay);
}

void StatefulExchanges::answered(const PublishAnswer& answer) {
  publisher_.answered(answer);
  for (const Publisher::Settled& settled : std::exchange(publisher_.settled(), {})) {
    const Onward onward = *onward_.find(settled.sequence);
    onward_.erase(settled.sequence);
    onward_bytes_ -= onward.bytes;
    settle(onward, settled.rejected);
  }
}

void StatefulExchanges::settle(const Onward& onward, bool rejected) {
  std::vector<Owed> alike;
  bool forgot = false;
  if (onward.key) {
    const SeenHere seen{onward.exchange, *onward.key};
    if (const auto found = undecided_.find(seen); found != undecided_.end()) {
      alike = std::move(found->second);
      undecided_.erase(found);
    }
    // Whoever hears that it was refused may send it again.
    const bool told = rejected && (onward.owed.relay != 0 || !alike.empty());
    ExchangeState* state = told ? find_state(onward.exchange) : nullptr;
    if (state != nullptr) {
      state->forget(*onward.key);
      forgot = state->stored();
    }
  }
  settle(onward.owed, rejected, forgot);
  for (const Owed& owed : alike) settle(owed, rejected, forgot);
}

void StatefulExchanges::settle(const Owed& owed, bool rejected, bool forgot) {
  if (owed.relay == 0) return;
  Relay& relay = relays_.find(owed.relay)->second;
  --relay.owed;
  relay.forgot = relay.forgot || forgot;
  if (rejected) relay.rejected.push_back(owed.sequence);
  finish(owed.relay);
}

void StatefulExchanges::finish(RelayId id) {
  const auto it = relays_.find(id);
  if (it->second.owed != 0 || !it->second.answer) return;
  Relay relay = std::move(it->second);
  relays_.erase(it);
  if (auto* publish = std::get_if<PublishAnswer>(&*relay.answer)) {
    publish->rejected.insert(publish->rejected.end(), relay.rejected.begin(), relay.rejected.end());
  } else {
    UnitDone& unit = std::get<UnitDone>(*relay.answer);
    unit.ok = unit.ok && relay.rejected.empty();
  }
  answers_.push_back({relay.to, *std::move(relay.answer), relay.forgot});
}

// --- histories ----------------------------------------------------------------------------------
// The binding is not known everywhere yet: its messages follow when it is, at work() or before the
// next publish, whichever is first.
void StatefulExchanges::binding_added(const Exchange& source, Destination destination) {
  if (find_state(source.id) != nullptr) replays_.push_back({source.id, destination});
}

void StatefulExchanges::replay() {
  for (const Replay& replay : std::exchange(replays_, {})) {
    const Exchange* source = topology_.exchange(replay.source);
    const ExchangeState* state = find_state(replay.source);
    if (source == nullptr || state == nullptr) continue;
    for (const auto& [position, message] : state->history()) {
      this->replay(*source, replay.destination, *message);
    }
  }
}

void StatefulExchanges::replay(const Exchange& source, Destination destination,
                               const Message& message) {
  targets_.clear();
  if (!destination.is_exchange) {
    if (QueueEntry* entry = topology_.queue(QueueId{destination.id})) targets_.push_back(entry);
  } else if (Exchange* next = topology_.exchange(ExchangeId{destination.id})) {
    for (Target* target : topology_.route(*next, message.routing_key(), more_keys(message),
                                          MessageHeaders(message), random())) {
      if (target->exchange != &source) targets_.push_back(target);
    }
  }
  Message* copy = message.clone(meter_);
  if (!targets_.empty() && targets_.back()->exchange != nullptr) {
    copy->make_extension().passed.push_back(source.id);
  }
  publisher_.publish(copy, targets_);
}

// --- memory -------------------------------------------------------------------------------------
void StatefulExchanges::touch(ExchangeId exchange, ExchangeState& state) {
  if (!std::exchange(state.touched, true)) touched_.push_back(exchange);
}

void StatefulExchanges::note_durable(ExchangeId exchange) {
  if (ExchangeState* state = find_state(exchange)) touch(exchange, *state);
}

void StatefulExchanges::page(std::uint64_t window) {
  for (const ExchangeId exchange : std::exchange(touched_, {})) {
    ExchangeState* state = find_state(exchange);
    if (state == nullptr) continue;
    state->touched = false;
    // Before more is read, what went on should be safe elsewhere: its answers are looked for each
    // turn.
    const bool may_read = onward_bytes_ <= window;
    if (state->page(now_.wall, window, may_read)) touch(exchange, *state);
    note_paging(*state, state->held().paged_out());
    arm(exchange, *state);
  }
}

void StatefulExchanges::note_paging(ExchangeState& state, bool now) {
  if (now && !state.paging) ++paging_;
  if (!now && state.paging) --paging_;
  state.paging = now;
}

void StatefulExchanges::loaded(const storage::ReadMessages& read) {
  const ExchangeId id{read.queue};
  ExchangeState* state = find_state(id);
  if (state == nullptr) return;
  const Exchange& exchange = *topology_.exchange(id);
  const auto damaged = [&](Position first, const std::string& what) {
    log::Line(log::Area::kStorage, log::Level::kError, "a held message cannot be read back")
        .with("exchange", exchange.name)
        .with("vhost", exchange.vhost->name)
        .with("position", first)
        .with("reason", what);
  };
  for (const Position position : state->loaded(read, damaged)) {
    if (const auto onward = take_passing(id, position)) settle(*onward, true);
  }
  touch(id, *state);
}

// --- the turn -----------------------------------------------------------------------------------
void StatefulExchanges::work(std::uint64_t window) {
  if (!logs_.loading()) {
    replay();
    page(window);
  }
  hand_over();
}

// What was noted of messages here stands or falls with their arrival there.
void StatefulExchanges::hand_over() {
  if (std::exchange(staged_, false)) {
    publisher_.flush_with_staged(logs_.store());
  } else {
    publisher_.flush();
  }
}

void StatefulExchanges::arm(ExchangeId exchange, ExchangeState& state) {
  const WallMs at = state.held().next_work(now_.wall);
  if (at >= state.timer_at) return;
  state.timer_at = at;
  timers_.push({at, exchange});
}

void StatefulExchanges::run_timers() {
  std::size_t slice = kMostPerSlice;
  while (slice != 0 && !timers_.empty() && timers_.top().at <= now_.wall) {
    const Timer timer = timers_.top();
    timers_.pop();
    ExchangeState* state = find_state(timer.exchange);
    if (state == nullptr || state->timer_at != timer.at) continue;
    state->timer_at = kNever;
    Exchange& exchange = *topology_.exchange(timer.exchange);
    replay();  // bindings that are older than what goes on now
    // A delay slows a cycle down.
    const Cycles cycles =
        exchange.stateful == StatefulKind::kDelayed ? Cycles::kAllow : Cycles::kCut;
    for (; slice != 0; --slice) {
      const auto held = state->take_due(now_.wall);
      if (!held) break;
      state->let_go(held->place.position);
      state->record(*held->message);
      find_targets(exchange, *held->message, cycles);
      auto onward = take_passing(timer.exchange, held->place.position);
      if (state->stored() && held->message->persistent()) {
        staged_ = true;
        if (!onward) onward = Onward{{}, timer.exchange, std::nullopt};
        onward->bytes = held->message->footprint();
      }
      pass_on(exchange, held->message, onward ? &*onward : nullptr);
    }
    touch(timer.exchange, *state);
  }
  hand_over();
}

bool StatefulExchanges::sweep() {
  if (!dying_.empty() && !dying_.back()->clear(kMostPerSlice)) dying_.pop_back();
  return !dying_.empty();
}

std::size_t StatefulExchanges::pending() const {
  std::size_t held = 0;
  for (const auto& [id, state] : states_) held += state->held().size();
  return held + relays_.size() + onward_.size() + passing_.size() + undecided_.size() +
         answers_.size() + dying_.size();
}

}  // namespace polymq::engine
