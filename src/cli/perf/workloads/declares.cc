// Queue declares, one after another or pipelined, optionally each with a binding and a consumer.
#include <unistd.h>

#include <deque>

#include "cli/perf/topology.h"
#include "cli/perf/workloads/steps.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {
namespace {

class Declarer {
 public:
  Declarer(Client& client, const Options& options, const DeclaresOptions& declares)
      : client_(client), declares_(declares), steps_(options, declares.count) {}

  Result<Outcome> run();
  Result<void> remove_queues();

 private:
  std::string queue(std::uint64_t number) const { return prefix_ + std::to_string(number); }
  /// The method whose reply says that a step is done: the last one of the step.
  MethodId last_reply() const;
  void begin_step();
  Result<void> refill();
  Result<void> take_reply();

  Client& client_;
  const DeclaresOptions& declares_;
  Steps steps_;
  std::deque<Nanos> began_;  // of the steps under way
  const std::string prefix_ = "polymq-perf-declare-" + std::to_string(getpid()) + '-';
};

MethodId Declarer::last_reply() const {
  if (declares_.consume) return method::BasicConsumeOk::kId;
  return declares_.bind ? method::QueueBindOk::kId : method::QueueDeclareOk::kId;
}

void Declarer::begin_step() {
  const std::string name = queue(steps_.begun_count());
  encode_method(client_.out(), kChannel,
                method::QueueDeclare{
                    .queue = name, .durable = declares_.durable, .exclusive = declares_.exclusive});
  if (declares_.bind) {
    encode_method(client_.out(), kChannel,
                  method::QueueBind{.queue = name, .exchange = "amq.direct", .routing_key = name});
  }
  if (declares_.consume) {
    encode_method(client_.out(), kChannel, method::BasicConsume{.queue = name, .no_ack = true});
  }
  began_.push_back(now());
  steps_.begun();
}

Result<void> Declarer::refill() {
  // Not one by one: a write for every reply would measure this process.
  if (began_.size() > declares_.pipelined / 2) return {};
  while (steps_.may_begin() && began_.size() < declares_.pipelined) begin_step();
  return client_.flush();
}

Result<void> Declarer::take_reply() {
  const auto frame = client_.next_frame();
  if (!frame) return tl::make_unexpected(frame.error());
  if (Client::method_of(*frame) != last_reply()) return {};
  steps_.done(now() - began_.front());
  began_.pop_front();
  return {};
}

Result<Outcome> Declarer::run() {
  if (auto started = steps_.start(); !started) return tl::make_unexpected(started.error());
  while (!steps_.all_done()) {
    auto stepped = refill();
    if (stepped && !began_.empty()) stepped = take_reply();
    if (!stepped) return tl::make_unexpected(stepped.error());
  }
  return steps_.stop("declares", declares_.bind || declares_.consume ? "steps" : "declares");
}

Result<void> Declarer::remove_queues() {
  if (declares_.exclusive) return {};  // they go with the connection
  for (std::uint64_t i = 0; i < steps_.begun_count(); ++i) {
    const std::string name = queue(i);
    encode_method(client_.out(), kChannel, method::QueueDelete{.queue = name, .nowait = true});
    if (client_.out().size() < 16 * 1024) continue;
    if (auto sent = client_.flush(); !sent) return sent;
  }
  return client_.flush();
}

}  // namespace

Outcomes run_declares(const Options& options, const DeclaresOptions& declares) {
  auto client = open_client(options, "declares");
  if (!client) return tl::make_unexpected(client.error());
  Declarer declarer(*client, options, declares);
  auto outcome = declarer.run();
  if (!outcome) return tl::make_unexpected(outcome.error());
  auto removed = declarer.remove_queues();
  if (removed) removed = client->close();
  if (!removed) return tl::make_unexpected(removed.error());
  return std::vector<Outcome>{std::move(*outcome)};
}

}  // namespace polymq::perf
