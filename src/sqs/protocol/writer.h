// Answers as bytes: JSON, XML, and the XML's tree as JSON, driven by an action's declaration.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "sqs/protocol/actions.h"
#include "sqs/protocol/error.h"

namespace polymq::sqs {

enum class AnswerFormat : std::uint8_t {
  kJson,       // AWS JSON 1.0
  kXml,        // Query
  kQueryJson,  // Query by someone who accepts application/json
};

std::string_view content_type(AnswerFormat format);

/// Appends a body. Text in the answer is valid UTF-8; what XML cannot hold becomes U+FFFD there.
/// Absent values and empty lists and maps are left out, unless the declaration requires them.
void write_answer(Buffer& out, AnswerFormat format, const ActionInfo& action, const void* answer,
                  std::string_view request_id);

template <class Action>
void write_answer(Buffer& out, AnswerFormat format, const typename Action::Answer& answer,
                  std::string_view request_id) {
  static const ActionInfo& info = *find_action(Action::kName);
  write_answer(out, format, info, &answer, request_id);
}

/// What an error's HTTP response has besides its body.
struct ErrorHead {
  std::uint16_t status = 0;
  std::string_view
      query_code;  // x-amzn-query-error is `query_code;Sender` or `query_code;Receiver`
  std::string_view fault;
  std::string_view content_type;
};

/// Appends the body of an error and says what its head must tell.
ErrorHead write_error(Buffer& out, AnswerFormat format, const SqsError& error,
                      std::string_view request_id);

/// The text of `error`, in the words of the protocol that is spoken.
std::string_view message_of(const SqsError& error, AnswerFormat format);

/// What a batch says of an entry that failed; views into `error`.
action::FailedEntry failed_entry(std::string_view id, const SqsError& error, AnswerFormat format);

}  // namespace polymq::sqs
