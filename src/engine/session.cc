// Clients and sessions: operations that may take several steps over several shards.
#include "engine/session.h"

#include <algorithm>

#include "engine/equivalence.h"
#include "engine/shard.h"

namespace polymq::engine {
namespace {

/// The answer as a result: an EngineError fails, `Body` succeeds.
template <class Body, class T, class Convert>
void complete(ReplyBody& body, const Completion<T>& done, Convert convert) {
  if (auto* error = std::get_if<EngineError>(&body)) {
    done(tl::make_unexpected(std::move(*error)));
  } else {
    done(convert(std::get<Body>(body)));
  }
}

void complete(ReplyBody& body, const Completion<void>& done) {
  complete<Done>(body, done, [](Done&) { return EngineResult<void>{}; });
}

template <class Batch>
Batch& batch_for(std::vector<std::pair<ShardIndex, Batch>>& batches, ShardIndex home) {
  for (auto& [index, batch] : batches) {
    if (index == home) return batch;
  }
  return batches.emplace_back(home, Batch{}).second;
}

}  // namespace

// --- Client -------------------------------------------------------------------------------------
Client::Client(Shard& shard, ClientEvents& events, std::string_view vhost)
    : shard_(shard),
      events_(events),
      id_(ClientId::make(shard.self(), shard.next_id_++)),
      vhost_(vhost) {
  shard_.clients_[id_.value] = this;
}

Client::~Client() { shard_.clients_.erase(id_.value); }

Vhost* Client::vhost() { return shard_.topology().vhost(vhost_); }

void Client::written(ConsumerId consumer, LeaseNumber last, std::uint64_t bytes) {
  WrittenBatch& batch = batch_for(written_, consumer.shard());
  if (!batch.items.empty() && batch.items.back().consumer == consumer) {
    batch.items.back().last = std::max(batch.items.back().last, last);
    batch.items.back().bytes += bytes;
  } else {
    batch.items.push_back({consumer, last, bytes});
  }
}

void Client::flush() {
  for (auto& [home, batch] : written_) {
    if (batch.items.empty()) continue;
    batch.client = id_;
    shard_.send(home, std::exchange(batch, {}));
  }
}

void Client::close(std::function<void()> done) {
  done_ = std::move(done);
  flush();
  proceed();
}

// The steps of closing, each taken when the one before has come to its end everywhere.
void Client::proceed() {
  if (!done_ || sessions_open_ != 0 || declares_pending_ != 0) return;
  QueueId gone = 0;
  for (const QueueId id : std::exchange(exclusive_queues_, {})) {
    if (const QueueEntry* entry = shard_.topology().queue(id)) {
      delete_exclusive(*entry);
    } else {
      gone = id;
    }
  }
  // Gone here, perhaps not yet on other shards: control's answer is behind all that it decided.
  if (gone != 0) await_removal(gone);
  if (deletes_pending_ != 0) return;
  for (const ShardIndex home : homes_) shard_.send(home, CloseClient{id_});
  homes_.clear();
  std::exchange(done_, nullptr)();
}

void Client::delete_exclusive(const QueueEntry& entry) {
  ++deletes_pending_;
  const RequestId request = shard_.ask(entry.home, {}, [this, id = entry.id](ReplyBody& body) {
    --deletes_pending_;
    // It goes already: by auto-delete, expiry, or somebody's request.
    if (std::holds_alternative<Missing>(body)) return await_removal(id);
    proceed();
  });
  shard_.send(entry.home, QueueRequest{request, {}, id_, entry.id, DeleteQueue{}});
}

void Client::await_removal(QueueId gone) {
  ++deletes_pending_;
  const RequestId request = shard_.ask(kControlShard, {}, [this](ReplyBody&) {
    --deletes_pending_;
    proceed();
  });
  shard_.send(kControlShard, RemoveQueue{gone, request, shard_.self(), 0});
}

// --- Session ------------------------------------------------------------------------------------

Session::Session(Client& client, SessionEvents& events)
    : client_(client),
      shard_(client.shard()),
      events_(events),
      id_(SessionId::make(shard_.self(), shard_.next_id_++)),
      publisher_(id_, shard_, shard_.meter()) {
  shard_.sessions_[id_.value] = this;
  ++client_.sessions_open_;
}

Session::~Session() { shard_.sessions_.erase(id_.value); }

EngineError Session::no_queue(const std::string& name) const {
  return {ErrorKind::kNotFound, "no " + queue_in_vhost(name, client_.vhost_)};
}

QueueDeclaration Session::declaration(const QueueDeclare& what) const {
  const Vhost* vhost = client_.shard_.topology().vhost(client_.vhost_);
  return {.name = what.name,
          .vhost = client_.vhost_,
          .durable = what.durable,
          .exclusive = what.exclusive,
          .auto_delete = what.auto_delete,
          .arguments = what.arguments,
          .default_type = vhost == nullptr ? std::string_view() : vhost->default_queue_type};
}

EngineResult<void> Session::check_access(const QueueEntry& entry) const {
  if (entry.exclusive() && entry.owner != client_.id_) {
    return refuse(ErrorKind::kLocked, locked_queue(entry.name, client_.vhost_));
  }
  return {};
}

void Session::ask_control(decltype(ControlRequest::what) what, ReplyHandler done) {
  flush();
  const RequestId request = shard_.ask(kControlShard, id_, std::move(done));
  asked_control_ = true;
  shard_.send(kControlShard, ControlRequest{request, id_, std::move(what)});
}

RequestId Session::ask_queue(const std::string& name, decltype(QueueRequest::what) what,
                             ReplyHandler done, std::function<void(QueueId gone)> missing) {
  Vhost* vhost = client_.vhost();
  const QueueEntry* entry = vhost == nullptr ? nullptr : shard_.topology().queue(*vhost, name);
  if (entry == nullptr) {
    missing(0);
    return 0;
  }
  if (const auto access = check_access(*entry); !access) {
    ReplyBody refused = access.error();
    done(refused);
    return 0;
  }
  flush();
  homes_.insert(entry->home);
  client_.homes_.insert(entry->home);
  const QueueId id = entry->id;
  const RequestId request =
      shard_.ask(entry->home, id_,
                 [id, done = std::move(done), missing = std::move(missing)](ReplyBody& body) {
                   if (std::holds_alternative<Missing>(body)) {
                     missing(id);
                   } else {
                     done(body);
                   }
                 });
  shard_.send(entry->home, QueueRequest{request, id_, client_.id_, id, what});
  return request;
}

// --- topology -----------------------------------------------------------------------------------
void Session::declare_exchange(DeclareExchange what, Completion<void> done) {
  ask_control(std::move(what), [done = std::move(done)](ReplyBody& body) { complete(body, done); });
}

void Session::delete_exchange(DeleteExchange what, Completion<void> done) {
  ask_control(std::move(what), [done = std::move(done)](ReplyBody& body) { complete(body, done); });
}

void Session::change_binding(ChangeBinding what, Completion<void> done) {
  what.client = client_.id_;
  ask_control(std::move(what), [done = std::move(done)](ReplyBody& body) { complete(body, done); });
}

void Session::change_queue(ChangeQueue what, Completion<void> done) {
  what.client = client_.id_;
  ask_control(std::move(what), [done = std::move(done)](ReplyBody& body) { complete(body, done); });
}

void Session::declare_queue(QueueDeclare what, Completion<QueueState> done) {
  Vhost* vhost = client_.vhost();
  if (vhost == nullptr) return done(tl::make_unexpected(no_queue(what.name)));
  const QueueEntry* entry = shard_.topology().queue(*vhost, what.name);
  if (entry == nullptr) return create_queue(std::move(what), 0, std::move(done));

  const auto same = check_redeclaration(*entry, client_.id_, declaration(what));
  if (!same) return done(tl::make_unexpected(same.error()));
  // Somebody has only just declared it: control answers when that would survive a crash.
  if (entry->stored() && entry->round > shard_.kept_round()) {
    return create_queue(std::move(what), 0, std::move(done));
  }
  ask_queue(
      what.name, InspectQueue{},
      [done](ReplyBody& body) {
        complete<QueueStatus>(body, done, [](QueueStatus& status) -> EngineResult<QueueState> {
          return QueueState{status.messages, status.consumers, status.leased, status.delayed};
        });
      },
      [this, what, done](QueueId gone) { create_queue(what, gone, done); });
}

void Session::create_queue(QueueDeclare what, QueueId gone, Completion<QueueState> done) {
  Vhost* vhost = client_.vhost();
  if (vhost == nullptr) return done(tl::make_unexpected(no_queue(what.name)));
  if (find(what.arguments, kMoveOrderArgument) != nullptr) {
    what.permitted = refuse(ErrorKind::kPrecondition,
                            std::string(kMoveOrderArgument) + " is not for declarations");
  }
  auto settings = what.permitted.and_then([&] { return parse_queue_arguments(declaration(what)); })
                      .map([&](QueueSettings&& parsed) {
                        parsed.default_delivery_limit = shard_.options().default_delivery_limit;
                        return std::make_shared<const QueueSettings>(std::move(parsed));
                      });
  DeclareQueue declare{
      .vhost = vhost->id,
      .name = what.name,
      .durable = what.durable,
      .auto_delete = what.auto_delete,
      .client = client_.id_,
      .owner = what.exclusive ? client_.id_ : ClientId{},
      .arguments = settings ? stored_arguments(what.arguments, (*settings)->type) : what.arguments,
      .settings = std::move(settings),
      .gone = gone};
  flush();
  const bool exclusive = what.exclusive;
  if (exclusive) ++client_.declares_pending_;
  // Asked in nobody's name when exclusive: its queue must be found even if the session ends now.
  const RequestId request = shard_.ask(
      kControlShard, exclusive ? SessionId{} : id_,
      [this, client = &client_, session = id_, exclusive, what = std::move(what),
       done = std::move(done)](ReplyBody& body) {
        const auto* declared = std::get_if<QueueDeclared>(&body);
        if (exclusive) {
          --client->declares_pending_;
          if (declared != nullptr && declared->created) {
            client->exclusive_queues_.insert(declared->queue);
          }
          Session* alive = client->shard_.find_session(session);
          if (alive == nullptr || alive->closing_) return client->proceed();
        }
        if (declared != nullptr && !declared->created) return declare_queue(what, done);
        complete<QueueDeclared>(
            body, done, [](QueueDeclared&) -> EngineResult<QueueState> { return QueueState{}; });
      });
  asked_control_ = true;
  shard_.send(kControlShard, ControlRequest{request, id_, std::move(declare)});
}

void Session::inspect_queue(const std::string& name, const Completion<QueueState>& done) {
  ask_queue(
      name, InspectQueue{},
      [done](ReplyBody& body) {
        complete<QueueStatus>(body, done, [](QueueStatus& status) -> EngineResult<QueueState> {
          return QueueState{status.messages, status.consumers, status.leased, status.delayed};
        });
      },
      [this, name, done](QueueId) { done(tl::make_unexpected(no_queue(name))); });
}

void Session::delete_queue(std::string name, DeleteQueue conditions,
                           Completion<std::uint64_t> done) {
  const auto removed = [done](ReplyBody& body) {
    complete<Removed>(
        body, done, [](Removed& answer) -> EngineResult<std::uint64_t> { return answer.messages; });
  };
  ask_queue(name, conditions, removed, [this, done, removed](QueueId gone) {
    if (gone == 0 && shard_.replica_is_kept()) return done(0);
    // Somebody else deletes it: control answers when it is gone everywhere, and for good.
    const RequestId request = shard_.ask(kControlShard, id_, removed);
    shard_.send(kControlShard, RemoveQueue{gone, request, shard_.self(), 0});
  });
}

void Session::purge_queue(std::string name, Completion<std::uint64_t> done, PurgeQueue what) {
  ask_queue(
      name, what,
      [done](ReplyBody& body) {
        complete<Removed>(body, done, [](Removed& removed) -> EngineResult<std::uint64_t> {
          return removed.messages;
        });
      },
      [this, name, done](QueueId) { done(tl::make_unexpected(no_queue(name))); });
}

// --- messages -----------------------------------------------------------------------------------
bool Session::unroutable(Exchange& exchange, const Message& message,
                         std::span<Target* const> targets) {
  if (targets.empty()) return true;
  if (targets.front()->exchange == nullptr) return false;
  const MessageExtension* extension = message.extension();
  return !shard_.topology().leads_to_queue(
      exchange, message.routing_key(),
      extension == nullptr ? std::span<const std::string>() : extension->more_keys,
      MessageHeaders(message), shard_.random());
}

std::span<Target* const> Session::route(Exchange& exchange, const Message& message) {
  static const std::vector<std::string> kNone;
  const MessageExtension* extension = message.extension();
  return shard_.topology().route(exchange, message.routing_key(),
                                 extension == nullptr ? kNone : extension->more_keys,
                                 MessageHeaders(message), shard_.random());
}

void Session::consume(std::string queue, std::uint32_t handle, ConsumerOptions options,
                      Completion<ConsumerId> done) {
  ask_queue(
      queue, Consume{handle, options, shared_limit_ != 0},
      [done](ReplyBody& body) {
        complete<Consuming>(body, done, [](Consuming& consuming) -> EngineResult<ConsumerId> {
          return consuming.consumer;
        });
      },
      [this, queue, done](QueueId) { done(tl::make_unexpected(no_queue(queue))); });
}

void Session::cancel(ConsumerId consumer, std::function<void()> done) {
  flush();
  const auto answered = [this, consumer, done = std::move(done)](ReplyBody& body) {
    // Its queue went with it, and control says so; the last deliveries come from the queue's home.
    // So does the answer to a second request, behind them.
    if (std::holds_alternative<Removed>(body)) return cancel(consumer, done);
    done();
  };
  const RequestId request = shard_.ask(consumer.shard(), id_, answered);
  shard_.send(consumer.shard(),
              QueueRequest{request, id_, client_.id_, 0, CancelConsumer{consumer}});
}

void Session::get(std::string queue, bool no_ack, Completion<std::optional<GotMessage>> done) {
  using Result = EngineResult<std::optional<GotMessage>>;
  ask_queue(
      queue, Get{no_ack},
      [done](ReplyBody& body) {
        complete<Got>(body, done, [](Got& got) -> Result {
          if (!got.item) return std::nullopt;
          return GotMessage{*got.item, got.consumer, got.lease, got.ready};
        });
      },
      [this, queue, done](QueueId) { done(tl::make_unexpected(no_queue(queue))); });
}

RequestId Session::receive(std::string queue, ReceiveOptions options,
                           Completion<ReceivedMessages> done) {
  return ask_queue(
      queue, Receive{options},
      [done](ReplyBody& body) {
        complete<Received>(body, done, [](Received& received) -> EngineResult<ReceivedMessages> {
          return ReceivedMessages{std::move(received.items), received.consumer, received.queue,
                                  received.bytes};
        });
      },
      [this, queue, done](QueueId) { done(tl::make_unexpected(no_queue(queue))); });
}

void Session::stop_receiving(const std::string& queue, RequestId request) {
  ask_queue(queue, StopReceiving{request}, [](ReplyBody&) {}, [](QueueId) {});
}

void Session::settle_tokens(std::string queue, SettleTokens what,
                            Completion<std::vector<TokenEnd>> done) {
  ask_tokens(queue, std::move(what), std::move(done));
}

void Session::extend_leases(std::string queue, ExtendLeases what,
                            Completion<std::vector<TokenEnd>> done) {
  ask_tokens(queue, std::move(what), std::move(done));
}

void Session::inspect_move(const std::string& queue, bool cancel,
                           const Completion<MoveProgressed>& done) {
  ask_queue(
      queue, InspectMove{cancel},
      [done](ReplyBody& body) {
        complete<MoveProgressed>(
            body, done,
            [](MoveProgressed& progress) -> EngineResult<MoveProgressed> { return progress; });
      },
      [this, queue, done](QueueId) { done(tl::make_unexpected(no_queue(queue))); });
}

void Session::ask_tokens(const std::string& queue, decltype(QueueRequest::what) what,
                         Completion<std::vector<TokenEnd>> done) {
  ask_queue(
      queue, std::move(what),
      [done](ReplyBody& body) {
        complete<TokensEnded>(body, done,
                              [](TokensEnded& ended) -> EngineResult<std::vector<TokenEnd>> {
                                return std::move(ended.ends);
                              });
      },
      [this, queue, done](QueueId) { done(tl::make_unexpected(no_queue(queue))); });
}

std::uint64_t Session::accept_direct(bool on) {
  direct_nonce_ = on ? shard_.secret() | 1 : 0;
  return direct_nonce_;
}

void Session::send_direct(SessionId to, std::uint64_t nonce, Message* message) {
  shard_.send(to.shard(), DirectMessage{to, nonce, message});
}

void Session::inspect_direct(SessionId to, std::uint64_t nonce, std::function<void(bool)> done) {
  const RequestId request = shard_.ask(to.shard(), id_, [done = std::move(done)](ReplyBody& body) {
    done(std::holds_alternative<QueueStatus>(body));
  });
  shard_.send(to.shard(), InspectDirect{request, to, nonce});
}

void Session::settle(ConsumerId consumer, LeaseNumber first, LeaseNumber last, Settle how) {
  std::vector<SettleItem>& items = batch_for(settles_, consumer.shard()).items;
  if (!items.empty() && items.back().consumer == consumer && items.back().how == how &&
      items.back().last + 1 == first) {
    items.back().last = last;
    return;
  }
  items.push_back({consumer, first, last, how});
}

void Session::flush() {
  publisher_.flush();
  for (auto& [home, batch] : settles_) {
    if (!batch.items.empty()) shard_.send(home, std::exchange(batch, {}));
  }
}

void Session::commit(std::vector<TransactionPublish> publishes, std::vector<SettleItem> settles,
                     std::function<void(bool)> done) {
  flush();
  const UnitId unit = UnitId{shard_.next_id_++} << 16 | shard_.self();
  std::vector<std::pair<ShardIndex, UnitPart>> parts;
  for (const SettleItem& item : settles) {
    batch_for(parts, item.consumer.shard()).settles.push_back(item);
  }
  for (TransactionPublish& publish : publishes) {
    std::vector<std::pair<ShardIndex, Message*>> copies;
    for (const auto& [home, target] : publish.targets) {
      const auto known = std::find_if(copies.begin(), copies.end(),
                                      [&](const auto& copy) { return copy.first == home; });
      Message* own = nullptr;
      if (known != copies.end()) {
        own = known->second;
        own->add_reference();
      } else {
        own = copies.empty() ? publish.message : publish.message->clone(shard_.meter());
        copies.emplace_back(home, own);
      }
      batch_for(parts, home).publishes.push_back({target, own, 0});
    }
    if (copies.empty()) publish.message->release(shard_.meter());
  }
  if (parts.empty()) return done(true);
  Shard::Unit& record = shard_.units_[unit];
  record.session = id_;
  record.owed = parts.size();
  record.done = std::move(done);
  for (auto& [home, part] : parts) {
    part.unit = unit;
    record.homes.push_back(home);
    shard_.send(home, std::move(part));
  }
}

// --- channel-wide prefetch ----------------------------------------------------------------------
void Session::set_shared_prefetch(std::uint32_t limit) {
  const bool was_on = shared_limit_ != 0;
  shared_limit_ = limit;
  if (was_on != (limit != 0)) {
    for (const ShardIndex home : homes_) shard_.send(home, ShareCredit{id_, limit != 0});
  }
  grant_tokens();
}

void Session::set_prefetch(std::uint32_t prefetch) {
  for (const ShardIndex home : homes_) shard_.send(home, SetPrefetch{id_, prefetch});
}

void Session::set_unacked(std::uint64_t unacked) {
  const bool fewer = unacked < unacked_;
  unacked_ = unacked;
  if (fewer && !wanting_.empty()) grant_tokens();
}

void Session::token_wanted(ConsumerId consumer) {
  if (std::find(wanting_.begin(), wanting_.end(), consumer) == wanting_.end()) {
    wanting_.push_back(consumer);
  }
  grant_tokens();
}

void Session::tokens_returned(std::uint32_t count) {
  tokens_out_ -= std::min<std::uint64_t>(tokens_out_, count);
  grant_tokens();
}

// One token at a time in rotation: a consumer that wants more asks again.
void Session::grant_tokens() {
  while (!wanting_.empty() && (shared_limit_ == 0 || tokens_out_ + unacked_ < shared_limit_)) {
    ++tokens_out_;
    shard_.send(wanting_.front().shard(), GrantToken{id_, wanting_.front()});
    wanting_.pop_front();
  }
}

void Session::delivered(const DeliveryRun& run, const DeliveryItem* items) {
  tokens_out_ -= run.tokens;
  events_.on_deliveries(run, items);
}

void Session::close(std::function<void()> done) {
  flush();
  closing_ = true;
  closed_ = std::move(done);
  if (asked_control_) shard_.send(kControlShard, ForgetSession{id_});
  const auto finish = [this] {
    --client_.sessions_open_;
    Client& client = client_;
    std::exchange(closed_, nullptr)();  // may destroy this session
    client.proceed();
  };
  client_.flush();
  if (homes_.empty()) return finish();
  closes_pending_ = homes_.size();
  for (const ShardIndex home : homes_) {
    const RequestId request = shard_.ask(home, {}, [this, finish](ReplyBody&) {
      if (--closes_pending_ == 0) finish();
    });
    shard_.send(home, CloseSession{request, id_});
  }
}

}  // namespace polymq::engine
