// Actions on queues as a whole: making, finding, describing, emptying and deleting them.
#pragma once

#include <array>

#include "sqs/protocol/shape.h"

namespace polymq::sqs::action {

struct CreateQueue {
  static constexpr std::string_view kName = "CreateQueue";
  struct Request {
    std::string_view queue_name{};
    TextMap attributes{};
    TextMap tags{};
    static constexpr std::array kFields{
        field<&Request::queue_name>("QueueName").required(),
        field<&Request::attributes>("Attributes").query("Attribute"),
        field<&Request::tags>("tags").query("Tag").key("Key"),
    };
  };
  struct Answer {
    std::string_view queue_url{};
    static constexpr std::array kFields{
        field<&Answer::queue_url>("QueueUrl"),
    };
  };
};

struct DeleteQueue {
  static constexpr std::string_view kName = "DeleteQueue";
  struct Request {
    std::string_view queue_url{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

struct GetQueueAttributes {
  static constexpr std::string_view kName = "GetQueueAttributes";
  struct Request {
    std::string_view queue_url{};
    TextList attribute_names{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::attribute_names>("AttributeNames").query("AttributeName"),
    };
  };
  struct Answer {
    TextMap attributes{};
    static constexpr std::array kFields{
        field<&Answer::attributes>("Attributes").query("Attribute"),
    };
  };
};

struct GetQueueUrl {
  static constexpr std::string_view kName = "GetQueueUrl";
  struct Request {
    std::string_view queue_name{};
    OptionalText queue_owner_aws_account_id{};
    static constexpr std::array kFields{
        field<&Request::queue_name>("QueueName").required(),
        field<&Request::queue_owner_aws_account_id>("QueueOwnerAWSAccountId"),
    };
  };
  struct Answer {
    std::string_view queue_url{};
    static constexpr std::array kFields{
        field<&Answer::queue_url>("QueueUrl"),
    };
  };
};

struct ListQueues {
  static constexpr std::string_view kName = "ListQueues";
  struct Request {
    OptionalText queue_name_prefix{};
    OptionalText next_token{};
    OptionalInteger max_results{};
    static constexpr std::array kFields{
        field<&Request::queue_name_prefix>("QueueNamePrefix"),
        field<&Request::next_token>("NextToken"),
        field<&Request::max_results>("MaxResults").range(1, 1000),
    };
  };
  struct Answer {
    TextList queue_urls{};
    OptionalText next_token{};
    static constexpr std::array kFields{
        field<&Answer::queue_urls>("QueueUrls").query("QueueUrl"),
        field<&Answer::next_token>("NextToken"),
    };
  };
};

struct PurgeQueue {
  static constexpr std::string_view kName = "PurgeQueue";
  struct Request {
    std::string_view queue_url{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

struct SetQueueAttributes {
  static constexpr std::string_view kName = "SetQueueAttributes";
  struct Request {
    std::string_view queue_url{};
    TextMap attributes{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::attributes>("Attributes").query("Attribute").required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

}  // namespace polymq::sqs::action
