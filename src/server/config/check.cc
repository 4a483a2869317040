// Cross-checks and derived values of a loaded configuration.
#include "server/config/check.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/suggest.h"
#include "server/config/policies.h"
#include "server/config/sqs_queues.h"

namespace polymq::server::config {
namespace {

Origin origin_of(const Loaded& loaded, std::string_view path) {
  const auto found = loaded.origins.find(path);
  return found == loaded.origins.end() ? Origin{} : found->second;
}

/// Of an element's key, or of the whole element where the key has its default. Null for an element
/// that is incomplete, which was reported already.
const Origin* table_origin(const Loaded& loaded, std::string_view table, std::size_t index,
                           std::string_view key) {
  const std::string element = std::string(table) + "." + std::to_string(index);
  const auto whole = loaded.table_origins.find(element);
  if (whole == loaded.table_origins.end()) return nullptr;
  const auto own = loaded.table_origins.find(element + "." + std::string(key));
  return own == loaded.table_origins.end() ? &whole->second : &own->second;
}

void derive_names(Config::Server& server) {
  if (server.node_name.empty()) {
    std::array<char, 256> host{};
    const bool known = ::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0';
    server.node_name = "polymq@" + std::string(known ? host.data() : "localhost");
    server.node_name.resize(std::min<std::size_t>(server.node_name.size(), 255));
  }
  if (server.cluster_name.empty()) server.cluster_name = server.node_name;
}

/// The texts were checked when they were assigned, so that parsing them cannot fail here.
std::vector<Endpoint> endpoints_of(const std::vector<std::string>& listeners,
                                   const std::string& bind, std::uint16_t port) {
  std::vector<Endpoint> endpoints;
  for (const std::string& text : listeners) {
    if (auto endpoint = parse_endpoint(text)) endpoints.push_back(*endpoint);
  }
  if (listeners.empty() && port != 0) {
    if (auto address = parse_address(bind)) {
      endpoints.push_back({.address = *address, .port = port, .is_unix = false});
    }
  }
  return endpoints;
}

void derive_listen(Config::Listen& listen, const std::string& bind, bool tls) {
  listen.endpoints = endpoints_of(listen.listeners, bind, listen.port);
  if (tls) listen.tls_endpoints = endpoints_of(listen.tls_listeners, bind, listen.tls_port);
  for (const std::string& text : listen.proxy_protocol_from) {
    if (auto network = parse_network(text)) listen.proxy_networks.push_back(*network);
  }
}

void derive_levels(Config::Log& log) {
  using Areas = Config::Log::Areas;
  constexpr std::array<std::string Areas::*, log::kAreaNames.size()> kAreas{
      &Areas::server, &Areas::connection, &Areas::auth, &Areas::storage};
  for (std::size_t i = 0; i < kAreas.size(); ++i) {
    const std::string& own = log.areas.*kAreas[i];
    log.levels[i] = log::parse_level(own.empty() ? log.level : own).value_or(log::Level::kInfo);
  }
}

void check_parts(Loaded& loaded) {
  const std::array<std::pair<std::string_view, const Config::Part*>, 3> parts{
      {{"management", &loaded.config.management},
       {"metrics", &loaded.config.metrics},
       {"pubsub", &loaded.config.pubsub}}};
  for (const auto& [name, part] : parts) {
    const std::string path = std::string(name) + ".port";
    const Origin origin = origin_of(loaded, path);
    if (part->port == 0 || origin.source == Source::kDefault) continue;
    loaded.config.unavailable.push_back(std::string(name) + " is not available in this version; " +
                                        path + " (" + to_text(origin) + ") has no effect");
  }
}

/// A port is no mistake: it is there by default, too.
void check_tls(Loaded& loaded, std::vector<Problem>& problems) {
  const Config& config = loaded.config;
  const auto report = [&](std::string_view path, std::string text) {
    problems.push_back({origin_of(loaded, path), std::string(path), std::move(text)});
  };
  if (config.tls.certificate.empty() && !config.tls.key.empty()) {
    report("tls.key", "needs tls.certificate");
  }
  if (config.tls.enabled() && config.tls.key.empty()) report("tls.certificate", "needs tls.key");
  if (config.tls.client_certificates != "none" && config.tls.ca.empty()) {
    report("tls.client_certificates", "needs tls.ca, to tell good ones from others");
  }
  if (config.tls.enabled()) return;
  const std::array<std::pair<std::string, const Config::Listen*>, 2> all{
      {{"amqp", &config.amqp}, {"sqs", &config.sqs}}};
  for (const auto& [name, listen] : all) {
    if (!listen->tls_listeners.empty()) report(name + ".tls_listeners", "needs tls.certificate");
    const Origin origin = origin_of(loaded, name + ".tls_port");
    if (listen->tls_port == 0 || origin.source == Source::kDefault) continue;
    loaded.config.unavailable.push_back(name + ".tls_port (" + to_text(origin) +
                                        ") has no effect without tls.certificate");
  }
}

void check_vhosts(const Loaded& loaded, std::vector<Problem>& problems) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < loaded.config.vhosts.size(); ++i) {
    const std::string& name = loaded.config.vhosts[i].name;
    const Origin* origin = table_origin(loaded, "vhosts", i, "name");
    if (origin != nullptr && !names.insert(name).second) {
      problems.push_back({*origin, "vhosts.name", "'" + name + "' is there twice"});
    }
  }
}

