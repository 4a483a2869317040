// Actions on a queue's tags and on who may use it.
#pragma once

#include <array>

#include "sqs/protocol/shape.h"

namespace polymq::sqs::action {

struct AddPermission {
  static constexpr std::string_view kName = "AddPermission";
  struct Request {
    std::string_view queue_url{};
    std::string_view label{};
    TextList aws_account_ids{};
    TextList actions{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::label>("Label").required(),
        field<&Request::aws_account_ids>("AWSAccountIds").query("AWSAccountId").required(),
        field<&Request::actions>("Actions").query("ActionName").required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

struct ListQueueTags {
  static constexpr std::string_view kName = "ListQueueTags";
  struct Request {
    std::string_view queue_url{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
    };
  };
  struct Answer {
    TextMap tags{};
    static constexpr std::array kFields{
        field<&Answer::tags>("Tags").query("Tag").key("Key"),
    };
  };
};

struct RemovePermission {
  static constexpr std::string_view kName = "RemovePermission";
  struct Request {
    std::string_view queue_url{};
    std::string_view label{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::label>("Label").required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

struct TagQueue {
  static constexpr std::string_view kName = "TagQueue";
  struct Request {
    std::string_view queue_url{};
    TextMap tags{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::tags>("Tags").query("Tag").key("Key").required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

struct UntagQueue {
  static constexpr std::string_view kName = "UntagQueue";
  struct Request {
    std::string_view queue_url{};
    TextList tag_keys{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::tag_keys>("TagKeys").query("TagKey").required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

}  // namespace polymq::sqs::action
