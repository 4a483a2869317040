// What of the topology survives a restart: deltas as rows of the metadata store, and rows as
// deltas.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/topology.h"
#include "storage/metadata_store.h"

namespace polymq::engine {

/// The row that `delta` adds or takes away, as seen before it is applied to `topology`; none if
/// what it is about does not outlive the process.
std::optional<storage::MetadataChange> to_change(const Delta& delta, Topology& topology);

/// In an order in which they can be applied. Homes: the shards that serve their lanes. Error: a row
/// that this version cannot read.
Result<std::vector<Delta>> to_deltas(const storage::MetadataImage& image, ShardIndex shards,
                                     std::int64_t default_delivery_limit);

inline PolicyAuthor author_of(const storage::PolicyRow& row) {
  return row.by_operator ? PolicyAuthor::kOperator : PolicyAuthor::kUser;
}
storage::PolicyRow to_row(VhostId vhost, PolicyAuthor author, const Policy& policy);
/// `vhost`: its name. Error: a row that this version cannot read.
Result<Policy> to_policy(const storage::PolicyRow& row, std::string_view vhost);

/// Which shard serves a lane. That is not stored: it may be another one after the next start.
constexpr ShardIndex shard_of(storage::Lane lane, ShardIndex shards) {
  return static_cast<ShardIndex>(lane % shards);
}

constexpr ShardIndex home_of_exchange(ExchangeId exchange, ShardIndex shards) {
  return shard_of(storage::lane_of_exchange(exchange), shards);
}

}  // namespace polymq::engine
