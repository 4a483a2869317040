// Why the engine refused an operation. Dialects map the kind to their own codes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace polymq::engine {

enum class ErrorKind : std::uint8_t {
  kNotFound,        // no such queue, exchange or vhost
  kRefused,         // not allowed on this thing for anyone (reserved names, exclusive consumer)
  kLocked,          // an exclusive queue of somebody else
  kPrecondition,    // inequivalent, invalid argument, in use, not empty
  kChanged,         // it is not what the request expected any more
  kLimit,           // a configured limit is reached
  kFailed,          // it cannot be stored: the disk is broken
  kNotImplemented,  // a known operation that this kind of queue does not have
};

/// `text` explains in RabbitMQ's words where it has some: `no queue 'q' in vhost '/'`.
struct EngineError {
  ErrorKind kind;
  std::string text;
};

template <class T>
using EngineResult = Result<T, EngineError>;

inline tl::unexpected<EngineError> refuse(ErrorKind kind, std::string text) {
  return tl::make_unexpected(EngineError{kind, std::move(text)});
}

inline std::string queue_in_vhost(std::string_view queue, std::string_view vhost) {
  return "queue '" + std::string(queue) + "' in vhost '" + std::string(vhost) + "'";
}
inline std::string exchange_in_vhost(std::string_view exchange, std::string_view vhost) {
  return "exchange '" + std::string(exchange) + "' in vhost '" + std::string(vhost) + "'";
}

/// Why a connection that does not own an exclusive queue may not touch it.
inline std::string locked_queue(std::string_view queue, std::string_view vhost) {
  return "cannot obtain exclusive access to locked " + queue_in_vhost(queue, vhost) +
         ". It could be originally declared on another connection or the exclusive property value "
         "does not match that of the original declaration.";
}

}  // namespace polymq::engine
