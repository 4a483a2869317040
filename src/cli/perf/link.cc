// Reading, writing and keeping connections alive.
#include "cli/perf/link.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace polymq::perf {
namespace {

constexpr std::size_t kInputSize = 256 * 1024;

}  // namespace

Link::Link(Client client, Worker& worker)
    : worker_(worker),
      socket_(client.take_socket()),
      frame_max_(client.frame_max()),
      heartbeat_(client.heartbeat_seconds() * kSecond / 2),
      // Holds the largest frame several times, the tolerated 8 octets included.
      input_size_(std::max<std::size_t>(kInputSize, 2u * frame_max_)) {
  input_ = std::make_unique_for_overwrite<char[]>(input_size_);
  const std::string unread = client.take_unread();
  std::memcpy(input_.get(), unread.data(), unread.size());
  end_ = unread.size();
  socket_.set_blocking(false);
}

void Link::begin(Nanos start) {
  input_time_ = start;
  worker_.loop.add(socket_.get(), *this, true, false);
  if (heartbeat_ != 0) {
    next_heartbeat_ = start + heartbeat_;
    worker_.loop.wake_at(next_heartbeat_, *this);
  }
  process_input();
  flush();
  update_interest();
}

void Link::finish() {
  if (broken_) return;
  socket_.set_blocking(true);
  const timeval timeout{2, 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  encode_method(out_, 0, method::ConnectionClose{.reply_code = 200, .reply_text = "done"});
  flush();
  if (!out_.empty()) return;
  // Deliveries may still be on their way; the answer to the close is the last frame.
  while (true) {
    if (begin_ != 0) std::memmove(input_.get(), input_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    const ssize_t received = recv(socket_.get(), input_.get() + end_, input_size_ - end_, 0);
    if (received <= 0) return;
    end_ += static_cast<std::size_t>(received);
    Frame frame;
    while (amqp091::parse_frame({input_.get() + begin_, end_ - begin_}, frame_max_, frame) ==
           amqp091::FrameStatus::kFrame) {
      begin_ += frame.size();
      if (Client::method_of(frame) == method::ConnectionCloseOk::kId) return;
    }
  }
}

void Link::on_ready(bool readable, bool writable) {
  if (broken_) return;
  if (readable && reads_) receive();
  if (writable && !broken_) {
    flush();
    if (out_.empty() && !broken_) on_writable();
  }
  update_interest();
}

void Link::on_wake() {
  if (broken_) return;
  const Nanos time = worker_.loop.time();
  if (time >= next_wake_) next_wake_ = kNever;
  keep_alive(time);
  on_time();
  update_interest();
}

void Link::wake_at(Nanos time) {
  if (time >= next_wake_) return;
  next_wake_ = time;
  worker_.loop.wake_at(time, *this);
}

void Link::keep_alive(Nanos time) {
  if (time < next_heartbeat_) return;
  if (!sent_something_ && out_.empty()) {
    out_.append(amqp091::kHeartbeatFrame);
    flush();
  }
  sent_something_ = false;
  next_heartbeat_ = time + heartbeat_;
  worker_.loop.wake_at(next_heartbeat_, *this);
}

void Link::receive() {
  if (begin_ != 0) {
    std::memmove(input_.get(), input_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  const ssize_t received =
      recv(socket_.get(), input_.get() + end_, input_size_ - end_, MSG_DONTWAIT);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received < 0) return fail(system_failure("cannot receive from the server").value().text);
  if (received == 0) return fail("the server closed the socket");
  end_ += static_cast<std::size_t>(received);
  input_time_ = now();
  process_input();
  flush();
}

void Link::process_input() {
  while (!broken_ && accepts_input()) {
    const std::string_view input(input_.get() + begin_, end_ - begin_);
    Frame frame;
    const auto status = amqp091::parse_frame(input, frame_max_, frame);
    if (status == amqp091::FrameStatus::kNeedMore) break;
    if (status != amqp091::FrameStatus::kFrame) {
      return fail("the server sent a bad frame: " + frame_error(status, frame, input, frame_max_));
    }
    begin_ += frame.size();
    if (frame.channel == kChannel && frame.type != FrameType::kMethod) {
      on_frame(frame);
    } else if (!handle_common(frame)) {
      on_frame(frame);
    }
  }
  if (!broken_) on_input_end();
}

bool Link::handle_common(const Frame& frame) {
  if (frame.type == FrameType::kHeartbeat) return true;
  const MethodId id = Client::method_of(frame);
  if (id.class_id == method::BasicDeliver::kId.class_id) return false;
  std::string text;
  if (is_close(frame, text)) {
    fail(text);
    return true;
  }
  if (id == method::ConnectionBlocked::kId) {
    std::fprintf(stderr, "the server blocks publishers\n");
    return true;
  }
  if (id == method::ConnectionUnblocked::kId) {
    std::fprintf(stderr, "the server accepts publishes again\n");
    return true;
  }
  return false;
}

void Link::flush() {
  while (!out_.empty()) {
    const std::string_view bytes = out_.view();
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return fail(system_failure("cannot send to the server").value().text);
    sent_something_ = true;
    out_.consume(static_cast<std::size_t>(sent));
  }
}

void Link::fail(const std::string& text) {
  if (broken_) return;
  broken_ = true;
  worker_.loop.remove(socket_.get());
  worker_.run.fail(text);
}

void Link::update_interest() {
  if (broken_) return;
  const bool reads = accepts_input();
  const bool writes = !out_.empty() || wants_to_send();
  if (reads == reads_ && writes == writes_) return;
  reads_ = reads;
  writes_ = writes;
  worker_.loop.change(socket_.get(), *this, reads, writes);
}

}  // namespace polymq::perf
