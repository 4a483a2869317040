// What it costs to find the destinations of a message, by exchange type and number of bindings.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "engine/exchange/fake_message.h"
#include "engine/exchange/types.h"

namespace polymq::engine {
namespace {

constexpr std::size_t kKeys = 1024;  // different routing keys, so that branches are not learnt

/// Matches the keys in turn; reports the destinations found per message.
void match_all(benchmark::State& state, const Matcher& matcher,
               const std::vector<std::string>& keys, const MessageView& message = FakeMessage()) {
  std::vector<Destination> out;
  std::size_t next = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    out.clear();
    matcher.match(keys[next % keys.size()], message, next, out);
    ++next;
    found += out.size();
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["found"] =
      benchmark::Counter(static_cast<double>(found), benchmark::Counter::kAvgIterations);
}

std::unique_ptr<Matcher> make(std::string_view type) { return std::move(*make_matcher(type, {})); }

std::vector<std::string> keys_of(std::int64_t bindings, const std::string& prefix) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < kKeys; ++i) {
    keys.push_back(prefix + std::to_string(i * 7919 % static_cast<std::size_t>(bindings)));
  }
  return keys;
}

void direct(benchmark::State& state) {
  const auto matcher = make("direct");
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    matcher->add(queue(i + 1), "orders.created." + std::to_string(i), {});
  }
  match_all(state, *matcher, keys_of(state.range(0), "orders.created."));
}
BENCHMARK(direct)->Arg(1)->Arg(1'000)->Arg(100'000);

void topic_of_literals(benchmark::State& state) {
  const auto matcher = make("topic");
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    matcher->add(queue(i + 1), "orders.created." + std::to_string(i), {});
  }
  match_all(state, *matcher, keys_of(state.range(0), "orders.created."));
}
BENCHMARK(topic_of_literals)->Arg(1)->Arg(1'000)->Arg(100'000);

void topic_of_stars(benchmark::State& state) {
  const auto matcher = make("topic");
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    matcher->add(queue(i + 1), "*.created." + std::to_string(i), {});
  }
  matcher->add(queue(1), "orders.*.*", {});
  match_all(state, *matcher, keys_of(state.range(0), "orders.created."));
}
BENCHMARK(topic_of_stars)->Arg(1)->Arg(1'000)->Arg(100'000);

void topic_of_hashes(benchmark::State& state) {
  const auto matcher = make("topic");
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    matcher->add(queue(i + 1), "orders.#." + std::to_string(i), {});
  }
  match_all(state, *matcher, keys_of(state.range(0), "orders.created.eu."));
}
BENCHMARK(topic_of_hashes)->Arg(1)->Arg(1'000)->Arg(100'000);

void topic_at_its_worst(benchmark::State& state) {
  const auto matcher = make("topic");
  std::string binding = "#";
  std::string key = "a";
  for (std::int64_t i = 0; i < state.range(0); ++i) binding += ".a.#";
  for (int i = 0; i < 126; ++i) key += ".a";
  matcher->add(queue(1), binding, {});
  match_all(state, *matcher, {key});
}
BENCHMARK(topic_at_its_worst)->Arg(2)->Arg(60);

void topic_bind_and_unbind(benchmark::State& state) {
  const auto matcher = make("topic");
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    matcher->add(queue(i + 1), "orders.created." + std::to_string(i), {});
  }
  for (auto _ : state) {
    matcher->add(queue(7), "replies.*.7", {});
    matcher->remove(queue(7), "replies.*.7", {});
  }
}
BENCHMARK(topic_bind_and_unbind)->Arg(1)->Arg(100'000);

void fanout(benchmark::State& state) {
  const auto matcher = make("fanout");
  for (std::int64_t i = 0; i < state.range(0); ++i) matcher->add(queue(i + 1), "", {});
  match_all(state, *matcher, {"k"});
}
BENCHMARK(fanout)->Arg(1)->Arg(100);

void headers(benchmark::State& state) {
  const auto matcher = make("headers");
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    matcher->add(queue(i + 1), "", {{"region", Value::integer(i)}, {"kind", Value::string("a")}});
  }
  const FakeMessage message({{"region", Value::integer(0)}, {"kind", Value::string("a")}});
  match_all(state, *matcher, {"k"}, message);
}
BENCHMARK(headers)->Arg(1)->Arg(100);

void consistent_hash(benchmark::State& state) {
  const auto matcher = make("x-consistent-hash");
  for (std::int64_t i = 0; i < state.range(0); ++i) matcher->add(queue(i + 1), "1", {});
  match_all(state, *matcher, keys_of(1'000'000, "customer-"));
}
BENCHMARK(consistent_hash)->Arg(4)->Arg(1'000);

}  // namespace
}  // namespace polymq::engine
