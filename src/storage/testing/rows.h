// Rows of which a test cares for few parts.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "storage/metadata_store.h"

namespace polymq::storage::testing {

inline VhostRow vhost_row(std::uint32_t id) {
  VhostRow row;
  row.id = id;
  return row;
}
inline ExchangeRow exchange_row(std::uint64_t id, std::uint32_t vhost = 1) {
  ExchangeRow row;
  row.id = id;
  row.vhost = vhost;
  return row;
}
inline QueueRow queue_row(std::uint64_t id, std::uint32_t vhost = 1, std::string name = "q") {
  QueueRow row;
  row.id = id;
  row.vhost = vhost;
  row.name = std::move(name);
  return row;
}
inline BindingRow binding_row(std::uint64_t source, std::uint64_t destination,
                              bool to_exchange = false) {
  BindingRow row;
  row.source = source;
  row.destination = destination;
  row.to_exchange = to_exchange;
  return row;
}

inline PolicyRow policy_row(std::string name, std::uint32_t vhost = 1, bool by_operator = false) {
  PolicyRow row;
  row.vhost = vhost;
  row.by_operator = by_operator;
  row.name = std::move(name);
  return row;
}

}  // namespace polymq::storage::testing
