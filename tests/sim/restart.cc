// The end of a life of the node, and the start of the next one.
#include <algorithm>

#include "engine/stored_message.h"
#include "world.h"

namespace polymq::sim {

using engine::ReplyBody;
using engine::ShardIndex;

namespace {

constexpr std::size_t kUnlimited = SIZE_MAX;
/// Queues and exchanges get their numbers from a range of this size, a new one in each life.
constexpr std::uint64_t kIncarnationsPerLife = 1'000'000;
/// How much longer than a workload asks for a restart takes at most.
constexpr std::uint64_t kLongestRestartMs = 100;

}  // namespace

History World::history() const {
  std::uint64_t read = messages_read_;
  for (const auto& store : stores_) read += store->messages_read();
  return {log_.hash(), log_.count(), restarts_, read};
}

// --- starting -----------------------------------------------------------------------------------

engine::ShardOptions World::options_of(ShardIndex shard, ShardIndex count) const {
  engine::ShardOptions options;
  options.index = shard;
  options.count = count;
  options.seed = seed_ + restarts_;
  options.memory_limit = workload_.memory_limit;
  options.first_incarnation = restarts_ * kIncarnationsPerLife + 1;
  options.life_before = options.first_incarnation - std::min(restarts_, 1u) * kIncarnationsPerLife;
  if (workload_.paging_window != 0) {
    options.paging = {workload_.paging_window * 4, workload_.paging_window / 2,
                      workload_.paging_window};
  }
  return options;
}

void World::start_node(ShardIndex count) {
  static constexpr std::size_t kCapacities[] = {1, 1, 4, kUnlimited};
  static constexpr unsigned kHolds[] = {0, 30, 70, 95};
  static constexpr unsigned kActs[] = {10, 30, 80};
  const std::size_t capacity = random_.pick(kCapacities);
  hold_percent_ = random_.pick(kHolds);
  act_percent_ = random_.pick(kActs);
  log_.add("%u shards, mailboxes of %zd, held back %u%%, acting %u%%", count,
           static_cast<std::ptrdiff_t>(capacity), hold_percent_, act_percent_);
  network_ = std::make_unique<Network>(count, capacity, sabotage_);
  more_work_.assign(count, false);
  disk_.start(count);
  metadata_.start();
  for (ShardIndex index = 0; index < count; ++index) {
    stores_.push_back(std::make_unique<Store>(random_.next(), workload_.store, log_, disk_, index));
    if (calm_) stores_.back()->calm();
    shards_.push_back(std::make_unique<engine::Shard>(
        options_of(index, count), network_->outbox(index), *stores_.back(), metadata_));
  }
  if (workload_.configured) policies_["/"] = draw_configuration();
  const bool loses = sabotage_ == Sabotage::kLosePolicies;
  const auto deltas = shards_[engine::kControlShard]->restore(
      metadata_.image(), loses ? engine::PolicySets() : policies_);
  if (!deltas) violated("(f) what is stored cannot be read: %s", deltas.error().text.c_str());
  for (ShardIndex index = 1; index < count; ++index) shards_[index]->restore(*deltas);
}

// --- ending -------------------------------------------------------------------------------------

void World::restart(bool at_rest) {
  log_.add("the node dies");
  for (std::size_t i = 0; i < clients_.size(); ++i) clients_[i]->vanish();
  disk_.crash(random_);
  metadata_.crash(random_);
  const storage::MetadataImage image = metadata_.image();
  declarations_.restarted(image);
  for (const storage::QueueRow& row : image.queues) {
    model_.queue_kept(row.id, row.name, row.vhost);
  }
  for (const auto& [queue, kept] : disk_.queues()) {
    if (metadata_.knew(storage::incarnation_of(queue))) continue;
    violated("(k) the store speaks of queue #%lu, which the metadata does not know", queue);
  }
  std::vector<std::uint64_t> queues;
  for (const storage::QueueRow& row : image.queues) queues.push_back(row.id);
  for (const storage::ExchangeRow& row : image.exchanges) queues.push_back(row.id);
  disk_.keep_only(queues);
  for (const storage::ExchangeRow& row : image.exchanges) disk_.spoil_exchange(row.id);
  model_.restarted(remains(image, at_rest));
  bury();
  ++restarts_;
  const auto ms =
      workload_.restart_ms + static_cast<std::int64_t>(random_.below(kLongestRestartMs));
  now_.monotonic += ms;
  now_.wall += ms;
  start_node(static_cast<ShardIndex>(random_.between(1, 4)));
  check_counts(image);
  check_policies();
  const bool winds_down = std::exchange(winding_down_, true);
  administer(engine::AddVhost{"/", "", {}}, "add vhost /");
  quiesce("after a restart");
  check_leases();
  winding_down_ = winds_down;
  if (winding_down_) return;
  for (std::uint64_t more = random_.between(1, workload_.clients); more != 0; --more) open_client();
}

Remains World::remains(const storage::MetadataImage& image, bool at_rest) const {
  Remains remains{
      .now = now_.wall, .at_rest = at_rest, .broken = disk_.broken() || metadata_.broken()};
  for (const storage::QueueRow& row : image.queues) {
    remains.queues.insert(row.id);
    const KeptQueue* kept = disk_.queue(row.id);
    if (kept == nullptr) continue;
    for (const auto& [position, message] : kept->messages) {
      remains.messages.push_back(found_message(row.id, message, kept->handed_out));
    }
    note_ids(row.id, place_of(row.id), remains);
  }
  for (const storage::ExchangeRow& row : image.exchanges) {
    const ExchangeKind* kind = settled_exchange(row.name);
    if (kind == nullptr) continue;
    const auto entries = [&](storage::LogPart part) {
      std::vector<const KeptMessage*> all;
      const KeptQueue* log = disk_.queue(storage::log_of(row.id, part));
      if (log == nullptr) return all;
      for (const auto& [position, entry] : log->messages) all.push_back(&entry);
      return all;
    };
    for (const KeptMessage* entry : entries(storage::LogPart::kMessages)) {
      const MessageId id = found_message(row.id, *entry, 0).id;
      remains.held.push_back({id, row.name, entry->record.enqueued});
    }
    for (const KeptMessage* entry : entries(storage::LogPart::kHistory)) {
      remains.history.push_back(found_message(row.id, *entry, 0).id);
    }
    note_ids(row.id, place_of(*kind), remains);
  }
  return remains;
}

void World::note_ids(std::uint64_t incarnation, const std::string& place, Remains& remains) const {
  const KeptQueue* log = disk_.queue(storage::log_of(incarnation, storage::LogPart::kSeenIds));
  if (log == nullptr) return;
  for (const auto& [position, entry] : log->messages) {
    remains.ids.emplace(place, entry.record.extension);
  }
}

FoundMessage World::found_message(engine::QueueId queue, const KeptMessage& kept,
                                  std::uint64_t handed_out) const {
  const storage::MessageRecord& record = kept.record;
  engine::MemoryMeter meter;
  const auto message = engine::from_record(record, meter);
  if (!message) violated("(a) a stored message cannot be read: %s", message.error().text.c_str());
  const bool counted = record.acquired != 0;
  FoundMessage found{.id = Model::id_of(**message),
                     .path = path_of(**message),
                     .queue = queue,
                     .acquired = record.acquired,
                     .failed = record.failed,
                     .marked = counted || record.delivered || record.position < handed_out};
  if (const engine::MessageExtension* extension = (*message)->extension();
      extension != nullptr && extension->deaths.size() == 1 && extension->deaths[0].count == 1) {
    found.died_in = extension->deaths[0].queue;
  }
  found.position = record.position;
  found.enqueued = record.enqueued;
  found.lease = kept.lease;
  (*message)->release(meter);
  return found;
}

void World::bury() {
  const bool winds_down = std::exchange(winding_down_, true);
  for (const auto& store : stores_) store->calm();
  quiesce("after its death");
  winding_down_ = winds_down;
  if (!clients_.empty()) violated("(j) a client does not end with the node");
  for (const auto& store : stores_) messages_read_ += store->messages_read();
  shards_.clear();
  stores_.clear();
  network_.reset();
  model_.clients_are_gone();
  active_consumers_.clear();
  direct_addresses_.clear();
  log_.add("the node is gone");
}

// From the start on queues have the settings that the configuration gives them.
void World::check_policies() const {
  if (!workload_.configured) return;
  const engine::PolicySet& policies = *policies_.at("/");
  for (const auto& shard : shards_) {
    for (const auto& [name, vhost] : shard->topology().vhosts()) {
      for (const auto& [queue, entry] : vhost->queues) {
        if (*entry->effective == policies.effective(queue, *entry->declared)) continue;
        violated("(l) on shard %u %s does not follow the policies of the configuration",
                 shard->self(), queue.c_str());
      }
    }
  }
}

// As many as were stored, if none may have gone since, and all that are out are known.
void World::check_counts(const storage::MetadataImage& image) const {
  for (const storage::QueueRow& row : image.queues) {
    const engine::QueueEntry* control = shards_[0]->topology().queue(row.id);
    const engine::Queue& queue = *shards_[control->home]->topology().queue(row.id)->local;
    const KeptQueue* kept = disk_.queue(row.id);
    const std::size_t stored = kept == nullptr ? 0 : kept->messages.size();
    const QueueKind& kind = kind_of(row.name);
    const bool exactly = !kind.lossy && kind.retention_ms == 0 && !queue.restoring();
    const std::size_t there = queue.ready() + queue.unacked() + queue.delayed();
    if (exactly ? there == stored : there <= stored) continue;
    violated("(g) %s counts %lu messages after the restart, but %zu are stored", row.name.c_str(),
             there, stored);
  }
}

}  // namespace polymq::sim
