// Messages in: checks, what is kept with them, and the answer when they are safe.
#include <algorithm>
#include <cstring>

#include "sqs/carried_body.h"
#include "sqs/message_checks.h"
#include "sqs/names.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/sent_message.h"
#include "sqs/sequence_number.h"
#include "sqs/service.h"
#include "sqs/text.h"
#include "sqs/uuid.h"

namespace polymq::sqs {
namespace {

using Entry = action::SendMessageBatch::Entry;
constexpr std::string_view kTraceHeader = "AWSTraceHeader";

/// What one entry is told.
struct Outcome {
  std::optional<SqsError> error;
  Uuid id{};
  std::optional<SequenceText> sequence;
  Md5Hex body{};
  std::optional<Md5Hex> attributes;
  std::optional<Md5Hex> system_attributes;
};

}  // namespace

struct Service::Sending {
  JobPointer job;
  std::span<const Entry> entries;
  bool batch = false;
  engine::QueueId queue = 0;
  bool is_fifo = false;
  std::vector<Outcome> outcomes = {};
  std::size_t owed = 0;  // confirms
};

namespace {

SqsResult<void> check_standard(const Entry& entry) {
  if (entry.message_deduplication_id) {
    return tl::make_unexpected(
        not_valid_for_this_queue_type("MessageDeduplicationId", *entry.message_deduplication_id));
  }
  if (!entry.message_group_id) return {};
  return check_token("MessageGroupId", *entry.message_group_id);
}

SqsResult<void> check_fifo(const Entry& entry, const QueueSettings& settings) {
  if (entry.delay_seconds.value_or(0) != 0) {
    return tl::make_unexpected(
        not_valid_for_this_queue_type("DelaySeconds", std::to_string(*entry.delay_seconds)));
  }
  if (!entry.message_group_id) return tl::make_unexpected(missing_parameter("MessageGroupId"));
  if (auto good = check_token("MessageGroupId", *entry.message_group_id); !good) return good;
  if (entry.message_deduplication_id) {
    return check_token("MessageDeduplicationId", *entry.message_deduplication_id);
  }
  if (settings.flag(QueueAttribute::kContentBasedDeduplication)) return {};
  return tl::make_unexpected(no_deduplication_id());
}

SqsResult<void> check(const Entry& entry, const QueueSettings& settings, bool batch) {
  if (auto good = check_body(entry.message_body); !good) return good;
  if (auto good = check_message_attributes(entry.message_attributes); !good) return good;
  if (auto good = check_message_system_attributes(entry.message_system_attributes); !good) {
    return good;
  }
  if (auto good = check_ranges(entry); !good) return good;
  const std::int64_t limit = settings.number(QueueAttribute::kMaximumMessageSize);
  if (counted_size(entry.message_body, entry.message_attributes) > limit) {
    return tl::make_unexpected(batch ? entry_too_long(limit) : message_too_long(limit));
  }
  return settings.is_fifo() ? check_fifo(entry, settings) : check_standard(entry);
}

/// What concerns a batch as a whole.
SqsResult<void> check_batch(std::span<const Entry> entries, bool is_fifo) {
  std::int64_t size = 0;
  for (const Entry& entry : entries) {
    size += counted_size(entry.message_body, entry.message_attributes);
  }
  if (auto good = check_batch_size(size); !good) return good;
  const bool ungrouped = std::any_of(entries.begin(), entries.end(),
                                     [](const Entry& entry) { return !entry.message_group_id; });
  if (!is_fifo || !ungrouped) return {};
  return refuse(ErrorCode::kInvalidParameterValue, missing_parameter("MessageGroupId").message);
}

std::string_view trace_of(const Entry& entry, const Job& job) {
  for (const MessageAttribute& attribute : entry.message_system_attributes) {
    if (attribute.name == kTraceHeader) return attribute.string_value.value_or("");
  }
  // Nobody has asked for this one to be checked: what cannot be told again is left out.
  const std::string_view trace = job.view().header("X-Amzn-Trace-Id");
  return trace.size() <= kLongestTrace && is_message_text(trace) ? trace : std::string_view();
}

struct Ids {
  std::string_view message;
  std::string_view deduplication;
};

engine::Message* make_message(const Entry& entry, Job& job, const Ids& ids, const Md5Hex& digest,
                              const std::string& queue, engine::MemoryMeter& meter) {
  const SentBody sent = sent_body(entry.message_body, entry.message_attributes, job.arena());
  const bool as_sent = sent.body.data() == entry.message_body.data();
  const Md5Bytes digest_bytes = to_bytes(digest);
  Buffer properties;
  encode(properties, {.id = ids.message,
                      .body_digest = as_sent ? view(digest_bytes) : std::string_view(),
                      .sender = job.sender(),
                      .group = entry.message_group_id.value_or(""),
                      .deduplication = ids.deduplication,
                      .trace = trace_of(entry, job),
                      .attributes = sent.attributes});
  engine::Message* message = engine::Message::create({.routing_key = queue,
                                                      .properties = properties.view(),
                                                      .body_size = sent.body.size(),
                                                      .dialect = engine::Dialect::kSqs,
                                                      .persistent = true},
                                                     meter);
  std::memcpy(message->body_space(), sent.body.data(), sent.body.size());
  // A FIFO queue's delay is that of all its messages, of those with a delay of 0, too.
  const bool is_fifo = !ids.deduplication.empty();
  if (entry.delay_seconds && !is_fifo) {
    message->make_extension().delay_ms = *entry.delay_seconds * 1000;
    message->count_extension(meter);
  }
  return message;
}

}  // namespace

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::SendMessage::Request& request) {
  const std::span one = job->arena().array<Entry>(1);
  one[0] = {.id = "",
            .message_body = request.message_body,
            .delay_seconds = request.delay_seconds,
            .message_attributes = request.message_attributes,
            .message_system_attributes = request.message_system_attributes,
            .message_deduplication_id = request.message_deduplication_id,
            .message_group_id = request.message_group_id};
  start_sending(job, queue, one, false);
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::SendMessageBatch::Request& request) {
  start_sending(job, queue, request.entries, true);
}

