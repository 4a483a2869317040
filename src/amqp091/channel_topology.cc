// exchange.* and queue.*: declarations, bindings, deletions (docs/features.md: Exchanges, Queues).
#include <algorithm>

#include "amqp091/channel.h"
#include "amqp091/direct_reply.h"
#include "amqp091/server_names.h"
#include "engine/exchange/types.h"

namespace polymq::amqp091 {
namespace {

using engine::EngineResult;
using engine::Fields;
using engine::Value;

/// Clients are allowed carriage returns in names, the broker is not.
std::string clean_name(std::string_view name) {
  std::string clean(name);
  std::erase_if(clean, [](char c) { return c == '\r' || c == '\n'; });
  return clean;
}

std::string access_text(auth::Access access) {
  switch (access) {
    case auth::Access::kConfigure:
      return "configure";
    case auth::Access::kWrite:
      return "write";
    case auth::Access::kRead:
      return "read";
  }
  return {};
}

}  // namespace

// --- permissions --------------------------------------------------------------------------------
tl::unexpected<engine::EngineError> Channel::refused(auth::Access access,
                                                     const std::string& resource) const {
  return tl::make_unexpected(engine::EngineError{
      engine::ErrorKind::kRefused, access_text(access) + " access to " + resource +
                                       " refused for user '" + connection_.user() + "'"});
}

EngineResult<void> Channel::queue_access(auth::Access access, std::string_view queue) const {
  if (connection_.allowed(access, queue)) return {};
  return refused(access, engine::queue_in_vhost(queue, connection_.vhost()));
}

EngineResult<void> Channel::exchange_access(auth::Access access, std::string_view exchange) const {
  if (connection_.allowed(access, exchange)) return {};
  const std::string_view shown = exchange.empty() ? "amq.default" : exchange;
  return refused(access, engine::exchange_in_vhost(shown, connection_.vhost()));
}

bool Channel::check_queue_access(auth::Access access, std::string_view queue) {
  const auto allowed = queue_access(access, queue);
  if (!allowed) fail(allowed.error());
  return allowed.has_value();
}

bool Channel::check_exchange_access(auth::Access access, std::string_view exchange) {
  const auto allowed = exchange_access(access, exchange);
  if (!allowed) fail(allowed.error());
  return allowed.has_value();
}

/// Whoever makes a queue or an exchange that passes messages on must be allowed to read from it and
/// to write to the exchange that `argument` names.
EngineResult<void> Channel::may_forward(Forwarder forwarder, std::string_view name,
                                        const Fields& arguments, std::string_view argument) const {
  const Value* to = engine::find(arguments, argument);
  if (to == nullptr) return {};
  const bool is_queue = forwarder == Forwarder::kQueue;
  if (to->as_string() == nullptr) {
    const std::string shown = is_queue ? engine::queue_in_vhost(name, connection_.vhost())
                                       : engine::exchange_in_vhost(name, connection_.vhost());
    return tl::make_unexpected(
        engine::EngineError{engine::ErrorKind::kPrecondition,
                            "invalid type '" + std::string(engine::type_name(to->type())) +
                                "' for arg '" + std::string(argument) + "' in " + shown});
  }
  const auto readable = is_queue ? queue_access(auth::Access::kRead, name)
                                 : exchange_access(auth::Access::kRead, name);
  return readable ? exchange_access(auth::Access::kWrite, *to->as_string()) : readable;
}

std::optional<std::string> Channel::queue_name(std::string_view given) {
  if (!given.empty()) return clean_name(given);
  if (last_queue_.empty()) {
    fail(ReplyCode::kNotFound, "no previously declared queue");
    return std::nullopt;
  }
  return last_queue_;
}

engine::QueueEntry* Channel::find_queue(std::string_view name) {
  engine::Vhost* vhost = connection_.client().vhost();
  return vhost == nullptr ? nullptr : connection_.shard().topology().queue(*vhost, name);
}

/// Answers a topology operation in its place, with its own method's ids if it failed.
template <class Ok>
engine::Completion<void> Channel::topology_reply(bool nowait) {
  return [this, nowait, id = current_, place = begin_operation()](EngineResult<void> result) {
    end_operation(place, [this, nowait, id, result = std::move(result)] {
      current_ = id;
      if (!result) return fail(result.error());
      if (!nowait) send(Ok{});
    });
  };
}

// --- exchanges ----------------------------------------------------------------------------------
void Channel::on(const method::ExchangeDeclare& declare) {
  if (declare.passive) return inspect_exchange(declare);
  if (!engine::known_type(declare.type)) {
    return fail(ReplyCode::kPreconditionFailed,
                "unknown exchange type '" + std::string(declare.type) + "'");
  }
  const std::string name = clean_name(declare.exchange);
  if (name.empty()) {
    return fail(ReplyCode::kAccessRefused, "operation not permitted on the default exchange");
  }
  if (!check_exchange_access(auth::Access::kConfigure, name)) return;
  engine::Vhost* vhost = connection_.client().vhost();
  if (vhost == nullptr) return fail(ReplyCode::kNotFound, "no vhost");
  Fields arguments = *decode_table(declare.arguments.bytes);
  auto permitted = may_forward(Forwarder::kExchange, name, arguments, "alternate-exchange");
  session_.declare_exchange(
      {vhost->id, name, std::string(declare.type), declare.durable, declare.auto_delete,
       declare.internal, std::move(arguments), std::move(permitted)},
      topology_reply<method::ExchangeDeclareOk>(declare.nowait));
}

void Channel::inspect_exchange(const method::ExchangeDeclare& declare) {
  engine::Vhost* vhost = connection_.client().vhost();
  const std::string name = clean_name(declare.exchange);
  if (name.empty()) {
    return fail(ReplyCode::kAccessRefused, "operation not permitted on the default exchange");
  }
  if (vhost == nullptr || connection_.shard().topology().exchange(*vhost, name) == nullptr) {
    return fail(ReplyCode::kNotFound, "no " + engine::exchange_in_vhost(name, connection_.vhost()));
  }
  const bool any = connection_.allowed(auth::Access::kConfigure, name) ||
                   connection_.allowed(auth::Access::kWrite, name) ||
                   connection_.allowed(auth::Access::kRead, name);
  if (!any && !check_exchange_access(auth::Access::kConfigure, name)) return;
  if (!declare.nowait) send(method::ExchangeDeclareOk{});
}

void Channel::on(const method::ExchangeDelete& remove) {
  const std::string name = clean_name(remove.exchange);
  if (name.empty()) {
    return fail(ReplyCode::kAccessRefused, "operation not permitted on the default exchange");
  }
  if (name.starts_with("amq.")) {
    return fail(ReplyCode::kAccessRefused,
                "deletion of system " + engine::exchange_in_vhost(name, connection_.vhost()) +
                    " not allowed");
  }
  if (!check_exchange_access(auth::Access::kConfigure, name)) return;
  engine::Vhost* vhost = connection_.client().vhost();
  if (vhost == nullptr) return fail(ReplyCode::kNotFound, "no vhost");
  wait_for_reply();
  session_.delete_exchange({vhost->id, name, remove.if_unused},
                           [this, nowait = remove.nowait](EngineResult<void> result) {
                             reply_came();
                             if (!result) return fail(result.error());
                             if (!nowait) send(method::ExchangeDeleteOk{});
                           });
}

// --- bindings -----------------------------------------------------------------------------------
bool Channel::check_binding_access(const engine::ChangeBinding& change) {
  const bool destination_allowed =
      change.to_exchange ? check_exchange_access(auth::Access::kWrite, change.destination)
                         : check_queue_access(auth::Access::kWrite, change.destination);
  if (!destination_allowed) return false;
  if (change.source.empty() || (change.to_exchange && change.destination.empty())) {
    fail(ReplyCode::kAccessRefused, "operation not permitted on the default exchange");
    return false;
  }
  if (!check_exchange_access(auth::Access::kRead, change.source)) {
    return false;
  }
  engine::Vhost* vhost = connection_.client().vhost();
  if (vhost == nullptr) return true;
  const engine::Exchange* source = connection_.shard().topology().exchange(*vhost, change.source);
  if (source == nullptr || source->type != "topic" ||
      connection_.topic_allowed(auth::Access::kRead, change.source, change.key)) {
    return true;
  }
  fail(ReplyCode::kAccessRefused,
       "read access to topic '" + change.key + "' in " +
           engine::exchange_in_vhost(change.source, connection_.vhost()) + " refused for user '" +
           connection_.user() + "'");
  return false;
}

template <class Ok>
void Channel::change_binding(engine::ChangeBinding change, bool nowait) {
  if (!change.to_exchange && change.destination.starts_with(kDirectReplyPrefix)) {
    return fail(ReplyCode::kAccessRefused,
                "cannot bind or unbind to a volatile (direct reply-to) queue");
  }
  if (!check_binding_access(change)) return;
  engine::Vhost* vhost = connection_.client().vhost();
  if (vhost == nullptr) return fail(ReplyCode::kNotFound, "no vhost");
  change.vhost = vhost->id;
  session_.change_binding(std::move(change), topology_reply<Ok>(nowait));
}

void Channel::on(const method::ExchangeBind& bind) {
  change_binding<method::ExchangeBindOk>({.source = clean_name(bind.source),
                                          .destination = clean_name(bind.destination),
                                          .to_exchange = true,
                                          .key = std::string(bind.routing_key),
                                          .arguments = *decode_table(bind.arguments.bytes),
                                          .add = true},
                                         bind.nowait);
}

void Channel::on(const method::ExchangeUnbind& unbind) {
  change_binding<method::ExchangeUnbindOk>({.source = clean_name(unbind.source),
                                            .destination = clean_name(unbind.destination),
                                            .to_exchange = true,
                                            .key = std::string(unbind.routing_key),
                                            .arguments = *decode_table(unbind.arguments.bytes),
                                            .add = false},
                                           unbind.nowait);
}

void Channel::on(const method::QueueBind& bind) {
  const std::optional<std::string> queue = queue_name(bind.queue);
  if (!queue) return;
  const bool both_empty = bind.queue.empty() && bind.routing_key.empty();
  change_binding<method::QueueBindOk>({.source = clean_name(bind.exchange),
                                       .destination = *queue,
                                       .to_exchange = false,
                                       .key = both_empty ? *queue : std::string(bind.routing_key),
                                       .arguments = *decode_table(bind.arguments.bytes),
                                       .add = true},
                                      bind.nowait);
}

void Channel::on(const method::QueueUnbind& unbind) {
  const std::optional<std::string> queue = queue_name(unbind.queue);
  if (!queue) return;
  const bool both_empty = unbind.queue.empty() && unbind.routing_key.empty();
  change_binding<method::QueueUnbindOk>(
      {.source = clean_name(unbind.exchange),
       .destination = *queue,
       .to_exchange = false,
       .key = both_empty ? *queue : std::string(unbind.routing_key),
       .arguments = *decode_table(unbind.arguments.bytes),
       .add = false},
      false);
}

// --- queues -------------------------------------------------------------------------------------
void Channel::on(const method::QueueDeclare& declare) {
  std::string name = clean_name(declare.queue);
  if (declare.passive || name.starts_with(kDirectReplyPrefix)) {
    return inspect_queue(name, declare.nowait);
  }
  declare_queue(declare, std::move(name));
}

void Channel::declare_queue(const method::QueueDeclare& declare, std::string name) {
  Fields arguments = *decode_table(declare.arguments.bytes);
  if (name.empty()) {
    const engine::Vhost* vhost = connection_.client().vhost();
    if (const auto type = engine::choose_queue_type(
            {.name = name,
             .vhost = connection_.vhost(),
             .durable = declare.durable,
             .exclusive = declare.exclusive,
             .auto_delete = declare.auto_delete,
             .arguments = arguments,
             .default_type = vhost == nullptr ? "" : std::string_view(vhost->default_queue_type)});
        !type) {
      return fail(type.error());
    }
    const EngineResult<std::string> prefix = engine::server_name_prefix(arguments);
    if (!prefix) return fail(prefix.error());
    name = generate_name(*prefix + "-");
  } else if (name.starts_with("amq.") && !(declare.exclusive && find_queue(name) != nullptr)) {
    return fail(ReplyCode::kAccessRefused,
                "queue name '" + name + "' contains reserved prefix 'amq.*'");
  }
  if (!check_queue_access(auth::Access::kConfigure, name)) return;
  if (!declare.durable && !declare.exclusive &&
      !connection_.settings().permit_transient_nonexclusive) {
    return fail(ReplyCode::kInternalError,
                "Feature `transient_nonexcl_queues` is deprecated and not permitted");
  }
  auto permitted = may_forward(Forwarder::kQueue, name, arguments, "x-dead-letter-exchange");
  last_queue_ = name;
  // What exists is asked for at its home: operations that follow must not get ahead of that.
  const bool known = find_queue(name) != nullptr;
  if (known) wait_for_reply();
  session_.declare_queue({name, declare.durable, declare.exclusive, declare.auto_delete,
                          std::move(arguments), std::move(permitted)},
                         [this, name, nowait = declare.nowait, known, id = current_,
                          place = begin_operation()](EngineResult<engine::QueueState> result) {
                           if (known) reply_came();
                           end_operation(place,
                                         [this, name, nowait, id, result = std::move(result)] {
                                           current_ = id;
                                           if (!result) return fail(result.error());
                                           queue_declared(name, *result, nowait);
                                         });
                         });
}

void Channel::queue_declared(const std::string& name, engine::QueueState state, bool nowait) {
  last_queue_ = name;
  if (nowait) return;
  send(method::QueueDeclareOk{name, static_cast<std::uint32_t>(state.messages),
                              static_cast<std::uint32_t>(state.consumers)});
}

void Channel::inspect_queue(const std::string& name, bool nowait) {
  if (name == kDirectReplyPrefix) return queue_declared(name, {0, 1}, nowait);
  if (const auto address = DirectAddress::parse(name)) {
    if (address->session.shard() >= connection_.shard().shard_count()) {
      return fail(ReplyCode::kNotFound, "no " + engine::queue_in_vhost(name, connection_.vhost()));
    }
    wait_for_reply();
    session_.inspect_direct(address->session, address->nonce, [this, name, nowait](bool alive) {
      reply_came();
      if (alive) return queue_declared(name, {0, 1}, nowait);
      fail(ReplyCode::kNotFound, "no " + engine::queue_in_vhost(name, connection_.vhost()));
    });
    return;
  }
  const bool any = connection_.allowed(auth::Access::kConfigure, name) ||
                   connection_.allowed(auth::Access::kWrite, name) ||
                   connection_.allowed(auth::Access::kRead, name);
  if (!any && find_queue(name) != nullptr && !check_queue_access(auth::Access::kConfigure, name)) {
    return;
  }
  wait_for_reply();
  session_.inspect_queue(name, [this, name, nowait](EngineResult<engine::QueueState> result) {
    reply_came();
    if (!result) return fail(result.error());
    queue_declared(name, *result, nowait);
  });
}

void Channel::on(const method::QueuePurge& purge) {
  const std::optional<std::string> name = queue_name(purge.queue);
  if (!name || !check_queue_access(auth::Access::kRead, *name)) return;
  wait_for_reply();
  session_.purge_queue(*name, [this, nowait = purge.nowait](EngineResult<std::uint64_t> result) {
    reply_came();
    if (!result) return fail(result.error());
    if (!nowait) send(method::QueuePurgeOk{static_cast<std::uint32_t>(*result)});
  });
}

void Channel::on(const method::QueueDelete& remove) {
  const std::optional<std::string> name = queue_name(remove.queue);
  if (!name || !check_queue_access(auth::Access::kConfigure, *name)) return;
  if (const engine::QueueEntry* entry = find_queue(*name);
      entry != nullptr && entry->declared->type == engine::QueueType::kQuorum &&
      (remove.if_unused || remove.if_empty)) {
    const std::string flag = remove.if_unused ? "if-unused" : "if-empty";
    return fail(ReplyCode::kNotImplemented, "cannot delete " +
                                                engine::queue_in_vhost(*name, connection_.vhost()) +
                                                ". queue.delete operations with " + flag +
                                                " flag set are not supported by quorum queues");
  }
  wait_for_reply();
  session_.delete_queue(*name, {remove.if_unused, remove.if_empty},
                        [this, nowait = remove.nowait](EngineResult<std::uint64_t> result) {
                          reply_came();
                          if (!result) return fail(result.error());
                          if (!nowait) {
                            send(method::QueueDeleteOk{static_cast<std::uint32_t>(*result)});
                          }
                        });
}

}  // namespace polymq::amqp091
