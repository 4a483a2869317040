// For tests: engine shards and connections of clients on one thread, with sockets that can stall
// and a clock that is set.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "amqp091/connection.h"
#include "amqp091/property_codec.h"
#include "amqp091/testing/frames.h"
#include "engine/testing/shards_fixture.h"

namespace polymq::amqp091 {

class TestClient;

/// Lets in whom it is told to, and counts.
class CountingAdmission final : public Admission {
 public:
  std::string enter(std::string_view, std::string_view) override {
    if (refuse_connection.empty()) ++connections;
    return refuse_connection;
  }
  void leave(std::string_view, std::string_view) override { --connections; }
  std::string open_channel(std::string_view) override {
    if (refuse_channel.empty()) ++channels;
    return refuse_channel;
  }
  void close_channel(std::string_view) override { --channels; }
  std::shared_ptr<const auth::Directory> directory() override { return users_; }
  std::uint64_t directory_version() override { return version_; }

  void set_users(std::vector<auth::User> users, const std::vector<std::string>& loopback = {}) {
    users_ = std::make_shared<auth::Directory>(std::move(users), loopback);
    ++version_;
  }

  std::string refuse_connection = {};  // why, when it refuses
  std::string refuse_channel = {};
  int connections = 0;
  int channels = 0;

 private:
  std::shared_ptr<const auth::Directory> users_ =
      std::make_shared<auth::Directory>(auth::default_users(), std::vector<std::string>{});
  std::uint64_t version_ = 1;
};

/// The engine, what the operator decided, and the clients' connections.
struct Broker {
  explicit Broker(engine::ShardIndex shards = 2, const engine::ClusterOptions& options = {})
      : cluster(shards, options) {
    register_property_codec();
    log::set_level(log::Area::kConnection, log::Level::kOff);
    log::set_level(log::Area::kAuth, log::Level::kOff);
    settings.sasl.mechanisms = {"PLAIN", "AMQPLAIN", "RABBIT-CR-DEMO"};
    settings.server_properties = {{"product", engine::Value::string("PolyMQ")}};
  }

  /// After the last client: with the vhost goes everything, or the test fails.
  ~Broker() {
    for (engine::ShardIndex i = 0; i < cluster.size(); ++i) cluster.store(i).held = false;
    cluster.release();
    cluster.administer(engine::RemoveVhost{"/"});
    const auto bytes = cluster.message_bytes();
    const auto things = cluster.leftovers();
    if (bytes == 0 && things == 0 && admission.connections == 0 && admission.channels == 0) return;
    std::fprintf(stderr, "left behind: %lld octets, %zu things, %d connections, %d channels\n",
                 static_cast<long long>(bytes), things, admission.connections, admission.channels);
    std::abort();
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Turns of shards and connections until nobody has anything to do.
  void run();
  /// The same while time passes; connections are told of it as often as by the server.
  void pass(std::chrono::milliseconds time);

  engine::Cluster cluster;
  Settings settings;
  CountingAdmission admission;
  LogLimiter log_limiter;
  std::vector<TestClient*> clients;
};

struct Login {
  std::string user = "guest";
  std::string password = "guest";
  std::string vhost = "/";
  std::uint16_t channel_max = 2047;
  std::uint32_t frame_max = 131072;
  std::uint16_t heartbeat = 0;
  /// Of the capabilities that the broker looks at.
  std::vector<std::string> capabilities = {"consumer_cancel_notify", "connection.blocked",
                                           "authentication_failure_close"};
  std::string product = "test";
};

inline std::string client_properties(const Login& login) {
  engine::Fields capabilities;
  for (const std::string& name : login.capabilities) {
    capabilities.push_back({name, engine::Value::boolean(true)});
  }
  return encode_table({{"product", engine::Value::string(login.product)},
                       {"capabilities", engine::Value::table(std::move(capabilities))}});
}

/// A client's end of a socket, and the broker's connection at the other one. Calls run the broker
/// until it is quiet and give what it said.
class TestClient : public Transport {
 public:
  using Texts = std::vector<std::string>;

  explicit TestClient(Broker& broker, std::size_t shard = 0, bool loopback = true)
      : broker_(broker),
        connection_(std::make_unique<Connection>(
            broker.cluster.shard(shard), broker.settings, broker.admission, *this,
            Peer{.name = "127.0.0.1:40000 -> 127.0.0.1:5672", .loopback = loopback})) {
    broker_.clients.push_back(this);
  }
  ~TestClient() override {
    drop();
    std::erase(broker_.clients, this);
    if (finished_) return;
    std::fputs("the engine has not let go of a connection\n", stderr);
    std::abort();
  }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // --- saying something ---
  /// The bytes arrive in one read.
  Texts send(std::string_view bytes) {
    arrive(bytes);
    broker_.run();
    return take();
  }
  /// Puts the bytes where the broker reads, and lets it do that; the engine has no turn yet.
  void arrive(std::string_view bytes) {
    if (closed_) return;
    input_ += bytes;
    if (connection_->wants_input()) feed();
  }
  template <class M>
  Texts call(const M& method) {
    return call_on(M::kId.class_id == 10 ? 0 : 1, method);
  }
  template <class M>
  Texts call_on(std::uint16_t channel, const M& method) {
    return send(method_frame(channel, method));
  }
  /// On channel 1, to the default exchange.
  Texts publish(std::string_view queue, std::string_view body,
                const Properties& properties = Properties()) {
    return publish(method::BasicPublish{.routing_key = queue}, body, properties);
  }
  Texts publish(const method::BasicPublish& publish, std::string_view body,
                const Properties& properties = Properties()) {
    return send(publish_frames(1, publish, body, encode(properties)));
  }

