// Actions on queues as a whole.
#include <algorithm>

#include "sqs/names.h"
#include "sqs/protocol/error_messages.h"
#include "sqs/queue_address.h"
#include "sqs/redrive_policy.h"
#include "sqs/service.h"

namespace polymq::sqs {
namespace {

constexpr std::size_t kMostListed = 1000;

SqsError failed(const engine::EngineError& error) {
  return {ErrorCode::kServiceUnavailable, error.text};
}

std::string seconds(std::int64_t s) { return std::to_string(s); }

}  // namespace

void Service::answer_known(Job& job, const engine::QueueEntry& entry, const QueueSettings& asked) {
  const std::string_view other = stored(entry).settings.first_difference(asked);
  if (!other.empty()) return job.refuse(queue_exists_with_other(other));
  const std::string url = job.url_of(entry.name);
  job.answer<action::CreateQueue>({.queue_url = url});
}

void Service::perform(const JobPointer& job, const action::CreateQueue::Request& request) {
  const auto queue = describe_queue(request.queue_name, request.attributes, request.tags,
                                    shard_.now().wall / 1000);
  if (!queue) return job->refuse(queue.error());
  const std::string name(request.queue_name);
  const engine::QueueEntry* known = entry_of(name);
  if (!allowed(*job, need_of<action::CreateQueue>(), name, known)) return;
  if (known != nullptr) return answer_known(*job, *known, queue->settings);
  if (any_entry_of(name) != nullptr) {
    return job->refuse({ErrorCode::kQueueNameExists,
                        "A queue of this name exists that belongs to one AMQP connection."});
  }
  if (!check_policies(*job, name, queue->settings, request.attributes)) return;
  make(name, *queue,
       [this, job, name, asked = queue->settings](const engine::EngineResult<void>& result) {
         // Somebody else may have made it meanwhile, with other attributes.
         if (const engine::QueueEntry* made = entry_of(name)) {
           return answer_known(*job, *made, asked);
         }
         if (!result) return job->refuse(failed(result.error()));
         const std::string url = job->url_of(name);
         job->answer<action::CreateQueue>({.queue_url = url});
       });
}

void Service::make(const std::string& name, const StoredQueue& queue,
                   engine::Completion<void> done) {
  engine::Session& session = make_session();
  session.declare_queue(
      {.name = name, .durable = true, .arguments = to_arguments(queue)},
      [this, done = std::move(done),
       &session](const engine::EngineResult<engine::QueueState>& result) {
        end_session(session);
        done(result ? engine::EngineResult<void>() : tl::make_unexpected(result.error()));
      });
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::DeleteQueue::Request&) {
  engine::Session& session = make_session();
  session.delete_queue(queue.name, {},
                       [this, job, &session](const engine::EngineResult<std::uint64_t>& result) {
                         end_session(session);
                         if (!result) return job->refuse(failed(result.error()));
                         job->answer<action::DeleteQueue>();
                       });
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::PurgeQueue::Request&) {
  session_.purge_queue(queue.name,
                       [job](const engine::EngineResult<std::uint64_t>& result) {
                         if (!result) return job->refuse({ErrorCode::kQueueDoesNotExist, {}});
                         job->answer<action::PurgeQueue>();
                       },
                       {.everything = true});
}

void Service::perform(const JobPointer& job, const action::GetQueueUrl::Request& request) {
  if (request.queue_name.empty()) return job->refuse(missing_parameter("QueueName"));
  const auto queue = find_named(*job, request.queue_name);
  if (!queue || !allowed(*job, need_of<action::GetQueueUrl>(), queue->name, queue->entry)) return;
  const std::string url = job->url_of(queue->name);
  job->answer<action::GetQueueUrl>({.queue_url = url});
}

// --- attributes and tags ------------------------------------------------------------------------
template <class Action>
void Service::change(const JobPointer& job, const Queue& queue, StoredQueue changed) {
  change(queue, std::move(changed), [this, job](const engine::EngineResult<void>& result) {
    if (!result) return not_changed(job, result.error());
    job->answer<Action>();
  });
}

void Service::not_changed(const JobPointer& job, const engine::EngineError& error) {
  if (error.kind == engine::ErrorKind::kChanged && job->begin_again(job)) return;
  job->refuse(failed(error));
}

void Service::change(const Queue& queue, StoredQueue changed, engine::Completion<void> done) {
  changed.changed_s = shard_.now().wall / 1000;
  ArgumentChange change = difference(to_arguments(stored(*queue.entry)), to_arguments(changed));
  engine::Session& session = make_session();
  session.change_queue(
      {.vhost = queue.entry->vhost->id,
       .queue = queue.name,
       .set = std::move(change.set),
       .clear = std::move(change.clear),
       .expected = queue.entry->arguments},
      [this, done = std::move(done), &session](const engine::EngineResult<void>& result) {
        end_session(session);
        done(result);
      });
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::SetQueueAttributes::Request& request) {
  StoredQueue wanted = stored(*queue.entry);
  auto changed = wanted.settings.changed(request.attributes);
  if (!changed) return job->refuse(changed.error());
  if (!check_policies(*job, queue.name, *changed, request.attributes)) return;
  wanted.settings = *std::move(changed);
  change<action::SetQueueAttributes>(job, queue, std::move(wanted));
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::TagQueue::Request& request) {
  StoredQueue wanted = stored(*queue.entry);
  if (auto good = add_tags(request.tags, wanted); !good) return job->refuse(good.error());
  change<action::TagQueue>(job, queue, std::move(wanted));
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::UntagQueue::Request& request) {
  StoredQueue wanted = stored(*queue.entry);
  for (const std::string_view key : request.tag_keys) {
    std::erase_if(wanted.tags, [&](const auto& known) { return known.first == key; });
  }
  change<action::UntagQueue>(job, queue, std::move(wanted));
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::ListQueueTags::Request&) {
  std::vector<NamedText> tags;
  for (const auto& [key, value] : stored(*queue.entry).tags) tags.push_back({key, value});
  job->answer<action::ListQueueTags>({.tags = tags});
}

void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::GetQueueAttributes::Request& request) {
  const StoredQueue& kept = stored(*queue.entry);
  const auto wanted = select_queue_attributes(request.attribute_names, kept.settings);
  if (!wanted) return job->refuse(wanted.error());
  session_.inspect_queue(queue.name, [job, stored = kept, wanted = *wanted, name = queue.name](
                                         const engine::EngineResult<engine::QueueState>& state) {
    if (!state) return job->refuse({ErrorCode::kQueueDoesNotExist, {}});
    std::vector<std::string> texts;
    texts.reserve(kQueueAttributes);
    std::vector<NamedText> attributes;
    for (const QueueAttributeRow& row : all_queue_attributes()) {
      if (!wanted.has(row.id)) continue;
      const auto told = [&]() -> std::string {
        switch (row.id) {
          case QueueAttribute::kQueueArn:
            return job->arn_of(name);
          case QueueAttribute::kCreatedTimestamp:
            return seconds(stored.created_s);
          case QueueAttribute::kLastModifiedTimestamp:
            return seconds(stored.changed_s);
          case QueueAttribute::kApproximateNumberOfMessages:
            return std::to_string(state->messages);
          case QueueAttribute::kApproximateNumberOfMessagesNotVisible:
            return std::to_string(state->leased);
          case QueueAttribute::kApproximateNumberOfMessagesDelayed:
            return std::to_string(state->delayed);
          default:
            return std::string(stored.settings.text(row.id));
        }
      };
      texts.push_back(told());
      attributes.push_back({row.name, texts.back()});
    }
    job->answer<action::GetQueueAttributes>({.attributes = attributes});
  });
}

