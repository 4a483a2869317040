// Messages out, and what becomes of their leases.
#include <algorithm>

#include "sqs/attribute_selection.h"
#include "sqs/carried_body.h"
#include "sqs/header_attributes.h"
#include "sqs/names.h"
#include "sqs/property_codec.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/sent_message.h"
#include "sqs/sequence_number.h"
#include "sqs/service.h"
#include "sqs/text.h"
#include "sqs/uuid.h"

namespace polymq::sqs {
namespace {

constexpr std::int64_t kMs = 1000;
constexpr std::uint64_t kMostInFlight = 120'000;
// Counted in whole seconds: the longest one may be asked for right after a receive.
constexpr std::int64_t kLongestLeaseMs = 43'200 * kMs + kMs - 1;
// Of a request that may wait, and holds its memory meanwhile.
constexpr std::size_t kLargestRequest = 64 * 1024;

/// What a message received is answered with; what is long lies in the job's arena.
struct Told {
  SentMessage sent;
  ReceiptHandleText handle;
  Md5Hex body_digest;
  Md5Hex attributes_digest;
  Uuid id;
  std::string_view body;
  std::vector<MessageAttribute> attributes;
  std::vector<NamedText> named;
};

/// Headers that stand for what SQS has a place for: they are no attributes.
void take_ids(engine::Fields& headers, Arena& arena, Told& told) {
  const auto take = [&](std::string_view name, std::string_view& to) {
    const engine::Value* found = engine::find(headers, name);
    const std::string* text = found == nullptr ? nullptr : found->as_string();
    if (text == nullptr || !is_message_text(*text)) return;
    to = arena.copy(*text);
    std::erase_if(headers, [&](const engine::Field& header) { return header.name == name; });
  };
  take(kGroupHeader, told.sent.group);
  take(kDeduplicationHeader, told.sent.deduplication);
}

/// The queue it died in last.
std::string_view died_in(const engine::Message& message) {
  const engine::MessageExtension* extension = message.extension();
  if (extension == nullptr || extension->deaths.empty()) return {};
  return extension->deaths.front().queue;
}

/// What its sender said, or what stands for that in a message of another protocol.
void read_message(const engine::ReceivedItem& item, engine::QueueId queue, Arena& arena,
                  Told& told) {
  const engine::Message& message = *item.message;
  const bool ours =
      message.dialect() == engine::Dialect::kSqs && decode(message.properties(), arena, told.sent);
  if (ours) told.attributes.assign(told.sent.attributes.begin(), told.sent.attributes.end());
  told.body = carried_body(message.body(), arena, told.attributes);
  if (ours) return;
  told.id = uuid_of_place(queue, item.token.position);
  told.sent.id = view(told.id);
  engine::Fields headers = engine::codec_of(message.dialect()).headers(message.properties());
  take_ids(headers, arena, told);
  add_headers(headers, arena, told.attributes);
}

void add_system_attributes(const engine::ReceivedItem& item, SystemAttributeSet wanted,
                           bool is_fifo, Job& job, Told& told) {
  if (wanted.empty()) return;
  const auto tell = [&](SystemAttribute attribute, std::string_view text) {
    if (!wanted.has(attribute) || text.empty()) return;
    told.named.push_back({name_of(attribute), job.arena().copy(text)});
  };
  tell(SystemAttribute::kSenderId, told.sent.sender);
  tell(SystemAttribute::kSentTimestamp, std::to_string(item.enqueued));
  tell(SystemAttribute::kApproximateReceiveCount, std::to_string(item.token.acquired));
  tell(SystemAttribute::kApproximateFirstReceiveTimestamp, std::to_string(item.first_received));
  if (is_fifo) {
    tell(SystemAttribute::kSequenceNumber, view(sequence_text(item.token.position)));
  }
  tell(SystemAttribute::kMessageDeduplicationId, told.sent.deduplication);
  tell(SystemAttribute::kMessageGroupId, told.sent.group);
  tell(SystemAttribute::kAwsTraceHeader, told.sent.trace);
  if (const std::string_view source = died_in(*item.message); !source.empty()) {
    tell(SystemAttribute::kDeadLetterQueueSourceArn, job.arn_of(source));
  }
}

SqsResult<std::optional<engine::DeduplicationKey>> attempt_of(
    const action::ReceiveMessage::Request& request, const QueueSettings& settings) {
  constexpr std::string_view kParameter = "ReceiveRequestAttemptId";
  if (!request.receive_request_attempt_id) return std::nullopt;
  const std::string_view id = *request.receive_request_attempt_id;
  if (!settings.is_fifo()) {
    return tl::make_unexpected(not_valid_for_this_queue_type(kParameter, id));
  }
  if (auto good = check_token(kParameter, id); !good) {
    return tl::make_unexpected(std::move(good.error()));
  }
  return engine::DeduplicationKey::of("", id);
}

}  // namespace

// --- receiving ----------------------------------------------------------------------------------
void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::ReceiveMessage::Request& request) {
  if (job->view().body.size() > kLargestRequest) {
    return job->refuse({ErrorCode::kInvalidParameterValue,
                        "A request to receive messages must not be longer than " +
                            std::to_string(kLargestRequest) + " bytes."});
  }
  const auto system =
      select_system_attributes(request.message_system_attribute_names, request.attribute_names);
  if (!system) return job->refuse(system.error());
  const QueueSettings& settings = stored(*queue.entry).settings;
  const Asked asked{*system, settings.is_fifo()};
  const auto attempt = attempt_of(request, settings);
  if (!attempt) return job->refuse(attempt.error());
  const std::int64_t wait = request.wait_time_seconds.value_or(
      settings.number(QueueAttribute::kReceiveMessageWaitTimeSeconds));
  const std::int64_t lease =
      request.visibility_timeout.value_or(settings.number(QueueAttribute::kVisibilityTimeout));
  receiving_.insert(job.get());
  const engine::RequestId waiting = session_.receive(
      queue.name,
      {.most = static_cast<std::uint32_t>(request.max_number_of_messages.value_or(1)),
       .wait_ms = closing_ ? 0 : wait * kMs,
       .lease_ms = lease * kMs,
       .most_leased = kMostInFlight,
       .attempt = *attempt},
      [this, job, request, name = queue.name, polls = wait != 0,
       asked](const engine::EngineResult<engine::ReceivedMessages>& result) {
        receiving_.erase(job.get());
        if (!result) {
          const bool full = result.error().kind == engine::ErrorKind::kRefused;
          if (full && asked.is_fifo) return job->answer<action::ReceiveMessage>();
          return job->refuse({full ? ErrorCode::kOverLimit : ErrorCode::kQueueDoesNotExist, {}});
        }
        // A client that left while it waited may be heard of after the message that came for it.
        const bool is_there = polls && !result->items.empty() ? job->waiting_now() : job->waiting();
        if (is_there) {
          answer_received(*job, request, asked, *result);
        } else {
          if (!result->repeated) give_back(name, *result);
          job->answer<action::ReceiveMessage>();
        }
        if (result->items.empty()) return;
        client_.written(result->consumer, 1, result->bytes);
        client_.flush();
      });
  // What would be handed to a client that has gone is for others.
  if (waiting != 0 && wait != 0 && job->waiting()) {
    job->exchange().when_gone(
        [this, name = queue.name, waiting] { session_.stop_receiving(name, waiting); });
  }
}

