// Workloads as data: what kinds of queue there are and how often clients do what.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/fields.h"
#include "store.h"

namespace polymq::sim {

/// A queue argument: `text` if there is one, else `number`.
struct Argument {
  std::string_view name;
  std::int64_t number = 0;
  std::string_view text = {};
};

/// Queues are called KIND.N. What the model may expect of a kind is said here, too.
struct QueueKind {
  std::string_view name;
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  /// Messages may leave it by themselves: limits, time to live, deliveries counted.
  bool lossy = false;
  /// It refuses messages when it is full; what nobody asked a confirm for is dropped then.
  bool refuses = false;
  /// Nobody deletes or purges it: what is sent here is still here.
  bool stable = false;
  /// Messages with a priority overtake others.
  bool prioritized = false;
  /// The queue may go by itself: expiry.
  bool fleeting = false;
  /// Of messages with the same id it takes the first.
  bool deduplicates = false;
  /// Its messages are in groups, each with one holder at a time.
  bool grouped = false;
  /// Its messages are in groups that take turns, and come in no order.
  bool fair = false;
  /// Ids are told apart by time: one that was there so long ago is a new one.
  std::int64_t window_ms = 0;
  /// Ids are unique within a group.
  bool ids_by_group = false;
  /// Messages are not handed out earlier after they came, but for those with a delay of their own.
  std::int64_t delay_ms = 0;
  /// Messages may go when they are so old, and are not handed out after that.
  std::int64_t retention_ms = 0;
  /// No message is handed out more often.
  unsigned receive_limit = 0;
  /// Messages go from here to others of this sort, and come back: each is in one of them.
  bool moving = false;
  /// Some of its arguments change.
  bool changing = false;
  /// Bound to kRecent once, after messages went there.
  bool history = false;
  /// Its dead letters go through exchanges that remember, by nobody knows how many ways.
  bool scatters = false;
  /// Where rejected messages go (a queue's name, by way of the default exchange); empty: nowhere.
  std::string_view dead_letters_to = {};
  /// A crash may double its dead letters: its originals stay until these are safe.
  bool at_least_once = false;
  std::array<Argument, 6> arguments = {};

  engine::Fields fields() const;
  bool quorum() const { return arguments[0].text == "quorum"; }
};

/// An exchange that remembers messages.
struct ExchangeKind {
  std::string_view name;
  std::string_view type;
  std::array<Argument, 3> arguments = {};
  /// Of a deduplicating one: how long it remembers an id; 0: always.
  std::int64_t remembers_ms = 0;

  engine::Fields fields() const;
};

/// Declared and bound to the stable queues before the work, and left alone: what they must do is
/// known exactly.
std::span<const ExchangeKind> settled_exchanges();
/// Null if `exchange` is none of those.
const ExchangeKind* settled_exchange(std::string_view exchange);
inline constexpr std::string_view kDelaying = "m.delay";
inline constexpr std::string_view kRecent = "m.recent";
inline constexpr std::size_t kRecentLength = 3;
/// Declared, bound and deleted at random, in circles too.
std::span<const ExchangeKind> roving_exchanges();

std::span<const QueueKind> queue_kinds();
/// The kind of a queue by its name.
const QueueKind& kind_of(std::string_view queue);

/// What one client may do when it gets its turn, with the weight of each choice.
struct Weights {
  unsigned publish = 30;
  unsigned settle = 30;
  unsigned consume = 6;
  unsigned cancel = 2;
  unsigned get = 5;
  unsigned declare = 4;
  unsigned remove = 1;  // delete a queue
  unsigned purge = 1;
  unsigned bind = 2;
  unsigned unbind = 1;
  unsigned inspect = 2;
  unsigned qos = 1;
  unsigned commit = 3;  // in transactional channels
  unsigned rollback = 1;
  unsigned direct = 0;
  unsigned exchange = 0;  // declare or delete an exchange
  unsigned history = 0;   // bind a new queue to kRecent
  // By token, without consumers:
  unsigned receive = 0;
  unsigned abandon = 0;  // a receive that waits
  unsigned erase = 0;
  unsigned extend = 0;
  unsigned order = 0;   // give or cancel an order to move messages
  unsigned change = 0;  // arguments of a queue
  unsigned close_session = 1;
  unsigned close_client = 1;
};

struct Workload {
  std::string_view name;
  std::array<std::string_view, 12> kinds = {};
  Weights weights = {};
  unsigned clients = 6;
  unsigned confirm_percent = 50;      // channels that ask for confirms
  unsigned transaction_percent = 10;  // channels in transaction mode
  unsigned persistent_percent = 40;
  unsigned group_percent = 0;      // messages of some group
  unsigned ttl_percent = 0;        // messages with a time to live of their own
  unsigned own_delay_percent = 0;  // messages with a delay of their own
  unsigned id_percent = 0;         // messages with an id by which doubles are known
  unsigned attempt_percent = 0;    // receives that may be asked for once more
  unsigned leap_permille = 0;      // the chance that the clock moves by minutes or hours
  unsigned shared_prefetch_percent = 15;
  unsigned exclusive_percent = 3;  // exclusive consumers
  std::size_t largest_body = 64;
  StoreFaults store = {};
  unsigned settled_percent = 0;  // publishes to settled_exchanges(), which are there if not 0
  bool roving = false;           // roving_exchanges() come and go
  bool policies = false;
  bool vhosts = false;  // a second vhost comes and goes
  std::int64_t memory_limit = INT64_MAX;
  unsigned restart_permille = 0;    // the chance of a step that it is the node's end
  std::int64_t restart_ms = 0;      // how long the node is away at least
  unsigned break_permille = 0;      // that the disk, or the metadata, fails until then
  bool configured = false;          // policies for `dpol`, others after each restart
  std::uint64_t paging_window = 0;  // bytes that a queue keeps in memory; 0: as the engine does

  /// Messages are received under leases that end by themselves.
  bool receives() const { return weights.receive != 0; }
  /// Commits may fail.
  bool fails() const { return store.fail_percent != 0 || break_permille != 0; }
};

std::span<const Workload> workloads();

}  // namespace polymq::sim