// The next token is the last name that was given.
void Service::perform(const JobPointer& job, const action::ListQueues::Request& request) {
  std::vector<std::string> names;
  if (const engine::Vhost* vhost = client_.vhost()) {
    for (const auto& [name, entry] : vhost->queues) {
      if (!is_for_sqs(*entry)) continue;
      if (!may(*job, need_of<action::ListQueues>(), name, nullptr)) continue;
      if (name.starts_with(request.queue_name_prefix.value_or(""))) names.push_back(name);
    }
  }
  const Page page = page_of(*job, std::move(names), request.next_token, request.max_results);
  action::ListQueues::Answer answer{.queue_urls = page.views};
  if (!page.next.empty()) answer.next_token = page.next;
  job->answer<action::ListQueues>(answer);
}

Service::Page Service::page_of(const Job& job, std::vector<std::string> names, OptionalText token,
                               OptionalInteger most) {
  std::sort(names.begin(), names.end());
  if (token) names.erase(names.begin(), std::upper_bound(names.begin(), names.end(), *token));
  Page page;
  const auto limit = static_cast<std::size_t>(most.value_or(kMostListed));
  if (names.size() > limit) {
    names.resize(limit);
    if (most) page.next = names.back();
  }
  for (const std::string& name : names) page.urls.push_back(job.url_of(name));
  page.views.assign(page.urls.begin(), page.urls.end());
  return page;
}

}  // namespace polymq::sqs
