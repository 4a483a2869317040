// Rules between a queue and its dead-letter queue, and who uses one.
#include "sqs/redrive.h"

#include "sqs/protocol/error_messages.h"
#include "sqs/queue_address.h"
#include "sqs/redrive_policy.h"
#include "sqs/service.h"

namespace polymq::sqs {

std::optional<std::string> dead_letter_queue_of(const QueueSettings& settings) {
  if (!settings.is_set(QueueAttribute::kRedrivePolicy)) return std::nullopt;
  const auto policy = parse_redrive_policy(settings.text(QueueAttribute::kRedrivePolicy));
  const auto target = policy ? parse_queue_arn(policy->dead_letter_target_arn) : std::nullopt;
  return target ? std::optional(std::string(target->name)) : std::nullopt;
}

bool may_redrive(std::string_view source, const QueueSettings& target) {
  if (!target.is_set(QueueAttribute::kRedriveAllowPolicy)) return true;
  const auto policy = parse_redrive_allow_policy(target.text(QueueAttribute::kRedriveAllowPolicy));
  return policy && policy->allows(source);
}

SqsResult<void> check_redrive(std::string_view source, const QueueSettings& settings,
                              const FindSettings& find) {
  const auto name = dead_letter_queue_of(settings);
  if (!name) return {};
  const auto refused = [&](std::string_view reason) {
    return tl::make_unexpected(
        invalid_parameter("RedrivePolicy", settings.text(QueueAttribute::kRedrivePolicy), reason));
  };
  const QueueSettings* target = find(*name);
  if (target == nullptr) return refused("Dead letter target does not exist.");
  if (target->is_fifo() != settings.is_fifo()) {
    return refused("Dead-letter queue must be same type of queue as the source.");
  }
  if (!may_redrive(source, *target)) {
    return refused("The RedriveAllowPolicy of the dead-letter queue does not allow this queue.");
  }
  return {};
}

std::vector<std::string> Service::dead_letter_sources(const Queue& queue) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : queue.entry->vhost->queues) {
    if (is_for_sqs(*entry) && dead_letter_queue_of(stored(*entry).settings) == queue.name) {
      names.push_back(name);
    }
  }
  return names;
}

// The next token is the last name that was given.
void Service::perform(const JobPointer& job, const Queue& queue,
                      const action::ListDeadLetterSourceQueues::Request& request) {
  std::vector<std::string> names = dead_letter_sources(queue);
  std::erase_if(names, [&](const std::string& name) {
    return !may(*job, need_of<action::GetQueueUrl>(), name, entry_of(name));
  });
  const Page page = page_of(*job, std::move(names), request.next_token, request.max_results);
  action::ListDeadLetterSourceQueues::Answer answer{.queue_urls = page.views};
  if (!page.next.empty()) answer.next_token = page.next;
  job->answer<action::ListDeadLetterSourceQueues>(answer);
}

}  // namespace polymq::sqs
