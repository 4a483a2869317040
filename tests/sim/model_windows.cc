// Doubles that queues know by their ids for a time, and where messages were put.
#include <algorithm>

#include "model.h"

namespace polymq::sim {

using engine::QueueId;

void Model::placed(MessageId id, QueueId queue, engine::Position position, bool duplicate) {
  Published& message = messages_.at(id);
  message.duplicate = duplicate;
  if (!duplicate) message.position = position;
  const auto known = copies_.find({id, queue, 0});
  if (known == copies_.end() || duplicate) return;
  Copy& copy = known->second;
  const QueueKind& kind = *queues_.at(queue).kind;
  if (kind.window_ms == 0 || kind.lossy || message.own_ttl) return;
  copy.may_drop = copy.perhaps_deleted || copy.purged;
}

WallMs Model::latest_arrival(MessageId id, QueueId queue) const {
  const auto copy = copies_.find({id, queue, 0});
  const WallMs seen = copy == copies_.end() ? kNever : copy->second.first_seen;
  return std::min(seen, messages_.at(id).safe.wall);
}

void Model::check_windows() const {
  const bool restarts = workload_.restart_permille != 0;
  for (const auto& [what, ids] : windows_) {
    const QueueId queue = what.first;
    const std::int64_t window = queues_.at(queue).kind->window_ms;
    const auto came = [&](MessageId id) { return copies_.at({id, queue, 0}).seen; };
    for (const MessageId one : ids) {
      const Published& message = messages_.at(one);
      bool has_original = false;
      for (const MessageId other : ids) {
        if (other == one || !came(other)) continue;
        const WallMs from = messages_.at(other).published.wall;
        const WallMs to = latest_arrival(other, queue);
        has_original = has_original || (from <= latest_arrival(one, queue) &&
                                        message.published.wall < after(to, window));
        const WallMs own = latest_arrival(one, queue);
        const bool apart = own - from >= window || to - message.published.wall >= window;
        // One that was not stored when the node died is forgotten.
        const bool kept = message.persistent && message.safe.wall != kNever &&
                          messages_.at(other).safe.wall != kNever;
        const bool sure = !restarts || kept;
        if (came(one) && sure && !apart) {
          violated("(o) messages %lu and %lu with the id %s are in %s within its window", one,
                   other, message.deduplication.c_str(), queue_name(queue).c_str());
        }
      }
      const bool confirmed = message.safe.wall != kNever && !message.told_refused();
      const bool lost = restarts && !message.persistent;
      if (confirmed && !came(one) && !lost && !has_original) {
        violated("(o) message %lu of %s was taken for a double, but there is no other", one,
                 queue_name(queue).c_str());
      }
    }
  }
}

}  // namespace polymq::sim
