// Declaring again what exists: it must ask for the same, and the explanation says what differs.
#pragma once

#include <string_view>

#include "engine/error.h"
#include "engine/fields.h"
#include "engine/queue_arguments.h"

namespace polymq::engine {

/// A queue as it is, or as a client asks for it. Who owns an exclusive queue is checked elsewhere.
struct QueueShape {
  bool durable;
  bool auto_delete;
  const Fields& arguments;
};

/// kPrecondition: `inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but
/// current is 'true'`. Fields are compared before arguments; only arguments that mean something to
/// the queue's type are compared, integers by value whatever their width.
EngineResult<void> check_queue_equivalence(std::string_view name, std::string_view vhost,
                                           QueueType type, const QueueShape& current,
                                           const QueueShape& received);

struct ExchangeShape {
  std::string_view type;
  bool durable;
  bool auto_delete;
  bool internal;
  const Fields& arguments;
};

/// Likewise; of the arguments only alternate-exchange is compared.
EngineResult<void> check_exchange_equivalence(std::string_view name, std::string_view vhost,
                                              const ExchangeShape& current,
                                              const ExchangeShape& received);

}  // namespace polymq::engine
