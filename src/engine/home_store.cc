// A home and its store: answers that wait for commits, what goes on when one has ended, and what is
// kept and read back.
#include <algorithm>

#include "base/log.h"
#include "engine/home.h"

namespace polymq::engine {

// --- answers that wait --------------------------------------------------------------------------
storage::CommitNumber Home::commit_of(const Waits& waits) {
  if (waits.everything) return store_.await_everything();
  return waits.stored.empty() ? 0 : store_.await_staged();
}

// Ids that were forgotten for a refusal must not be known after a crash: who hears of it sends
// again.
void Home::send_answers() {
  for (StatefulExchanges::Answer& answer : exchanges_.take_answers()) {
    const storage::CommitNumber commit = answer.forgot ? store_.await_everything() : 0;
    Awaiting awaiting{commit, answer.to, std::move(answer.answer), {}, {}};
    if (commit == 0) {
      this->answer(awaiting);
    } else {
      awaiting_.push_back(std::move(awaiting));
    }
  }
}

void Home::answer(Awaiting& awaiting) {
  if (awaiting.relay != 0) {
    exchanges_.answer(awaiting.relay, awaiting.to, std::move(awaiting.answer));
    return send_answers();
  }
  std::visit([&](auto& answer) { mailer_.send(awaiting.to, std::move(answer)); }, awaiting.answer);
}

void Home::await(Awaiting awaiting, const std::vector<PublishItem>& items) {
  awaiting.relay = exchanges_.end_batch();
  if (awaiting.commit == 0) return answer(awaiting);
  for (const PublishItem& item : items) {
    if (item.sequence != 0) awaiting.sequences.push_back(item.sequence);
  }
  awaiting_.push_back(std::move(awaiting));
}

void Home::commits_ended(const std::vector<storage::CommitEnd>& ended) {
  for (const storage::CommitEnd end : ended) {
    ++ended_;
    note_arrived(end == storage::CommitEnd::kDurable);
    for (; !awaiting_.empty() && awaiting_.front().commit == ended_; awaiting_.pop_front()) {
      Awaiting& awaiting = awaiting_.front();
      if (end == storage::CommitEnd::kDurable) {
        note_durable(awaiting.stored);
      } else {
        fail(awaiting);
      }
      answer(awaiting);
    }
    if (end != storage::CommitEnd::kDurable) refuse_orphans();
  }
  go_on_marked();
}

// Where they are they may leave memory.
void Home::note_durable(const std::vector<Stored>& stored) {
  std::uint64_t last = 0;
  for (const Stored& one : stored) {
    if (std::exchange(last, one.target) == one.target) continue;
    if (Queue* queue = find_queue(one.target)) {
      mark_dirty(*queue);
    } else {
      exchanges_.note_durable(ExchangeId{one.target});
    }
  }
}

void Home::fail(Awaiting& awaiting) {
  for (const Stored& stored : awaiting.stored) {
    if (Queue* queue = find_queue(stored.target)) {
      queue->withdraw(stored.position);
      mark_dirty(*queue);
    } else {
      exchanges_.withdraw(ExchangeId{stored.target}, stored.position);
    }
  }
  if (auto* publish = std::get_if<PublishAnswer>(&awaiting.answer)) {
    publish->rejected.insert(publish->rejected.end(), awaiting.sequences.begin(),
                             awaiting.sequences.end());
    std::sort(publish->rejected.begin(), publish->rejected.end());
  } else if (auto* unit = std::get_if<UnitDone>(&awaiting.answer)) {
    unit->ok = false;
  } else {
    std::get<Reply>(awaiting.answer).body =
        EngineError{ErrorKind::kFailed, "it could not be stored"};
  }
}

// A duplicate was not stored, because of an original that is not stored either: whoever sent it
// hears so, and sends again.
void Home::refuse_orphans() {
  for (Awaiting& awaiting : awaiting_) {
    std::erase_if(awaiting.duplicates, [&](const Duplicate& duplicate) {
      const Queue* queue = find_queue(duplicate.queue);
      if (queue == nullptr || queue->remembers(duplicate.key, duplicate.number)) return false;
      if (auto* publish = std::get_if<PublishAnswer>(&awaiting.answer)) {
        publish->rejected.push_back(duplicate.sequence);
      } else if (auto* unit = std::get_if<UnitDone>(&awaiting.answer)) {
        unit->ok = false;
      }
      return true;
    });
  }
}

// --- what is stored -----------------------------------------------------------------------------
void Home::forget_stored(Queue& queue, Position first, Position last) {
  store_.settle(queue.id(), first, last);
}
void Home::lent_stored(Queue& queue, Position position, std::uint16_t acquired,
                       std::uint16_t failed, const storage::Lease& lease) {
  store_.lent(queue.id(), position, acquired, failed, lease);
}
void Home::returned_stored(Queue& queue, Position position, std::uint16_t acquired,
                           std::uint16_t failed) {
  store_.returned(queue.id(), position, acquired, failed);
}
void Home::handed_out_stored(Queue& queue, Position below) { store_.handed_out(queue.id(), below); }

storage::Unmarked Home::unmarked(const Queue& queue) const { return store_.unmarked(queue.id()); }

void Home::wait_for_marks(Queue& queue) {
  const Marking marking{store_.await_everything(), queue.id()};
  if (marking.commit == 0) return mark_dirty(queue);
  if (marking_.empty() || marking_.back() != marking) marking_.push_back(marking);
}

// For a store that takes no more marks no queue has to wait.
void Home::go_on_marked() {
  while (!marking_.empty() && (marking_.front().commit <= ended_ || store_.refuses())) {
    const QueueId id = marking_.front().queue;
    marking_.pop_front();
    if (Queue* queue = find_queue(id)) mark_dirty(*queue);
    resume_gets(id);
  }
}

void Home::note_arrived(bool durable) {
  for (; !arriving_.empty() && arriving_.front().commit == ended_; arriving_.pop_front()) {
    const Stored message = arriving_.front().message;
    Queue* queue = find_queue(message.target);
    if (queue == nullptr) continue;
    queue->arrived(message.position);
    if (!durable) queue->withdraw(message.position);
    mark_dirty(*queue);
    if (durable) resume_gets(message.target);
  }
}

void Home::keep_ids(Queue& queue, SeenIds& ids) {
  if (!queue.entry().stored()) return;
  const std::uint64_t log = storage::log_of(queue.id(), storage::LogPart::kSeenIds);
  ids.keep_in(logs_, log, queue.entry().lane);
}
Position Home::readable_below(const Queue& queue) const {
  return store_.readable_below(queue.id());
}
void Home::read_back(Queue& queue, const std::vector<PositionRange>& wanted, std::uint64_t bytes) {
  store_.read_ranges(queue.id(), wanted, bytes);
}

std::uint64_t Home::paging_window() const {
  const PagingLimits& limits = options_.paging;
  const std::uint64_t sharing = paging_queues_ + exchanges_.paging();
  const std::uint64_t share = limits.together / std::max<std::uint64_t>(sharing, 1);
  return std::clamp(share, limits.least, limits.most);
}

void Home::page(Queue& queue) {
  queue.page();
  note_paging(queue);
}

void Home::note_paging(Queue& queue) {
  const bool now = queue.paged_out() != 0;
  if (now && !queue.paging) ++paging_queues_;
  if (!now && queue.paging) --paging_queues_;
  queue.paging = now;
}

bool Home::take_read() {
  std::vector<storage::ReadMessages> read;
  store_.take_read(read);
  for (const storage::ReadMessages& done : read) {
    if (logs_.take(done)) continue;
    Queue* queue = find_queue(done.queue);
    if (queue == nullptr) exchanges_.loaded(done);
    if (queue == nullptr || queue->deleting) continue;
    queue->loaded(done);
    if (!queue->restoring()) std::erase(restoring_, queue);
    note_paging(*queue);
    mark_dirty(*queue);
    resume_gets(done.queue);
  }
  if (!std::exchange(was_loading_, logs_.loading()) || logs_.loading()) return !read.empty();
  exchanges_.loaded();
  return true;
}

void Home::damaged(const Queue& queue, Position position, const std::string& what) {
  log::Line(log::Area::kStorage, log::Level::kError, "a stored message cannot be read back")
      .with("queue", queue.entry().name)
      .with("vhost", queue.entry().vhost->name)
      .with("position", position)
      .with("reason", what);
}

}  // namespace polymq::engine
