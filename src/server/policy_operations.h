// What operators can ask a running node for over its control socket: its policies.
//
// Arguments are JSON objects; what is said of things is a JSON array of objects, with RabbitMQ's
// names where it has some.
//
//   set_policy {"vhost":"/","name":"p","pattern":"^q","apply-to":"queues","priority":0,
//               "definition":{"max-length":5}}
//   clear_policy {"vhost":"/","name":"p"}
//   list_policies {"vhost":"/"}
//   set_operator_policy, clear_operator_policy, list_operator_policies: the same
#pragma once

#include "server/control_socket.h"
#include "server/shard_runtime.h"

namespace polymq::server {

/// `control`: the control shard's, on whose loop the socket is. It must outlive their use.
ControlCommands make_policy_operations(ShardRuntime& control);

}  // namespace polymq::server
