// basic.publish and its content, returns, confirms and transactions (docs/features.md:
// Publishing, Confirms and transactions).
#include <algorithm>
#include <charconv>

#include "amqp091/channel.h"
#include "amqp091/direct_reply.h"
#include "amqp091/properties.h"
#include "engine/time_to_live.h"

namespace polymq::amqp091 {
namespace {

using engine::Message;

/// Larger bodies are collected as they come, so that nobody reserves memory by announcing a size.
constexpr std::uint64_t kAtOnce = 64 * 1024;
constexpr std::uint64_t kLargestBody = 512u << 20;

ProtocolError precondition(std::string text) {
  return {ReplyCode::kPreconditionFailed, std::move(text), method::BasicPublish::kId};
}

/// The message's own time to live, or RabbitMQ's words for what is wrong with it.
ProtocolResult<engine::TimeToLive> parse_expiration(std::string_view text) {
  const auto invalid = [&](std::string why) {
    return tl::make_unexpected(
        precondition("invalid expiration '" + std::string(text) + "': " + std::move(why)));
  };
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-';
  const auto [stopped, error] = std::from_chars(text.data() + (plus ? 1 : 0), end, value);
  if (error == std::errc::invalid_argument) return invalid("no_integer");
  if (stopped != end) {
    return invalid("{leftover_string,\"" + std::string(stopped, end) + "\"}");
  }
  if (error == std::errc::result_out_of_range || value > engine::kLongestTimeToLiveMs) {
    return invalid("{value_too_large," + std::string(text) + "}");
  }
  if (value < 0) return invalid("{value_negative," + std::string(text) + "}");
  return engine::TimeToLive{value};
}

/// Adds the keys of a CC or BCC header.
std::optional<ProtocolError> add_keys(std::string_view table, std::string_view name,
                                      std::vector<std::string>& keys) {
  const std::optional<RawField> field = find_raw(table, name);
  if (!field) return std::nullopt;
  if (field->type != 'A') {
    const auto value = field->decode();
    return precondition(
        "invalid message: {unacceptable_type_in_header,\"" + std::string(name) + "\"," +
        std::string(engine::type_name(value ? value->type() : engine::FieldType::kVoid)) + "}");
  }
  RawField item;
  for (TableCursor cursor(field->value, TableCursor::Of::kArray); cursor.next(item);) {
    if (item.is_string()) keys.emplace_back(item.value.substr(0, 255));
  }
  return std::nullopt;
}

std::string without_bcc(std::string_view properties) {
  return engine::codec_of(engine::Dialect::kAmqp091)
      .amend(properties, {.set_headers = {}, .remove_headers = {"BCC"}});
}

}  // namespace

// --- receiving ----------------------------------------------------------------------------------
void Channel::on(const method::BasicPublish& publish) {
  connection_.note_publish();
  content_.exchange.assign(publish.exchange);
  content_.routing_key.assign(publish.routing_key);
  content_.mandatory = publish.mandatory;
  content_.immediate = publish.immediate;
  content_.expected = Content::Expected::kHeader;
}

void Channel::handle_header(std::string_view payload) {
  if (state_ != State::kOpen) return;
  current_ = method::BasicPublish::kId;
  if (content_.expected == Content::Expected::kMethod) return content_without_method();
  if (content_.expected == Content::Expected::kBody) {
    return fail(ReplyCode::kUnexpectedFrame,
                "expected content body, got non content body frame instead");
  }
  const ContentHeader header = parse_content_header(payload);
  if (header.class_id != kBasicClass) {
    return fail(ReplyCode::kUnexpectedFrame,
                "expected content header for class 60, got one for class " +
                    std::to_string(header.class_id) + " instead");
  }
  if (header.weight != 0) {
    return fail(ReplyCode::kUnexpectedFrame,
                "expected content header for class 60, got non content header frame instead");
  }
  if (header.body_size > kLargestBody) {
    return fail(ReplyCode::kFrameError, "content body size " + std::to_string(header.body_size) +
                                            " exceeds maximum allowed size " +
                                            std::to_string(kLargestBody));
  }
  if (header.properties.size() > connection_.settings().max_header_size) {
    return fail(ReplyCode::kFrameError, "content header is larger than the configured maximum");
  }
  content_.body_size = header.body_size;
  content_.received = 0;
  begin_message(header.properties);
  if (state_ != State::kOpen) return;
  if (header.body_size == 0) return publish();
  content_.expected = Content::Expected::kBody;
}

// Everything that can be said from the header is checked now, and told when the body is there.
void Channel::begin_message(std::string_view properties) {
  HotProperties hot;
  if (scan(properties, hot) != PropertiesStatus::kOk) {
    return fail({.code = ReplyCode::kInternalError, .explanation = {}, .no_method = true});
  }
  std::string amended;
  const bool plain = hot.expiration.data() == nullptr && hot.reply_to.data() == nullptr &&
                     hot.user_id.data() == nullptr && hot.headers.bytes.empty();
  if (!plain) {
    content_.error = check_properties(properties, amended);
    if (!amended.empty()) properties = amended;
  }
  content_.parts = {.persistent = hot.persistent()};
  // An absent priority is not the same as priority 0 to every kind of queue.
  if (hot.priority != 0 || has_priority(properties)) content_.parts.priority = hot.priority;
  if (content_.body_size > connection_.settings().max_message_size && !content_.error) {
    const std::uint64_t most = connection_.settings().max_message_size;
    content_.error = precondition("message size " + std::to_string(content_.body_size) +
                                  " is larger than " + (most == kLargestBody ? "" : "configured ") +
                                  "max size " + std::to_string(most));
  }
  if (content_.error) return;  // the body is read and thrown away
  if (content_.body_size <= kAtOnce) {
    content_.parts.exchange = content_.exchange;
    content_.parts.routing_key = content_.routing_key;
    content_.parts.properties = properties;
    content_.parts.body_size = content_.body_size;
    content_.message = Message::create(content_.parts, connection_.shard().meter());
  } else {
    content_.properties = properties;
    content_.body.clear();
  }
}

std::optional<ProtocolError> Channel::check_properties(std::string_view properties,
                                                       std::string& amended) {
  HotProperties hot;
  scan(properties, hot);
  const auto extension = [&]() -> engine::MessageExtension& {
    if (!content_.extension) content_.extension = std::make_unique<engine::MessageExtension>();
    return *content_.extension;
  };
  if (hot.reply_to == kDirectReplyPrefix) {
    if (direct_nonce_ == 0) return precondition("fast reply consumer does not exist");
    const std::string address = DirectAddress{session_.id(), direct_nonce_}.text();
    amended = with_changes(properties, {.reply_to = address});
  }
  if (hot.expiration.data() != nullptr) {
    const auto ttl = parse_expiration(hot.expiration);
    if (!ttl) return ttl.error();
    extension().ttl = *ttl;
  }
  if (!hot.headers.bytes.empty()) {
    std::vector<std::string> keys;
    if (auto error = add_keys(hot.headers.bytes, "CC", keys)) return error;
    const std::size_t visible = keys.size();
    if (auto error = add_keys(hot.headers.bytes, "BCC", keys)) return error;
    if (find_raw(hot.headers.bytes, "BCC")) {
      amended = without_bcc(amended.empty() ? properties : std::string_view(amended));
    }
    if (!keys.empty()) {
      extension().more_keys = std::move(keys);
      extension().visible_keys = visible;
    }
  }
  if (hot.user_id.data() != nullptr && hot.user_id != connection_.user() &&
      !connection_.impersonator()) {
    return precondition("user_id property set to '" + std::string(hot.user_id) +
                        "' but authenticated user was '" + connection_.user() + "'");
  }
  return std::nullopt;
}

void Channel::content_without_method() {
  fail({.code = ReplyCode::kUnexpectedFrame,
        .explanation = "expected method frame, got non method frame instead",
        .no_method = true});
}

void Channel::handle_body(std::string_view payload) {
  if (state_ != State::kOpen) return;
  current_ = method::BasicPublish::kId;
  if (content_.expected == Content::Expected::kMethod) return content_without_method();
  if (content_.expected == Content::Expected::kHeader) {
    return fail(ReplyCode::kUnexpectedFrame,
                "expected content header for class 60, got non content header frame instead");
  }
  if (payload.size() > content_.body_size - content_.received) {
    return fail(ReplyCode::kFrameError, "content body frame exceeds remaining content size");
  }
  if (content_.message != nullptr) {
    std::memcpy(content_.message->body_space() + content_.received, payload.data(), payload.size());
  } else if (!content_.error) {
    content_.body.append(payload);
    connection_.shard().meter().bytes += static_cast<std::int64_t>(payload.size());
    // Not only at its end: bodies that are never complete take memory, too.
    if (connection_.shard().alarm()) connection_.publishing_under_alarm();
  }
  content_.received += payload.size();
  if (content_.received == content_.body_size) publish();
}

// --- publishing ---------------------------------------------------------------------------------
void Channel::publish() {
  content_.expected = Content::Expected::kMethod;
  if (content_.message == nullptr && !content_.error) {
    content_.parts.exchange = content_.exchange;
    content_.parts.routing_key = content_.routing_key;
    content_.parts.properties = content_.properties;
    content_.parts.body_size = content_.body.size();
    content_.message = Message::create(content_.parts, connection_.shard().meter());
    std::memcpy(content_.message->body_space(), content_.body.data(), content_.body.size());
    forget_collected_body();
  }
  Message* message = std::exchange(content_.message, nullptr);
  auto extension = std::exchange(content_.extension, nullptr);
  engine::Exchange* exchange = nullptr;
  const bool ok = [&] {
    if (content_.immediate) {
      fail(ReplyCode::kNotImplemented, "immediate=true");
      return false;
    }
    if (content_.error && content_.error->explanation.starts_with("message size")) {
      fail(std::exchange(content_.error, std::nullopt).value());
      return false;
    }
    exchange = exchange_of_publish();
    if (exchange == nullptr) return false;
    if (exchange->type == "topic" && !check_topic_access(*exchange, extension.get())) return false;
    if (content_.error) {
      fail(std::exchange(content_.error, std::nullopt).value());
      return false;
    }
    return true;
  }();
  if (!ok) {
    content_.error.reset();
    if (message != nullptr) message->release(connection_.shard().meter());
    return;
  }
  if (extension) message->make_extension() = std::move(*extension);
  if (connection_.shard().alarm()) connection_.publishing_under_alarm();
  if (exchange->is_default() && message->routing_key().starts_with(kDirectReplyPrefix)) {
    return publish_directly(message);
  }
  const auto targets = session_.route(*exchange, *message);
  ++exchange->published_in;
  if (targets.empty() || targets.front()->exchange == nullptr) {  // else counted at its home
    exchange->published_out += targets.size();
  }
  const bool unroutable = content_.mandatory && session_.unroutable(*exchange, *message, targets);
  if (unroutable) {
    ++exchange->returned_unroutable;
  } else if (targets.empty() && !content_.mandatory) {
    ++exchange->dropped_unroutable;
    ++counters_.drop_unroutable;
  }
  hand_to_engine(message, targets, unroutable);
}

/// The exchange, if the user may publish to it. Mostly it is the one of the message before.
engine::Exchange* Channel::exchange_of_publish() {
  engine::Topology& topology = connection_.shard().topology();
  if (known_exchange_ != nullptr && known_version_ == topology.version() &&
      known_exchange_name_ == content_.exchange && connection_.directory_current()) {
    return known_exchange_;
  }
  known_exchange_ = nullptr;
  if (!check_exchange_access(auth::Access::kWrite, content_.exchange)) return nullptr;
  engine::Vhost* vhost = connection_.client().vhost();
  engine::Exchange* exchange =
      vhost == nullptr ? nullptr : topology.exchange(*vhost, content_.exchange);
  const std::string shown = engine::exchange_in_vhost(content_.exchange, connection_.vhost());
  if (exchange == nullptr) {
    fail(ReplyCode::kNotFound, "no " + shown);
    return nullptr;
  }
  if (exchange->internal) {
    fail(ReplyCode::kAccessRefused, "cannot publish to internal " + shown);
    return nullptr;
  }
  known_exchange_name_ = content_.exchange;
  known_version_ = topology.version();
  known_exchange_ = exchange;
  return exchange;
}

bool Channel::check_topic_access(const engine::Exchange& exchange,
                                 const engine::MessageExtension* extension) {
  const auto check = [&](std::string_view key) {
    if (connection_.topic_allowed(auth::Access::kWrite, exchange.name, key)) return true;
    fail(ReplyCode::kAccessRefused,
         "write access to topic '" + std::string(key) + "' in " +
             engine::exchange_in_vhost(exchange.name, connection_.vhost()) + " refused for user '" +
             connection_.user() + "'");
    return false;
  };
  if (!check(content_.routing_key)) return false;
  return extension == nullptr ||
         std::all_of(extension->more_keys.begin(), extension->more_keys.end(), check);
}

void Channel::hand_to_engine(Message* message, std::span<engine::Target* const> targets,
                             bool unroutable) {
  if (mode_ == Mode::kTransaction) {
    TransactionPublish publish{message, {}, unroutable};
    engine::note_targets(*message, targets);
    message->count_extension(connection_.shard().meter());
    for (const engine::Target* target : targets) {
      publish.targets.emplace_back(target->home, target->id);
    }
    transaction_publishes_.push_back(std::move(publish));
    return;
  }
  ++counters_.publish;
  if (unroutable) return_unroutable(*message);
  if (mode_ == Mode::kPlain) return session_.publisher().publish(message, targets);
  session_.publisher().publish_tracked(message, targets);
  if (targets.empty()) on_publishes_settled();
}

// A reply for a requester's channel, wherever that is; counts as routed even if nobody is there.
void Channel::publish_directly(Message* message) {
  if (const auto address = DirectAddress::parse(message->routing_key());
      address && address->session.shard() < connection_.shard().shard_count()) {
    session_.send_direct(address->session, address->nonce,
                         message->clone(connection_.shard().meter()));
  }
  hand_to_engine(message, {}, false);
}

void Channel::return_unroutable(const Message& message) {
  ++counters_.return_unroutable;
  send(method::BasicReturn{static_cast<std::uint16_t>(ReplyCode::kNoRoute),
                           code_name(ReplyCode::kNoRoute), message.exchange(),
                           message.routing_key()});
  encode_content(connection_.output(), number_, message.properties(), message.body(),
                 connection_.frame_max());
}

// --- confirms -----------------------------------------------------------------------------------
// All below the lowest unsettled sequence in one frame, the others one by one; refusals first, so
// that no "multiple" covers them.
void Channel::emit_confirms() {
  engine::Publisher& publisher = session_.publisher();
  if (publisher.settled().empty()) return;
  const std::uint64_t lowest = publisher.lowest_pending();
  std::uint64_t prefix = 0;
  std::uint64_t prefix_count = 0;
  std::uint64_t rejected = 0;
  for (const engine::Publisher::Settled& settled : publisher.settled()) {
    if (settled.rejected) {
      send(method::BasicNack{settled.sequence, false, false});
      ++rejected;
    } else if (settled.sequence < lowest) {
      prefix = std::max(prefix, settled.sequence);
      ++prefix_count;
    }
  }
  if (prefix != 0) send(method::BasicAck{prefix, prefix_count > 1});
  for (const engine::Publisher::Settled& settled : publisher.settled()) {
    if (!settled.rejected && settled.sequence >= lowest) {
      send(method::BasicAck{settled.sequence, false});
    }
  }
  const std::uint64_t confirmed = publisher.settled().size() - rejected;
  counters_.confirm += confirmed;
  if (engine::Vhost* vhost = connection_.client().vhost()) vhost->confirmed += confirmed;
  publisher.settled().clear();
}

// --- transactions -------------------------------------------------------------------------------
void Channel::commit_transaction() {
  std::vector<engine::Session::TransactionPublish> publishes;
  for (TransactionPublish& publish : std::exchange(transaction_publishes_, {})) {
    if (publish.unroutable) return_unroutable(*publish.message);
    publishes.push_back({publish.message, std::move(publish.targets)});
  }
  std::vector<engine::SettleItem> settles;
  std::uint64_t acks = 0;
  for (const TransactionSettle& settle : std::exchange(transaction_settles_, {})) {
    for (std::uint64_t tag = unacked_.next(settle.first);
         tag <= settle.last && tag < unacked_.end(); tag = unacked_.next(tag + 1)) {
      const Unacked entry = take_unacked(tag);
      if (settle.how == engine::Settle::kAck) ++acks;
      settles.push_back({entry.consumer, entry.lease, entry.lease, settle.how});
    }
  }
  unacked_changed();
  wait_for_reply();
  const std::uint64_t published = publishes.size();
  session_.commit(std::move(publishes), std::move(settles), [this, published, acks](bool ok) {
    reply_came();
    if (!ok) return fail(ReplyCode::kPreconditionFailed, "partial tx completion");
    counters_.publish += published;
    counters_.ack += acks;
    send(method::TxCommitOk{});
  });
}

}  // namespace polymq::amqp091
