// What a message costs a queue from its arrival to its settlement, with and without groups.
#include <benchmark/benchmark.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/queue.h"
#include "engine/testing/fake_properties.h"
#include "engine/topology.h"

namespace polymq::engine {
namespace {

/// Stores nothing, and time stands still.
class IdleHost final : public QueueHost {
 public:
  const Now& now() const override { return now_; }
  MemoryMeter& meter() override { return meter_; }
  void arm_timer(Queue&, WallMs) override {}
  std::uint64_t life() const override { return 1; }
  std::uint64_t life_before() const override { return 0; }
  void dead_letter(Queue&, Position, const Message&, DeathReason) override {}
  void forget_stored(Queue&, Position, Position) override {}
  void lent_stored(Queue&, Position, std::uint16_t, std::uint16_t, const storage::Lease&) override {
  }
  void returned_stored(Queue&, Position, std::uint16_t, std::uint16_t) override {}
  void handed_out_stored(Queue&, Position) override {}
  storage::Unmarked unmarked(const Queue&) const override { return {}; }
  void wait_for_marks(Queue&) override {}
  void keep_ids(Queue&, SeenIds&) override {}
  Position readable_below(const Queue&) const override { return 0; }
  void read_back(Queue&, const std::vector<PositionRange>&, std::uint64_t) override {}
  std::uint64_t paging_window() const override { return UINT64_MAX / 4; }
  void damaged(const Queue&, Position, const std::string&) override {}
  void want_token(Consumer&) override {}
  void link_opened(Link&) override {}

 private:
  Now now_{1000, 1'700'000'000'000};
  MemoryMeter meter_;
};

/// A queue with a consumer, and a backlog of messages in so many groups (0: without any).
class Flow {
 public:
  Flow(const Fields& arguments, std::size_t groups, std::size_t backlog) {
    register_fake_codec();
    entry_.id = 1;
    entry_.declared = entry_.effective = std::make_shared<const QueueSettings>(
        parse_queue_arguments({.name = "q", .vhost = "/", .arguments = arguments}).value());
    queue_ = std::make_unique<Queue>(entry_, host_);
    for (std::size_t i = 0; i < groups; ++i) {
      properties_.push_back("x-message-group=s:" + std::to_string(i) + ";");
    }
    if (groups == 0) properties_.emplace_back();
    for (std::size_t i = 0; i < backlog; ++i) publish();
    consumer_ = std::make_unique<Consumer>(ConsumerId{1}, SessionId{1}, 0, *queue_, link_,
                                           ConsumerOptions{.prefetch = 64});
    queue_->consumers().add(*consumer_);
  }
  ~Flow() {
    settle();
    queue_->consumers().remove(*consumer_);
    queue_->purge();
  }

  void publish() {
    Message* message = Message::create({.routing_key = "q",
                                        .properties = properties_[next_++ % properties_.size()],
                                        .body_size = 16,
                                        .dialect = kFakeDialect},
                                       host_.meter());
    queue_->push(message);
  }
  /// What the consumer holds is acknowledged, and it gets more.
  std::size_t turn() {
    settle();
    queue_->dispatch();
    return consumer_->leases.size();
  }

 private:
  void settle() {
    link_.open = {};
    link_.unwritten_bytes = 0;
    queue_->settle(*consumer_, 0, consumer_->leases.end() - 1, Settle::kAck);
  }

  IdleHost host_;
  QueueEntry entry_;
  Link link_;
  std::vector<std::string> properties_;
  std::size_t next_ = 0;
  std::unique_ptr<Queue> queue_;
  std::unique_ptr<Consumer> consumer_;
};

/// 64 messages at a time: in, to the consumer, acknowledged.
void run(benchmark::State& state, const Fields& arguments) {
  Flow flow(arguments, static_cast<std::size_t>(state.range(0)),
            static_cast<std::size_t>(state.range(1)));
  std::size_t handed = 0;
  for (auto _ : state) {
    for (int i = 0; i < 64; ++i) flow.publish();
    handed += flow.turn();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(handed));
}

void plain(benchmark::State& state) { run(state, {}); }
BENCHMARK(plain)->Args({0, 0})->Args({0, 100'000})->Args({100, 0});

void fair_groups(benchmark::State& state) {
  run(state, {{"x-message-groups", Value::string("fair")}});
}
BENCHMARK(fair_groups)
    ->Args({0, 0})
    ->Args({0, 100'000})
    ->Args({1, 0})
    ->Args({100, 0})
    ->Args({1, 100'000})
    ->Args({100, 100'000})
    ->Args({50'000, 100'000});

void exclusive_groups(benchmark::State& state) {
  run(state, {{"x-message-groups", Value::string("exclusive")}});
}
BENCHMARK(exclusive_groups)
    ->Args({0, 0})
    ->Args({1, 0})
    ->Args({100, 0})
    ->Args({1, 100'000})
    ->Args({100, 100'000})
    ->Args({50'000, 100'000});

}  // namespace
}  // namespace polymq::engine
