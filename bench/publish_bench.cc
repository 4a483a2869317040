// What a publish costs its connection and the home of its queue, without sockets: routed, handed
// over, pushed, confirmed, and dropped by a purge.
#include <benchmark/benchmark.h>

#include "engine/testing/shards_fixture.h"

namespace polymq::engine {
namespace {

constexpr std::size_t kBatch = 64;

void publish(benchmark::State& state, const Fields& arguments, bool with_ids) {
  Cluster cluster(1);
  Peer peer(cluster, 0);
  peer->declare({.name = "q", .arguments = arguments});
  std::int64_t number = 0;
  Post post{.body = std::string(128, 'x')};
  for (auto _ : state) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      if (with_ids) post.headers = {{"x-deduplication-header", Value::integer(++number)}};
      Shard& shard = peer.connection.client.shard();
      Message* message = make_message(post, shard.meter());
      Exchange& exchange =
          *shard.topology().exchange(*peer.connection.client.vhost(), post.exchange);
      peer->session.publisher().publish_tracked(message, peer->session.route(exchange, *message));
    }
    peer->session.flush();
    cluster.run();
    state.PauseTiming();
    peer->confirms.clear();
    peer->purge("q");
    if (with_ids && number % 65'536 == 0) cluster.pass(400'000);  // what is remembered stays small
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(kBatch) * state.iterations());
  peer.close();
}

void plain(benchmark::State& state) { publish(state, {}, false); }
BENCHMARK(plain);

void with_a_window(benchmark::State& state) {
  publish(state, {{"x-deduplication-window", Value::integer(300'000)}}, true);
}
BENCHMARK(with_a_window);

}  // namespace
}  // namespace polymq::engine
