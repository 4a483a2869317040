// Rotation among a queue's consumers.
#include "engine/consumer.h"

#include <algorithm>

namespace polymq::engine {

bool ConsumerSet::has_exclusive() const {
  return members_.size() == 1 && members_.front()->options.exclusive;
}

void ConsumerSet::set_single_active(bool on, bool by_priority) {
  single_active_ = on;
  by_priority_ = by_priority;
  elect();
}

void ConsumerSet::add(Consumer& consumer) {
  members_.push_back(&consumer);
  if (single_active_ && active_ == nullptr) elect();
  reconsider();
  wake(consumer);
}

void ConsumerSet::remove(Consumer& consumer) {
  std::erase(members_, &consumer);
  std::erase(starved_, &consumer);
  consumer.unlink();
  std::erase_if(levels_, [](const auto& level) { return level->able.empty(); });
  if (active_ == &consumer) {
    active_ = nullptr;
    elect();
  }
  reconsider();
}

void ConsumerSet::elect() {
  if (!single_active_ || members_.empty()) {
    active_ = nullptr;
    if (!single_active_) {
      for (Consumer* member : members_) wake(*member);
    }
    return;
  }
  if (active_ != nullptr) return;
  quiescing_ = false;
  active_ = candidate();
  wake(*active_);
}

Consumer* ConsumerSet::candidate() const {
  Consumer* best = members_.front();
  if (by_priority_) {
    for (Consumer* member : members_) {
      if (member->options.priority > best->options.priority) best = member;
    }
  }
  return best;
}

void ConsumerSet::reconsider() {
  if (!single_active_ || !by_priority_ || active_ == nullptr) return;
  Consumer* best = candidate();
  const bool better = best->options.priority > active_->options.priority;
  if (better && active_->leases.empty()) {
    active_ = nullptr;
    elect();
  } else if (std::exchange(quiescing_, better) && !better) {
    wake(*active_);
  }
}

void ConsumerSet::wake(Consumer& consumer) {
  if ((consumer.options.one_shot && !consumer.poll) || consumer.cancelled) return;
  if (quiescing_ && &consumer == active_) reconsider();
  if (consumer.is_linked()) return;
  if (!eligible(consumer)) return;
  rotation(consumer.options.priority).push_back(consumer);
}

Consumer* ConsumerSet::next(std::uint64_t leased) {
  for (const auto& level : levels_) {
    while (!level->able.empty()) {
      Consumer& first = level->able.front();
      if (!eligible(first)) {
        first.unlink();
      } else if (!first.poll && !first.link->has_room()) {  // a poll is bounded by itself
        first.unlink();
        first.link->waiting.push_back(first.id);
      } else if (!first.has_credit()) {
        first.unlink();
        if (first.shared_credit && first.tokens == 0) starved_.push_back(&first);
      } else if (first.poll && leased >= first.poll->options.most_leased) {
        first.unlink();
        held_back_ = true;
      } else {
        return &first;
      }
    }
  }
  return nullptr;
}

void ConsumerSet::served(Consumer& consumer) {
  if (consumer.poll && consumer.has_credit()) return;
  consumer.unlink();
  rotation(consumer.options.priority).push_back(consumer);
}

ConsumerSet::Rotation& ConsumerSet::rotation(std::int32_t priority) {
  const auto at = std::find_if(levels_.begin(), levels_.end(),
                               [&](const auto& level) { return level->priority <= priority; });
  if (at != levels_.end() && (*at)->priority == priority) return (*at)->able;
  return (*levels_.insert(at, std::make_unique<Level>(Level{priority, {}})))->able;
}

}  // namespace polymq::engine
