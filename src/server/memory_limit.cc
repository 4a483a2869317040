// Reads /proc/meminfo and the limits of control groups.
#include "server/memory_limit.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

namespace polymq::server {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The number that `text` begins with; "max" and everything else is none.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::uint64_t machine_memory(const std::string& root) {
  constexpr std::string_view kTotal = "MemTotal:";
  const std::string text = read(root + "/proc/meminfo");
  std::size_t at = text.find(kTotal);
  if (at == std::string::npos) return kNoLimit;
  at = text.find_first_not_of(' ', at + kTotal.size());
  const auto kib =
      at == std::string::npos ? std::nullopt : number(std::string_view(text).substr(at));
  return kib ? *kib * 1024 : kNoLimit;
}

/// The smallest limit in `file` of the group and those above it. In a container the path may be
/// one of the host's that is not visible; then the top of what is visible counts.
std::uint64_t group_limit(const std::string& mount, std::string group, const std::string& file) {
  std::uint64_t limit = kNoLimit;
  while (true) {
    std::string path = mount;
    path.append(group).append("/").append(file);
    limit = std::min(limit, number(read(path)).value_or(kNoLimit));
    if (group.empty()) return limit;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

}  // namespace

std::uint64_t memory_limit(const std::string& root) {
  std::uint64_t limit = machine_memory(root);
  std::istringstream groups(read(root + "/proc/self/cgroup"));
  // Lines are `0::/path` (version 2) or `4:memory:/path` (version 1).
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    if (controllers == ",,") {
      limit = std::min(limit, group_limit(root + "/sys/fs/cgroup", path, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      limit = std::min(limit,
                       group_limit(root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
    }
  }
  return limit == kNoLimit ? 0 : limit;
}

std::uint64_t watermark_bytes(const Watermark& watermark, std::uint64_t limit) {
  if (watermark.bytes != 0) return watermark.bytes;
  return static_cast<std::uint64_t>(static_cast<double>(limit) * watermark.fraction);
}

}  // namespace polymq::server
