// The consistent hash exchange's ring.
#include "engine/exchange/consistent_hash.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "engine/term_text.h"

namespace polymq::engine {
namespace {

/// With 256 points shares are even to about 6 %.
constexpr std::uint64_t kPointsPerWeight = 256;
/// Past this the points for one unit of weight are halved until they fit.
constexpr std::uint64_t kMostPoints = std::uint64_t{1} << 20;
/// Higher weights count as this one.
constexpr std::int64_t kMostWeight = 1'000'000;

/// Decimal digits with an optional sign; numbers too large to tell are cut to kMostWeight.
std::optional<std::int64_t> parse_weight(std::string_view key) {
  const bool negative = key.starts_with('-');
  if (negative || key.starts_with('+')) key.remove_prefix(1);
  if (key.empty()) return std::nullopt;
  std::int64_t weight = 0;
  for (const char c : key) {
    if (c < '0' || c > '9') return std::nullopt;
    weight = std::min(weight * 10 + (c - '0'), kMostWeight);
  }
  return negative ? -weight : weight;
}

std::uint64_t points_for(std::uint64_t weight, std::uint64_t total_weight) {
  std::uint64_t points = weight * kPointsPerWeight;
  for (std::uint64_t all = total_weight * kPointsPerWeight; all > kMostPoints; all /= 2) {
    points /= 2;
  }
  return std::max<std::uint64_t>(points, 1);
}

Result<std::string> text_argument(const Fields& arguments, std::string_view name) {
  const Value* value = find(arguments, name);
  if (value == nullptr) return std::string();
  if (value->as_string() != nullptr) return *value->as_string();
  return fail("Invalid argument, '" + std::string(name) + "' must be a string, got " +
              std::string(type_name(value->type())));
}

}  // namespace

Result<ConsistentHashMatcher::Subject> ConsistentHashMatcher::subject_of(const Fields& arguments) {
  const bool by_header = find(arguments, "hash-header") != nullptr;
  const bool by_property = find(arguments, "hash-property") != nullptr;
  if (by_header && by_property) {
    return fail("hash-header and hash-property are mutually exclusive");
  }
  if (by_header) {
    return text_argument(arguments, "hash-header").map([](std::string name) {
      return Subject{Subject::kHeader, std::move(name)};
    });
  }
  if (!by_property) return Subject{};
  auto name = text_argument(arguments, "hash-property");
  if (!name) return tl::make_unexpected(name.error());
  if (*name != "message_id" && *name != "correlation_id" && *name != "timestamp") {
    return fail("Unsupported property: " + *name);
  }
  return Subject{Subject::kProperty, std::move(*name)};
}

Result<void> ConsistentHashMatcher::check(std::string_view key, const Fields&) const {
  const auto weight = parse_weight(key);
  if (!weight) return fail("The binding key must be an integer: " + term_text(key));
  if (*weight < 1) return fail("The binding key must be greater than 0");
  return {};
}

void ConsistentHashMatcher::add(Destination destination, std::string_view key, const Fields&) {
  weights_[destination].push_back(static_cast<std::uint32_t>(parse_weight(key).value_or(1)));
  stale_ = true;
}

void ConsistentHashMatcher::remove(Destination destination, std::string_view key, const Fields&) {
  const auto it = weights_.find(destination);
  auto& weights = it->second;
  const auto weight = static_cast<std::uint32_t>(parse_weight(key).value_or(1));
  weights.erase(std::find(weights.begin(), weights.end(), weight));
  if (weights.empty()) weights_.erase(it);
  stale_ = true;
}

void ConsistentHashMatcher::build_ring() const {
  std::uint64_t total = 0;
  for (const auto& [destination, weights] : weights_) total += weights.front();
  ring_.clear();
  for (const auto& [destination, weights] : weights_) {
    const std::uint64_t seed = DestinationHash()(destination);
    const std::uint64_t points = points_for(weights.front(), total);
    for (std::uint64_t i = 0; i < points; ++i) ring_.push_back({hash64(i, seed), destination});
  }
  std::sort(ring_.begin(), ring_.end(), [](const Point& a, const Point& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.owner.id < b.owner.id;
  });
  stale_ = false;
}

std::size_t ConsistentHashMatcher::point_count() const {
  if (stale_) build_ring();
  return ring_.size();
}

std::uint64_t ConsistentHashMatcher::hash_of(std::string_view key,
                                             const MessageView& message) const {
  if (subject_.kind == Subject::kRoutingKey) return hash64(key);
  if (subject_.kind == Subject::kProperty) {
    std::string text;
    return message.property(subject_.name, text) ? hash64(text) : 0;
  }
  Value value;
  return message.header(subject_.name, value) ? hash64(to_text(value)) : 0;
}

void ConsistentHashMatcher::match(std::string_view key, const MessageView& message, std::uint64_t,
                                  std::vector<Destination>& out) const {
  if (stale_) build_ring();
  if (ring_.empty()) return;
  const auto it =
      std::lower_bound(ring_.begin(), ring_.end(), hash_of(key, message),
                       [](const Point& point, std::uint64_t hash) { return point.hash < hash; });
  out.push_back(it == ring_.end() ? ring_.front().owner : it->owner);
}

}  // namespace polymq::engine
