// Sequence numbers of FIFO queues' messages.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>

#include "engine/ids.h"

namespace polymq::sqs {

/// Decimal, and always as long, so that they are in order as text, too.
using SequenceText = std::array<char, 20>;

/// Of a message's place in its queue: strictly increasing.
inline SequenceText sequence_text(engine::Position position) {
  constexpr std::uint64_t kLeast = 10'000'000'000'000'000'000u;  // has 20 digits
  SequenceText text{};
  std::to_chars(text.data(), text.data() + text.size(), kLeast + position);
  return text;
}

}  // namespace polymq::sqs
