// Two engines behind one pattern.
#include "base/name_pattern.h"

#include <re2/re2.h>

#include <boost/regex.hpp>
#include <optional>
#include <stdexcept>

namespace polymq {
namespace {

RE2::Options options() {
  RE2::Options options(RE2::Latin1);  // names are bytes; any are allowed
  options.set_log_errors(false);
  return options;
}

}  // namespace

struct NamePattern::Engine {
  explicit Engine(const std::string& text) : linear(text, options()) {}
  RE2 linear;
  std::optional<boost::regex> trying;  // when the linear one cannot say it
};

NamePattern::NamePattern(std::string text, std::shared_ptr<const Engine> engine)
    : text_(std::move(text)), engine_(std::move(engine)) {}

Result<NamePattern> NamePattern::compile(std::string_view text) {
  std::string pattern(text);
  auto engine = std::make_shared<Engine>(pattern);
  if (!engine->linear.ok()) {
    try {
      engine->trying.emplace(pattern, boost::regex::perl);
    } catch (const std::runtime_error&) {
      return fail("'" + pattern + "' is not a valid pattern: " + engine->linear.error());
    }
  }
  return NamePattern(std::move(pattern), std::move(engine));
}

bool NamePattern::matches(std::string_view name) const {
  if (!engine_->trying) return RE2::PartialMatch({name.data(), name.size()}, engine_->linear);
  try {
    return boost::regex_search(name.begin(), name.end(), *engine_->trying);
  } catch (const std::runtime_error&) {  // too complex for this name
    return false;
  }
}

}  // namespace polymq
