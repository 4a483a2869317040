// The nearest of several names to one that was mistyped.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace polymq {

/// How many letters must be changed, added, removed or swapped with their neighbor to turn one
/// text into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `wrong`, or empty when none is near enough to be what was meant.
/// The view points into the candidates.
std::string_view nearest(std::string_view wrong, std::span<const std::string_view> candidates);

/// "; did you mean 'port'?" for the nearest candidate, or nothing.
std::string did_you_mean(std::string_view wrong, std::span<const std::string_view> candidates);

}  // namespace polymq
