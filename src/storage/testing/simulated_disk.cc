// Files in memory, and what crashes make of them.
#include "storage/testing/simulated_disk.h"

#include <algorithm>
#include <cstring>

namespace polymq::storage {
namespace {

constexpr std::size_t kSector = 512;

tl::unexpected<FileError> failed(std::string text, bool no_space = false) {
  return tl::make_unexpected(FileError{no_space, std::move(text)});
}

void apply(std::string& content, std::uint64_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
  std::memcpy(content.data() + offset, bytes.data(), bytes.size());
}

}  // namespace

std::uint64_t SimulatedDisk::State::used() const {
  std::uint64_t sum = 0;
  for (const auto& [name, node] : names) sum += node->content.size();
  return sum;
}

class SimulatedFile final : public File {
 public:
  SimulatedFile(std::shared_ptr<SimulatedDisk::State> disk,
                std::shared_ptr<SimulatedDisk::Node> node)
      : disk_(std::move(disk)), node_(std::move(node)) {}

  FileResult<std::uint64_t> size() const override {
    const std::lock_guard lock(disk_->mutex);
    return node_->content.size();
  }
  FileResult<std::uint64_t> names() const override {
    const std::lock_guard lock(disk_->mutex);
    return static_cast<std::uint64_t>(
        std::count_if(disk_->names.begin(), disk_->names.end(),
                      [&](const auto& name) { return name.second == node_; }));
  }
  FileResult<void> read(std::uint64_t offset, char* to, std::size_t size) const override {
    const std::lock_guard lock(disk_->mutex);
    if (offset >= node_->unreadable_from) return failed("the read failed");
    if (offset + size > node_->content.size()) return failed("the file is too short");
    std::memcpy(to, node_->content.data() + offset, size);
    return {};
  }
  FileResult<void> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    if (disk_->watch) disk_->watch();
    const std::lock_guard lock(disk_->mutex);
    for (const std::string_view part : parts) {
      const std::uint64_t grows =
          offset + part.size() -
          std::min<std::uint64_t>(offset + part.size(), node_->content.size());
      if (disk_->used() + grows > disk_->capacity) return failed("the disk is full", true);
      apply(node_->content, offset, part);
      node_->unsynced.push_back({offset, std::string(part)});
      offset += part.size();
    }
    return {};
  }
  FileResult<void> sync() override {
    if (disk_->watch) disk_->watch();
    const std::lock_guard lock(disk_->mutex);
    if (disk_->syncs_left == 0) {
      node_->unsynced
          .clear();  // as a system does: nobody writes it any more, though it can be read
      return failed("the sync failed");
    }
    --disk_->syncs_left;
    ++disk_->syncs;
    for (const SimulatedDisk::Write& write : node_->unsynced) {
      apply(node_->synced, write.offset, write.bytes);
    }
    node_->unsynced.clear();
    return {};
  }
  FileResult<void> fill(std::uint64_t size, const std::function<void()>& between) override {
    const std::string zeros(size, '\0');
    const std::string_view part = zeros;
    if (auto written = write(0, {&part, 1}); !written) return written;
    between();
    return sync();
  }

 private:
  std::shared_ptr<SimulatedDisk::State> disk_;
  std::shared_ptr<SimulatedDisk::Node> node_;
};

class SimulatedFolder final : public Files {
 public:
  explicit SimulatedFolder(std::shared_ptr<SimulatedDisk::State> disk) : disk_(std::move(disk)) {}

  FileResult<std::vector<std::string>> list() const override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<std::string> names;
    for (const auto& [name, node] : disk_->names) names.push_back(name);
    return names;
  }
  FileResult<std::unique_ptr<File>> open(const std::string& name) override {
    const std::lock_guard lock(disk_->mutex);
    const auto it = disk_->names.find(name);
    if (it == disk_->names.end()) return failed("there is no " + name);
    return std::make_unique<SimulatedFile>(disk_, it->second);
  }
  FileResult<std::unique_ptr<File>> create(const std::string& name) override {
    const std::lock_guard lock(disk_->mutex);
    const auto [it, fresh] = disk_->names.emplace(name, std::make_shared<SimulatedDisk::Node>());
    if (!fresh) return failed("there is a " + name);
    return std::make_unique<SimulatedFile>(disk_, it->second);
  }
  FileResult<void> rename(const std::string& from, const std::string& to) override {
    if (disk_->watch) disk_->watch();
    const std::lock_guard lock(disk_->mutex);
    const auto it = disk_->names.find(from);
    if (it == disk_->names.end()) return failed("there is no " + from);
    auto node = it->second;
    disk_->names.erase(it);
    disk_->names[to] = std::move(node);
    return {};
  }
  FileResult<void> remove(const std::string& name) override {
    if (disk_->watch) disk_->watch();
    const std::lock_guard lock(disk_->mutex);
    if (disk_->names.erase(name) == 0) return failed("there is no " + name);
    return {};
  }
  FileResult<void> sync_names() override {
    if (disk_->watch) disk_->watch();
    const std::lock_guard lock(disk_->mutex);
    disk_->synced_names = disk_->names;
    return {};
  }
  FileResult<std::uint64_t> free_space() const override {
    const std::lock_guard lock(disk_->mutex);
    return disk_->capacity - std::min(disk_->capacity, disk_->used());
  }

 private:
  std::shared_ptr<SimulatedDisk::State> disk_;
};

