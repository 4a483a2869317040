// Regular expressions on names, as policies and permissions have them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polymq {

/// Matches anywhere in a name unless anchored. Copies share what was compiled; any thread may
/// match.
class NamePattern {
 public:
  /// Perl's syntax. What can be is matched in linear time; look-around and back references need an
  /// engine that tries, and gives a name up as not matching when that takes too long.
  /// Error: what is wrong with the expression, for a person. The empty one matches every name;
  /// permissions give it another meaning before they come here.
  static Result<NamePattern> compile(std::string_view text);
  bool matches(std::string_view name) const;
  const std::string& text() const { return text_; }

 private:
  struct Engine;
  NamePattern(std::string text, std::shared_ptr<const Engine> engine);
  std::string text_;
  std::shared_ptr<const Engine> engine_;
};

}  // namespace polymq
