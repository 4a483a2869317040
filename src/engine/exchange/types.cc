// The table of exchange types.
#include "engine/exchange/types.h"

#include <algorithm>
#include <array>

#include "engine/exchange/consistent_hash.h"
#include "engine/exchange/direct.h"
#include "engine/exchange/fanout.h"
#include "engine/exchange/headers.h"
#include "engine/exchange/modulus_hash.h"
#include "engine/exchange/random.h"
#include "engine/exchange/topic.h"
#include "engine/queue_arguments.h"
#include "engine/term_text.h"
#include "engine/time_to_live.h"

namespace polymq::engine {
namespace {

using Made = Result<std::unique_ptr<Matcher>>;

constexpr std::size_t kDefaultHistoryLength = 20;
constexpr std::string_view kHistoryLength = "x-recent-history-length";
constexpr std::string_view kDelayedType = "x-delayed-type";
constexpr std::string_view kDelayed = "x-delayed-message";
constexpr std::string_view kDeduplication = "x-message-deduplication";
constexpr std::string_view kCacheSize = "x-cache-size";
constexpr std::string_view kCacheTtl = "x-cache-ttl";

template <class Type>
Made make(const Fields&) {
  return std::make_unique<Type>();
}

Made make_consistent_hash(const Fields& arguments) {
  return ConsistentHashMatcher::subject_of(arguments).map(
      [](ConsistentHashMatcher::Subject subject) -> std::unique_ptr<Matcher> {
        return std::make_unique<ConsistentHashMatcher>(std::move(subject));
      });
}

tl::unexpected<Error> invalid(std::string_view name, const Value& value, std::string_view want) {
  return fail("Invalid argument " + term_text(value) + ", '" + std::string(name) + "' must be " +
              std::string(want));
}

Made make_recent_history(const Fields& arguments) {
  if (const Value* length = find(arguments, kHistoryLength)) {
    if (length->as_integer() == nullptr || *length->as_integer() <= 0) {
      return invalid(kHistoryLength, *length, "a positive integer");
    }
  }
  return std::make_unique<FanoutMatcher>();
}

Made make_delayed(const Fields& arguments) {
  const Value* inner = find(arguments, kDelayedType);
  if (inner == nullptr || inner->as_string() == nullptr) {
    return fail("Invalid argument, 'x-delayed-type' must be an existing exchange type");
  }
  // A type with state of its own would need two homes for one message.
  if (stateful_kind(*inner->as_string()) != StatefulKind::kNone) {
    return fail("Invalid argument, 'x-delayed-type' can't be used for '" + *inner->as_string() +
                "'");
  }
  return make_matcher(*inner->as_string(), arguments);
}

constexpr std::array kTypes{
    ExchangeType{"direct", "By equal keys", StatefulKind::kNone, make<DirectMatcher>},
    ExchangeType{"fanout", "To everything bound", StatefulKind::kNone, make<FanoutMatcher>},
    ExchangeType{"headers", "By the message's headers", StatefulKind::kNone, make<HeadersMatcher>},
    ExchangeType{"topic", "By patterns of words", StatefulKind::kNone, make<TopicMatcher>},
    ExchangeType{"x-consistent-hash", "To one, by a hash that moves little when bindings change",
                 StatefulKind::kNone, make_consistent_hash},
    ExchangeType{kDelayed, "Holds messages, then routes as x-delayed-type says",
                 StatefulKind::kDelayed, make_delayed},
    ExchangeType{"x-local-random", "To a random queue of this node", StatefulKind::kNone,
                 make<LocalRandomMatcher>},
    ExchangeType{kDeduplication, "To everything bound, each message once",
                 StatefulKind::kDeduplicating, make<FanoutMatcher>},
    ExchangeType{"x-modulus-hash", "To one, by a hash of the routing key", StatefulKind::kNone,
                 make<ModulusHashMatcher>},
    ExchangeType{"x-random", "To one at random", StatefulKind::kNone, make<RandomMatcher>},
    ExchangeType{"x-recent-history", "To everything bound, the last messages also to what comes",
                 StatefulKind::kRecentHistory, make_recent_history},
};

const ExchangeType* find_type(std::string_view name) {
  const auto* it = std::find_if(kTypes.begin(), kTypes.end(),
                                [&](const ExchangeType& type) { return type.name == name; });
  return it == kTypes.end() ? nullptr : it;
}

}  // namespace

std::span<const ExchangeType> exchange_types() { return kTypes; }

bool known_type(std::string_view type) { return find_type(type) != nullptr; }

StatefulKind stateful_kind(std::string_view type) {
  const ExchangeType* found = find_type(type);
  return found == nullptr ? StatefulKind::kNone : found->stateful;
}

Made make_matcher(std::string_view type, const Fields& arguments) {
  const ExchangeType* found = find_type(type);
  if (found == nullptr) return fail("unknown exchange type '" + std::string(type) + "'");
  return found->make(arguments);
}

Result<std::optional<DeduplicationLimits>> deduplication_of(std::string_view type,
                                                            const Fields& arguments) {
  if (type != kDeduplication) {
    const Value* wanted = find(arguments, kDeduplication);
    if (wanted == nullptr) return std::nullopt;
    if (wanted->as_bool() == nullptr) return invalid(kDeduplication, *wanted, "true or false");
    if (!*wanted->as_bool()) return std::nullopt;
  }
  DeduplicationLimits limits{QueueSettings::kDefaultDeduplicationEntries, std::nullopt};
  if (const Value* size = find(arguments, kCacheSize)) {
    if (size->as_integer() == nullptr || *size->as_integer() <= 0) {
      return invalid(kCacheSize, *size, "a positive integer");
    }
    limits.entries = static_cast<std::size_t>(*size->as_integer());
  }
  if (const Value* ttl = find(arguments, kCacheTtl)) {
    if (ttl->as_integer() == nullptr || *ttl->as_integer() <= 0 ||
        *ttl->as_integer() > kLongestTimeToLiveMs) {
      return invalid(kCacheTtl, *ttl, "a positive number of milliseconds, at most ten years");
    }
    limits.ttl_ms = *ttl->as_integer();
  }
  return limits;
}

std::size_t recent_history_length(const Fields& arguments) {
  const Value* length = find(arguments, kHistoryLength);
  if (length == nullptr || length->as_integer() == nullptr) return kDefaultHistoryLength;
  return static_cast<std::size_t>(*length->as_integer());
}

}  // namespace polymq::engine
