// The loop of a shard's thread.
#include "server/shard_runtime.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <system_error>

#include "base/heap.h"
#include "base/log.h"
#include "server/socket_connection.h"

namespace polymq::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 250ms;
constexpr std::uint64_t kTicksBetweenReturns = 8;  // of free memory
/// The clock counts nanoseconds: times of a policy can be longer than it can say.
constexpr WallMs kLongestWaitMs = 24 * 3600 * 1000;
/// Large enough to make the kernel's share per message small, small enough for the cache.
constexpr std::size_t kReadBuffer = 128 * 1024;

MonotonicMs monotonic_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
WallMs wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int make_event() {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "eventfd");
  return fd;
}

}  // namespace

ShardRuntime::ShardRuntime(const engine::ShardOptions& options)
    : wake_(io_, make_event()),
      tick_(io_),
      engine_timer_(io_),
      options_(options),
      // Wall time as this process sees it never jumps: a clock set meanwhile moves no message.
      wall_offset_(wall_ms() - monotonic_ms()),
      read_buffer_(kReadBuffer) {}

ShardRuntime::~ShardRuntime() = default;

void ShardRuntime::connect(std::vector<ShardRuntime*> all) {
  links_.resize(all.size());
  inboxes_.resize(all.size(), nullptr);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == this) continue;
    links_[i] = std::make_unique<ShardLink>();
    all[i]->inboxes_.resize(all.size(), nullptr);
    all[i]->inboxes_[options_.index] = links_[i].get();
  }
  shards_ = std::move(all);
}

engine::Shard& ShardRuntime::open(storage::MessageStore& store, storage::MetadataStore& metadata) {
  shard_ = std::make_unique<engine::Shard>(options_, *this, store, metadata);
  // What is restored has its times from now on.
  const MonotonicMs now = monotonic_ms();
  shard_->begin_turn({now, now + wall_offset_});
  return *shard_;
}

void ShardRuntime::start() {
  note_recovery();
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), ("shard-" + std::to_string(options_.index)).c_str());
    run();
  });
}

void ShardRuntime::stop() {
  stopped_ = true;
  wake();
}

void ShardRuntime::join() {
  if (thread_.joinable()) thread_.join();
}

void ShardRuntime::post(std::function<void()> task) {
  boost::asio::post(io_, [this, task = std::move(task)] {
    begin_turn();
    task();
  });
}

void ShardRuntime::begin_turn() {
  if (in_turn_) return;
  in_turn_ = true;
  const MonotonicMs now = monotonic_ms();
  shard_->begin_turn({now, now + wall_offset_});
}

// --- the loop -----------------------------------------------------------------------------------
void ShardRuntime::run() {
  expect_wake();
  expect_tick();
  while (!stopped_) {
    if (more_work_ || mail_waiting()) {
      io_.poll();
    } else {
      wait();
    }
    begin_turn();
    work();
    in_turn_ = false;
  }
  connections_.clear();
  begin_turn();
  shard_->flush_store();
}

void ShardRuntime::wait() {
  sleeping_.store(true, std::memory_order_seq_cst);
  if (!mail_waiting() && !stopped_) {
    arm_engine_timer(shard_->next_timer());
    io_.run_one();
  }
  sleeping_.store(false, std::memory_order_relaxed);
  io_.poll();
}

// Waking too early does no harm. Arming anew does: the wait that it ends is an event, too, so that
// a loop that did it before each wait would never sleep.
void ShardRuntime::arm_engine_timer(WallMs at) {
  if (at >= engine_timer_at_) return;
  engine_timer_at_ = at;
  const WallMs now = monotonic_ms() + wall_offset_;
  const WallMs wait = std::clamp<WallMs>(at - now, 0, kLongestWaitMs);
  engine_timer_.expires_after(std::chrono::milliseconds(wait));
  engine_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) engine_timer_at_ = kNever;
  });
}

bool ShardRuntime::mail_waiting() const {
  return std::any_of(inboxes_.begin(), inboxes_.end(),
                     [](const ShardLink* inbox) { return inbox != nullptr && !inbox->empty(); });
}

void ShardRuntime::work() {
  more_work_ = take_mail();
  resume_connections();
  more_work_ = shard_->finish_turn() || more_work_;
  // What was written frees windows, and settles what needs no acknowledgement.
  while (flush_connections()) more_work_ = shard_->finish_turn() || more_work_;
  more_work_ = more_work_ || !to_resume_.empty();
  if (recovering()) note_recovery();
  drop_removed();
  read_connections();
  report_done();
  wake_others();
}

void ShardRuntime::note_recovery() {
  recovering_.store(shard_->home().loading(), std::memory_order_relaxed);
}

