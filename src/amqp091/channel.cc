// A channel's life, its modes, and the dispatch of its methods.
#include "amqp091/channel.h"

#include <algorithm>
#include <cassert>

#include "base/log.h"

namespace polymq::amqp091 {

Channel::Channel(Connection& connection, std::uint16_t number)
    : connection_(connection),
      number_(number),
      session_(connection.client(), *this),
      prefetch_(connection.settings().default_prefetch) {}

Channel::~Channel() {
  drop_content();
  for (const TransactionPublish& publish : transaction_publishes_) {
    publish.message->release(connection_.shard().meter());
  }
}

// --- dispatch -----------------------------------------------------------------------------------
template <class M>
void Channel::on(const M&) {
  fail({ReplyCode::kCommandInvalid, "unimplemented method", M::kId});
}

/// Overload resolution must see Channel's private handlers.
struct ChannelMethods {
  Channel& channel;
  template <class M>
  void operator()(const M& method) {
    channel.on(method);
  }
};

void Channel::handle_method(MethodId id, std::string_view arguments) {
  if (state_ != State::kOpen) return;
  current_ = awaits_content() ? method::BasicPublish::kId : id;
  if (content_.expected == Content::Expected::kHeader) {
    return fail(ReplyCode::kUnexpectedFrame,
                "expected content header for class 60, got non content header frame instead");
  }
  if (content_.expected == Content::Expected::kBody) {
    return fail(ReplyCode::kUnexpectedFrame,
                "expected content body, got non content body frame instead");
  }
  // The two methods of the message path need no table look-up.
  if (id == method::BasicPublish::kId) {
    method::BasicPublish publish;
    if (decode(arguments, publish) == DecodeStatus::kOk) return on(publish);
  }
  const DecodeStatus status = dispatch<method::All>(id, arguments, ChannelMethods{*this});
  switch (status) {
    case DecodeStatus::kOk:
      return;
    case DecodeStatus::kUnknownMethod:
      fail(ReplyCode::kCommandInvalid, "unknown method");
      return connection_.give_up();
    case DecodeStatus::kBadLength:
      return fail(ReplyCode::kFrameError, "cannot decode " + octets_text(arguments));
    case DecodeStatus::kBadUtf8:
      return fail({.code = ReplyCode::kFrameError,
                   .explanation = "Malformed UTF-8 in shortstr",
                   .no_method = true});
    case DecodeStatus::kBadTable:
      fail(ReplyCode::kSyntaxError, "undecodable field table");
      return connection_.give_up();
  }
}

// --- open, flow, close --------------------------------------------------------------------------
void Channel::on(const method::ChannelOpen&) {
  fail(ReplyCode::kChannelError, "second 'channel.open' seen");
}

void Channel::on(const method::ChannelFlow& flow) {
  if (!flow.active) return fail(ReplyCode::kNotImplemented, "active=false");
  send(method::ChannelFlowOk{true});
}

void Channel::on(const method::AccessRequest&) { send(method::AccessRequestOk{1}); }

void Channel::on(const method::ChannelClose&) {
  state_ = State::kClosing;
  connection_.begin_wait();  // until session_closed()
  close_session();
}

void Channel::handle_while_closing(MethodId id) {
  if (id == method::ChannelClose::kId) send(method::ChannelCloseOk{});
  if (id != method::ChannelClose::kId && id != method::ChannelCloseOk::kId) return;
  state_ = State::kClosed;
  connection_.channel_ended(*this);
  if (session_gone_) connection_.retired_ended(this);
}

void Channel::abandon() {
  abandoned_ = true;
  if (state_ == State::kOpen) {
    state_ = State::kClosed;
    close_session();
  } else if (state_ == State::kAwaitCloseOk) {
    state_ = State::kClosed;
    if (session_gone_) session_closed();
  }
}

void Channel::close_session() {
  drop_content();
  if (!operations_.empty()) {
    operations_.clear();
    connection_.set_pipelining(nullptr);
  }
  // A session that closes answers nothing any more, and the peer's close-ok must be heard.
  for (; awaited_ != 0; --awaited_) connection_.end_wait();
  connection_.report_encoded_as_written();
  session_.close([this] {
    session_gone_ = true;
    session_closed();
  });
}

// The engine has let go of this channel: its leases are back.
void Channel::session_closed() {
  if (state_ == State::kAwaitCloseOk) return;  // the client's close-ok is still to come
  Connection& connection = connection_;
  const bool answer = state_ == State::kClosing;
  if (answer && !abandoned_) send(method::ChannelCloseOk{});
  state_ = State::kClosed;
  connection.channel_ended(*this);
  connection.retired_ended(this);
  if (answer) connection.end_wait();
}

void Channel::fail(ProtocolError error) {
  if (error.method == MethodId{} && !error.no_method) error.method = current_;
  if (state_ == State::kOpen && !operations_.empty() && !replying_) {
    // Its turn comes when what was asked before has been answered.
    refused_ = true;
    const Place place = begin_operation();
    return end_operation(place, [this, error = std::move(error)] { fail(error); });
  }
  if (is_hard(error.code)) return connection_.fail(error);
  if (state_ != State::kOpen) return;
  connection_.log(log::Area::kConnection, log::Level::kInfo, "channel error",
                  {{"channel", std::to_string(number_)}, {"reason", error.text()}});
  state_ = State::kAwaitCloseOk;
  const std::string text = error.reply_text();
  send(method::ChannelClose{static_cast<std::uint16_t>(error.code), text, error.method.class_id,
                            error.method.method_id});
  close_session();
}

void Channel::forget_collected_body() {
  connection_.shard().meter().bytes -= static_cast<std::int64_t>(content_.body.size());
  std::string().swap(content_.body);
}

void Channel::drop_content() {
  forget_collected_body();
  if (content_.message != nullptr) content_.message->release(connection_.shard().meter());
  content_ = {};
}

// --- operations under way -----------------------------------------------------------------------
namespace {

// A passive declaration tells what is there, which operations under way may change.
template <class M>
bool is_active(std::string_view arguments) {
  M declare;
  return decode(arguments, declare) == DecodeStatus::kOk && !declare.passive;
}

}  // namespace

bool Channel::may_pipeline(MethodId id, std::string_view arguments) const {
  constexpr std::size_t kMostOperations = 256;
  if (refused_ || operations_.size() >= kMostOperations) return false;
  if (id == method::QueueDeclare::kId) return is_active<method::QueueDeclare>(arguments);
  if (id == method::ExchangeDeclare::kId) return is_active<method::ExchangeDeclare>(arguments);
  return id == method::QueueBind::kId || id == method::ExchangeBind::kId;
}

Channel::Place Channel::begin_operation() {
  if (operations_.empty()) connection_.set_pipelining(this);
  operations_.push_back({});
  return first_operation_ + operations_.size() - 1;
}

void Channel::end_operation(Place place, std::function<void()> reply) {
  if (operations_.empty()) return;  // an earlier one failed, and with it the channel
  operations_[place - first_operation_] = {true, std::move(reply)};
  while (!operations_.empty() && operations_.front().done) {
    const std::function<void()> next = std::move(operations_.front().reply);
    operations_.pop_front();
    ++first_operation_;
    replying_ = true;
    next();
    replying_ = false;
  }
  if (operations_.empty()) connection_.set_pipelining(nullptr);
}

// --- modes --------------------------------------------------------------------------------------
void Channel::on(const method::ConfirmSelect& select) {
  if (mode_ == Mode::kTransaction) {
    return fail(ReplyCode::kPreconditionFailed, "cannot switch from tx to confirm mode");
  }
  mode_ = Mode::kConfirm;
  if (!select.nowait) send(method::ConfirmSelectOk{});
}

void Channel::on(const method::TxSelect&) {
  if (mode_ == Mode::kConfirm) {
    return fail(ReplyCode::kPreconditionFailed, "cannot switch from confirm to tx mode");
  }
  mode_ = Mode::kTransaction;
  send(method::TxSelectOk{});
}

void Channel::on(const method::TxCommit&) {
  if (mode_ != Mode::kTransaction) {
    return fail(ReplyCode::kPreconditionFailed, "channel is not transactional");
  }
  commit_transaction();
}

void Channel::on(const method::TxRollback&) {
  if (mode_ != Mode::kTransaction) {
    return fail(ReplyCode::kPreconditionFailed, "channel is not transactional");
  }
  for (const TransactionPublish& publish : std::exchange(transaction_publishes_, {})) {
    publish.message->release(connection_.shard().meter());
  }
  for (const TransactionSettle& settle : std::exchange(transaction_settles_, {})) {
    for (std::uint64_t tag = settle.first; tag <= settle.last; ++tag) {
      if (Unacked* entry = unacked_.find(tag)) entry->in_transaction = false;
    }
  }
  send(method::TxRollbackOk{});
}

void Channel::prepare_output() {
  output_noted_ = false;
  if (state_ == State::kOpen && mode_ == Mode::kConfirm) emit_confirms();
}

void Channel::on_publishes_settled() {
  if (mode_ != Mode::kConfirm || output_noted_) return;
  output_noted_ = true;
  connection_.output_ready();
}

}  // namespace polymq::amqp091
