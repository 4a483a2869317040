// Random names.
#include "amqp091/server_names.h"

#include <array>
#include <cstdint>
#include <random>

namespace polymq::amqp091 {

std::string generate_name(std::string_view prefix) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr std::size_t kCharacters = 22;
  thread_local std::random_device random;
  std::string name(prefix);
  std::uint32_t bits = 0;
  int left = 0;
  for (std::size_t i = 0; i < kCharacters; ++i) {
    if (left < 6) {
      bits = random();
      left = 30;
    }
    name += kAlphabet[bits & 63];
    bits >>= 6;
    left -= 6;
  }
  return name;
}

}  // namespace polymq::amqp091
