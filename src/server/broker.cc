// Wiring, starting and stopping.
#include "server/broker.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <random>
#include <thread>

#include "amqp091/property_codec.h"
#include "base/log.h"
#include "server/config/policies.h"
#include "server/config/sqs_queues.h"
#include "server/memory_limit.h"
#include "server/policy_operations.h"
#include "server/queue_operations.h"
#include "server/secret_file.h"
#include "server/socket_connection.h"
#include "server/tls_stream.h"
#include "sqs/property_codec.h"

namespace polymq::server {
namespace {

using namespace std::chrono_literals;

std::size_t shard_count(const Config& config) {
  if (config.server.shards != 0) return config.server.shards;
  return std::max(1u, std::thread::hardware_concurrency());
}

amqp091::Settings to_settings(const Config& config) {
  using engine::Value;
  const auto text = [](std::string_view name, const std::string& value) {
    return engine::Field{std::string(name), Value::string(value)};
  };
  amqp091::Settings settings;
  settings.server_properties = {
      text("cluster_name", config.server.cluster_name),
      text("product", config.server.product),
      text("version", config.server.compatibility_version),
      text("platform", "PolyMQ " POLYMQ_VERSION),
      text("copyright", "Copyright the PolyMQ authors"),
      text("information", "Licensed under the Apache License 2.0"),
  };
  settings.sasl = {config.auth.mechanisms, config.auth.anonymous_user};
  settings.handshake_timeout = config.amqp.handshake_timeout;
  settings.heartbeat_s = static_cast<std::uint16_t>(config.amqp.heartbeat.count() / 1000);
  settings.frame_max = static_cast<std::uint32_t>(config.amqp.frame_max);
  settings.channel_max = config.amqp.channel_max;
  settings.initial_frame_max = static_cast<std::uint32_t>(config.amqp.initial_frame_max);
  settings.max_message_size = config.amqp.max_message_size;
  settings.max_header_size = static_cast<std::uint32_t>(config.amqp.max_header_size);
  settings.max_consumers_per_channel = config.amqp.max_consumers_per_channel;
  settings.consumer_timeout = config.amqp.consumer_timeout;
  settings.output_buffer_limit = config.amqp.output_buffer_limit;
  settings.default_prefetch = config.amqp.default_consumer_prefetch;
  settings.permit_transient_nonexclusive = config.queues.permit_transient_nonexclusive;
  return settings;
}

sqs::Settings to_sqs_settings(const Config::Sqs& config) {
  sqs::Settings settings;
  settings.vhost = config.vhost;
  settings.account = config.account;
  settings.region = config.region;
  settings.public_url = config.public_url;
  settings.trusts_proxy = config.trusts_proxy;
  settings.user = config.user;
  settings.verifies = config.verifies();
  return settings;
}

http::Limits to_limits(const Config::Http& config) {
  http::Limits limits;
  limits.max_body = config.max_body_size;
  limits.max_header = config.max_header_size;
  limits.max_target = std::min(limits.max_target, limits.max_header);
  limits.header_time = config.header_timeout;
  limits.body_time = config.body_timeout;
  limits.idle_time = config.idle_timeout;
  return limits;
}

std::optional<std::uint64_t> limit_of(std::int64_t limit) {
  if (limit < 0) return std::nullopt;
  return static_cast<std::uint64_t>(limit);
}

storage::journal::JournalOptions to_journal_options(const Config::Storage& config) {
  return {.segment_size = config.segment_size,
          .sync = storage::sync_policy_of(config.sync).value(),
          .sync_interval = config.sync_interval,
          .keep_free = config.keep_free};
}

std::uint64_t unguessable() {
  std::random_device system;
  return std::uint64_t{system()} << 32 | system();
}

}  // namespace

Broker::Broker(const Config& config, const Access& access)
    : config_(config),
      settings_(to_settings(config)),
      sqs_(to_sqs_settings(config.sqs)),
      admission_(config_, access.users),
      keys_(access.keys),
      amqp_(settings_, admission_) {
  amqp091::register_property_codec();
  sqs::register_property_codec();
}

Result<void> Broker::open_stores(const engine::PolicySets& policies) {
  const auto begun = std::chrono::steady_clock::now();
  const std::string& folder = config_.server.in_memory ? "" : config_.server.data_dir;
  if (!folder.empty()) {
    auto opened = storage::DataFolder::open(folder);
    if (!opened) return tl::make_unexpected(opened.error());
    data_ = *std::move(opened);
    if (auto begun_life = data_->begin_life(); !begun_life) return begun_life;
  }
  const std::size_t count = shard_count(config_);
  make_shards(count);
  if (data_) {
    const auto started = data_->start(count, to_journal_options(config_.storage),
                                      [this](std::size_t shard) { shards_[shard]->wake(); });
    if (!started) return started;
    for (const std::string& damage : data_->damages()) {
      log::Line(log::Area::kStorage, log::Level::kError, "the journal is damaged")
          .with("where", damage);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!data_) memory_stores_.push_back(std::make_unique<storage::MemoryStore>());
    storage::MessageStore& store = data_ ? data_->store(i) : *memory_stores_[i];
    storage::MetadataStore& metadata = data_ ? data_->metadata() : memory_metadata_;
    shards_[i]->open(store, metadata);
  }
  if (!data_) return {};
  auto deltas = shards_[engine::kControlShard]->shard().restore(data_->image(), policies);
  if (!deltas) return tl::make_unexpected(deltas.error());
  for (std::size_t i = 1; i < count; ++i) shards_[i]->shard().restore(*deltas);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  log::Line(log::Area::kStorage, log::Level::kInfo, "data folder opened")
      .with("folder", folder)
      .with("queues", data_->image().queues.size())
      .with("segments", data_->journal().usage().segments)
      .with("took_ms", took.count());
  return {};
}

void Broker::make_shards(std::size_t count) {
  const Config& config = config_;
  const std::uint64_t memory = watermark_bytes(config.limits.memory_high_watermark, memory_limit());
  std::vector<ShardRuntime*> all;
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<ShardRuntime>(engine::ShardOptions{
        .index = static_cast<engine::ShardIndex>(i),
        .count = static_cast<engine::ShardIndex>(count),
        .seed = std::random_device{}(),
        .secret = unguessable,
        .limits = {.max_exchanges_per_vhost =
                       limit_of(config.limits.vhost_max_exchanges).value_or(UINT64_MAX)},
        .default_delivery_limit = config.queues.delivery_limit,
        .memory_limit = memory == 0 ? INT64_MAX : static_cast<std::int64_t>(memory),
        .first_incarnation = data_ ? data_->first_incarnation() : 1,
        .life_before = data_ ? data_->incarnation_before() : 0}));
    all.push_back(shards_.back().get());
  }
  for (const auto& shard : shards_) shard->connect(all);
}