// A bounded number, so that sockets get their turn. True when there may be more.
bool ShardRuntime::take_mail() {
  bool more = false;
  for (std::size_t from = 0; from < inboxes_.size(); ++from) {
    if (inboxes_[from] == nullptr) continue;
    engine::Envelope envelope;
    std::size_t taken = 0;
    while (taken < ShardLink::kCapacity && inboxes_[from]->take(envelope)) {
      ++taken;
      shard_->receive(static_cast<engine::ShardIndex>(from), std::move(envelope));
    }
    more = more || taken == ShardLink::kCapacity;
  }
  return more;
}

void ShardRuntime::resume_connections() {
  for (SocketConnection* connection : std::exchange(to_resume_, {})) connection->continue_input();
}

bool ShardRuntime::flush_connections() {
  const std::vector<SocketConnection*> ready = std::exchange(to_flush_, {});
  for (SocketConnection* connection : ready) connection->flush();
  return !ready.empty();
}

void ShardRuntime::drop_removed() {
  for (SocketConnection* gone : std::exchange(removed_, {})) {
    std::erase(to_flush_, gone);
    std::erase(to_resume_, gone);
    std::erase(to_read_, gone);
    std::erase(held_, gone);
    const std::size_t place = gone->place;
    connections_[place].swap(connections_.back());
    connections_[place]->place = place;
    connections_.pop_back();
    load_.fetch_sub(1, std::memory_order_relaxed);
  }
}

// --- mail ---------------------------------------------------------------------------------------
void ShardRuntime::send(engine::ShardIndex to, engine::Envelope envelope) {
  links_[to]->send(std::move(envelope));
}

bool ShardRuntime::others_behind() {
  bool behind = false;
  for (const std::unique_ptr<ShardLink>& link : links_) {
    if (!link) continue;
    behind = link->behind() || behind;
  }
  return behind;
}

void ShardRuntime::read_connections() {
  const bool hold = others_behind() || shard_->store_behind();
  if (!hold) to_read_.insert(to_read_.end(), held_.begin(), held_.end());
  if (!hold) held_.clear();
  for (SocketConnection* connection : std::exchange(to_read_, {})) {
    if (hold && connection->publishes()) {
      held_.push_back(connection);
    } else {
      connection->wait_for_input();
    }
  }
}

// The mail of this turn is dealt with: those who wait for that may go on.
void ShardRuntime::report_done() {
  for (std::size_t from = 0; from < inboxes_.size(); ++from) {
    if (inboxes_[from] != nullptr && inboxes_[from]->report_done()) shards_[from]->wake();
  }
}

void ShardRuntime::wake_others() {
  for (std::size_t to = 0; to < links_.size(); ++to) {
    if (!links_[to] || !links_[to]->take_urgent()) continue;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (shards_[to]->sleeping_.load(std::memory_order_seq_cst)) shards_[to]->wake();
  }
}

void ShardRuntime::wake() {
  const std::uint64_t one = 1;
  // A full counter means that it is awake already.
  [[maybe_unused]] const auto written = ::write(wake_.native_handle(), &one, sizeof one);
}

void ShardRuntime::expect_wake() {
  wake_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [this](const boost::system::error_code& error) {
                     if (error) return;
                     std::uint64_t count = 0;
                     [[maybe_unused]] const auto read =
                         ::read(wake_.native_handle(), &count, sizeof count);
                     expect_wake();
                   });
}

void ShardRuntime::expect_tick() {
  tick_.expires_after(kTick);
  tick_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    begin_turn();
    const MonotonicMs now = shard_->now().monotonic;
    for (std::size_t i = 0; i < connections_.size(); ++i) connections_[i]->tick(now);
    log_limiter_.expire(std::chrono::steady_clock::now(),
                        [](std::string_view peer, std::uint64_t count) {
                          log::Line(log::Area::kConnection, log::Level::kWarning,
                                    "lines about a noisy peer were left out")
                              .with("peer", peer)
                              .with("count", count);
                        });
    if (++ticks_ % kTicksBetweenReturns == 0) return_free_memory();
    expect_tick();
  });
}

// --- connections --------------------------------------------------------------------------------
void ShardRuntime::add(std::unique_ptr<SocketConnection> connection) {
  connection->place = connections_.size();
  connections_.push_back(std::move(connection));
  connections_.back()->start();
}

void ShardRuntime::for_each_connection(const std::function<void(SocketConnection&)>& visit) {
  for (std::size_t i = 0; i < connections_.size(); ++i) visit(*connections_[i]);
}

}  // namespace polymq::server
