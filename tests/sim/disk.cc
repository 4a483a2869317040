// Groups of batches, and what they make of queues.
#include "disk.h"

#include <algorithm>

namespace polymq::sim {
namespace {

/// One of so many is spoiled.
constexpr std::uint64_t kSpoilEvery = 4;
/// A lease that is found to end later does so by that much.
constexpr std::int64_t kStretchMs = 10'000;

}  // namespace

std::unique_ptr<std::string> take_texts(storage::MessageRecord& message) {
  auto texts = std::make_unique<std::string>();
  std::string_view* const all[] = {&message.exchange, &message.routing_key, &message.properties,
                                   &message.body};
  for (const std::string_view* text : all) texts->append(*text);
  std::size_t at = 0;
  for (std::string_view* text : all) {
    *text = std::string_view(*texts).substr(at, text->size());
    at += text->size();
  }
  return texts;
}

// --- lives --------------------------------------------------------------------------------------

void Disk::start(std::size_t writers) {
  writers_.assign(writers, {});
  newest_known_ = 0;
  dead_ = false;
  broken_ = false;
}

void Disk::crash(Random& random) {
  std::size_t left = 0;
  for (const Writer& writer : writers_) left += writer.waiting.size();
  for (std::uint64_t tries = random.below(left * 2 + 1); tries != 0; --tries) {
    const std::size_t writer = random.below(writers_.size());
    if (!writers_[writer].waiting.empty()) write(writer, storage::CommitEnd::kDurable);
  }
  dead_ = true;
  spoil();
}

void Disk::spoil() {
  for (auto& [id, queue] : queues_) {
    std::erase_if(queue.messages, [&](const auto&) { return spoils(Sabotage::kLoseMessages); });
    std::erase_if(queue.messages, [&](const auto& message) {
      const bool died =
          !message.second.record.extension.empty() && storage::incarnation_of(id) == id;
      return died && spoils(Sabotage::kLoseLetters);
    });
    if (spoils(Sabotage::kLoseMarks)) queue.handed_out = 0;
    for (auto& [position, message] : queue.messages) {
      if (message.lease && spoils(Sabotage::kLoseLeases)) message.lease.reset();
    }
  }
}

void Disk::spoil_exchange(std::uint64_t incarnation) {
  using storage::LogPart;
  const auto log = [&](LogPart part) -> KeptQueue* {
    const auto known = queues_.find(storage::log_of(incarnation, part));
    return known == queues_.end() ? nullptr : &known->second;
  };
  if (KeptQueue* held = log(LogPart::kMessages)) {
    std::erase_if(held->messages, [&](const auto&) { return spoils(Sabotage::kLoseHeld); });
  }
  if (KeptQueue* ids = log(LogPart::kSeenIds)) {
    std::erase_if(ids->messages, [&](const auto&) { return spoils(Sabotage::kLoseIds); });
  }
  if (KeptQueue* history = log(LogPart::kHistory); history && !history->messages.empty()) {
    const auto last = std::prev(history->messages.end());
    if (spoils(Sabotage::kLoseHistory)) history->messages.erase(last);
  }
}

void Disk::keep_only(const std::vector<std::uint64_t>& queues) {
  std::erase_if(queues_, [&](const auto& queue) {
    return std::find(queues.begin(), queues.end(), storage::incarnation_of(queue.first)) ==
           queues.end();
  });
}

// --- groups -------------------------------------------------------------------------------------

// Takes as many more of others' batches as that unit needs. False when a part is not there yet.
bool Disk::complete(std::vector<std::size_t>& take, const Batch::Part& part) const {
  std::uint32_t found = 0;
  for (std::size_t w = 0; w < writers_.size(); ++w) {
    const std::deque<Batch>& waiting = writers_[w].waiting;
    const auto with = std::find_if(waiting.begin(), waiting.end(), [&](const Batch& batch) {
      return std::any_of(batch.parts.begin(), batch.parts.end(),
                         [&](const Batch::Part& other) { return other.unit == part.unit; });
    });
    if (with == waiting.end()) continue;
    ++found;
    take[w] = std::max(take[w], static_cast<std::size_t>(with - waiting.begin()) + 1);
  }
  return found == part.parts;
}

std::vector<std::size_t> Disk::group_of(std::size_t writer) const {
  std::vector<std::size_t> take(writers_.size(), 0);
  take[writer] = 1;
  for (std::vector<std::size_t> before; before != take;) {
    before = take;
    for (std::size_t w = 0; w < writers_.size(); ++w) {
      for (std::size_t i = 0; i < before[w]; ++i) {
        const Batch& batch = writers_[w].waiting[i];
        if (batch.newest_queue > newest_known_) return {};
        for (const Batch::Part& part : batch.parts) {
          if (!complete(take, part)) return {};
        }
      }
    }
  }
  return take;
}

bool Disk::write(std::size_t writer, storage::CommitEnd how) {
  std::vector<std::size_t> take(writers_.size(), 0);
  take[writer] = 1;
  if (broken_ && how == storage::CommitEnd::kDurable) how = storage::CommitEnd::kFailed;
  if (!dead_ && !broken_ && !spoils(Sabotage::kTearUnits)) take = group_of(writer);
  if (take.empty()) return false;
  for (std::size_t w = 0; w < take.size(); ++w) {
    for (; take[w] != 0; --take[w]) {
      Writer& one = writers_[w];
      if (how == storage::CommitEnd::kDurable && !dead_) apply(one.waiting.front());
      one.waiting.pop_front();
      one.ended.push_back(how);
    }
  }
  return true;
}

storage::CommitEnd Disk::take_ended(std::size_t writer) {
  const storage::CommitEnd end = writers_[writer].ended.front();
  writers_[writer].ended.pop_front();
  return end;
}

// --- what is kept -------------------------------------------------------------------------------

bool Disk::spoils(Sabotage what) { return sabotage_ == what && ++candidates_ % kSpoilEvery == 0; }

void Disk::apply(const Batch& batch) {
  for (const Batch::Change& change : batch.changes) {
    std::visit([this](const auto& what) { make(what); }, change);
  }
}

void Disk::make(const KeptMessage& message) {
  KeptQueue& queue = queues_[message.record.queue];
  const std::uint64_t position = message.record.position;
  queue.next_position = std::max(queue.next_position, position + 1);
  queue.messages.emplace(position, message);
}

void Disk::make(const Batch::Settled& settled) {
  const auto queue = queues_.find(settled.queue);
  if (queue == queues_.end() || spoils(Sabotage::kKeepSettled)) return;
  auto& messages = queue->second.messages;
  messages.erase(messages.lower_bound(settled.first), messages.upper_bound(settled.last));
}

KeptMessage* Disk::find(std::uint64_t queue, std::uint64_t position) {
  const auto known = queues_.find(queue);
  if (known == queues_.end()) return nullptr;
  const auto message = known->second.messages.find(position);
  return message == known->second.messages.end() ? nullptr : &message->second;
}

void Disk::make(const Batch::Returned& returned) {
  KeptMessage* message = find(returned.queue, returned.position);
  if (message == nullptr) return;
  message->record.acquired = returned.acquired;
  message->record.failed = returned.failed;
  if (returned.acquired != 0) message->record.delivered = true;
  message->lease.reset();
}

void Disk::make(const Batch::Lent& lent) {
  KeptMessage* message = find(lent.queue, lent.position);
  if (message == nullptr) return;
  message->record.acquired = lent.acquired;
  message->record.failed = lent.failed;
  message->lease = lent.lease;
}

void Disk::make(const Batch::HandedOut& mark) {
  KeptQueue& queue = queues_[mark.queue];
  queue.handed_out = std::max(queue.handed_out, mark.below);
  queue.next_position = std::max(queue.next_position, mark.below);
}

const KeptQueue* Disk::queue(std::uint64_t id) const {
  const auto known = queues_.find(id);
  return known == queues_.end() ? nullptr : &known->second;
}

std::optional<storage::Lease> Disk::find_lease(const KeptMessage& message) {
  std::optional<storage::Lease> found = message.lease;
  if (!found) return found;
  if (spoils(Sabotage::kHideLeases)) return std::nullopt;
  if (spoils(Sabotage::kStretchLeases)) found->deadline += kStretchMs;
  if (spoils(Sabotage::kMixLives)) ++found->life;
  return found;
}

std::size_t Disk::messages() const {
  std::size_t sum = 0;
  for (const auto& [id, queue] : queues_) sum += queue.messages.size();
  return sum;
}

}  // namespace polymq::sim
