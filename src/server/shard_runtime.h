// A shard's thread: its event loop, its mailboxes from and to the other shards, its connections.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/log_limiter.h"
#include "engine/shard.h"
#include "server/shard_link.h"
#include "storage/message_store.h"
#include "storage/metadata_store.h"

namespace polymq::server {

class SocketConnection;

/// All that is done between two waits is a turn: events are handled, mail is exchanged, then every
/// connection with something to say writes once.
class ShardRuntime final : public engine::Outbox {
 public:
  explicit ShardRuntime(const engine::ShardOptions& options);
  ~ShardRuntime() override;

  /// Before any start(): who the others are, by index.
  void connect(std::vector<ShardRuntime*> all);
  /// Before start(): the engine, with its stores, which must outlive this.
  engine::Shard& open(storage::MessageStore& store, storage::MetadataStore& metadata);
  void start();
  /// Any thread. The loop ends after its current turn.
  void stop();
  void join();

  /// Any thread: runs `task` on the shard's thread, within a turn.
  void post(std::function<void()> task);
  /// Any thread: there is something to look at.
  void wake();

  /// Any thread: after the start, something of what was there before is still being read that
  /// decides about what comes, so that requests wait.
  bool recovering() const { return recovering_.load(std::memory_order_relaxed); }
  /// Any thread: connections that are here or were dealt to this shard and are about to be.
  std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  /// Any thread: add() will be called for one more.
  void expect_connection() { load_.fetch_add(1, std::memory_order_relaxed); }

  // --- the shard's own thread from here on ---
  engine::Shard& shard() { return *shard_; }
  engine::ShardIndex index() const { return options_.index; }
  boost::asio::io_context& io() { return io_; }
  /// Every event handler calls this first: the turn has one time, read when it begins.
  void begin_turn();
  void add(std::unique_ptr<SocketConnection> connection);
  void output_ready(SocketConnection& connection) { to_flush_.push_back(&connection); }
  void resume(SocketConnection& connection) { to_resume_.push_back(&connection); }
  /// At the end of the turn; a publisher's not before others have caught up with our mail.
  void read_later(SocketConnection& connection) { to_read_.push_back(&connection); }
  /// Destroyed at the end of the turn.
  void remove(SocketConnection& connection) { removed_.push_back(&connection); }
  std::size_t connection_count() const { return connections_.size(); }
  void for_each_connection(const std::function<void(SocketConnection&)>& visit);
  LogLimiter& log_limiter() { return log_limiter_; }
  /// Where sockets are read into; used up within the handler that filled it.
  std::vector<char>& read_buffer() { return read_buffer_; }

  // --- engine::Outbox ---
  void send(engine::ShardIndex to, engine::Envelope envelope) override;

 private:
  void run();
  void work();
  void note_recovery();
  bool take_mail();
  bool others_behind();
  void read_connections();
  void report_done();
  bool flush_connections();
  void resume_connections();
  void wake_others();
  void wait();
  void arm_engine_timer(WallMs at);
  bool mail_waiting() const;
  void expect_wake();
  void expect_tick();
  void drop_removed();

  boost::asio::io_context io_{1};
  boost::asio::posix::stream_descriptor wake_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer engine_timer_;
  WallMs engine_timer_at_ = kNever;  // what it is armed for
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> recovering_{false};
  std::atomic<std::size_t> load_{0};
  std::thread thread_;
  const engine::ShardOptions options_;
  std::unique_ptr<engine::Shard> shard_;
  std::vector<ShardRuntime*> shards_;              // by index
  std::vector<std::unique_ptr<ShardLink>> links_;  // by receiving shard; own place is empty
  std::vector<ShardLink*> inboxes_;                // by sending shard
  std::uint64_t ticks_ = 0;
  bool in_turn_ = false;
  bool more_work_ = false;
  WallMs wall_offset_;

  std::vector<std::unique_ptr<SocketConnection>> connections_;
  std::vector<SocketConnection*> to_flush_;
  std::vector<SocketConnection*> to_resume_;
  std::vector<SocketConnection*> to_read_;
  std::vector<SocketConnection*> held_;  // to be read when others have caught up
  std::vector<SocketConnection*> removed_;
  std::vector<char> read_buffer_;
  LogLimiter log_limiter_;
};

}  // namespace polymq::server