void Service::give_back(const std::string& queue, const engine::ReceivedMessages& received) {
  std::vector<engine::LeaseToken> tokens;
  for (const engine::ReceivedItem& item : received.items) tokens.push_back(item.token);
  if (tokens.empty()) return;
  session_.settle_tokens(
      queue, {std::move(tokens), engine::Freshness::kCurrent, engine::Settle::kUnwritten},
      [](const engine::EngineResult<std::vector<engine::TokenEnd>>&) {});
}

void Service::answer_received(Job& job, const action::ReceiveMessage::Request& request,
                              const Asked& asked, const engine::ReceivedMessages& received) {
  std::vector<Told> told(received.items.size());
  std::vector<action::ReceiveMessage::Message> messages;
  messages.reserve(told.size());
  for (std::size_t i = 0; i < told.size(); ++i) {
    const engine::ReceivedItem& item = received.items[i];
    Told& one = told[i];
    read_message(item, received.queue, job.arena(), one);
    std::erase_if(one.attributes, [&](const MessageAttribute& attribute) {
      return !selects(request.message_attribute_names, attribute.name) &&
             attribute.name != kEncodingAttribute;
    });
    add_system_attributes(item, asked.system, asked.is_fifo, job, one);
    one.handle = handles_.write({.queue = received.queue,
                                 .position = item.token.position,
                                 .generation = item.token.acquired,
                                 .life = item.token.life});
    const bool digest_counts =
        !one.sent.body_digest.empty() && one.body.data() == item.message->body().data();
    one.body_digest = digest_counts ? to_hex(one.sent.body_digest) : digests_.md5(one.body);
    messages.push_back({.message_id = one.sent.id,
                        .receipt_handle = view(one.handle),
                        .md5_of_body = view(one.body_digest),
                        .body = one.body,
                        .attributes = one.named,
                        .message_attributes = one.attributes});
    if (one.attributes.empty()) continue;
    one.attributes_digest = digests_.md5_of_attributes(one.attributes);
    messages.back().md5_of_message_attributes = view(one.attributes_digest);
  }
  job.answer<action::ReceiveMessage>({.messages = messages});
}

