// Options that must fit each other.
#include "cli/perf/options.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

namespace polymq::perf {
namespace {

/// `%d` or `%05d` in a queue pattern: where it is, how wide.
struct Placeholder {
  std::size_t at = 0;
  std::size_t size = 0;
  std::size_t width = 0;
};

std::optional<Placeholder> find_placeholder(std::string_view pattern) {
  for (std::size_t at = pattern.find('%'); at != std::string_view::npos;
       at = pattern.find('%', at + 1)) {
    std::size_t end = at + 1;
    std::size_t width = 0;
    while (end < pattern.size() && pattern[end] >= '0' && pattern[end] <= '9' && width < 100) {
      width = width * 10 + static_cast<std::size_t>(pattern[end++] - '0');
    }
    if (end < pattern.size() && pattern[end] == 'd') return Placeholder{at, end + 1 - at, width};
  }
  return std::nullopt;
}

std::string numbered(const std::string& pattern, const Placeholder& place, unsigned number) {
  std::string digits = std::to_string(number);
  if (digits.size() < place.width) digits.insert(0, place.width - digits.size(), '0');
  std::string name = pattern;
  return name.replace(place.at, place.size, digits);
}

Result<void> validate_queues(const Options& options) {
  if (options.queue_pattern.empty()) {
    if (options.queue_pattern_to != 0) return fail("--queue-pattern-to needs --queue-pattern");
    return {};
  }
  if (!options.queue.empty()) return fail("--queue and --queue-pattern exclude each other");
  if (!find_placeholder(options.queue_pattern)) {
    return fail("--queue-pattern must contain %d or a form of it, such as %04d");
  }
  if (options.queue_pattern_to < options.queue_pattern_from) {
    return fail("--queue-pattern needs --queue-pattern-to, not less than --queue-pattern-from");
  }
  return {};
}

Result<void> validate_acknowledgements(const Options& options) {
  if (options.auto_ack && options.multi_ack_every != 0) {
    return fail("--multi-ack-every has no meaning with --autoack");
  }
  for (const std::uint64_t prefetch : {options.qos, options.global_qos}) {
    if (prefetch != 0 && options.multi_ack_every > prefetch) {
      return fail("--multi-ack-every " + std::to_string(options.multi_ack_every) +
                  " would wait forever: the prefetch limit lets only " + std::to_string(prefetch) +
                  " messages be unacknowledged");
    }
  }
  return {};
}

}  // namespace

bool Options::has_flag(std::string_view flag) const {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

Result<void> validate(const Options& options) {
  if (const auto endpoint = parse_uri(options.uri); !endpoint) {
    return tl::make_unexpected(Error{"--uri " + endpoint.error().text});
  }
  if (options.producers == 0 && options.consumers == 0) {
    return fail("neither producers nor consumers: nothing to do");
  }
  if (options.producers > 0xFFFF) return fail("--producers can be 65535 at most");
  if (options.producers == 0 && options.pmessages != 0) {
    return fail("--pmessages needs producers");
  }
  if (options.consumers == 0 && options.cmessages != 0) {
    return fail("--cmessages needs consumers");
  }
  for (const std::string& argument : options.queue_args) {
    if (argument.find('=') == std::string::npos || argument.starts_with('=')) {
      return fail("--queue-args: '" + argument + "' is not of the form key=value");
    }
  }
  if (auto checked = validate_queues(options); !checked) return checked;
  return validate_acknowledgements(options);
}

std::vector<std::string> queue_names(const Options& options) {
  if (!options.queue.empty()) return {options.queue};
  if (options.queue_pattern.empty()) return {"polymq-perf-" + std::to_string(getpid())};
  const Placeholder place = *find_placeholder(options.queue_pattern);
  std::vector<std::string> names;
  for (unsigned i = options.queue_pattern_from; i <= options.queue_pattern_to; ++i) {
    names.push_back(numbered(options.queue_pattern, place, i));
  }
  return names;
}

bool queue_is_ours(const Options& options) {
  return options.queue.empty() && options.queue_pattern.empty();
}

}  // namespace polymq::perf
