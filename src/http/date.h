// The Date field's text, formatted once a second.
#pragma once

#include <array>
#include <string_view>

#include "base/time.h"

namespace polymq::http {

/// Shard: used by one thread only.
class DateText {
 public:
  /// "Sun, 06 Nov 1994 08:49:37 GMT"; holds until the next call.
  std::string_view at(WallMs now) {
    if (now / 1000 != second_) format(now / 1000);
    return {text_.data(), kSize};
  }
  static constexpr std::size_t kSize = 29;

 private:
  void format(std::int64_t second);

  std::int64_t second_ = -1;
  std::array<char, kSize> text_{};
};

}  // namespace polymq::http
