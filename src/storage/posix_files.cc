// Files of the operating system.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "storage/files.h"

namespace polymq::storage {
namespace {

constexpr mode_t kOwnerOnly = 0600;

tl::unexpected<FileError> failed(std::string_view what, const std::string& path, int error) {
  return tl::make_unexpected(
      FileError{error == ENOSPC || error == EDQUOT,
                std::string(what) + " " + path + ": " + std::generic_category().message(error)});
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  FileResult<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) return failed("cannot look at", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  FileResult<std::uint64_t> names() const override {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) return failed("cannot look at", path_, errno);
    return static_cast<std::uint64_t>(status.st_nlink);
  }

  FileResult<void> read(std::uint64_t offset, char* to, std::size_t size) const override {
    while (size != 0) {
      const ssize_t got = ::pread(fd_, to, size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("cannot read", path_, errno);
      if (got == 0) return tl::make_unexpected(FileError{false, path_ + " is too short"});
      to += got;
      offset += static_cast<std::uint64_t>(got);
      size -= static_cast<std::size_t>(got);
    }
    return {};
  }

  FileResult<void> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    std::array<iovec, kMostParts> vector;
    std::size_t skip = 0;  // of the first part that is left
    while (!parts.empty()) {
      std::size_t count = 0;
      for (; count < parts.size() && count < kMostParts; ++count) {
        const std::string_view part = parts[count].substr(count == 0 ? skip : 0);
        vector[count] = {const_cast<char*>(part.data()), part.size()};
      }
      const ssize_t put =
          ::pwritev(fd_, vector.data(), static_cast<int>(count), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return failed("cannot write", path_, errno);
      offset += static_cast<std::uint64_t>(put);
      skip += static_cast<std::size_t>(put);
      while (!parts.empty() && skip >= parts.front().size()) {
        skip -= parts.front().size();
        parts = parts.subspan(1);
      }
    }
    return {};
  }

  FileResult<void> sync() override {
    if (::fdatasync(fd_) != 0) return failed("cannot sync", path_, errno);
    return {};
  }

  FileResult<void> fill(std::uint64_t size, const std::function<void()>& between) override;

 private:
  static constexpr std::size_t kMostParts = 256;
  int fd_;
  std::string path_;
};

// Room first, in one piece, then zeros past the system's cache: nothing has to be written back when
// others sync, and the file system's own log is synced once, at the end.
FileResult<void> PosixFile::fill(std::uint64_t size, const std::function<void()>& between) {
  constexpr std::size_t kPiece = 256 * 1024;
  alignas(4096) static std::array<char, kPiece> zeros;  // never written to
  int refused = 0;
  do {
    refused = ::fallocate(fd_, 0, 0, static_cast<off_t>(size)) == 0 ? 0 : errno;
  } while (refused == EINTR);
  const bool cannot = refused == EOPNOTSUPP || refused == ENOSYS || refused == EINVAL;
  if (refused != 0 && !cannot) return failed("cannot write", path_, refused);
  const int direct =
      ::open(("/proc/self/fd/" + std::to_string(fd_)).c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC);
  int to = direct >= 0 ? direct : fd_;
  int error = 0;
  for (std::uint64_t at = 0; at < size && error == 0;) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - at));
    const ssize_t put = ::pwrite(to, zeros.data(), piece, static_cast<off_t>(at));
    if (put >= 0) {
      at += static_cast<std::uint64_t>(put);
      if (to == fd_) (void)::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
      between();
    } else if (errno == EINVAL && to == direct) {
      to = fd_;  // some file systems cannot
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (direct >= 0) ::close(direct);
  if (error != 0) return failed("cannot write", path_, error);
  return sync();
}

class Folder final : public Files {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}

  FileResult<std::vector<std::string>> list() const override {
    std::error_code error;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator at(path_, error), end; !error && at != end;
         at.increment(error)) {
      names.push_back(at->path().filename().string());
    }
    if (error) return failed("cannot list", path_, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  FileResult<std::unique_ptr<File>> open(const std::string& name) override {
    return open(name, O_RDWR);
  }
  FileResult<std::unique_ptr<File>> create(const std::string& name) override {
    return open(name, O_RDWR | O_CREAT | O_EXCL);
  }

  FileResult<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(full(from).c_str(), full(to).c_str()) == 0) return {};
    return failed("cannot rename", full(from), errno);
  }
  FileResult<void> remove(const std::string& name) override {
    if (::unlink(full(name).c_str()) == 0) return {};
    return failed("cannot remove", full(name), errno);
  }

  FileResult<void> sync_names() override {
    const int fd = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed("cannot open", path_, errno);
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (error != 0) return failed("cannot sync", path_, error);
    return {};
  }

  FileResult<std::uint64_t> free_space() const override {
    struct statvfs status{};
    if (::statvfs(path_.c_str(), &status) != 0) return failed("cannot look at", path_, errno);
    return std::uint64_t{status.f_bavail} * status.f_frsize;
  }

 private:
  std::string full(const std::string& name) const { return path_ + "/" + name; }

  FileResult<std::unique_ptr<File>> open(const std::string& name, int flags) {
    const int fd = ::open(full(name).c_str(), flags | O_CLOEXEC, kOwnerOnly);
    if (fd < 0) return failed("cannot open", full(name), errno);
    return std::make_unique<PosixFile>(fd, full(name));
  }

  std::string path_;
};

}  // namespace

std::unique_ptr<Files> open_folder(std::string path) {
  return std::make_unique<Folder>(std::move(path));
}

}  // namespace polymq::storage