void check_policies(const Loaded& loaded, bool is_operator, std::vector<Problem>& problems) {
  const std::string table = is_operator ? "operator_policies" : "policies";
  const auto& policies = is_operator ? loaded.config.operator_policies : loaded.config.policies;
  std::vector<std::string_view> vhosts{"/"};
  for (const Config::Vhost& vhost : loaded.config.vhosts) vhosts.push_back(vhost.name);
  std::set<std::pair<std::string, std::string>> names;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const Config::Policy& policy = policies[i];
    const auto report = [&](std::string_view key, std::string text) {
      const Origin& origin = *table_origin(loaded, table, i, key);
      problems.push_back({origin, table + "." + std::string(key), std::move(text)});
    };
    if (table_origin(loaded, table, i, "name") == nullptr) continue;
    if (std::find(vhosts.begin(), vhosts.end(), policy.vhost) == vhosts.end()) {
      report("vhost",
             "there is no vhost '" + policy.vhost + "'" + did_you_mean(policy.vhost, vhosts));
    }
    if (!names.emplace(policy.vhost, policy.name).second) {
      report("name", "'" + policy.name + "' is there twice in vhost '" + policy.vhost + "'");
    }
    const auto author = is_operator ? engine::PolicyAuthor::kOperator : engine::PolicyAuthor::kUser;
    if (auto made = make_policy(policy, author); !made) {
      report("definition", made.error().text);
    }
  }
}

void check_sqs(const Loaded& loaded, std::vector<Problem>& problems) {
  const Config::Sqs& sqs = loaded.config.sqs;
  std::vector<std::string_view> vhosts{"/"};
  for (const Config::Vhost& vhost : loaded.config.vhosts) vhosts.push_back(vhost.name);
  if (std::find(vhosts.begin(), vhosts.end(), sqs.vhost) == vhosts.end()) {
    problems.push_back({origin_of(loaded, "sqs.vhost"), "sqs.vhost",
                        "there is no vhost '" + sqs.vhost + "'" + did_you_mean(sqs.vhost, vhosts)});
  }
  if (sqs.verifies() && sqs.keys_file.empty()) {
    problems.push_back({origin_of(loaded, "sqs.auth"), "sqs.auth",
                        "\"required\" needs access keys: set sqs.keys_file"});
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < sqs.queues.size(); ++i) {
    if (table_origin(loaded, "sqs.queues", i, "name") == nullptr) continue;
    const auto report = [&](std::string_view key, std::string text) {
      const Origin& origin = *table_origin(loaded, "sqs.queues", i, key);
      problems.push_back({origin, "sqs.queues." + std::string(key), std::move(text)});
    };
    const std::string& name = sqs.queues[i].name;
    if (!names.insert(name).second) report("name", "'" + name + "' is there twice");
    if (auto good = check_sqs_queue(sqs, sqs.queues[i]); !good) {
      report(good.error().key, good.error().text);
    }
  }
}

}  // namespace

void check(Loaded& loaded, std::vector<Problem>& problems) {
  Config& config = loaded.config;
  derive_names(config.server);
  derive_listen(config.amqp, config.amqp.bind, config.tls.enabled());
  config.amqp.initial_frame_max = std::min(config.amqp.initial_frame_max, config.amqp.frame_max);
  derive_listen(config.sqs, config.sqs.bind.empty() ? config.amqp.bind : config.sqs.bind,
                config.tls.enabled());
  derive_levels(config.log);
  check_parts(loaded);
  check_tls(loaded, problems);
  if (config.amqp.heartbeat.count() % 1000 != 0) {
    problems.push_back({origin_of(loaded, "amqp.heartbeat"), "amqp.heartbeat",
                        "must be a whole number of seconds"});
  }
  check_vhosts(loaded, problems);
  check_sqs(loaded, problems);
  check_policies(loaded, false, problems);
  check_policies(loaded, true, problems);
}

}  // namespace polymq::server::config
