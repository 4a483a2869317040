// Turns, mail and rounds of one shard.
#include "engine/shard.h"

#include <algorithm>
#include <cstdlib>

namespace polymq::engine {
namespace {

constexpr MonotonicMs kMemoryReportIntervalMs = 100;
constexpr std::int64_t kMemoryJumpPart = 64;  // of the limit

/// What queues, and exchanges with state, handle at their home.
template <class Mail, class... Those>
constexpr bool kIsOneOf = (std::is_same_v<Mail, Those> || ...);
template <class Mail>
constexpr bool kForHome =
    kIsOneOf<Mail, PublishBatch, SettleBatch, WrittenBatch, CloseClient, ShareCredit, SetPrefetch,
             GrantToken, ForgetStored, QueueRequest, CloseSession, UnitPart, UnitDecision>;

}  // namespace

Shard::Shard(const ShardOptions& options, Outbox& outbox, storage::MessageStore& store,
             storage::MetadataStore& metadata)
    : options_(options),
      outbox_(outbox),
      store_(store),
      topology_(*this),
      home_(*this, topology_, store, now_, meter_,
            {options.paging, options.first_incarnation, options.life_before}),
      parked_(options.count),
      random_(options.seed * 0x9e3779b97f4a7c15u + options.index + 1) {
  if (options.index == kControlShard) {
    control_ = std::make_unique<Control>(*this, topology_, options_.limits, metadata,
                                         options.first_incarnation);
  }
}

Shard::~Shard() = default;

Result<std::vector<Delta>> Shard::restore(const storage::MetadataImage& image,
                                          const PolicySets& policies) {
  auto deltas = control_->restore(image, policies, options_.default_delivery_limit);
  home_.restored();
  return deltas;
}

void Shard::restore(const std::vector<Delta>& deltas) {
  for (const Delta& delta : deltas) topology_.apply(delta);
  topology_.take_unused_exchanges();
  home_.restored();
}

// xorshift64*: routing needs spread, not secrecy.
std::uint64_t Shard::random() {
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545f4914f6cdd1du;
}

// --- turns --------------------------------------------------------------------------------------
void Shard::begin_turn(Now now) {
  now_ = now;
  home_.run_timers();
}

void Shard::receive(ShardIndex from, Envelope envelope) {
  // What others wait for must not wait behind them.
  const bool is_round = std::holds_alternative<Round>(envelope.mail);
  if (!is_round && (!parked_[from].empty() || envelope.round > round_)) {
    parked_[from].push_back(std::move(envelope));
    return;
  }
  deliver(from, envelope.mail);
}

void Shard::settle_mail() {
  bool more = true;
  while (more) {
    while (!own_mail_.empty()) {
      Mail mail = std::move(own_mail_.front());
      own_mail_.pop_front();
      deliver(self(), mail);
    }
    more = home_.work();
    if (control_) {
      more = control_->send_round() || more;
      more = control_->enforce_policies() || more;
      round_ = control_->round();
    }
    more = more || !own_mail_.empty();
  }
}

WallMs Shard::next_timer() const {
  const MonotonicMs due = store_.seal_due();
  const WallMs seal =
      due == kNever ? kNever : after(now_.wall, std::max<MonotonicMs>(0, due - now_.monotonic));
  return std::min(home_.next_timer(), seal);
}

void Shard::flush_store() {
  settle_mail();
  store_.flush();
}

bool Shard::finish_turn() {
  settle_mail();
  if (control_ && control_->take_metadata()) settle_mail();
  if (control_) {
    store_.queues_known(control_->incarnations_below() - 1);
    if (control_->metadata_failed()) store_.give_up();
  }
  if (home_.take_read()) settle_mail();
  if (!early_mail_.empty() && !home_.loading()) {
    for (auto& [from, mail] : std::exchange(early_mail_, {})) deliver(from, mail);
    settle_mail();
  }
  store_.seal(now_.monotonic);
  std::vector<storage::CommitEnd> ended;
  store_.take_ended(ended);
  if (!ended.empty()) {
    home_.commits_ended(ended);
    settle_mail();
    store_.seal(now_.monotonic);  // what waited for them
  }
  report_memory();
  if (control_) check_store();
  const bool more = home_.sweep();
  return more || !own_mail_.empty() || store_.has_news();
}

// --- mail ---------------------------------------------------------------------------------------
void Shard::send(ShardIndex to, Mail mail) {
  if (to == self()) {
    own_mail_.push_back(std::move(mail));
    return;
  }
  if (control_ && control_->ahead()) {
    // Our replica is ahead, and the mail may tell of what the receiver does not know yet.
    control_->send_round();
    round_ = control_->round();
  }
  outbox_.send(to, {round_, std::move(mail)});
}

RequestId Shard::ask(ShardIndex, SessionId session, std::function<void(ReplyBody&)> done) {
  const RequestId request = next_id_++;
  pending_[request] = {session, std::move(done)};
  return request;
}

void Shard::administer(decltype(ControlRequest::what) what, std::function<void(ReplyBody&)> done) {
  const RequestId request = ask(kControlShard, {}, std::move(done));
  send(kControlShard, ControlRequest{request, {}, std::move(what)});
}

void Shard::deliver(ShardIndex from, Mail& mail) {
  std::visit(
      [&](auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (kForHome<What>) {
          if (home_.loading() || !early_mail_.empty()) {  // none overtakes what came before
            early_mail_.emplace_back(from, std::move(mail));
          } else if constexpr (requires { home_.handle(from, what); }) {
            home_.handle(from, what);
          } else {
            home_.handle(what);
          }
        } else if constexpr (std::is_same_v<What, ControlRequest> ||
                             std::is_same_v<What, RemoveQueue> || std::is_same_v<What, MoveEnded> ||
                             std::is_same_v<What, RoundApplied> ||
                             std::is_same_v<What, ForgetSession> ||
                             std::is_same_v<What, MemoryReport>) {
          control_->handle(from, what);
          if constexpr (std::is_same_v<What, MemoryReport>) check_alarm();
        } else {
          handle(from, what);
        }
      },
      mail);
}

Session* Shard::find_session(SessionId id) {
  const auto it = sessions_.find(id.value);
  return it == sessions_.end() ? nullptr : it->second;
}

Client* Shard::find_client(ClientId id) {
  const auto it = clients_.find(id.value);
  return it == clients_.end() ? nullptr : it->second;
}

void Shard::handle(ShardIndex, DeliveryBatch& batch) {
  Client* client = find_client(batch.client);
  const DeliveryItem* items = batch.items.data();
  for (const DeliveryRun& run : batch.runs) {
    Session* session = find_session(run.session);
    if (session != nullptr && !session->closing_) {
      session->delivered(run, items);
    } else if (client != nullptr) {
      // Nobody is there any more: the window is free again, the leases return with the session.
      // Perhaps they have done so, and the messages are gone.
      client->written(run.consumer, 0, run.bytes);
    }
    items += run.count;
  }
  if (client != nullptr) client->flush();
}

void Shard::handle(ShardIndex, PublishAnswer& answer) {
  if (answer.to.number() < kFirstSession) return home_.handle(answer);
  Session* session = find_session(answer.to);
  if (session == nullptr || session->closing_) return;
  session->publisher().answered(answer);
  session->events_.on_publishes_settled();
}

void Shard::handle(ShardIndex, Reply& reply) {
  const auto it = pending_.find(reply.request);
  const Pending pending = std::move(it->second);
  pending_.erase(it);
  if (pending.session) {
    Session* session = find_session(pending.session);
    if (session != nullptr && session->closing_) {
      // What was got goes back with the session; the client's window is free of it.
      if (const auto* got = std::get_if<Got>(&reply.body); got != nullptr && got->item) {
        session->client_.written(got->consumer, 0, got->bytes);
        session->client_.flush();
      }
      if (const auto* got = std::get_if<Received>(&reply.body); got != nullptr && got->bytes != 0) {
        session->client_.written(got->consumer, 0, got->bytes);
        session->client_.flush();
      }
    }
    if (session == nullptr || session->closing_) return;
  }
  pending.done(reply.body);
}

void Shard::handle(ShardIndex from, Round& round) {
  topology_.begin_round(round.number);
  for (const Delta& delta : *round.deltas) topology_.apply(delta);
  topology_.take_unused_exchanges();  // control decides about them
  round_ = round.number;
  kept_round_ = std::max(kept_round_, round.kept);
  send(from, RoundApplied{round.number});
  unpark();
}

void Shard::handle(ShardIndex, RoundsKept& kept) {
  kept_round_ = std::max(kept_round_, kept.round);
}

void Shard::unpark() {
  for (ShardIndex from = 0; from < options_.count; ++from) {
    std::deque<Envelope>& parked = parked_[from];
    while (!parked.empty() && parked.front().round <= round_) {
      Envelope envelope = std::move(parked.front());
      parked.pop_front();
      deliver(from, envelope.mail);
    }
  }
}

void Shard::handle(ShardIndex, ConsumerGone& gone) {
  Session* session = find_session(gone.session);
  if (session != nullptr && !session->closing_) session->events_.on_consumer_gone(gone.handle);
}

void Shard::handle(ShardIndex, DirectMessage& direct) {
  Session* session = find_session(direct.to);
  if (session != nullptr && !session->closing_ && session->direct_nonce_ == direct.nonce) {
    session->events_.on_direct_message(*direct.message);
  }
  direct.message->release(meter_);
}

void Shard::handle(ShardIndex from, InspectDirect& inspect) {
  const Session* session = find_session(inspect.to);
  const bool alive = session != nullptr && !session->closing_ && inspect.nonce != 0 &&
                     session->direct_nonce_ == inspect.nonce;
  send(from, Reply{inspect.request, alive ? ReplyBody{QueueStatus{0, 1}} : ReplyBody{Missing{}}});
}

void Shard::handle(ShardIndex, TokenWanted& wanted) {
  if (Session* session = find_session(wanted.session)) session->token_wanted(wanted.consumer);
}

void Shard::handle(ShardIndex, TokensReturned& returned) {
  if (Session* session = find_session(returned.session)) session->tokens_returned(returned.count);
}

// --- units --------------------------------------------------------------------------------------
void Shard::handle(ShardIndex, UnitPrepared& prepared) {
  const auto it = units_.find(prepared.unit);
  Unit& unit = it->second;
  unit.ok = unit.ok && prepared.ok;
  if (--unit.owed != 0) return;
  const Session* session = find_session(unit.session);
  const bool apply = unit.ok && session != nullptr && !session->closing_;
  const auto parts = static_cast<std::uint32_t>(unit.homes.size());
  for (const ShardIndex home : unit.homes) send(home, UnitDecision{prepared.unit, apply, parts});
  if (apply) {
    unit.owed = unit.homes.size();
    return;
  }
  const Unit refused = std::move(unit);
  units_.erase(it);
  if (session != nullptr && !session->closing_) refused.done(false);
}

void Shard::handle(ShardIndex, UnitDone& done) {
  const auto it = units_.find(done.unit);
  it->second.ok = it->second.ok && done.ok;
  if (--it->second.owed != 0) return;
  const Unit unit = std::move(it->second);
  units_.erase(it);
  const Session* session = find_session(unit.session);
  if (session != nullptr && !session->closing_) unit.done(unit.ok);
}

// --- memory -------------------------------------------------------------------------------------
void Shard::report_memory() {
  // A jump that could take control past the limit is told at once.
  const std::int64_t moved = std::abs(meter_.bytes - reported_bytes_);
  const bool jumped = moved > options_.memory_limit / kMemoryJumpPart;
  if (!jumped && now_.monotonic - reported_at_ < kMemoryReportIntervalMs) return;
  reported_at_ = now_.monotonic;
  if (reported_bytes_ == meter_.bytes) return;
  reported_bytes_ = meter_.bytes;
  send(kControlShard, MemoryReport{meter_.bytes});
  settle_mail();
}

// The disk is everybody's: control's own store knows of it.
void Shard::check_store() {
  const bool refuses = store_.refuses();
  if (refuses == store_refuses_) return;
  store_refuses_ = refuses;
  check_alarm();
  settle_mail();
}

void Shard::check_alarm() {
  const std::int64_t bytes = control_->message_bytes();
  const bool full =
      alarm_decided_ ? bytes > options_.memory_limit / 20 * 19 : bytes > options_.memory_limit;
  const bool on = full || store_refuses_;
  if (on == alarm_decided_) return;
  alarm_decided_ = on;
  for (ShardIndex shard = 0; shard < options_.count; ++shard) {
    send(shard, Alarm{on, store_refuses_});
  }
}

void Shard::handle(ShardIndex, Alarm& alarm) {
  if (alarm.on == alarm_) return;
  alarm_ = alarm.on;
  disk_alarm_ = alarm.disk;
  std::vector<ClientId> told;
  for (const auto& [id, client] : clients_) told.push_back(client->id());
  for (const ClientId id : told) {
    if (Client* client = find_client(id)) client->events().on_alarm(alarm.on);
  }
}

// --- topology -----------------------------------------------------------------------------------
void Shard::queue_added(QueueEntry& entry) {
  if (entry.home == self()) home_.queue_added(entry);
}
void Shard::queue_removed(QueueEntry& entry) {
  if (entry.home == self()) home_.queue_removed(entry);
}
void Shard::queue_settings_changed(QueueEntry& entry) {
  if (entry.home == self()) home_.settings_changed(entry);
}
void Shard::exchange_added(Exchange& exchange) {
  if (exchange.inlet && exchange.inlet->home == self()) home_.exchange_added(exchange);
}
void Shard::binding_added(Exchange& source, Destination destination) {
  if (source.inlet && source.inlet->home == self()) home_.binding_added(source, destination);
}
void Shard::exchange_removed(Exchange& exchange) {
  if (exchange.inlet && exchange.inlet->home == self()) home_.exchange_removed(exchange);
}
void Shard::vhost_removed(Vhost& vhost) {
  std::vector<ClientId> told;
  for (const auto& [id, client] : clients_) {
    if (client->vhost_name() == vhost.name) told.push_back(client->id());
  }
  for (const ClientId id : told) {
    if (Client* client = find_client(id)) client->events().on_vhost_removed();
  }
}

}  // namespace polymq::engine
