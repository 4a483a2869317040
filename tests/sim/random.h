// The only source of chance in a simulation: the same seed draws the same numbers everywhere.
#pragma once

#include <cstdint>
#include <vector>

namespace polymq::sim {

/// splitmix64: small, and good enough to explore with. Never seeded from outside.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u) {}

  std::uint64_t next() {
    std::uint64_t x = (state_ += 0x9e3779b97f4a7c15u);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  /// 0 .. n-1; `n` is not 0.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + below(most - least + 1);
  }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  template <class T, std::size_t size>
  const T& pick(const T (&from)[size]) {
    return from[below(size)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace polymq::sim
