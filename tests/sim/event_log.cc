// Formatting, hashing and keeping the last events.
#include "event_log.h"

#include <cstdarg>
#include <cstdio>

namespace polymq::sim {
namespace {

std::string formatted(const char* format, std::va_list arguments) {
  char line[320];
  std::vsnprintf(line, sizeof line, format, arguments);
  return line;
}

}  // namespace

void EventLog::add(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::string line = formatted(format, arguments);
  va_end(arguments);
  for (const char c : line) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  ++count_;
  if (verbose_) std::fprintf(stderr, "%s\n", line.c_str());
  last_.push_back(std::move(line));
  if (last_.size() > kKept) last_.pop_front();
}

void EventLog::print_last() const {
  for (const std::string& line : last_) std::fprintf(stderr, "  %s\n", line.c_str());
}

void violated(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::string text = formatted(format, arguments);
  va_end(arguments);
  throw Violation(text);
}

}  // namespace polymq::sim
