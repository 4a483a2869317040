// Name patterns over RE2.
#include "base/name_pattern.h"

#include <re2/re2.h>

#include <cstddef>

namespace polymq {
namespace {

constexpr std::int64_t kMemoryPerPattern = 1 << 20;
constexpr std::string_view kLookAhead = "^(?!";

/// Index just behind the group whose inside begins at `at`, or npos when it does not end.
std::size_t end_of_group(std::string_view pattern, std::size_t at) {
  int depth = 1;
  bool in_class = false;
  for (; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '\\') {
      ++at;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
      if (at + 1 < pattern.size() && pattern[at + 1] == '^') ++at;
      if (at + 1 < pattern.size() && pattern[at + 1] == ']') ++at;  // a literal there
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

/// True when `pattern` is several alternatives, which a leading assertion would not cover all.
bool has_alternatives(std::string_view pattern) {
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '|') return true;
    if (c == '\\') {
      ++at;
    } else if (c == '(') {
      at = end_of_group(pattern, at + 1);
      if (at == std::string_view::npos) return false;
      --at;
    } else if (c == '[') {
      // As a group of its own, so that what is inside the class is not looked at.
      const std::size_t close = pattern.find(']', at + 2);
      if (close == std::string_view::npos) return false;
      at = close;
    }
  }
  return false;
}

Result<std::shared_ptr<const re2::RE2>> compile_expression(std::string_view pattern) {
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_max_mem(kMemoryPerPattern);
  auto compiled =
      std::make_shared<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok())
    return fail("'" + std::string(pattern) + "' is not a valid pattern: " + compiled->error());
  return std::shared_ptr<const re2::RE2>(std::move(compiled));
}

}  // namespace

Result<NamePattern> NamePattern::compile(std::string_view pattern) {
  NamePattern made;
  made.text_ = pattern;
  made.matches_all_ = pattern.empty() || pattern == ".*" || pattern == "^.*";
  std::string wanted(pattern);
  if (pattern.starts_with(kLookAhead)) {
    const std::size_t end = end_of_group(pattern, kLookAhead.size());
    if (end != std::string_view::npos && !has_alternatives(pattern.substr(end))) {
      const auto inside = pattern.substr(kLookAhead.size(), end - 1 - kLookAhead.size());
      auto refused = compile_expression("^(?:" + std::string(inside) + ")");
      if (!refused) return tl::make_unexpected(refused.error());
      made.refused_ = *std::move(refused);
      wanted = "^" + std::string(pattern.substr(end));
    }
  }
  auto compiled = compile_expression(wanted);
  if (!compiled) return tl::make_unexpected(compiled.error());
  made.wanted_ = *std::move(compiled);
  return made;
}

bool NamePattern::matches(std::string_view name) const {
  if (matches_all_) return true;
  const re2::StringPiece subject(name.data(), name.size());
  if (refused_ != nullptr && re2::RE2::PartialMatch(subject, *refused_)) return false;
  return re2::RE2::PartialMatch(subject, *wanted_);
}

}  // namespace polymq