// --- leases -------------------------------------------------------------------------------------
namespace {

// Only a FIFO queue says so. Of others any handle deletes, and what a consumer of another protocol
// holds is not told from what is gone.
bool has_expired(engine::TokenEnd end, engine::Freshness freshness) {
  return freshness == engine::Freshness::kCurrent && end == engine::TokenEnd::kStale;
}

}  // namespace

SqsResult<engine::LeaseToken> Service::token_of(const Queue& queue, std::string_view handle) {
  const auto read = handles_.read(handle, queue.entry->id);
  if (!read) return tl::make_unexpected(malformed_receipt_handle(handle));
  return engine::LeaseToken{read->position, static_cast<std::uint16_t>(read->generation),
                            read->life};
}

engine::Freshness Service::freshness_of(const Queue& queue, engine::Freshness of_standard_queues) {
  const bool is_fifo = stored(*queue.entry).settings.is_fifo();
  return is_fifo ? engine::Freshness::kCurrent : of_standard_queues;
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::DeleteMessage::Request& request) {
  const auto token = token_of(queue, request.receipt_handle);
  if (!token) return job->refuse(token.error());
  const engine::Freshness freshness = freshness_of(queue, engine::Freshness::kAny);
  session_.settle_tokens(
      queue.name, {{*token}, freshness, engine::Settle::kAck},
      [job, freshness, handle = request.receipt_handle](
          const engine::EngineResult<std::vector<engine::TokenEnd>>& ends) {
        if (!ends) return job->refuse({ErrorCode::kServiceUnavailable, ends.error().text});
        if (has_expired(ends->front(), freshness))
          return job->refuse(expired_receipt_handle(handle));
        job->answer<action::DeleteMessage>();  // also of what had gone before
      });
}

