// Filling the socket with messages.
#include "cli/perf/publisher.h"

#include <algorithm>

namespace polymq::perf {
namespace {

/// Written in one go: enough to make system calls cheap, little enough to stay in the cache.
constexpr std::size_t kBatchBytes = 64 * 1024;

}  // namespace

Result<std::unique_ptr<Publisher>> Publisher::make(Client client, Worker& worker,
                                                   const PublisherSettings& settings) {
  if (settings.confirm_window != 0) {
    const auto selected = client.call<method::ConfirmSelectOk>(method::ConfirmSelect{});
    if (!selected) return tl::make_unexpected(selected.error());
  }
  return std::make_unique<Publisher>(std::move(client), worker, settings);
}

Publisher::Publisher(Client client, Worker& worker, const PublisherSettings& settings)
    : Link(std::move(client), worker),
      settings_(settings),
      message_(settings.message, frame_max()) {}

void Publisher::begin(Nanos start) {
  if (settings_.rate > 0) pacer_.emplace(settings_.rate, start, settings_.share);
  if (pacer_) {
    wake_at(pacer_->intended(0));
  } else {
    has_more_ = true;
  }
  Link::begin(start);
}

std::uint64_t Publisher::allowed(Nanos time) const {
  std::uint64_t count = settings_.limit == 0 ? UINT64_MAX : settings_.limit - sent_;
  if (pacer_) {
    const std::uint64_t due = pacer_->due(time);
    count = std::min(count, due > sent_ ? due - sent_ : 0);
  }
  if (settings_.confirm_window != 0) {
    count = std::min(count, settings_.confirm_window - unconfirmed_.outstanding());
  }
  return count;
}

void Publisher::fill(Nanos time) {
  std::uint64_t left = allowed(time);
  if (left != 0 && out().empty()) {
    const std::uint64_t room = std::max<std::uint64_t>(kBatchBytes / message_.size(), 1);
    const std::uint64_t count = std::min(left, room);
    append(count, time);
    left -= count;
    flush();
  }
  has_more_ = left != 0;
  if (pacer_ && sent_ != settings_.limit) wake_at(std::max(pacer_->intended(sent_), time + 1));
  check_finished();
}

void Publisher::append(std::uint64_t count, Nanos time) {
  const std::uint64_t mark = std::uint64_t{settings_.number} << 48;
  char* to = out().reserve(count * message_.size());
  for (std::uint64_t i = 0; i < count; ++i, ++sent_, to += message_.size()) {
    const Nanos intended = pacer_ ? pacer_->intended(sent_) : time;
    message_.write(to, {intended, mark | sent_});
    if (settings_.confirm_window != 0) unconfirmed_.push(intended);
  }
  out().commit(count * message_.size());
  worker().counters.sent.add(count);
  worker().counters.last_sent.set(static_cast<std::uint64_t>(time));
}

void Publisher::on_frame(const Frame& frame) {
  if (frame.type != FrameType::kMethod) return;  // the content of a returned message
  Counters& counters = worker().counters;
  const auto handle = [&]<class M>(const M& received) {
    if constexpr (std::is_same_v<M, method::BasicAck>) {
      confirm(received.delivery_tag, received.multiple, counters.confirmed);
    } else if constexpr (std::is_same_v<M, method::BasicNack>) {
      confirm(received.delivery_tag, received.multiple, counters.nacked);
    } else if constexpr (std::is_same_v<M, method::BasicReturn>) {
      counters.returned.add(1);
    } else if constexpr (std::is_same_v<M, method::BasicQosOk>) {
      finish_run();
    }
  };
  amqp091::dispatch<method::ToClient>(Client::method_of(frame), frame.payload.substr(4), handle);
}

void Publisher::confirm(std::uint64_t tag, bool multiple, Counter& counter) {
  Counters& counters = worker().counters;
  const Nanos time = input_time();
  counter.add(unconfirmed_.settle(tag, multiple, [&](Nanos intended) {
    counters.confirm_latency.record(
        static_cast<std::uint64_t>(std::max<Nanos>(time - intended, 0)));
  }));
  counters.last_confirmed.set(static_cast<std::uint64_t>(time));
}

void Publisher::on_input_end() {
  if (settings_.confirm_window != 0) fill(input_time());
}

void Publisher::check_finished() {
  if (finished_ || settings_.limit == 0 || sent_ != settings_.limit) return;
  if (settings_.confirm_window == 0 && !asked_) {
    // Any method with a reply: the server answers it after it has handled the publishes.
    encode_method(out(), kChannel, method::BasicQos{});
    flush();
    asked_ = true;
  }
  if (settings_.confirm_window != 0 && unconfirmed_.outstanding() == 0) finish_run();
}

void Publisher::finish_run() {
  finished_ = true;
  worker().counters.last_sent.set(static_cast<std::uint64_t>(now()));
  worker().run.finished();
}

}  // namespace polymq::perf
