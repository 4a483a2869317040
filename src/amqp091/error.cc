// Names of reply codes, and the engine's errors in this dialect.
#include "amqp091/error.h"

namespace polymq::amqp091 {

std::string_view code_name(ReplyCode code) {
  switch (code) {
    case ReplyCode::kSuccess:
      return "OK";
    case ReplyCode::kNoRoute:
      return "NO_ROUTE";
    case ReplyCode::kConnectionForced:
      return "CONNECTION_FORCED";
    case ReplyCode::kAccessRefused:
      return "ACCESS_REFUSED";
    case ReplyCode::kNotFound:
      return "NOT_FOUND";
    case ReplyCode::kResourceLocked:
      return "RESOURCE_LOCKED";
    case ReplyCode::kPreconditionFailed:
      return "PRECONDITION_FAILED";
    case ReplyCode::kFrameError:
      return "FRAME_ERROR";
    case ReplyCode::kSyntaxError:
      return "SYNTAX_ERROR";
    case ReplyCode::kCommandInvalid:
      return "COMMAND_INVALID";
    case ReplyCode::kChannelError:
      return "CHANNEL_ERROR";
    case ReplyCode::kUnexpectedFrame:
      return "UNEXPECTED_FRAME";
    case ReplyCode::kResourceError:
      return "RESOURCE_ERROR";
    case ReplyCode::kNotAllowed:
      return "NOT_ALLOWED";
    case ReplyCode::kNotImplemented:
      return "NOT_IMPLEMENTED";
    case ReplyCode::kInternalError:
      return "INTERNAL_ERROR";
  }
  return "INTERNAL_ERROR";
}

std::string ProtocolError::text() const {
  const std::string name(code_name(code));
  return explanation.empty() ? name : name + " - " + explanation;
}

std::string ProtocolError::reply_text() const {
  constexpr std::size_t kMost = 255;
  std::string whole = text();
  return whole.size() <= kMost ? whole : whole.substr(0, kMost - 3) + "...";
}

ProtocolError to_protocol(engine::EngineError error) {
  using engine::ErrorKind;
  ReplyCode code = ReplyCode::kPreconditionFailed;
  switch (error.kind) {
    case ErrorKind::kNotFound:
      code = ReplyCode::kNotFound;
      break;
    case ErrorKind::kRefused:
      code = ReplyCode::kAccessRefused;
      break;
    case ErrorKind::kLocked:
      code = ReplyCode::kResourceLocked;
      break;
    case ErrorKind::kPrecondition:
    case ErrorKind::kChanged:
    case ErrorKind::kLimit:
      code = ReplyCode::kPreconditionFailed;
      break;
    case ErrorKind::kFailed:
      code = ReplyCode::kInternalError;
      break;
    case ErrorKind::kNotImplemented:
      code = ReplyCode::kNotImplemented;
      break;
  }
  return {code, std::move(error.text), {}};
}

}  // namespace polymq::amqp091
