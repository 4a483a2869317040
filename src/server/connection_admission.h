// The limits on connections and channels of the node, its vhosts and users; and the users at this
// moment.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "amqp091/settings.h"
#include "http/connection.h"
#include "server/config/config.h"

namespace polymq::server {

/// Any thread. Locked, because connections come and go seldom compared with messages.
class ConnectionAdmission final : public amqp091::Admission, public http::Admission {
 public:
  ConnectionAdmission(const Config& config, std::shared_ptr<const auth::Directory> directory);

  /// New users; verdicts given before are asked for again.
  void replace(std::shared_ptr<const auth::Directory> directory);

  std::string enter(std::string_view user, std::string_view vhost) override;
  void leave(std::string_view user, std::string_view vhost) override;
  std::string open_channel(std::string_view user) override;
  void close_channel(std::string_view user) override;
  std::shared_ptr<const auth::Directory> directory() override;
  /// Over HTTP users come with each request: connections count for the node only.
  bool enter() override;
  void leave() override;
  std::uint64_t directory_version() override { return version_.load(std::memory_order_relaxed); }

 private:
  bool node_full() const;
  using Counts = std::map<std::string, std::int64_t, std::less<>>;
  std::int64_t vhost_limit(std::string_view vhost) const;
  static void count_down(Counts& counts, std::string_view name);

  const Config& config_;
  std::mutex mutex_;
  std::shared_ptr<const auth::Directory> directory_;
  std::atomic<std::uint64_t> version_{1};
  std::uint64_t connections_ = 0;
  Counts by_vhost_;
  Counts by_user_;
  Counts channels_by_user_;
};

}  // namespace polymq::server