namespace {

/// Entries of a batch, of which some have failed before the rest was tried.
struct Entries {
  std::vector<action::DoneEntry> done;
  std::vector<action::FailedEntry> failed;
  std::vector<std::string> texts;  // that `failed` points to
  void fail(std::string_view id, const SqsError& error, AnswerFormat format) {
    texts.emplace_back(message_of(error, format));
    failed.push_back(failed_entry(id, error, format));
  }
  template <class Action>
  void answer(Job& job) {
    for (std::size_t i = 0; i < failed.size(); ++i) failed[i].message = texts[i];
    job.answer<Action>({.successful = done, .failed = failed});
  }
};

/// Why a lease could not be put off; nothing: it was.
std::optional<SqsError> refusal(engine::TokenEnd end, std::string_view handle,
                                std::int64_t timeout) {
  switch (end) {
    case engine::TokenEnd::kDone:
      return std::nullopt;
    case engine::TokenEnd::kUnknown:
      return message_not_available(handle);
    case engine::TokenEnd::kStale:
    case engine::TokenEnd::kNotLeased:
      return SqsError{ErrorCode::kMessageNotInflight, {}};
    case engine::TokenEnd::kOverLimit:
      return visibility_beyond_limit(timeout);
  }
  return std::nullopt;
}

}  // namespace

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::DeleteMessageBatch::Request& request) {
  const auto entries = std::make_shared<Entries>();
  std::vector<engine::LeaseToken> tokens;
  std::vector<action::DeleteMessageBatch::Entry> tried;
  for (const auto& entry : request.entries) {
    const auto token = token_of(queue, entry.receipt_handle);
    if (token) {
      tokens.push_back(*token);
      tried.push_back(entry);
    } else {
      entries->fail(entry.id, token.error(), job->call().format);
    }
  }
  if (tokens.empty()) return entries->answer<action::DeleteMessageBatch>(*job);
  const engine::Freshness freshness = freshness_of(queue, engine::Freshness::kAny);
  session_.settle_tokens(
      queue.name, {std::move(tokens), freshness, engine::Settle::kAck},
      [job, entries, tried,
       freshness](const engine::EngineResult<std::vector<engine::TokenEnd>>& ends) {
        if (!ends) return job->refuse({ErrorCode::kServiceUnavailable, ends.error().text});
        for (std::size_t i = 0; i < tried.size(); ++i) {
          if (has_expired((*ends)[i], freshness)) {
            entries->fail(tried[i].id, expired_receipt_handle(tried[i].receipt_handle),
                          job->call().format);
          } else {
            entries->done.push_back({.id = tried[i].id});
          }
        }
        entries->answer<action::DeleteMessageBatch>(*job);
      });
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::ChangeMessageVisibility::Request& request) {
  const auto token = token_of(queue, request.receipt_handle);
  if (!token) return job->refuse(token.error());
  const std::int64_t timeout = *request.visibility_timeout;
  session_.extend_leases(
      queue.name,
      {{{*token, timeout * kMs}}, freshness_of(queue, engine::Freshness::kLatest), kLongestLeaseMs},
      [job, timeout, handle = request.receipt_handle](
          const engine::EngineResult<std::vector<engine::TokenEnd>>& ends) {
        if (!ends) return job->refuse({ErrorCode::kServiceUnavailable, ends.error().text});
        if (const auto why = refusal(ends->front(), handle, timeout)) return job->refuse(*why);
        job->answer<action::ChangeMessageVisibility>();
      });
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::ChangeMessageVisibilityBatch::Request& request) {
  using Entry = action::ChangeMessageVisibilityBatch::Entry;
  const auto entries = std::make_shared<Entries>();
  std::vector<engine::LeaseExtension> leases;
  std::vector<Entry> tried;
  for (const Entry& entry : request.entries) {
    const auto token = token_of(queue, entry.receipt_handle);
    auto ranges = check_ranges(entry);
    if (!token) {
      entries->fail(entry.id, token.error(), job->call().format);
    } else if (!entry.visibility_timeout) {
      const SqsError missing{ErrorCode::kInvalidParameterValue,
                             missing_parameter("VisibilityTimeout").message};
      entries->fail(entry.id, missing, job->call().format);
    } else if (!ranges) {
      entries->fail(entry.id, ranges.error(), job->call().format);
    } else {
      leases.push_back({*token, *entry.visibility_timeout * kMs});
      tried.push_back(entry);
    }
  }
  if (leases.empty()) return entries->answer<action::ChangeMessageVisibilityBatch>(*job);
  session_.extend_leases(
      queue.name,
      {std::move(leases), freshness_of(queue, engine::Freshness::kLatest), kLongestLeaseMs},
      [job, entries, tried](const engine::EngineResult<std::vector<engine::TokenEnd>>& ends) {
        if (!ends) return job->refuse({ErrorCode::kServiceUnavailable, ends.error().text});
        for (std::size_t i = 0; i < tried.size(); ++i) {
          const auto why =
              refusal((*ends)[i], tried[i].receipt_handle, *tried[i].visibility_timeout);
          if (why) {
            entries->fail(tried[i].id, *why, job->call().format);
          } else {
            entries->done.push_back({.id = tried[i].id});
          }
        }
        entries->answer<action::ChangeMessageVisibilityBatch>(*job);
      });
}

}  // namespace polymq::sqs
