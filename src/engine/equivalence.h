// Declaring again what exists: it must ask for the same, and the explanation says what differs.
#pragma once

#include <string_view>

#include "engine/error.h"
#include "engine/fields.h"
#include "engine/ids.h"
#include "engine/queue_arguments.h"

namespace polymq::engine {

struct QueueEntry;

/// A queue as it is.
struct QueueShape {
  QueueType type;
  bool durable;
  bool auto_delete;
  const Fields& arguments;  // as stored_arguments() made them
};

/// kPrecondition: `inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but
/// current is 'true'`. Fields are compared before arguments; only arguments that mean something to
/// the queue's type are compared, integers by value whatever their width. Who owns an exclusive
/// queue is checked elsewhere; whether it is declared durable does not matter.
EngineResult<void> check_queue_equivalence(const QueueShape& current,
                                           const QueueDeclaration& received);

/// The same for the queue `known`, and that `client` may declare it: kLocked when it belongs to
/// another connection, or is exclusive and should not be, or the other way round.
EngineResult<void> check_redeclaration(const QueueEntry& known, ClientId client,
                                       const QueueDeclaration& received);

struct ExchangeShape {
  std::string_view type;
  bool durable;
  bool auto_delete;
  bool internal;
  const Fields& arguments;
};

/// Likewise. Of the arguments only alternate-exchange is compared.
EngineResult<void> check_exchange_equivalence(std::string_view name, std::string_view vhost,
                                              const ExchangeShape& current,
                                              const ExchangeShape& received);

}  // namespace polymq::engine
