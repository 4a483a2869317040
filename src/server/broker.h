// The running broker: shards, listeners and what they share.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "amqp091/settings.h"
#include "server/config/config.h"
#include "server/connection_admission.h"
#include "server/control_socket.h"
#include "server/current.h"
#include "server/listener.h"
#include "server/protocols.h"
#include "server/shard_runtime.h"
#include "server/sqs_site.h"
#include "server/tls_context.h"
#include "server/users.h"
#include "sqs/settings.h"
#include "storage/data_folder.h"
#include "storage/memory_metadata.h"
#include "storage/memory_store.h"

namespace polymq::server {

/// Main thread, but for what it posts to the shards.
class Broker {
 public:
  Broker(const Config& config, const Access& access);
  ~Broker();

  /// Starts the shards, declares vhosts and policies, listens. The error says what failed.
  Result<void> start();
  /// New users, access keys, certificates and policies; connections go on.
  Result<void> reload(const Config& config, const Access& access);
  /// No new connections; clients are told to go (320). Returns when all have, or at the deadline.
  void stop();

 private:
  ShardRuntime& next_shard();
  Result<void> listen();
  Result<void> listen(Protocol& protocol, const Config::Listen& where, Listener::Options options,
                      std::string_view name);
  Result<void> listen(Protocol& protocol, const Config::Listen& where, bool tls,
                      Listener::Options options, std::string_view name);
  Result<void> open_sqs();
  Result<void> provide_queues(SqsSite& site);
  void open_http(const Config::Http& config, std::string_view name,
                 const HttpProtocol::ServiceFactory& make_service);
  void deal(Protocol& protocol, const Config::Listen& where, bool tls, int fd, SocketPeer peer);
  Result<void> administer(decltype(engine::ControlRequest::what) what);
  void use_tls(std::shared_ptr<const TlsContext> context);
  Result<void> set_policies(engine::PolicySets sets);
  std::size_t connection_count();

  const Config config_;
  amqp091::Settings settings_;
  sqs::Settings sqs_;
  ConnectionAdmission admission_;
  Current<auth::AccessKeys> keys_;
  Current<TlsContext> tls_{nullptr};  // null: no TLS
  Result<void> open_stores(const engine::PolicySets& policies);
  void make_shards(std::size_t count);
  Result<void> open_control(ShardRuntime& shard);
  Result<std::string> back_up(const std::string& target, const std::atomic<bool>& stop);

  std::vector<std::unique_ptr<ShardRuntime>> shards_;
  /// In memory: a store for each shard. Else all is in the data folder.
  std::vector<std::unique_ptr<storage::MemoryStore>> memory_stores_;
  storage::MemoryMetadata memory_metadata_;
  std::unique_ptr<storage::DataFolder> data_;
  /// Their services go before the shards that these use.
  AmqpProtocol amqp_;
  struct HttpListener {
    const Config::Http& config;
    std::string name;
    std::unique_ptr<HttpProtocol> protocol;
  };
  std::vector<HttpListener> http_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<ControlSocket> control_;  // if commands can reach this node
  std::size_t next_shard_ = 0;              // whose turn it is among equals
  std::vector<std::string> vhosts_;
};

}  // namespace polymq::server
