// From options to agents.
#include "cli/perf/workloads/agents.h"

#include "cli/perf/consumer.h"
#include "cli/perf/publisher.h"
#include "cli/perf/topology.h"

namespace polymq::perf {

Result<void> add_publishers(Load& load, const Options& options,
                            const std::vector<std::string>& queues) {
  return add_publishers(load, options, queues,
                        std::vector<std::uint64_t>(options.producers, options.pmessages));
}

Result<void> add_publishers(Load& load, const Options& options,
                            const std::vector<std::string>& queues,
                            const std::vector<std::uint64_t>& limits) {
  for (std::size_t i = 0; i < limits.size(); ++i) {
    auto client = open_client(options, "producer " + std::to_string(i + 1));
    if (!client) return tl::make_unexpected(client.error());
    const std::string key = routing_key_for(options, queues[i % queues.size()]);
    PublisherSettings settings;
    settings.message = {.exchange = options.exchange,
                        .routing_key = key,
                        .size = options.size,
                        .persistent = options.persistent(),
                        .mandatory = options.mandatory(),
                        .reply_to = {}};
    settings.rate = options.rate;
    settings.share = static_cast<double>(i) / static_cast<double>(limits.size());
    settings.limit = limits[i];
    settings.confirm_window = options.confirm;
    settings.number = static_cast<std::uint16_t>(i);
    Worker& worker = load.next_worker();
    auto publisher = Publisher::make(std::move(*client), worker, settings);
    if (!publisher) return tl::make_unexpected(publisher.error());
    load.add(worker, std::move(*publisher));
  }
  return {};
}

Result<void> add_consumers(Load& load, const Options& options,
                           const std::vector<std::string>& queues) {
  for (unsigned i = 0; i < options.consumers; ++i) {
    auto client = open_client(options, "consumer " + std::to_string(i + 1));
    if (!client) return tl::make_unexpected(client.error());
    ConsumerSettings settings;
    settings.queue = queues[i % queues.size()];
    settings.auto_ack = options.auto_ack;
    settings.ack_every = options.multi_ack_every == 0 ? 1 : options.multi_ack_every;
    settings.prefetch = options.qos;
    settings.global_prefetch = options.global_qos;
    settings.rate = options.consumer_rate;
    settings.share = static_cast<double>(i) / options.consumers;
    settings.limit = options.cmessages;
    Worker& worker = load.next_worker();
    auto consumer = Consumer::make(std::move(*client), worker, settings);
    if (!consumer) return tl::make_unexpected(consumer.error());
    load.add(worker, std::move(*consumer));
  }
  return {};
}

}  // namespace polymq::perf
