// The exchange types as a table: name, what it is made by, and whether it needs state beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "engine/deduplication_window.h"
#include "engine/exchange/matcher.h"
#include "engine/fields.h"

namespace polymq::engine {

/// State that a type needs beside its matcher; it lives on the exchange's home shard.
enum class StatefulKind : std::uint8_t {
  kNone,
  kRecentHistory,  // x-recent-history: keeps the last messages for queues bound later
  kDelayed,        // x-delayed-message: holds messages, then routes like its inner type
  kDeduplicating,  // x-message-deduplication; any other type may do so too, by argument
};

struct ExchangeType {
  std::string_view name;
  std::string_view description;
  StatefulKind stateful;
  /// Makes a matcher; the arguments were not looked at yet. See make_matcher().
  Result<std::unique_ptr<Matcher>> (*make)(const Fields& arguments);
};

/// All types, in the order in which they are listed to people.
std::span<const ExchangeType> exchange_types();

/// Names are matched exactly and case-sensitively.
bool known_type(std::string_view type);

/// kNone for an unknown type.
StatefulKind stateful_kind(std::string_view type);

/// A matcher for an exchange declared with `arguments`. The error's text is the explanation for the
/// client (a failed precondition): `unknown exchange type 'x'`, or what is wrong with the
/// arguments. x-recent-history matches like fanout, x-delayed-message like the type its
/// x-delayed-type names.
Result<std::unique_ptr<Matcher>> make_matcher(std::string_view type, const Fields& arguments);

/// What an exchange remembers of the messages it has seen: nullopt unless its type is
/// x-message-deduplication or its argument of that name is true; then x-cache-size entries for
/// x-cache-ttl ms. The error's text is the explanation for the client.
Result<std::optional<DeduplicationLimits>> deduplication_of(std::string_view type,
                                                            const Fields& arguments);

/// How many messages an x-recent-history exchange keeps; `arguments` passed make_matcher().
std::size_t recent_history_length(const Fields& arguments);

}  // namespace polymq::engine
