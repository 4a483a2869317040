// The exchange, queues and bindings that a workload needs, and their removal.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/perf/client.h"
#include "cli/perf/options.h"

namespace polymq::perf {

/// Settings of a connection for these options; `role` shows in the server's tools.
ClientSettings client_settings(const Options& options, const std::string& role);
/// An open connection with its channel.
Result<Client> open_client(const Options& options, const std::string& role);

/// The routing key that publishers for `queue` use: --routing-key, or the queue's name.
std::string routing_key_for(const Options& options, const std::string& queue);

/// Declares exchange and queues and binds them, unless --predeclared.
Result<void> declare_topology(Client& client, const Options& options);
/// Deletes the queue that the user did not name.
Result<void> remove_topology(Client& client, const Options& options);

/// How many messages are ready in the queue.
Result<std::uint32_t> message_count(Client& client, const std::string& queue);

}  // namespace polymq::perf
