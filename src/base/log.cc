// The only place that knows spdlog: a logger per area, one writing thread, one output.
#include "base/log.h"

#include <fcntl.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <utility>

namespace polymq::log {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%d %H:%M:%S.%e%z %l [%n] %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","area":"%n",%v})";

std::unique_ptr<spdlog::formatter> make_formatter(bool json) {
  if (json) {
    return std::make_unique<spdlog::pattern_formatter>(kJsonPattern,
                                                       spdlog::pattern_time_type::utc);
  }
  return std::make_unique<spdlog::pattern_formatter>(kTextPattern);
}

bool write_all(int fd, const char* data, std::size_t size) {
  while (size != 0) {
    const ssize_t written = ::write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      break;
  }
  return spdlog::level::off;
}

/// Lines whose loss is known and that no living queue counts any more.
std::atomic<std::uint64_t> lost_before{0};

/// Writes formatted lines to a descriptor and tells in the log itself when lines were lost.
class Output : public spdlog::sinks::base_sink<std::mutex> {
 public:
  Output(int fd, std::string file, bool json)
      : base_sink(make_formatter(json)), fd_(fd), file_(std::move(file)), json_(json) {}
  ~Output() override {
    if (!file_.empty()) ::close(fd_);
  }

  static Result<int> open(const std::string& file) {
    if (file.empty()) return STDERR_FILENO;
    const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd >= 0) return fd;
    return fail("cannot open the log file " + file + ": " + std::generic_category().message(errno));
  }
  Result<void> reopen() {
    if (file_.empty()) return {};
    const auto fd = open(file_);
    if (!fd) return tl::make_unexpected(fd.error());
    const std::scoped_lock lock(mutex_);
    ::close(std::exchange(fd_, *fd));
    return {};
  }
  /// Called once, before the first line. The pool outlives its lines.
  void watch(spdlog::details::thread_pool& pool) { pool_ = &pool; }
  std::uint64_t failed_writes() const { return failed_writes_.load(std::memory_order_relaxed); }

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    if (const std::uint64_t overrun = pool_->overrun_counter(); overrun != told_) {
      const std::string message =
          std::to_string(overrun - std::exchange(told_, overrun)) + " log lines were dropped";
      const std::string payload = json_ ? to_json(message, {}) : to_text(message, {});
      put(spdlog::details::log_msg("server", spdlog::level::warn, payload));
    }
    put(line);
  }
  void flush_() override {}

  void put(const spdlog::details::log_msg& line) {
    spdlog::memory_buf_t formatted;
    formatter_->format(line, formatted);
    if (!write_all(fd_, formatted.data(), formatted.size())) {
      failed_writes_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  int fd_;
  const std::string file_;
  const bool json_;
  spdlog::details::thread_pool* pool_ = nullptr;
  std::uint64_t told_ = 0;
  std::atomic<std::uint64_t> failed_writes_{0};
};

/// One configuration's queue, thread and output. Destroying it writes what is queued.
struct Writer {
  Writer(const Settings& settings, int fd)
      : json(settings.json),
        output(std::make_shared<Output>(fd, settings.file, settings.json)),
        pool(std::make_shared<spdlog::details::thread_pool>(
            std::max<std::size_t>(settings.queued_lines, 1), 1)) {
    output->watch(*pool);
    for (std::size_t i = 0; i < loggers.size(); ++i) {
      loggers[i] = std::make_shared<spdlog::async_logger>(
          std::string(kAreaNames[i]), output, pool, spdlog::async_overflow_policy::overrun_oldest);
      loggers[i]->set_level(spdlog::level::trace);  // levels are ours to check
    }
  }
  ~Writer() {
    const std::uint64_t overrun = pool->overrun_counter();
    pool.reset();  // the loggers hold it weakly: joins the thread behind its last line
    lost_before.fetch_add(overrun + output->failed_writes(), std::memory_order_relaxed);
  }

  const bool json;
  std::shared_ptr<Output> output;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::array<std::shared_ptr<spdlog::async_logger>, kAreaNames.size()> loggers;
};

// Lines take it shared and only to queue; replacing the writer takes it alone.
std::shared_mutex writer_lock;
std::unique_ptr<Writer> writer;

void replace_writer(std::unique_ptr<Writer> next) {
  {
    const std::unique_lock lock(writer_lock);
    std::swap(writer, next);
  }
  next.reset();  // may wait for the old output: not under the lock
}

/// Before there is a writing thread.
void write_now(Area area, Level level, std::string_view payload) {
  const auto formatter = make_formatter(false);
  const std::string_view name = kAreaNames[static_cast<std::size_t>(area)];
  spdlog::memory_buf_t formatted;
  formatter->format(
      spdlog::details::log_msg(spdlog::string_view_t(name.data(), name.size()), to_spdlog(level),
                               spdlog::string_view_t(payload.data(), payload.size())),
      formatted);
  if (!write_all(STDERR_FILENO, formatted.data(), formatted.size())) {
    lost_before.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

std::optional<Level> parse_level(std::string_view name) {
  const auto found = std::find(kLevelNames.begin(), kLevelNames.end(), name);
  if (found == kLevelNames.end()) return std::nullopt;
  return static_cast<Level>(found - kLevelNames.begin());
}

void Line::emit() noexcept {
  try {
    const std::shared_lock lock(writer_lock);
    if (writer == nullptr) {
      write_now(area_, level_, to_text(message_, fields_));
      return;
    }
    const std::string payload =
        writer->json ? to_json(message_, fields_) : to_text(message_, fields_);
    writer->loggers[static_cast<std::size_t>(area_)]->log(
        to_spdlog(level_), spdlog::string_view_t(payload.data(), payload.size()));
  } catch (...) {  // out of memory: the line is lost, the broker goes on
    lost_before.fetch_add(1, std::memory_order_relaxed);
  }
}

Result<void> configure(const Settings& settings) {
  const auto fd = Output::open(settings.file);
  if (!fd) return tl::make_unexpected(fd.error());
  replace_writer(std::make_unique<Writer>(settings, *fd));
  return {};
}

Result<void> reopen() {
  const std::shared_lock lock(writer_lock);
  return writer == nullptr ? Result<void>{} : writer->output->reopen();
}

void shutdown() { replace_writer(nullptr); }

std::uint64_t dropped() {
  const std::shared_lock lock(writer_lock);
  std::uint64_t lost = lost_before.load(std::memory_order_relaxed);
  if (writer != nullptr) lost += writer->pool->overrun_counter() + writer->output->failed_writes();
  return lost;
}

}  // namespace polymq::log