  // --- hearing something ---
  /// Since the last call.
  Texts take() {
    Texts texts;
    last = reader_.take();
    for (const Received& received : last) texts.push_back(received.text);
    if (!reader_.error().empty()) texts.push_back("output is wrong: " + reader_.error());
    return texts;
  }
  /// What the last call gave, with contents.
  std::vector<Received> last;
  const FrameReader& reader() const { return reader_; }

  // --- the usual beginning ---
  Texts start(const Login& login = {}) {
    const std::string properties = client_properties(login);
    const std::string response = '\0' + login.user + '\0' + login.password;
    send(kProtocolHeader);
    return call(method::ConnectionStartOk{
        .client_properties = {properties}, .mechanism = "PLAIN", .response = {response}});
  }
  Texts tune(const Login& login) {
    return call(method::ConnectionTuneOk{.channel_max = login.channel_max,
                                         .frame_max = login.frame_max,
                                         .heartbeat = login.heartbeat});
  }
  Texts log_in(const Login& login = {}) {
    start(login);
    Texts answer = tune(login);
    reader_.frame_max = login.frame_max;
    if (!answer.empty()) return answer;
    return call(method::ConnectionOpen{.virtual_host = login.vhost});
  }
  Texts open(std::uint16_t channel = 1) { return call_on(channel, method::ChannelOpen{}); }

  // --- the socket ---
  /// The client is gone without a word.
  void drop() {
    close_now();
    broker_.run();
  }
  bool closed() const { return closed_; }
  /// The engine has let go of the connection, too.
  bool forgotten() const { return finished_; }
  Connection& connection() { return *connection_; }

  bool reads = true;                      // false: nothing can be written
  std::size_t octets_a_write = SIZE_MAX;  // how many of them a write takes at most

  // --- driven by the broker; true: something was done ---
  bool turn() {
    bool busy = false;
    if (std::exchange(resume_noted_, false) && !closed_) {
      feed();
      busy = true;
    }
    if (std::exchange(flush_noted_, false) && !closed_) {
      flush();
      busy = true;
    }
    return busy;
  }
  void tick(MonotonicMs now) {
    if (closed_) return;
    connection_->tick(now);
    if (close_at_ && now >= *close_at_) close_now();
  }

  // --- Transport ---
  void output_ready() override { flush_noted_ = true; }
  void resume() override { resume_noted_ = true; }
  void shut(std::chrono::milliseconds after) override {
    const MonotonicMs at = now() + after.count();
    close_at_ = std::min(close_at_.value_or(at), at);
    output_ready();
  }
  void shut_output(std::chrono::milliseconds after) override { shut(after); }
  bool peer_closed() const override { return closed_; }
  LogLimiter& log_limiter() override { return broker_.log_limiter; }
  void finished() override { finished_ = true; }

 private:
  MonotonicMs now() const { return broker_.cluster.now().monotonic; }

  void feed() {
    input_.erase(0, connection_->receive(input_));
    connection_->end_of_input();
  }

  void flush() {
    connection_->prepare_output();
    const bool wanted_input = connection_->wants_input();
    while (reads && !connection_->output().empty()) {
      const std::string_view bytes = connection_->output().view().substr(0, octets_a_write);
      reader_.add(bytes);
      connection_->written(bytes.size());
    }
    if (!wanted_input && connection_->wants_input()) resume();
    if (close_at_ && connection_->output().empty() && *close_at_ <= now()) close_now();
  }

  void close_now() {
    if (std::exchange(closed_, true)) return;
    connection_->lost();
  }

  Broker& broker_;
  std::unique_ptr<Connection> connection_;
  std::string input_;  // received and not handled yet
  FrameReader reader_;
  std::optional<MonotonicMs> close_at_;
  bool resume_noted_ = false;
  bool flush_noted_ = false;
  bool closed_ = false;
  bool finished_ = false;
};

/// Logged in, with channel 1 open.
class ReadyClient final : public TestClient {
 public:
  explicit ReadyClient(Broker& broker, const Login& login = {}, std::size_t shard = 0)
      : TestClient(broker, shard) {
    log_in(login);
    open();
  }
};

inline void Broker::run() {
  for (bool more = true; more;) {
    cluster.run();
    more = false;
    for (TestClient* client : clients) more = client->turn() || more;
  }
}

inline void Broker::pass(std::chrono::milliseconds time) {
  constexpr std::int64_t kTickMs = 250;
  for (std::int64_t left = time.count(); left > 0; left -= kTickMs) {
    cluster.pass(std::min(left, kTickMs));
    for (TestClient* client : clients) client->tick(cluster.now().monotonic);
    run();
  }
}

}  // namespace polymq::amqp091
