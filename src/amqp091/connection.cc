// Frames in, frames out, and the end of a connection.
#include "amqp091/connection.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "amqp091/channel.h"
#include "base/log.h"

namespace polymq::amqp091 {
namespace {

using namespace std::chrono_literals;

/// After an error that leaves the input without meaning, the socket is closed this much later.
constexpr auto kFatalDelay = 3000ms;
constexpr auto kLongestCloseWait = 30'000ms;

std::string_view kind_of_stranger(std::string_view input) {
  if (input.starts_with("\x16\x03")) return "TLS on a plain port";
  if (input.starts_with("GET ") || input.starts_with("POST")) return "HTTP";
  return "unknown protocol";
}

}  // namespace

Connection::Connection(engine::Shard& shard, const Settings& settings, Admission& admission,
                       Transport& transport, Peer peer)
    : shard_(shard),
      settings_(settings),
      admission_(admission),
      transport_(transport),
      peer_(std::move(peer)),
      frame_max_(settings.initial_frame_max),
      started_(shard.now().monotonic),
      last_received_(started_),
      last_sent_(started_) {}

Connection::~Connection() = default;

// --- input --------------------------------------------------------------------------------------
bool Connection::may_parse() const {
  return waiting_ == 0 && !blocked_ && output_.size() < settings_.output_buffer_limit;
}

std::size_t Connection::receive(std::string_view input) {
  last_received_ = shard_.now().monotonic;
  const std::size_t used = parse(input);
  received_total_ += used;
  return used;
}

std::size_t Connection::parse(std::string_view input) {
  std::size_t at = 0;
  if (state_ == State::kHeader) {
    at = receive_protocol_header(input);
    if (at == 0) return deaf_ ? input.size() : 0;
  }
  while (may_parse() && !deaf_) {
    Frame frame;
    const std::string_view rest = input.substr(at);
    const FrameStatus status = parse_frame(rest, frame_max_, frame);
    if (status == FrameStatus::kNeedMore) return at;
    if (status != FrameStatus::kFrame) {
      frame_failed(status, frame, rest);
      if (deaf_) return input.size();
    } else if (pipelining_ != nullptr && !may_handle(frame)) {
      return at;
    } else {
      handle(frame);
    }
    at += frame.size();
  }
  return deaf_ ? input.size() : at;
}

std::size_t Connection::receive_protocol_header(std::string_view input) {
  if (input.size() < kProtocolHeader.size()) {
    // Not even the beginning of one (HTTP, TLS): there is no point in waiting for more.
    if (kProtocolHeader.starts_with(input.substr(0, 4))) return 0;
  } else {
    const std::string_view header = input.substr(0, kProtocolHeader.size());
    if (header == kProtocolHeader || header == std::string_view("AMQP\1\1\0\x09", 8)) {
      state_ = State::kStartOk;
      send_start();
      return kProtocolHeader.size();
    }
  }
  log(log::Area::kConnection, log::Level::kWarning, "not the AMQP 0-9-1 protocol",
      {{"reason", kind_of_stranger(input)}});
  output_.append(kProtocolHeader);
  transport_.output_ready();
  deaf_ = true;
  state_ = State::kClosed;
  transport_.shut(0ms);
  return 0;
}

void Connection::end_of_input() {
  for (auto& [number, channel] : channels_) {
    if (channel->open()) channel->flush();
  }
  if (client_ && !client_ended_) client_->flush();
}

void Connection::handle(const Frame& frame) {
  if (state_ == State::kClosing || state_ == State::kClosed) {
    return handle_while_closing(frame);
  }
  if (frame.type == FrameType::kHeartbeat) return;
  if (frame.channel == 0) {
    const MethodId id{load_big_endian<std::uint16_t>(frame.payload.data()),
                      load_big_endian<std::uint16_t>(frame.payload.data() + 2)};
    handle_connection_method(id, frame.payload.substr(4));
    return;
  }
  if (state_ != State::kRunning) {
    return fail({ReplyCode::kUnexpectedFrame, "frame on a channel before the connection is open"});
  }
  Channel* channel = channel_for(frame);
  if (channel == nullptr) return;
  if (channel->closing()) {
    if (frame.type == FrameType::kMethod) {
      const MethodId id{load_big_endian<std::uint16_t>(frame.payload.data()),
                        load_big_endian<std::uint16_t>(frame.payload.data() + 2)};
      channel->handle_while_closing(id);
    }
    return;
  }
  switch (frame.type) {
    case FrameType::kMethod: {
      const MethodId id{load_big_endian<std::uint16_t>(frame.payload.data()),
                        load_big_endian<std::uint16_t>(frame.payload.data() + 2)};
      return channel->handle_method(id, frame.payload.substr(4));
    }
    case FrameType::kHeader:
      return channel->handle_header(frame.payload);
    case FrameType::kBody:
      return channel->handle_body(frame.payload);
    case FrameType::kHeartbeat:
      return;
  }
}

Channel* Connection::channel_for(const Frame& frame) {
  if (frame.channel == last_number_) return last_channel_;
  if (const auto it = channels_.find(frame.channel); it != channels_.end()) {
    last_number_ = frame.channel;
    last_channel_ = it->second.get();
    return last_channel_;
  }
  if (frame.type != FrameType::kMethod) {
    fail({ReplyCode::kChannelError, "expected 'channel.open'", {}});
    return nullptr;
  }
  const MethodId id{load_big_endian<std::uint16_t>(frame.payload.data()),
                    load_big_endian<std::uint16_t>(frame.payload.data() + 2)};
  if (id == method::ChannelOpen::kId) {
    open_channel(frame.channel);
  } else if (id != method::ChannelCloseOk::kId) {
    fail({ReplyCode::kChannelError, "expected 'channel.open'", id});
  }
  return nullptr;
}

void Connection::open_channel(std::uint16_t number) {
  if (channel_max_ != 0 && channels_.size() >= channel_max_) {
    return fail({ReplyCode::kNotAllowed,
                 "number of channels opened (" + std::to_string(channels_.size()) +
                     ") has reached the negotiated channel_max (" + std::to_string(channel_max_) +
                     ")",
                 {}});
  }
  if (const std::string refused = admission_.open_channel(user_); !refused.empty()) {
    return fail({ReplyCode::kNotAllowed, refused, method::ChannelOpen::kId});
  }
  channels_[number] = std::make_unique<Channel>(*this, number);
  send(number, method::ChannelOpenOk{});
}

void Connection::for_each_channel(const std::function<void(const Channel&)>& visit) const {
  for (const auto& [number, channel] : channels_) visit(*channel);
}

void Connection::channel_ended(Channel& channel) {
  const auto it = channels_.find(channel.number());
  if (it == channels_.end() || it->second.get() != &channel) return;
  admission_.close_channel(user_);
  last_number_ = 0;
  last_channel_ = nullptr;
  retired_.push_back(std::move(it->second));
  channels_.erase(it);
}

void Connection::retired_ended(Channel* channel) {
  const auto it = std::find_if(retired_.begin(), retired_.end(),
                               [&](const auto& retired) { return retired.get() == channel; });
  if (it == retired_.end()) return;
  ended_.push_back(std::move(*it));
  retired_.erase(it);
  transport_.output_ready();
}

void Connection::handle_while_closing(const Frame& frame) {
  if (frame.type != FrameType::kMethod || frame.channel != 0) return;
  const MethodId id{load_big_endian<std::uint16_t>(frame.payload.data()),
                    load_big_endian<std::uint16_t>(frame.payload.data() + 2)};
  if (id == method::ConnectionClose::kId) send(0, method::ConnectionCloseOk{});
  if (id == method::ConnectionCloseOk::kId && state_ == State::kClosing) {
    state_ = State::kClosed;
    transport_.shut(0ms);
  }
}

void Connection::handle_connection_method(MethodId id, std::string_view arguments) {
  DecodeStatus status = DecodeStatus::kUnknownMethod;
  if (id.class_id != method::ConnectionStart::kId.class_id) return unexpected(id);
  status = dispatch<method::All>(id, arguments, [this, id](const auto& m) {
    if constexpr (requires { on(m); }) {
      on(m);
    } else {
      fail({ReplyCode::kCommandInvalid, "unimplemented method", id});
    }
  });
  if (status != DecodeStatus::kOk) decode_failed(status, id, arguments);
}

void Connection::decode_failed(DecodeStatus status, MethodId id, std::string_view arguments) {
  switch (status) {
    case DecodeStatus::kOk:
      return;
    case DecodeStatus::kUnknownMethod:
      return fail({ReplyCode::kCommandInvalid, "unknown method", id});
    case DecodeStatus::kBadLength:
      return fail({ReplyCode::kFrameError, "cannot decode " + octets_text(arguments), id});
    case DecodeStatus::kBadUtf8:
      return fail({ReplyCode::kFrameError, "Malformed UTF-8 in shortstr", {}});
    case DecodeStatus::kBadTable:
      return fail({ReplyCode::kSyntaxError, "undecodable field table", id});
  }
}

void Connection::unexpected(MethodId id) {
  static constexpr std::string_view kNames[] = {"starting", "starting", "securing", "tuning",
                                                "opening",  "running",  "closing",  "closed"};
  fail({ReplyCode::kChannelError,
        "unexpected method in connection state " +
            std::string(kNames[static_cast<std::size_t>(state_)]),
        id});
}

void Connection::frame_failed(FrameStatus status, const Frame& frame, std::string_view input) {
  const ReplyCode code = status == FrameStatus::kUnexpectedFrame ? ReplyCode::kUnexpectedFrame
                                                                 : ReplyCode::kFrameError;
  fail({code, frame_error(status, frame, input, frame_max_), {}});
  if (status == FrameStatus::kTooLarge || status == FrameStatus::kBadEnd) give_up();
}

void Connection::set_pipelining(Channel* channel) {
  pipelining_ = channel;
  if (channel == nullptr) transport_.resume();
}

// While topology operations are under way, only more of them may follow.
bool Connection::may_handle(const Frame& frame) const {
  if (frame.type == FrameType::kHeartbeat) return true;
  if (frame.type != FrameType::kMethod || frame.channel != pipelining_->number()) return false;
  const MethodId id{load_big_endian<std::uint16_t>(frame.payload.data()),
                    load_big_endian<std::uint16_t>(frame.payload.data() + 2)};
  return pipelining_->may_pipeline(id, frame.payload.substr(4));
}

void Connection::give_up() {
  deaf_ = true;
  transport_.shut(kFatalDelay);
}

void Connection::end_wait() {
  if (--waiting_ == 0) transport_.resume();
}

// --- output -------------------------------------------------------------------------------------
void Connection::prepare_output() {
  ended_.clear();
  for (auto& [number, channel] : channels_) channel->prepare_output();
}

void Connection::mark_delivered(engine::ConsumerId consumer, engine::LeaseNumber lease,
                                std::uint64_t bytes) {
  const std::uint64_t end = output_total_ + output_.size();
  if (marks_.size() > marks_head_ && marks_.back().consumer == consumer) {
    Mark& last = marks_.back();
    // One report per 64 KB is fine enough.
    if (end - (output_total_ > last.end ? output_total_ : last.end) < 65536 && last.bytes < 65536) {
      last.end = end;
      last.lease = lease;
      last.bytes += bytes;
      return;
    }
  }
  marks_.push_back({end, consumer, lease, bytes});
}

void Connection::written(std::size_t size) {
  output_.consume(size);
  output_total_ += size;
  last_sent_ = shard_.now().monotonic;
  if (output_.empty()) output_.release();
  bool reported = false;
  for (; marks_head_ < marks_.size() && marks_[marks_head_].end <= output_total_; ++marks_head_) {
    const Mark& mark = marks_[marks_head_];
    if (client_) client_->written(mark.consumer, mark.lease, mark.bytes);
    reported = true;
  }
  if (marks_head_ == marks_.size()) {
    marks_.clear();
    marks_head_ = 0;
  }
  if (reported && client_ && !client_ended_) client_->flush();
}

void Connection::report_encoded_as_written() {
  if (lost_) return;  // what is left in the output never will be
  for (; marks_head_ < marks_.size(); ++marks_head_) {
    const Mark& mark = marks_[marks_head_];
    client_->written(mark.consumer, mark.lease, mark.bytes);
  }
  marks_.clear();
  marks_head_ = 0;
  client_->flush();
}

void Connection::tick(MonotonicMs now) {
  if (state_ < State::kRunning) {
    if (now - started_ > settings_.handshake_timeout.count()) {
      log(log::Area::kConnection, log::Level::kWarning, "handshake timed out", {});
      deaf_ = true;
      transport_.shut(0ms);
    }
    return;
  }
  if (state_ != State::kRunning) return;
  take_new_directory();
  if (user_gone_) return force_close("user '" + user_ + "' is deleted");
  for (auto& [number, channel] : channels_) channel->check_consumer_timeouts(now);
  if (heartbeat_s_ == 0) return;
  const MonotonicMs interval = heartbeat_s_ * MonotonicMs{1000};
  if (now - last_sent_ >= interval / 2) {
    last_sent_ = now;
    output_.append(kHeartbeatFrame);
    transport_.output_ready();
  }
  // What we do not read cannot tell that the client is alive.
  if (!may_parse()) last_received_ = now;
  if (now - last_received_ > interval * 5 / 2) {
    log(log::Area::kConnection, log::Level::kWarning, "missed heartbeats from client",
        {{"timeout_s", std::to_string(heartbeat_s_)}});
    deaf_ = true;
    output_.truncate(0);
    transport_.shut(0ms);
  }
}

// --- alarms -------------------------------------------------------------------------------------
void Connection::publishing_under_alarm() {
  if (blocked_) return;
  blocked_ = true;
  if (!capabilities_.connection_blocked) return;
  send(0, method::ConnectionBlocked{shard().disk_alarm() ? "low on disk" : "low on memory"});
}

void Connection::on_alarm(bool on) {
  if (on || !blocked_) return;
  blocked_ = false;
  if (capabilities_.connection_blocked) send(0, method::ConnectionUnblocked{});
  transport_.resume();
}

void Connection::on_vhost_removed() {
  force_close("vhost '" + client_->vhost_name() + "' is deleted");
}

// --- the end ------------------------------------------------------------------------------------
std::chrono::milliseconds Connection::close_patience() const {
  if (heartbeat_s_ == 0) return kLongestCloseWait;
  return std::min<std::chrono::milliseconds>(std::chrono::seconds(heartbeat_s_), kLongestCloseWait);
}

void Connection::log(log::Area area, log::Level level, std::string_view what,
                     std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  if (!log::enabled(area, level)) return;
  const std::optional<std::uint64_t> left_out =
      transport_.log_limiter().admit(peer_.address(), std::chrono::steady_clock::now());
  if (!left_out) return;
  log::Line line(area, level, what);
  line.with("peer", peer_.name);
  if (!user_.empty()) line.with("user", user_);
  if (client_) line.with("vhost", client_->vhost_name());
  for (const auto& [key, value] : fields) {
    if (!value.empty()) line.with(key, value);
  }
  if (*left_out != 0) line.with("lines_left_out", *left_out);
}

void Connection::fail(const ProtocolError& error) {
  if (state_ >= State::kClosing) return;
  log(log::Area::kConnection, log::Level::kWarning, "connection error", {{"reason", error.text()}});
  const bool was_open = state_ == State::kRunning;
  const bool speaks = state_ > State::kHeader;
  state_ = State::kClosing;
  if (std::exchange(blocked_, false)) transport_.resume();  // close-ok must be heard
  if (speaks) {
    const std::string text = error.reply_text();
    send(0, method::ConnectionClose{static_cast<std::uint16_t>(error.code), text,
                                    error.method.class_id, error.method.method_id});
  }
  if (was_open) {
    end_client([this] { maybe_finished(); });
  }
  transport_.shut(was_open ? close_patience() : kFatalDelay);
}

void Connection::force_close(std::string_view reason) {
  fail({ReplyCode::kConnectionForced, std::string(reason), {}});
}

void Connection::on(const method::ConnectionClose&) {
  state_ = State::kClosing;
  if (!client_) {
    send(0, method::ConnectionCloseOk{});
    state_ = State::kClosed;
    return transport_.shut(close_patience());
  }
  // Clients rely on their exclusive queues being gone when close-ok arrives.
  end_client([this] {
    send(0, method::ConnectionCloseOk{});
    state_ = State::kClosed;
    transport_.shut(close_patience());
    maybe_finished();
  });
}

void Connection::on(const method::ConnectionCloseOk&) {
  unexpected(method::ConnectionCloseOk::kId);
}

void Connection::close_channels() {
  last_number_ = 0;
  last_channel_ = nullptr;
  std::vector<Channel*> open;
  for (auto& [number, channel] : channels_) open.push_back(channel.get());
  for (Channel* channel : open) channel->abandon();
}

void Connection::end_client(std::function<void()> then) {
  report_encoded_as_written();
  close_channels();
  if (admitted_) {
    admitted_ = false;
    admission_.leave(user_, client_->vhost_name());
  }
  client_->close([this, then = std::move(then)] {
    client_ended_ = true;
    then();
  });
}

void Connection::lost() {
  lost_ = true;
  deaf_ = true;
  if (client_ && state_ == State::kRunning) {
    state_ = State::kClosed;
    end_client([this] { maybe_finished(); });
  } else {
    state_ = State::kClosed;
    if (admitted_ && client_) {
      admitted_ = false;
      admission_.leave(user_, client_->vhost_name());
    }
  }
  log(log::Area::kConnection, log::Level::kInfo, "connection closed", {});
  maybe_finished();
}

void Connection::maybe_finished() {
  if (finished_ || !lost_ || (client_ && !client_ended_)) return;
  finished_ = true;
  transport_.finished();
}

}  // namespace polymq::amqp091
