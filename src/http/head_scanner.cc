// Lines end with CR LF, none begins with a blank, and an empty one ends the head (RFC 9112, 2.1).
#include "http/head_scanner.h"

#include <algorithm>
#include <cstring>

namespace polymq::http {
namespace {

/// Method, version and blanks around the target.
constexpr std::size_t kRestOfFirstLine = 32;

}  // namespace

void HeadScanner::reset() {
  at_ = line_begin_ = 0;
  lines_ = 0;
  complete_ = false;
}

HeadScanner::Status HeadScanner::scan(std::string_view input) {
  while (!complete_) {
    const Status status = lines_ == 0 ? scan_first_line(input) : scan_line(input);
    if (status != Status::kComplete) return status;
    ++lines_;
    line_begin_ = at_;
  }
  return Status::kComplete;
}

// Here kComplete is said of the line. Anything but printable text is found at once: a client that
// speaks something else (TLS, AMQP) may never send a line end.
HeadScanner::Status HeadScanner::scan_first_line(std::string_view input) {
  const std::size_t limit = limits_.max_target + kRestOfFirstLine;
  for (; at_ < input.size(); ++at_) {
    if (at_ >= limit) return Status::kTargetTooLong;
    const auto octet = static_cast<unsigned char>(input[at_]);
    const bool behind_cr = at_ != 0 && input[at_ - 1] == '\r';
    if (octet == '\n' && behind_cr && at_ > 1) {
      ++at_;
      return Status::kComplete;
    }
    if (behind_cr || (octet < 0x20 && octet != '\r') || octet == 0x7f) return Status::kMalformed;
  }
  return Status::kNeedMore;
}

HeadScanner::Status HeadScanner::scan_line(std::string_view input) {
  const std::string_view visible = input.substr(0, limits_.max_header);
  if (line_begin_ < visible.size()) {
    const char first = visible[line_begin_];
    if (first == ' ' || first == '\t') return Status::kMalformed;  // a folded line
    const void* found = at_ < visible.size()
                            ? std::memchr(visible.data() + at_, '\n', visible.size() - at_)
                            : nullptr;
    if (found != nullptr) {
      const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - visible.data());
      if (end == line_begin_ || visible[end - 1] != '\r') return Status::kMalformed;
      at_ = end + 1;
      complete_ = end - 1 == line_begin_;
      if (!complete_ && lines_ > limits_.max_header_fields) return Status::kTooLarge;
      return Status::kComplete;
    }
  }
  at_ = visible.size();
  return input.size() >= limits_.max_header ? Status::kTooLarge : Status::kNeedMore;
}

}  // namespace polymq::http