Broker::~Broker() {
  for (const auto& shard : shards_) shard->stop();
  for (const auto& shard : shards_) shard->join();
  control_.reset();
}

Result<void> Broker::administer(decltype(engine::ControlRequest::what) what) {
  std::promise<std::string> refused;
  shards_[engine::kControlShard]->post([&] {
    shards_[engine::kControlShard]->shard().administer(
        std::move(what), [&](engine::ReplyBody& body) {
          const auto* error = std::get_if<engine::EngineError>(&body);
          refused.set_value(error == nullptr ? "" : error->text);
        });
  });
  if (std::string text = refused.get_future().get(); !text.empty()) return fail(std::move(text));
  return {};
}

Result<void> Broker::start() {
  std::vector<Config::Vhost> vhosts = config_.vhosts;
  if (std::none_of(vhosts.begin(), vhosts.end(), [](const auto& v) { return v.name == "/"; })) {
    vhosts.insert(vhosts.begin(), Config::Vhost{"/", {}, {}, {}});
  }
  for (const Config::Vhost& vhost : vhosts) vhosts_.push_back(vhost.name);
  auto policies = config::make_policy_sets(config_, vhosts_);
  if (!policies) return tl::make_unexpected(policies.error());
  auto tls = TlsContext::load(config_.tls);
  if (!tls) return tl::make_unexpected(tls.error());
  if (*tls) use_tls(*std::move(tls));
  if (auto opened = open_stores(*policies); !opened) return opened;
  for (const auto& shard : shards_) shard->start();
  for (const Config::Vhost& vhost : vhosts) {
    const std::string& type = vhost.default_queue_type.empty() ? config_.queues.default_queue_type
                                                               : vhost.default_queue_type;
    auto added = administer(engine::AddVhost{
        vhost.name, type, {limit_of(vhost.max_queues.value_or(config_.limits.vhost_max_queues))}});
    if (!added) return added;
  }
  if (auto set = set_policies(*std::move(policies)); !set) return set;

  if (config_.sqs.is_served()) {
    if (auto opened = open_sqs(); !opened) return opened;
  }
  std::promise<Result<void>> listening;
  ShardRuntime& acceptor = *shards_.front();
  acceptor.post([&] {
    Result<void> opened = listen();
    if (opened) opened = open_control(acceptor);
    listening.set_value(std::move(opened));
  });
  return listening.get_future().get();
}

