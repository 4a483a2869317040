// Where declared things are kept: vhosts, exchanges, queues, bindings, and policies that were set
// at run time. Changes are numbered and kept in order, each number wholly or not at all; everything
// is read once, at the start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace polymq::storage {

// Rows as they are kept. Ids are the engine's; `arguments` is text that the engine made and reads.
struct VhostRow {
  std::uint32_t id = 0;
  std::string name;
  std::string default_queue_type;
  std::optional<std::uint64_t> max_queues;
  bool operator==(const VhostRow&) const = default;
};
struct ExchangeRow {
  std::uint64_t id = 0;
  std::uint32_t vhost = 0;
  std::string name;
  std::string type;
  bool auto_delete = false;
  bool internal = false;
  std::string arguments;
  bool operator==(const ExchangeRow&) const = default;
};
struct QueueRow {
  std::uint64_t id = 0;  // its incarnation
  std::uint32_t vhost = 0;
  std::string name;
  bool auto_delete = false;
  std::string arguments;
  std::uint16_t lane = 0;  // of its messages in the message store
  bool operator==(const QueueRow&) const = default;
};
struct BindingRow {
  std::uint64_t source = 0;       // an exchange
  std::uint64_t destination = 0;  // a queue, or an exchange
  bool to_exchange = false;
  std::string key;
  std::string arguments;
  bool operator==(const BindingRow&) const = default;
};
struct PolicyRow {
  std::uint32_t vhost = 0;
  bool by_operator = false;  // operator policies have names of their own
  std::string name;
  std::string pattern;
  std::string apply_to;
  std::int64_t priority = 0;
  std::string definition;  // as `arguments`
  bool operator==(const PolicyRow&) const = default;
};

// What goes. Bindings from and to it go along; with a vhost, all that is in it.
struct VhostGone {
  std::uint32_t id = 0;
};
struct ExchangeGone {
  std::uint64_t id = 0;
};
struct QueueGone {
  std::uint64_t id = 0;
};
struct BindingGone {
  BindingRow binding;
};
struct PolicyGone {
  std::uint32_t vhost = 0;
  bool by_operator = false;
  std::string name;
};

using MetadataChange = std::variant<VhostRow, ExchangeRow, QueueRow, BindingRow, PolicyRow,
                                    VhostGone, ExchangeGone, QueueGone, BindingGone, PolicyGone>;

/// Everything, ordered by id; bindings by source and destination, policies by vhost, kind and name.
struct MetadataImage {
  std::uint64_t version = 0;  // of the last change
  std::vector<VhostRow> vhosts;
  std::vector<ExchangeRow> exchanges;
  std::vector<QueueRow> queues;
  std::vector<BindingRow> bindings;
  std::vector<PolicyRow> policies;
};

enum class MetadataEnd : std::uint8_t {
  kDurable,
  kFailed,  // none of it is kept, nor will be anything that follows
  kFenced,  // somebody else has changed what we build on: we are not its owner any more
};

/// Used by one thread: the one that decides on changes. Its answers come later, in order.
class MetadataStore {
 public:
  virtual ~MetadataStore() = default;

  /// The changes that make version `version` of the version before it. Returns at once.
  virtual void append(std::uint64_t version, std::vector<MetadataChange> changes) = 0;
  /// Appends the ends of what was appended since the last call, in order.
  virtual void take_ended(std::vector<MetadataEnd>& ended) = 0;
};

}  // namespace polymq::storage
