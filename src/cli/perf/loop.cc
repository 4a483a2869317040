// epoll with deadlines to the nanosecond.
#include "cli/perf/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace polymq::perf {
namespace {

epoll_event interest(Handler* handler, bool read, bool write) {
  epoll_event event{};
  event.events = (read ? EPOLLIN : 0u) | (write ? EPOLLOUT : 0u);
  event.data.ptr = handler;
  return event;
}

}  // namespace

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), stopper_(eventfd(0, EFD_CLOEXEC)) {
  epoll_event event = interest(nullptr, true, false);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stopper_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll");
  }
}

void Loop::add(int descriptor, Handler& handler, bool read, bool write) {
  epoll_event event = interest(&handler, read, write);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll");
  }
}

void Loop::change(int descriptor, Handler& handler, bool read, bool write) {
  epoll_event event = interest(&handler, read, write);
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event);
}

void Loop::remove(int descriptor) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr); }

int Loop::wait(epoll_event* events, int most) {
  if (wakes_.empty()) return epoll_wait(epoll_.get(), events, most, -1);
  const Nanos left = std::max<Nanos>(wakes_.top().first - now(), 0);
  const timespec timeout{left / kSecond, left % kSecond};
  return epoll_pwait2(epoll_.get(), events, most, &timeout, nullptr);
}

void Loop::wake_due() {
  while (!wakes_.empty() && wakes_.top().first <= time_) {
    Handler* const handler = wakes_.top().second;
    wakes_.pop();
    handler->on_wake();
  }
}

void Loop::run() {
  std::array<epoll_event, 64> events;
  while (!stopped_.load(std::memory_order_relaxed)) {
    const int count = wait(events.data(), static_cast<int>(events.size()));
    if (count < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "epoll_wait");
    }
    time_ = now();
    wake_due();
    for (int i = 0; i < count; ++i) {
      auto* const handler = static_cast<Handler*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (handler == nullptr) continue;  // the stopper: seen by the loop's condition
      const std::uint32_t flags = events[static_cast<std::size_t>(i)].events;
      const bool broken = (flags & (EPOLLERR | EPOLLHUP)) != 0;
      handler->on_ready(broken || (flags & EPOLLIN) != 0, (flags & EPOLLOUT) != 0);
    }
  }
}

void Loop::stop() {
  stopped_.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  (void)!write(stopper_.get(), &one, sizeof one);
}

}  // namespace polymq::perf
