// The relay as a server.
#include "cli/perf/relay/relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdio>
#include <thread>

#include "cli/perf/interrupt.h"
#include "cli/perf/relay/broker.h"
#include "cli/perf/relay/connection.h"

namespace polymq::perf {

class Relay::Impl final : public Handler {
 public:
  explicit Impl(Socket listener) : listener_(std::move(listener)), broker_(loop_) {
    listener_.set_blocking(false);
    loop_.add(listener_.get(), *this, true, false);
  }

  void on_ready(bool, bool) override {
    const int accepted = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) return;  // gone again, or too many: those that are here go on
    const int on = 1;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    broker_.accept(Socket(accepted));
  }
  void on_wake() override {}

  Loop& loop() { return loop_; }
  std::uint16_t port() const { return local_port(listener_); }

 private:
  Loop loop_;
  Socket listener_;
  RelayBroker broker_;
};

Relay::Relay(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Relay::~Relay() = default;

Result<std::unique_ptr<Relay>> Relay::listen(const RelayOptions& options) {
  auto listener = listen_on(options.host, options.port);
  if (!listener) return tl::make_unexpected(listener.error());
  return std::unique_ptr<Relay>(new Relay(std::make_unique<Impl>(std::move(*listener))));
}

std::uint16_t Relay::port() const { return impl_->port(); }
void Relay::run() { impl_->loop().run(); }
void Relay::stop() { impl_->loop().stop(); }

Result<void> run_relay(const RelayOptions& options) {
  Interrupt interrupt;
  auto relay = Relay::listen(options);
  if (!relay) return tl::make_unexpected(relay.error());
  std::printf("relay listens on %s port %u\n", options.host.c_str(), unsigned{(*relay)->port()});
  std::fflush(stdout);
  std::thread thread([&] { (*relay)->run(); });
  while (!interrupt.wait(3600 * kSecond)) {
  }
  (*relay)->stop();
  thread.join();
  return {};
}

}  // namespace polymq::perf
