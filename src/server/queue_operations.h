// What operators can ask a running node about its queues: how many messages they have, and what
// these take on disk. Requests and answers as in policy_operations.h:
//
//   list_queues {"vhost":"/","columns":["name","messages"]}   an object for each queue
//   disk_use {}                                               what takes the segments' bytes
#pragma once

#include <memory>
#include <vector>

#include "server/control_socket.h"
#include "server/shard_runtime.h"
#include "storage/data_folder.h"

namespace polymq::server {

/// They run on the control socket's thread and visit the shards in small steps. All that is handed
/// in must outlive the socket; the shards may have stopped, if the socket was closed before.
/// `data`: null of a node in memory, where nothing is on disk.
SlowCommands make_queue_operations(const std::vector<std::unique_ptr<ShardRuntime>>& shards,
                                   storage::DataFolder* data);

}  // namespace polymq::server
