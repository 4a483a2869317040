// Signals through a descriptor.
#include "cli/perf/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace polymq::perf {

Interrupt::Interrupt() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, &before_);
  signals_ = Socket(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Interrupt::~Interrupt() {
  happened();  // a signal that nobody asked about must not end the process now
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupt::wait(Nanos timeout, int other) {
  std::array<pollfd, 2> waited{pollfd{signals_.get(), POLLIN, 0}, pollfd{other, POLLIN, 0}};
  timeout = std::max<Nanos>(timeout, 0);
  const timespec limit{timeout / kSecond, timeout % kSecond};
  ppoll(waited.data(), waited.size(), &limit, nullptr);
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) > 0) happened_ = true;
  return happened_;
}

}  // namespace polymq::perf
