// The few things that a store does with files, as an interface: so that tests can tear writes, drop
// what was not synced, fill the disk and let a sync fail.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polymq::storage {

struct FileError {
  bool no_space = false;  // the disk is full: later it may not be
  std::string text;
};
template <class T>
using FileResult = Result<T, FileError>;

/// Any thread; what different threads do must not overlap, but for reads.
class File {
 public:
  virtual ~File() = default;
  virtual FileResult<std::uint64_t> size() const = 0;
  /// How many names it has: with more than one it belongs to a copy of the folder, too.
  virtual FileResult<std::uint64_t> names() const = 0;
  /// Exactly `size` bytes; a file that ends before is an error.
  virtual FileResult<void> read(std::uint64_t offset, char* to, std::size_t size) const = 0;
  /// All parts, one behind the other. May be in the disk's cache only when it returns.
  virtual FileResult<void> write(std::uint64_t offset, std::span<const std::string_view> parts) = 0;
  /// What was written is on the disk, and found there after a crash.
  virtual FileResult<void> sync() = 0;
  /// Makes a new file so large, with zeros that are on the disk when it returns. Meanwhile others
  /// wait for the disk as little as possible. `between` is called now and then, to slow it down.
  virtual FileResult<void> fill(std::uint64_t size, const std::function<void()>& between) = 0;
};

/// The files of one folder.
class Files {
 public:
  virtual ~Files() = default;
  virtual FileResult<std::vector<std::string>> list() const = 0;
  virtual FileResult<std::unique_ptr<File>> open(const std::string& name) = 0;
  /// There is none of that name yet.
  virtual FileResult<std::unique_ptr<File>> create(const std::string& name) = 0;
  /// Replaces what has that name.
  virtual FileResult<void> rename(const std::string& from, const std::string& to) = 0;
  virtual FileResult<void> remove(const std::string& name) = 0;
  /// Names that were made, changed or removed are so after a crash.
  virtual FileResult<void> sync_names() = 0;
  /// Bytes that may still be written here.
  virtual FileResult<std::uint64_t> free_space() const = 0;
};

/// A folder of the operating system. It must be there.
std::unique_ptr<Files> open_folder(std::string path);

}  // namespace polymq::storage
