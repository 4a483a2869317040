// Actions on dead-letter queues: who uses one, and tasks that move its messages away.
#pragma once

#include <array>

#include "sqs/protocol/shape.h"

namespace polymq::sqs::action {

struct CancelMessageMoveTask {
  static constexpr std::string_view kName = "CancelMessageMoveTask";
  struct Request {
    std::string_view task_handle{};
    static constexpr std::array kFields{
        field<&Request::task_handle>("TaskHandle").required(),
    };
  };
  struct Answer {
    std::int64_t approximate_number_of_messages_moved = 0;
    static constexpr std::array kFields{
        field<&Answer::approximate_number_of_messages_moved>("ApproximateNumberOfMessagesMoved"),
    };
  };
};

struct ListDeadLetterSourceQueues {
  static constexpr std::string_view kName = "ListDeadLetterSourceQueues";
  struct Request {
    std::string_view queue_url{};
    OptionalText next_token{};
    OptionalInteger max_results{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::next_token>("NextToken"),
        field<&Request::max_results>("MaxResults").range(1, 1000),
    };
  };
  struct Answer {
    TextList queue_urls{};
    OptionalText next_token{};
    static constexpr std::array kFields{
        field<&Answer::queue_urls>("queueUrls").query("QueueUrl").required(),
        field<&Answer::next_token>("NextToken"),
    };
  };
};

struct ListMessageMoveTasks {
  static constexpr std::string_view kName = "ListMessageMoveTasks";
  struct Task {
    OptionalText task_handle{};
    std::string_view status{};
    std::string_view source_arn{};
    OptionalText destination_arn{};
    OptionalInteger max_number_of_messages_per_second{};
    std::int64_t approximate_number_of_messages_moved = 0;
    OptionalInteger approximate_number_of_messages_to_move{};
    OptionalText failure_reason{};
    std::int64_t started_timestamp = 0;
    static constexpr std::array kFields{
        field<&Task::task_handle>("TaskHandle"),
        field<&Task::status>("Status"),
        field<&Task::source_arn>("SourceArn"),
        field<&Task::destination_arn>("DestinationArn"),
        field<&Task::max_number_of_messages_per_second>("MaxNumberOfMessagesPerSecond"),
        field<&Task::approximate_number_of_messages_moved>("ApproximateNumberOfMessagesMoved"),
        field<&Task::approximate_number_of_messages_to_move>("ApproximateNumberOfMessagesToMove"),
        field<&Task::failure_reason>("FailureReason"),
        field<&Task::started_timestamp>("StartedTimestamp"),
    };
  };
  struct Request {
    std::string_view source_arn{};
    OptionalInteger max_results{};
    static constexpr std::array kFields{
        field<&Request::source_arn>("SourceArn").required(),
        field<&Request::max_results>("MaxResults").range(1, 10),
    };
  };
  struct Answer {
    std::span<const Task> results{};
    static constexpr std::array kFields{
        field<&Answer::results>("Results").query("ListMessageMoveTasksResultEntry"),
    };
  };
};

struct StartMessageMoveTask {
  static constexpr std::string_view kName = "StartMessageMoveTask";
  struct Request {
    std::string_view source_arn{};
    OptionalText destination_arn{};
    OptionalInteger max_number_of_messages_per_second{};
    static constexpr std::array kFields{
        field<&Request::source_arn>("SourceArn").required(),
        field<&Request::destination_arn>("DestinationArn"),
        field<&Request::max_number_of_messages_per_second>("MaxNumberOfMessagesPerSecond")
            .range(1, 500),
    };
  };
  struct Answer {
    std::string_view task_handle{};
    static constexpr std::array kFields{
        field<&Answer::task_handle>("TaskHandle"),
    };
  };
};

}  // namespace polymq::sqs::action
