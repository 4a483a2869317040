// Batches through an SQS queue.
#include <sys/types.h>

#include <memory>
#include <vector>

#include "cli/perf/load.h"
#include "cli/perf/sqs/cycle.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {
namespace {

Result<void> check(const Options& options, const SqsOptions& sqs) {
  if (options.size < Cycle::kStampDigits) {
    return fail("--size: a body holds the time when it was sent, " +
                std::to_string(Cycle::kStampDigits) + " digits at least");
  }
  if (sqs.send_only && sqs.receive_only) {
    return fail("--send-only and --receive-only exclude each other");
  }
  if (sqs.receive_only && options.queue.empty()) {
    return fail("--receive-only needs --queue: a new queue is empty");
  }
  if (options.rate > 0 || options.consumer_rate > 0 || !options.queue_pattern.empty()) {
    return fail("sqs goes as fast as it can, on one queue: leave out --rate and --queue-pattern");
  }
  return {};
}

CycleSettings settings_of(const Options& options, const SqsOptions& sqs, std::string url) {
  return {.server = {sqs.host, sqs.port},
          .queue_url = std::move(url),
          .batch = sqs.batch,
          .size = options.size,
          .sends = !sqs.receive_only,
          .receives = !sqs.send_only,
          .limit = sqs.receive_only ? options.cmessages : options.pmessages};
}

Result<Outcome> measure(const Options& options, const SqsOptions& sqs, const std::string& url) {
  const CycleSettings settings = settings_of(options, sqs, url);
  const auto receive_latency = std::make_unique<std::vector<Histogram>>(options.threads);
  Load load(options);
  for (unsigned i = 0; i < sqs.connections; ++i) {
    Worker& worker = load.next_worker();
    auto cycle = Cycle::make(settings, worker, (*receive_latency)[i % options.threads]);
    if (!cycle) return tl::make_unexpected(cycle.error());
    load.add(worker, std::move(*cycle));
  }
  Phase phase;
  phase.name = "sqs";
  phase.time_limit = static_cast<Nanos>(options.time_seconds * 1e9);
  phase.finishing_agents = settings.limit == 0 ? 0 : sqs.connections;
  auto outcome = load.run(phase);
  if (!outcome || sqs.send_only) return outcome;
  Distribution receives;
  for (const Histogram& one : *receive_latency) receives.add(one);
  const auto micros = [&](double part) {
    return static_cast<double>(receives.percentile(part)) / 1000;
  };
  outcome->extras.emplace_back("receive_p50_us", micros(0.5));
  outcome->extras.emplace_back("receive_p99_us", micros(0.99));
  return outcome;
}

}  // namespace

Outcomes run_sqs(const Options& options, const SqsOptions& sqs) {
  if (auto checked = check(options, sqs); !checked) return tl::make_unexpected(checked.error());
  auto control = HttpCaller::connect({sqs.host, sqs.port});
  if (!control) return tl::make_unexpected(control.error());
  const std::string name = queue_names(options).front();
  const auto made = control->call("CreateQueue", "{\"QueueName\":\"" + name + "\"}");
  if (!made) return tl::make_unexpected(made.error());
  std::size_t at = 0;
  const std::string url(next_json_text(*made, "QueueUrl", at));
  if (url.empty()) return fail("CreateQueue was answered without a QueueUrl");
  auto outcome = measure(options, sqs, url);
  if (!outcome) return tl::make_unexpected(outcome.error());
  if (queue_is_ours(options)) {
    // The one that made the queue may have been idle for longer than the server bears.
    auto other = HttpCaller::connect({sqs.host, sqs.port});
    if (!other) return tl::make_unexpected(other.error());
    const auto deleted = other->call("DeleteQueue", "{\"QueueUrl\":\"" + url + "\"}");
    if (!deleted) return tl::make_unexpected(deleted.error());
  }
  return std::vector<Outcome>{std::move(*outcome)};
}

}  // namespace polymq::perf
