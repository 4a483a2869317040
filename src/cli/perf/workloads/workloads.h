// The workloads of `polymq perf`, a function each. Each connects, declares what it needs, measures,
// cleans up. An error is what the server or the system refused, as a sentence for the user.
#pragma once

#include <vector>

#include "base/result.h"
#include "cli/perf/options.h"
#include "cli/perf/outcome.h"

namespace polymq::perf {

using Outcomes = Result<std::vector<Outcome>>;

/// Producers and consumers at the same time.
Outcomes run_load(const Options& options);
/// One fanout exchange, N queues with a consumer each.
Outcomes run_fanout(Options options, const FanoutOptions& fanout);
/// Producers alone until the queue holds N messages, then consumers alone until it is empty.
Outcomes run_fill_drain(const Options& options, const FillDrainOptions& fill_drain);
/// Clients that send a request and wait for its reply, one at a time.
Outcomes run_rpc(const Options& options, const RpcOptions& rpc);
/// Queue declares on one connection.
Outcomes run_declares(const Options& options, const DeclaresOptions& declares);
/// Connections opened and closed, one after another.
Outcomes run_connections(const Options& options, const ConnectionsOptions& connections);
/// Connections that send, receive and delete batches, on any server of SQS's JSON protocol.
Outcomes run_sqs(const Options& options, const SqsOptions& sqs);
/// Connections or queues that are just there, to see what they cost in memory.
Outcomes run_idle(const Options& options, const IdleOptions& idle);

}  // namespace polymq::perf
