// Rewriting, routing and publishing of dead letters.
#include "engine/dead_letters.h"

#include <algorithm>

namespace polymq::engine {
namespace {

// Two that were sent under the same id, one after the other's time, may die together: where they go
// they are told apart by their own ids.
void rename_by_id(const Message& message, PropertyChanges& changes) {
  constexpr std::string_view kHeader = "x-deduplication-header";
  const PropertyCodec& codec = codec_of(message.dialect());
  Value known;
  std::string id;
  if (!codec.header(message.properties(), kHeader, known)) return;
  if (!codec.property(message.properties(), "message_id", id)) return;
  changes.set_headers.push_back({std::string(kHeader), Value::string(id)});
}

/// Are the dead letters of a queue with these settings for the queue of that name?
bool leads_to(const QueueSettings& settings, std::string_view queue) {
  return settings.dead_letter_exchange == "" && settings.dead_letter_routing_key == queue;
}

/// The queue that it was dead-lettered from last; empty: none.
std::string_view last_source(const Message& message) {
  const MessageExtension* extension = message.extension();
  if (extension == nullptr || extension->deaths.empty()) return {};
  return extension->deaths.front().queue;
}

}  // namespace

DeadLetters::DeadLetters(Mailer& mailer, Topology& topology, storage::MessageStore& store,
                         MemoryMeter& meter, const Now& now)
    : topology_(topology),
      store_(store),
      meter_(meter),
      now_(now),
      publisher_(SessionId::make(mailer.self(), kDeadLetterPublisher), mailer, meter) {}

bool DeadLetters::at_least_once(const Queue& queue) const {
  return queue.settings().dead_letter_strategy == DeadLetterStrategy::kAtLeastOnce &&
         queue.settings().effective_overflow() == Overflow::kRejectPublish;
}

bool DeadLetters::run() {
  if (waiting_.empty()) return false;
  const std::vector<Letter> letters = std::exchange(waiting_, {});
  for (const Letter& letter : letters) move(letter);
  hand_over(letters);
  late_.clear();
  // Those that reached no queue are settled already.
  for (const Publisher::Settled& settled : std::exchange(publisher_.settled(), {})) {
    const Letter letter = *moving_.find(settled.sequence);
    moving_.erase(settled.sequence);
    finish(letter, false);
  }
  return true;
}

// The copies and the end of the originals are one unit of the store. An at-least-once queue keeps
// its originals until it knows: its letters may double over a crash, but never get lost.
void DeadLetters::hand_over(const std::vector<Letter>& letters) {
  const auto goes_along = [&](const Letter& letter) {
    return !at_least_once(*letter.queue) && letter.queue->moving_is_stored(letter.position) &&
           std::find(late_.begin(), late_.end(), std::pair(letter.queue, letter.position)) ==
               late_.end();
  };
  if (std::none_of(letters.begin(), letters.end(), goes_along)) return publisher_.flush();
  for (const Letter& letter : letters) {
    if (goes_along(letter)) letter.queue->forget_moving(letter.position);
  }
  publisher_.flush_with_staged(store_);
}

void DeadLetters::move(const Letter& letter) { letter.move ? go(letter) : die(letter); }

// As if it had just been published to that queue: what happened to it before is forgotten.
void DeadLetters::go(const Letter& letter) {
  if (letter.queue->deleting) return finish(letter, false);
  const Message& original = *letter.queue->moving_message(letter.position);
  MoveProgress& move = *letter.move;
  const std::string_view name = move.destination ? *move.destination : last_source(original);
  QueueEntry* destination =
      name.empty() ? nullptr : topology_.queue(*letter.queue->entry().vhost, name);
  const bool goes_back = move.destination || destination == nullptr ||
                         leads_to(*destination->effective, letter.queue->entry().name);
  if (destination == nullptr || destination->exclusive() || !goes_back) {
    move.failure = name.empty() ? MoveFailure::kNoSource : MoveFailure::kNoDestination;
    return stay(letter);
  }
  const std::string properties =
      codec_of(original.dialect()).amend(original.properties(), {.new_identity = true});
  Message* const copy = original.rewritten("", name, properties, meter_);
  moving_.push(letter);
  if (destination->effective->effective_overflow() == Overflow::kDropHead) {
    publisher_.publish_sure(copy, *destination);
    return;
  }
  // It may refuse: the original stays until it has answered.
  late_.emplace_back(letter.queue, letter.position);
  Target* const target = destination;
  publisher_.publish_tracked(copy, {&target, 1});
}

void DeadLetters::stay(const Letter& letter) {
  late_.emplace_back(letter.queue, letter.position);
  if (letter.move) --letter.move->under_way;
  letter.queue->stay(letter.position);
}

void DeadLetters::die(const Letter& letter) {
  const QueueSettings& settings = letter.queue->settings();
  // The settings are read now: a policy may have taken the dead letter exchange away.
  if (letter.queue->deleting || !settings.dead_letter_exchange) {
    letter.queue->moved(letter.position);
    return;
  }
  const Message& original = *letter.queue->moving_message(letter.position);
  const bool override_key = settings.dead_letter_routing_key.has_value();

  std::vector<DeathEntry> deaths;
  std::vector<std::string> shown_keys{std::string(original.routing_key())};
  std::vector<std::string> more_keys;
  if (const MessageExtension* extension = original.extension()) {
    deaths = extension->deaths;
    const auto& more = extension->more_keys;
    shown_keys.insert(shown_keys.end(), more.begin(),
                      more.begin() + static_cast<std::ptrdiff_t>(extension->visible_keys));
    if (!override_key) more_keys = more;
  }
  std::string expiration;
  const bool expires =
      codec_of(original.dialect()).property(original.properties(), "expiration", expiration);
  const std::string& queue_name = letter.queue->entry().name;
  record_death(deaths, {.queue = queue_name,
                        .reason = letter.reason,
                        .time = now_.wall,
                        .exchange = original.exchange(),
                        .routing_keys = std::move(shown_keys),
                        .expiration = expires ? std::optional(expiration) : std::nullopt});
  PropertyChanges changes = death_changes(deaths, override_key);
  if (settings.deduplication_window_ms) rename_by_id(original, changes);
  const std::string properties = codec_of(original.dialect()).amend(original.properties(), changes);
  std::string key =
      override_key ? *settings.dead_letter_routing_key : std::string(original.routing_key());
  key.resize(std::min<std::size_t>(key.size(), 255));  // names are no longer in AMQP
  const std::string exchange_name = settings.dead_letter_exchange->substr(0, 255);
  Message* copy = original.rewritten(exchange_name, key, properties, meter_);

  // What expired or is too much would be so again.
  const bool keeps = settings.keep_unroutable && (letter.reason == DeathReason::kDeliveryLimit ||
                                                  letter.reason == DeathReason::kRejected);
  std::vector<Target*> targets;
  Vhost& vhost = *letter.queue->entry().vhost;
  if (Exchange* exchange = topology_.exchange(vhost, *settings.dead_letter_exchange)) {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    for (Target* target :
         topology_.route(*exchange, key, more_keys, MessageHeaders(*copy), random_ >> 16)) {
      const QueueEntry* queue = target->queue();
      if (queue == nullptr || keeps || !closes_cycle(deaths, queue->name)) {
        targets.push_back(target);
      }
    }
  }
  if (keeps && targets.empty()) {
    copy->release(meter_);
    return stay(letter);
  }
  MessageExtension& extension = copy->make_extension();
  extension.deaths = std::move(deaths);
  extension.visible_keys =
      override_key || !original.extension() ? 0 : original.extension()->visible_keys;
  extension.more_keys = std::move(more_keys);
  extension.entered = letter.queue->moving_since(letter.position);
  publish(letter, copy, std::move(targets));
}

// At-least-once with several targets: each gets a copy of its own, so that another try reaches only
// those that refused.
void DeadLetters::publish(Letter letter, Message* copy, std::vector<Target*> targets) {
  // A transient exchange with state passes it on in its own time, and keeps nothing until then: the
  // original stays until it has answered.
  const bool late = std::any_of(targets.begin(), targets.end(), [](const Target* target) {
    return target->exchange != nullptr && !target->exchange->durable;
  });
  if (late) late_.emplace_back(letter.queue, letter.position);
  if (!letter.progress && targets.size() > 1 && at_least_once(*letter.queue)) {
    letter.progress = std::make_shared<Progress>();
  }
  if (!letter.progress) {
    moving_.push(letter);
    publisher_.publish_tracked(copy, targets);
    return;
  }
  Progress& progress = *letter.progress;
  std::erase_if(targets, [&](const Target* target) {
    return std::find(progress.accepted.begin(), progress.accepted.end(), target->id) !=
           progress.accepted.end();
  });
  progress.open = targets.size();
  progress.refused = false;
  for (Target* target : targets) {
    letter.target = target->id;
    moving_.push(letter);
    publisher_.publish_tracked(copy->clone(meter_), {&target, 1});
  }
  copy->release(meter_);
  if (targets.empty()) letter.queue->moved(letter.position);  // who refused is gone
}

void DeadLetters::answered(const PublishAnswer& answer) {
  publisher_.answered(answer);
  for (const Publisher::Settled& settled : std::exchange(publisher_.settled(), {})) {
    const Letter letter = *moving_.find(settled.sequence);
    moving_.erase(settled.sequence);
    finish(letter, !settled.rejected);
  }
}

void DeadLetters::finish(const Letter& letter, bool delivered) {
  if (Progress* progress = letter.progress.get()) {
    if (delivered) progress->accepted.push_back(letter.target);
    progress->refused = progress->refused || !delivered;
    if (--progress->open != 0) return;
    delivered = !progress->refused;
  }
  if (MoveProgress* move = letter.move.get()) {
    --move->under_way;
    move->moved += delivered ? 1 : 0;
    if (!delivered && !letter.queue->deleting) {
      move->failure = MoveFailure::kRefused;
      return letter.queue->stay(letter.position);
    }
    return letter.queue->moved(letter.position);
  }
  if (!delivered && !letter.queue->deleting && at_least_once(*letter.queue)) {
    retries_.push_back({now_.wall + kRetryMs, letter});
    return;
  }
  letter.queue->moved(letter.position);
}

void DeadLetters::retry() {
  std::erase_if(retries_, [&](const Retry& retry) {
    if (retry.at <= now_.wall || retry.letter.queue->deleting) {
      if (retry.letter.queue->deleting) {
        retry.letter.queue->moved(retry.letter.position);
      } else {
        waiting_.push_back(retry.letter);
      }
      return true;
    }
    return false;
  });
}

WallMs DeadLetters::next_retry() const {
  // Tries are noted in order of time.
  return retries_.empty() ? kNever : retries_.front().at;
}

}  // namespace polymq::engine