Result<void> Broker::open_sqs() {
  const std::string& folder = config_.server.in_memory ? "" : config_.server.data_dir;
  auto key = own_secret(folder, "receipt-key");
  if (!key) return tl::make_unexpected(key.error());
  sqs_.handle_key = *std::move(key);
  sqs_.directory = [this] { return admission_.directory(); };
  sqs_.keys = [this] { return keys_.get(); };
  SqsSite* at_control = nullptr;
  open_http(config_.sqs, "SQS", [this, &at_control](ShardRuntime& runtime) {
    auto site = std::make_unique<SqsSite>(runtime.shard(), sqs_, [this] {
      return std::ranges::any_of(shards_, [](const auto& shard) { return shard->recovering(); });
    });
    if (runtime.index() == engine::kControlShard) at_control = site.get();
    return site;
  });
  return provide_queues(*at_control);
}

Result<void> Broker::provide_queues(SqsSite& site) {
  std::vector<sqs::ConfiguredQueue> queues;
  for (const Config::Sqs::Queue& queue : config_.sqs.queues) {
    auto made = config::check_sqs_queue(config_.sqs, queue);
    if (!made) return fail("sqs.queues: " + made.error().text);
    queues.push_back(*std::move(made));
  }
  std::promise<Result<void>> provided;
  shards_[engine::kControlShard]->post([&] {
    site.sqs().provide(queues, [&](Result<void> result) { provided.set_value(std::move(result)); });
  });
  auto result = provided.get_future().get();
  return result ? result : fail("sqs.queues: " + result.error().text);
}

// The main thread. Each shard makes its own service, on its thread.
void Broker::open_http(const Config::Http& config, std::string_view name,
                       const HttpProtocol::ServiceFactory& make_service) {
  auto protocol = std::make_unique<HttpProtocol>(
      to_limits(config),
      http::Cors::Settings{.origins = config.cors_origins, .exposed_fields = "*"}, admission_);
  for (const auto& shard : shards_) {
    std::promise<void> made;
    shard->post([&] {
      protocol->add_shard(make_service(*shard));
      made.set_value();
    });
    made.get_future().get();
  }
  http_.push_back({config, std::string(name), std::move(protocol)});
}

// The accepting shard's thread.
Result<void> Broker::listen() {
  const Listener::Options amqp{.backlog = static_cast<int>(config_.amqp.backlog),
                               .tcp_nodelay = config_.amqp.tcp_nodelay,
                               .keepalive = config_.amqp.keepalive};
  if (auto opened = listen(amqp_, config_.amqp, amqp, "AMQP"); !opened) return opened;
  for (const HttpListener& http : http_) {
    if (auto opened = listen(*http.protocol, http.config, {}, http.name); !opened) return opened;
  }
  return {};
}

Result<void> Broker::listen(Protocol& protocol, const Config::Listen& where,
                            Listener::Options options, std::string_view name) {
  auto opened = listen(protocol, where, false, options, name);
  if (opened) opened = listen(protocol, where, true, options, std::string(name) + " over TLS");
  return opened;
}

Result<void> Broker::listen(Protocol& protocol, const Config::Listen& where, bool tls,
                            Listener::Options options, std::string_view name) {
  for (const Endpoint& endpoint : tls ? where.tls_endpoints : where.endpoints) {
    auto listener = std::make_unique<Listener>(
        shards_.front()->io(), options, [this, &protocol, &where, tls](int fd, SocketPeer peer) {
          deal(protocol, where, tls, fd, std::move(peer));
        });
    if (auto opened = listener->open(endpoint); !opened) return opened;
    listeners_.push_back(std::move(listener));
    log::Line(log::Area::kServer, log::Level::kInfo, "listening for " + std::string(name))
        .with("address", to_text(endpoint));
  }
  return {};
}

// The control shard's thread. Without the one in the data folder the node runs as well, but takes
// no commands.
Result<void> Broker::open_control(ShardRuntime& shard) {
  const std::string path = control_path(config_.server);
  if (path.empty()) return {};
  SlowCommands slow = make_queue_operations(shards_, data_.get());
  slow["backup"] = [this](const std::string& target, const std::atomic<bool>& stop) {
    return back_up(target, stop);
  };
  control_ = std::make_unique<ControlSocket>(shard.io(), path, std::move(slow),
                                             make_policy_operations(shard));
  if (data_) ::unlink(path.c_str());  // of a node that was killed: the folder is ours
  auto opened = control_->open();
  if (opened || !data_) return opened;
  log::Line(log::Area::kServer, log::Level::kWarning,
            "no online backups are possible, nor other commands to this node")
      .with("reason", opened.error().text);
  return {};
}

