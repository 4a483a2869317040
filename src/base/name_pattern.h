// Patterns that permissions and policies use to select resources by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace polymq {

/// A regular expression searched for anywhere in a name (RabbitMQ's rule), octet by octet. Matching
/// takes time linear in the name, whatever the pattern. Immutable; any thread; cheap to copy.
///
/// The syntax is RE2's: no back references and no look-around, except that a leading negative
/// look-ahead, `^(?!amq\.).*`, which RabbitMQ's users often write, is understood.
class NamePattern {
 public:
  /// Error: what is wrong with the pattern, for a person. The empty pattern is valid and matches
  /// every name; permissions give it another meaning before they come here.
  static Result<NamePattern> compile(std::string_view pattern);

  bool matches(std::string_view name) const;
  const std::string& text() const { return text_; }

 private:
  NamePattern() = default;

  std::string text_;
  bool matches_all_ = false;
  std::shared_ptr<const re2::RE2> wanted_;
  std::shared_ptr<const re2::RE2> refused_;  // null unless there is a negative look-ahead
};

}  // namespace polymq