SimulatedDisk::SimulatedDisk() : state_(std::make_shared<State>()) {}

std::unique_ptr<Files> SimulatedDisk::files() { return std::make_unique<SimulatedFolder>(state_); }

SimulatedDisk SimulatedDisk::crashed(const Draw& draw) const {
  const std::lock_guard lock(state_->mutex);
  SimulatedDisk after;
  after.state_->capacity = state_->capacity;
  const Names& names = draw(2) == 0 ? state_->names : state_->synced_names;
  for (const auto& [name, node] : names) {
    auto left = std::make_shared<Node>();
    left->synced = node->synced;
    const std::uint64_t kept_percent = draw(5) * 25;
    for (const Write& write : node->unsynced) {
      for (std::size_t at = 0; at < write.bytes.size(); at += kSector) {
        if (draw(100) >= kept_percent) continue;
        apply(left->synced, write.offset + at, std::string_view(write.bytes).substr(at, kSector));
      }
    }
    left->content = left->synced;
    after.state_->names[name] = std::move(left);
  }
  after.state_->synced_names = after.state_->names;
  return after;
}

SimulatedDisk SimulatedDisk::killed() const {
  const std::lock_guard lock(state_->mutex);
  SimulatedDisk after;
  after.state_->capacity = state_->capacity;
  std::map<const Node*, std::shared_ptr<Node>> copies;
  const auto copy = [&](const Names& names, Names& to) {
    for (const auto& [name, node] : names) {
      std::shared_ptr<Node>& left = copies[node.get()];
      if (!left) {
        left = std::make_shared<Node>(*node);
        left->unreadable_from = UINT64_MAX;
      }
      to[name] = left;
    }
  };
  copy(state_->names, after.state_->names);
  copy(state_->synced_names, after.state_->synced_names);
  return after;
}

void SimulatedDisk::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->capacity = bytes;
}
std::uint64_t SimulatedDisk::used() const {
  const std::lock_guard lock(state_->mutex);
  return state_->used();
}
void SimulatedDisk::fail_sync_after(std::uint64_t syncs) {
  const std::lock_guard lock(state_->mutex);
  state_->syncs_left = syncs;
}
std::uint64_t SimulatedDisk::syncs() const {
  const std::lock_guard lock(state_->mutex);
  return state_->syncs;
}
void SimulatedDisk::watch(std::function<void()> call) {
  const std::lock_guard lock(state_->mutex);
  state_->watch = std::move(call);
}
void SimulatedDisk::corrupt(const std::string& name, std::uint64_t offset, std::string_view bytes) {
  const std::lock_guard lock(state_->mutex);
  Node& node = *state_->names.at(name);
  apply(node.content, offset, bytes);
  apply(node.synced, offset, bytes);
}
void SimulatedDisk::refuse_reads(const std::string& name, std::uint64_t from) {
  const std::lock_guard lock(state_->mutex);
  state_->names.at(name)->unreadable_from = from;
}

std::string SimulatedDisk::content(const std::string& name) const {
  const std::lock_guard lock(state_->mutex);
  return state_->names.at(name)->content;
}
void SimulatedDisk::link(const std::string& name, const std::string& other) {
  const std::lock_guard lock(state_->mutex);
  state_->names[other] = state_->names.at(name);
}
void SimulatedDisk::replace(const std::string& name, std::string content) {
  const std::lock_guard lock(state_->mutex);
  Node& node = *state_->names.at(name);
  node.content = content;
  node.synced = std::move(content);
  node.unsynced.clear();
}

}  // namespace polymq::storage
