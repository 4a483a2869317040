// Visits to the shards, and the survey of the journal, as JSON.
#include "server/queue_operations.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/queue.h"
#include "server/control_json.h"

namespace polymq::server {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using Stop = std::atomic<bool>;
using Shards = std::vector<std::unique_ptr<ShardRuntime>>;

constexpr std::size_t kQueuesAtOnce = 256;
constexpr auto kStopCheck = 50ms;

/// What `ask` returns, called on the shard's thread; nothing when `stop` became true before. It may
/// be called later, then: it has what it needs by value.
template <class Ask>
auto ask_shard(ShardRuntime& shard, const Stop& stop, Ask ask) {
  using Answer = decltype(ask(shard.shard().topology()));
  const auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  shard.post([&shard, promise, ask = std::move(ask)] {
    promise->set_value(ask(shard.shard().topology()));
  });
  while (answer.wait_for(kStopCheck) != std::future_status::ready) {
    if (stop) return std::optional<Answer>();
  }
  return std::optional<Answer>(answer.get());
}

// --- queues -------------------------------------------------------------------------------------
struct Listed {
  engine::QueueId id = 0;
  std::string name;
  bool durable = false;
  bool auto_delete = false;
  bool exclusive = false;
  engine::QueueType type = engine::QueueType::kClassic;
  std::string policy = {};
  std::string operator_policy = {};
  std::uint64_t ready = 0;
  std::uint64_t unacknowledged = 0;
  std::uint64_t delayed = 0;
  std::uint64_t ready_bytes = 0;
  std::uint64_t consumers = 0;
  std::uint64_t disk_live = 0;
  std::uint64_t disk_dead = 0;
};

struct Column {
  std::string_view name;
  Json (*of)(const Listed& queue);
  bool of_disk = false;
};
constexpr std::array kColumns{
    Column{"name", [](const Listed& queue) { return Json(queue.name); }},
    Column{"type", [](const Listed& queue) { return Json(type_name(queue.type)); }},
    Column{"durable", [](const Listed& queue) { return Json(queue.durable); }},
    Column{"auto_delete", [](const Listed& queue) { return Json(queue.auto_delete); }},
    Column{"exclusive", [](const Listed& queue) { return Json(queue.exclusive); }},
    Column{"policy", [](const Listed& queue) { return Json(queue.policy); }},
    Column{"operator_policy", [](const Listed& queue) { return Json(queue.operator_policy); }},
    Column{"messages",
           [](const Listed& queue) { return Json(queue.ready + queue.unacknowledged); }},
    Column{"messages_ready", [](const Listed& queue) { return Json(queue.ready); }},
    Column{"messages_unacknowledged",
           [](const Listed& queue) { return Json(queue.unacknowledged); }},
    Column{"messages_delayed", [](const Listed& queue) { return Json(queue.delayed); }},
    Column{"message_bytes_ready", [](const Listed& queue) { return Json(queue.ready_bytes); }},
    Column{"consumers", [](const Listed& queue) { return Json(queue.consumers); }},
    Column{"disk_live", [](const Listed& queue) { return Json(queue.disk_live); }, true},
    Column{"disk_dead", [](const Listed& queue) { return Json(queue.disk_dead); }, true},
};

Result<std::vector<Column>> columns_of(const Json& names) {
  std::vector<Column> columns;
  for (const Json& name : names) {
    const auto text = name.get<std::string>();
    const auto known = std::ranges::find(kColumns, text, &Column::name);
    if (known == kColumns.end()) {
      std::string all;
      for (const Column& column : kColumns) all += " " + std::string(column.name);
      return fail("no column '" + text + "'; there are:" + all);
    }
    columns.push_back(*known);
  }
  return columns;
}

std::string name_of(const engine::Policy* policy) { return policy == nullptr ? "" : policy->name; }

Listed look_at(const engine::QueueEntry& entry) {
  const engine::Queue& queue = *entry.local;
  Listed listed{.id = entry.id,
                .name = entry.name,
                .durable = entry.durable,
                .auto_delete = entry.auto_delete,
                .exclusive = entry.exclusive(),
                .type = entry.declared->type,
                .ready = queue.ready(),
                .unacknowledged = queue.unacked(),
                .delayed = queue.delayed(),
                .ready_bytes = queue.ready_bytes(),
                .consumers = queue.consumers().size()};
  if (const auto& policies = entry.vhost->policies) {
    const engine::EntityKind kind = engine::entity_kind(listed.type);
    listed.policy = name_of(policies->user_policy(entry.name, kind));
    listed.operator_policy = name_of(policies->operator_policy(entry.name, kind));
  }
  return listed;
}

/// Those that live there; nothing: no such vhost.
std::optional<std::vector<engine::QueueId>> ids_of(engine::Topology& topology,
                                                   const std::string& vhost_name) {
  const engine::Vhost* vhost = topology.vhost(vhost_name);
  if (vhost == nullptr) return std::nullopt;
  std::vector<engine::QueueId> ids;
  for (const auto& [name, entry] : vhost->queues) {
    if (entry->local) ids.push_back(entry->id);
  }
  return ids;
}

/// Queues may go between one visit and the next.
Result<std::vector<Listed>> visit(const Shards& shards, const std::string& vhost,
                                  const Stop& stop) {
  const auto stopped = [] { return fail("the node is stopping"); };
  std::vector<Listed> all;
  for (const auto& shard : shards) {
    const auto ids = ask_shard(
        *shard, stop, [vhost](engine::Topology& topology) { return ids_of(topology, vhost); });
    if (!ids) return stopped();
    if (!*ids) return fail("no vhost '" + vhost + "'");
    for (std::size_t from = 0; from < (*ids)->size(); from += kQueuesAtOnce) {
      const auto at = (*ids)->begin() + static_cast<std::ptrdiff_t>(from);
      const auto count = std::min(kQueuesAtOnce, (*ids)->size() - from);
      const std::vector<engine::QueueId> some(at, at + static_cast<std::ptrdiff_t>(count));
      auto listed = ask_shard(*shard, stop, [some](engine::Topology& topology) {
        std::vector<Listed> found;
        for (const engine::QueueId id : some) {
          const engine::QueueEntry* entry = topology.queue(id);
          if (entry != nullptr && entry->local) found.push_back(look_at(*entry));
        }
        return found;
      });
      if (!listed) return stopped();
      std::move(listed->begin(), listed->end(), std::back_inserter(all));
    }
  }
  std::ranges::sort(all, {}, &Listed::name);
  return all;
}

using Uses = std::unordered_map<std::uint64_t, storage::journal::LogUse>;
/// By incarnation, with all logs.
Uses by_owner(const storage::journal::DiskUse& use) {
  Uses uses;
  for (const storage::journal::LogUse& log : use.logs) {
    storage::journal::LogUse& sum = uses[storage::incarnation_of(log.log)];
    sum.live += log.live;
    sum.dead += log.dead;
  }
  return uses;
}

Result<std::string> list_queues(const Shards& shards, storage::DataFolder* data, const Json& given,
                                const Stop& stop) {
  const auto columns = columns_of(given.at("columns"));
  if (!columns) return tl::make_unexpected(columns.error());
  auto queues = visit(shards, given.at("vhost").get<std::string>(), stop);
  if (!queues) return tl::make_unexpected(queues.error());
  if (data != nullptr && std::ranges::any_of(*columns, &Column::of_disk)) {
    const auto found = data->survey_use(stop);
    if (!found) return tl::make_unexpected(found.error());
    Uses uses = by_owner(found->use);
    for (Listed& queue : *queues) {
      const storage::journal::LogUse& use = uses[queue.id];
      queue.disk_live = use.live;
      queue.disk_dead = use.dead;
    }
  }
  Json list = Json::array();
  for (const Listed& queue : *queues) {
    Json row = Json::object();
    for (const Column& column : *columns) row[std::string(column.name)] = column.of(queue);
    list.push_back(std::move(row));
  }
  return to_text(list);
}

// --- the disk -----------------------------------------------------------------------------------
template <class Row>
Json uses_of(const std::vector<Row>& rows, const storage::MetadataImage& declared,
             const Uses& uses) {
  std::unordered_map<std::uint32_t, std::string> vhosts;
  for (const storage::VhostRow& vhost : declared.vhosts) vhosts[vhost.id] = vhost.name;
  Json list = Json::array();
  for (const Row& row : rows) {
    const auto use = uses.find(row.id);
    if (use == uses.end()) continue;
    list.push_back({{"vhost", vhosts[row.vhost]},
                    {"name", row.name},
                    {"live", use->second.live},
                    {"dead", use->second.dead}});
  }
  return list;
}

Result<std::string> disk_use(storage::DataFolder* data, const Stop& stop) {
  if (data == nullptr) return fail("this node keeps everything in memory");
  const auto found = data->survey_use(stop);
  if (!found) return tl::make_unexpected(found.error());
  const auto& [declared, use] = *found;
  const Uses uses = by_owner(use);
  return to_text({{"segments", use.segments},
                  {"bytes", use.bytes},
                  {"live", use.live},
                  {"dead", use.dead},
                  {"reclaimable", use.reclaimable()},
                  {"queues", uses_of(declared.queues, declared, uses)},
                  {"exchanges", uses_of(declared.exchanges, declared, uses)}});
}

}  // namespace

SlowCommands make_queue_operations(const Shards& shards, storage::DataFolder* data) {
  return {
      {"list_queues",
       [&shards, data](const std::string& argument, const Stop& stop) -> Result<std::string> {
         try {
           return list_queues(shards, data, Json::parse(argument), stop);
         } catch (const Json::exception& wrong) {
           return not_understood(wrong);
         }
       }},
      {"disk_use", [data](const std::string&, const Stop& stop) { return disk_use(data, stop); }},
  };
}

}  // namespace polymq::server