// The control socket's thread.
Result<std::string> Broker::back_up(const std::string& target, const std::atomic<bool>& stop) {
  if (!data_) return fail("this node keeps everything in memory");
  const auto done = data_->back_up(target, stop);
  log::Line line(log::Area::kStorage, done ? log::Level::kInfo : log::Level::kWarning,
                 done ? "backup made" : "no backup was made");
  line.with("target", target);
  if (done) return storage::to_text(*done);
  line.with("reason", done.error().text);
  return tl::make_unexpected(done.error());
}

Result<void> Broker::set_policies(engine::PolicySets sets) {
  for (auto& [vhost, policies] : sets) {
    if (auto done = administer(engine::SetPolicies{vhost, std::move(policies)}); !done) return done;
  }
  return {};
}

// For those who connect from now on.
void Broker::use_tls(std::shared_ptr<const TlsContext> context) {
  log::Line(log::Area::kServer, log::Level::kInfo, "TLS certificate read")
      .with("subject", context->subject())
      .with("expires", context->expiry());
  tls_.replace(std::move(context));
}

// All that can be wrong is found before anything is changed.
Result<void> Broker::reload(const Config& config, const Access& access) {
  auto policies = config::make_policy_sets(config, vhosts_);
  if (!policies) return tl::make_unexpected(policies.error());
  auto tls = TlsContext::load(config.tls);
  if (!tls) return tl::make_unexpected(tls.error());
  if (*tls && config_.tls.enabled()) use_tls(*std::move(tls));
  admission_.replace(access.users);
  keys_.replace(access.keys);
  return set_policies(*std::move(policies));
}

// The one with the fewest connections; equals take turns.
ShardRuntime& Broker::next_shard() {
  std::size_t best = next_shard_;
  for (std::size_t i = 1; i < shards_.size(); ++i) {
    const std::size_t other = (next_shard_ + i) % shards_.size();
    if (shards_[other]->load() < shards_[best]->load()) best = other;
  }
  next_shard_ = (best + 1) % shards_.size();
  return *shards_[best];
}

// The accepting shard's thread.
void Broker::deal(Protocol& protocol, const Config::Listen& where, bool tls, int fd,
                  SocketPeer peer) {
  ShardRuntime& target = next_shard();
  target.expect_connection();
  const auto& trusted = where.proxy_networks;
  const bool proxied = std::any_of(trusted.begin(), trusted.end(), [&](const Network& network) {
    return network.contains(peer.ip);
  });
  auto context = tls ? tls_.get() : nullptr;
  target.post([&protocol, &target, fd, peer = std::move(peer.peer), proxied,
               context = std::move(context)]() mutable {
    std::unique_ptr<TlsStream> stream;
    if (context) stream = std::make_unique<TlsStream>(*context, fd, protocol.alpn());
    SocketConnection::Socket socket(target.io());
    boost::system::error_code error;
    socket.assign(boost::asio::generic::stream_protocol(AF_UNSPEC, 0), fd, error);
    target.add(std::make_unique<SocketConnection>(target, std::move(socket), std::move(peer),
                                                  protocol, proxied, std::move(stream)));
  });
}

std::size_t Broker::connection_count() {
  std::size_t sum = 0;
  for (const auto& shard : shards_) {
    std::promise<std::size_t> count;
    shard->post([&] { count.set_value(shard->connection_count()); });
    sum += count.get_future().get();
  }
  return sum;
}

void Broker::stop() {
  std::promise<void> closed;
  shards_.front()->post([&] {
    for (const auto& listener : listeners_) listener->close();
    listeners_.clear();
    if (control_) control_->close();
    closed.set_value();
  });
  closed.get_future().get();
  for (const auto& shard : shards_) {
    shard->post([this, &runtime = *shard] {
      runtime.for_each_connection([](SocketConnection& connection) {
        connection.force_close("broker forced connection closure with reason 'shutdown'");
      });
      // Their last answers say that they are that.
      for (const HttpListener& http : http_) http.protocol->shutting_down(runtime);
    });
  }
  const auto deadline = std::chrono::steady_clock::now() + config_.server.shutdown_timeout;
  while (connection_count() != 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(5ms);
  }
  // What shards have sent each other arrives, and what follows from it: units need all their parts.
  constexpr int kHops = 4;
  for (int hop = 0; hop < kHops; ++hop) connection_count();
  for (const auto& shard : shards_) shard->stop();
  for (const auto& shard : shards_) shard->join();
  control_.reset();  // waits for a backup to give up
  if (data_) data_->close();
}

}  // namespace polymq::server
