// Counting connections and channels against their limits (docs/features.md: Connections).
#include "server/connection_admission.h"

namespace polymq::server {

ConnectionAdmission::ConnectionAdmission(const Config& config,
                                         std::shared_ptr<const auth::Directory> directory)
    : config_(config), directory_(std::move(directory)) {}

void ConnectionAdmission::replace(std::shared_ptr<const auth::Directory> directory) {
  const std::lock_guard lock(mutex_);
  directory_ = std::move(directory);
  version_.fetch_add(1, std::memory_order_relaxed);
}

std::shared_ptr<const auth::Directory> ConnectionAdmission::directory() {
  const std::lock_guard lock(mutex_);
  return directory_;
}

std::int64_t ConnectionAdmission::vhost_limit(std::string_view vhost) const {
  for (const Config::Vhost& declared : config_.vhosts) {
    if (declared.name == vhost && declared.max_connections) return *declared.max_connections;
  }
  return config_.limits.vhost_max_connections;
}

bool ConnectionAdmission::node_full() const {
  const std::uint64_t most = config_.server.max_connections;
  return most != 0 && connections_ >= most;
}

bool ConnectionAdmission::enter() {
  const std::lock_guard lock(mutex_);
  if (node_full()) return false;
  ++connections_;
  return true;
}

void ConnectionAdmission::leave() {
  const std::lock_guard lock(mutex_);
  --connections_;
}

std::string ConnectionAdmission::enter(std::string_view user, std::string_view vhost) {
  const std::lock_guard lock(mutex_);
  if (node_full()) {
    return "connection refused: node connection limit (" +
           std::to_string(config_.server.max_connections) + ") is reached";
  }
  const std::int64_t vhost_most = vhost_limit(vhost);
  std::int64_t& in_vhost = by_vhost_[std::string(vhost)];
  if (vhost_most >= 0 && in_vhost >= vhost_most) {
    return "access to vhost '" + std::string(vhost) + "' refused for user '" + std::string(user) +
           "': connection limit (" + std::to_string(vhost_most) + ") is reached";
  }
  const auth::User* known = directory_->find(user);
  const std::int64_t user_most = known == nullptr ? -1 : known->max_connections;
  std::int64_t& of_user = by_user_[std::string(user)];
  if (user_most >= 0 && of_user >= user_most) {
    return "connection refused for user '" + std::string(user) + "': user connection limit (" +
           std::to_string(user_most) + ") is reached";
  }
  ++connections_;
  ++in_vhost;
  ++of_user;
  return {};
}

void ConnectionAdmission::count_down(Counts& counts, std::string_view name) {
  const auto it = counts.find(name);
  if (--it->second == 0) counts.erase(it);
}

void ConnectionAdmission::leave(std::string_view user, std::string_view vhost) {
  const std::lock_guard lock(mutex_);
  --connections_;
  count_down(by_vhost_, vhost);
  count_down(by_user_, user);
}

std::string ConnectionAdmission::open_channel(std::string_view user) {
  const std::lock_guard lock(mutex_);
  const auth::User* known = directory_->find(user);
  const std::int64_t most = known == nullptr ? -1 : known->max_channels;
  std::int64_t& count = channels_by_user_[std::string(user)];
  if (most >= 0 && count >= most) {
    return "number of channels opened for user '" + std::string(user) +
           "' has reached the maximum allowed user limit of " + std::to_string(most);
  }
  ++count;
  return {};
}

void ConnectionAdmission::close_channel(std::string_view user) {
  const std::lock_guard lock(mutex_);
  count_down(channels_by_user_, user);
}

}  // namespace polymq::server
