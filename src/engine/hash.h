// The hashes of the engine: fast, well spread, not for secrets.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace polymq::engine {

inline std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

inline std::uint64_t hash64(std::uint64_t number, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(&number, sizeof number, seed);
}

}  // namespace polymq::engine