void Service::start_sending(const JobPointer& job, const Queue& queue,
                            std::span<const Entry> entries, bool batch) {
  if (shard_.alarm()) {
    return job->refuse({ErrorCode::kServiceUnavailable,
                        "The server is short of memory or disk space. Try again later."});
  }
  const QueueSettings& settings = stored(*queue.entry).settings;
  if (batch) {
    if (const auto good = check_batch(entries, settings.is_fifo()); !good) {
      return job->refuse(good.error());
    }
  }
  const auto sending = std::make_shared<Sending>(Sending{.job = job,
                                                         .entries = entries,
                                                         .batch = batch,
                                                         .queue = queue.entry->id,
                                                         .is_fifo = settings.is_fifo()});
  sending->outcomes.resize(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    Outcome& outcome = sending->outcomes[i];
    if (auto good = check(entry, settings, batch); !good) {
      outcome.error = good.error();
      continue;
    }
    outcome.id = random_uuid();
    outcome.body = digests_.md5(entry.message_body);
    if (!entry.message_attributes.empty()) {
      outcome.attributes = digests_.md5_of_attributes(entry.message_attributes);
    }
    if (!entry.message_system_attributes.empty()) {
      outcome.system_attributes = digests_.md5_of_attributes(entry.message_system_attributes);
    }
    Sha256Hex content;
    Ids ids{.message = view(outcome.id),
            .deduplication = entry.message_deduplication_id.value_or("")};
    if (settings.is_fifo() && ids.deduplication.empty()) {
      content = digests_.sha256(entry.message_body);
      ids.deduplication = view(content);
    }
    engine::Message* message =
        make_message(entry, *job, ids, outcome.body, queue.name, shard_.meter());
    engine::Target* const target = const_cast<engine::QueueEntry*>(queue.entry);
    const std::uint64_t sequence = session_.publisher().publish_tracked(message, {&target, 1});
    sending_.skip_to(sequence);
    sending_.push({sending, i});
    ++sending->owed;
  }
  session_.flush();
  if (sending->owed == 0) finish_sending(*sending);
}

void Service::note_place(const engine::PublishPlace& place) {
  const Owed* owed = sending_.find(place.sequence);
  if (owed == nullptr) return;
  const auto& [sending, entry] = *owed;
  if (!sending->is_fifo) return;
  Outcome& outcome = sending->outcomes[entry];
  outcome.sequence = sequence_text(place.position);
  if (!place.duplicate) return;
  const bool has_id = place.original != engine::MessageId();
  outcome.id = has_id ? to_uuid(place.original) : uuid_of_place(sending->queue, place.position);
}

void Service::on_publishes_settled() {
  for (const auto& place : std::exchange(session_.publisher().places(), {})) note_place(place);
  for (const auto& settled : std::exchange(session_.publisher().settled(), {})) {
    Owed* owed = sending_.find(settled.sequence);
    if (owed == nullptr) continue;
    const auto [sending, entry] = std::move(*owed);
    sending_.erase(settled.sequence);
    if (settled.rejected) {
      sending->outcomes[entry].error = SqsError{
          ErrorCode::kServiceUnavailable, "The queue is full, or the message could not be stored."};
    }
    if (--sending->owed == 0) finish_sending(*sending);
  }
}

namespace {

template <std::size_t kSize>
OptionalText text_of(const std::optional<std::array<char, kSize>>& text) {
  return text ? OptionalText(view(*text)) : std::nullopt;
}

}  // namespace

void Service::finish_sending(Sending& sending) {
  Job& job = *sending.job;
  if (!sending.batch) {
    const Outcome& outcome = sending.outcomes.front();
    if (outcome.error) return job.refuse(*outcome.error);
    return job.answer<action::SendMessage>(
        {.md5_of_message_body = view(outcome.body),
         .md5_of_message_attributes = text_of(outcome.attributes),
         .md5_of_message_system_attributes = text_of(outcome.system_attributes),
         .message_id = view(outcome.id),
         .sequence_number = text_of(outcome.sequence)});
  }
  std::vector<action::SendMessageBatch::Sent> sent;
  std::vector<action::FailedEntry> failed;
  for (std::size_t i = 0; i < sending.entries.size(); ++i) {
    const Outcome& outcome = sending.outcomes[i];
    const std::string_view id = sending.entries[i].id;
    if (outcome.error) {
      failed.push_back(failed_entry(id, *outcome.error, job.call().format));
      continue;
    }
    sent.push_back({.id = id,
                    .message_id = view(outcome.id),
                    .md5_of_message_body = view(outcome.body),
                    .md5_of_message_attributes = text_of(outcome.attributes),
                    .md5_of_message_system_attributes = text_of(outcome.system_attributes),
                    .sequence_number = text_of(outcome.sequence)});
  }
  job.answer<action::SendMessageBatch>({.successful = sent, .failed = failed});
}

}  // namespace polymq::sqs
