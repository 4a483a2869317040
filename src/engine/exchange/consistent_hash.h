// The consistent hash exchange: each value of what is hashed goes to one destination, and when
// destinations come or go only the share that concerns them moves.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/exchange/destinations.h"
#include "engine/exchange/matcher.h"

namespace polymq::engine {

/// A ring of hash values: a destination owns a number of points in proportion to its weight, and a
/// message goes to the owner of the first point at or after its own hash. The binding key is the
/// weight. A destination bound more than once has the weight of the oldest of its bindings.
class ConsistentHashMatcher final : public Matcher {
 public:
  /// What of a message is hashed.
  struct Subject {
    enum Kind : std::uint8_t { kRoutingKey, kHeader, kProperty } kind = kRoutingKey;
    std::string name = {};  // of the header or property
  };
  /// Reads hash-header and hash-property; not both, and of properties only message_id,
  /// correlation_id and timestamp.
  static Result<Subject> subject_of(const Fields& arguments);

  explicit ConsistentHashMatcher(Subject subject) : subject_(std::move(subject)) {}

  Result<void> check(std::string_view key, const Fields& arguments) const override;
  void add(Destination destination, std::string_view key, const Fields& arguments) override;
  void remove(Destination destination, std::string_view key, const Fields& arguments) override;
  void match(std::string_view key, const MessageView& message, std::uint64_t random,
             std::vector<Destination>& out) const override;
  bool by_key_alone() const override { return subject_.kind == Subject::kRoutingKey; }

  std::size_t point_count() const;

 private:
  struct Point {
    std::uint64_t hash;
    Destination owner;
  };
  std::uint64_t hash_of(std::string_view key, const MessageView& message) const;
  void build_ring() const;

  Subject subject_;
  /// The weights of a destination's bindings, oldest first.
  boost::unordered_flat_map<Destination, std::vector<std::uint32_t>, DestinationHash> weights_;
  // Built at the first message after a change, so that many changes in a row cost once.
  mutable std::vector<Point> ring_;
  mutable bool stale_ = false;
};

}  // namespace polymq::engine
