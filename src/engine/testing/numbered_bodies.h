// For tests: large bodies that begin with a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace polymq::engine {

inline constexpr std::size_t kLarge = 64 * 1024;
inline constexpr std::int64_t kMega = 1024 * 1024;

/// "17" and padding.
inline std::string large(int number) {
  std::string body = std::to_string(number) + " ";
  return body.append(kLarge - body.size(), '.');
}
/// The numbers that bodies begin with.
inline std::vector<int> numbers(const std::vector<std::string>& bodies) {
  std::vector<int> all;
  for (const std::string& body : bodies) all.push_back(std::stoi(body));
  return all;
}
inline std::vector<int> from_to(int first, int last) {
  std::vector<int> all;
  for (int number = first; number <= last; ++number) all.push_back(number);
  return all;
}

}  // namespace polymq::engine
