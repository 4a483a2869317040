// Formatting of progress and summaries.
#include "cli/perf/report.h"

#include <array>
#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <utility>

namespace polymq::perf {
namespace {

struct Percentile {
  const char* name;  // for people
  const char* key;   // for machines
  double part;
};
constexpr std::array kPercentiles{
    Percentile{"p50", "p50_us", 0.5},      Percentile{"p75", "p75_us", 0.75},
    Percentile{"p95", "p95_us", 0.95},     Percentile{"p99", "p99_us", 0.99},
    Percentile{"p99.9", "p999_us", 0.999}, Percentile{"max", "max_us", 1},
};

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  std::array<char, 256> text;
  std::va_list arguments;
  va_start(arguments, pattern);
  const int size = std::vsnprintf(text.data(), text.size(), pattern, arguments);
  va_end(arguments);
  return std::string(text.data(), std::min<std::size_t>(static_cast<std::size_t>(size), 255));
}

double micros(std::uint64_t nanos) { return static_cast<double>(nanos) / 1000; }

/// Three digits in the unit that suits: "270 µs", "1.25 ms".
std::string duration(std::uint64_t nanos) {
  const double value = micros(nanos);
  const char* unit = value < 1000 ? "µs" : value < 1e6 ? "ms" : "s";
  const double shown = value < 1000 ? value : value < 1e6 ? value / 1000 : value / 1e6;
  return format(shown < 10 ? "%.2f %s" : shown < 100 ? "%.1f %s" : "%.0f %s", shown, unit);
}

std::string megabytes(std::uint64_t bytes) {
  return format("%.1f MB", static_cast<double>(bytes) / 1e6);
}

std::string percentiles(const Distribution& distribution) {
  std::string text;
  for (const Percentile& percentile : kPercentiles) {
    if (!text.empty()) text += ", ";
    text += std::string(percentile.name) + ' ' + duration(distribution.percentile(percentile.part));
  }
  return text;
}

double per_million(double cpu_seconds, std::uint64_t operations) {
  return operations == 0 ? 0 : cpu_seconds / static_cast<double>(operations) * 1e6;
}

void line(std::string& text, const char* label, const std::string& content) {
  text += format("  %-16s", label) + content + '\n';
}

void count_line(std::string& text, const char* label, std::uint64_t count, double rate,
                const std::string& unit) {
  line(text, label, format("%" PRIu64 " %s (%.0f/s)", count, unit.c_str(), rate));
}

void cpu_lines(std::string& text, const Outcome& outcome) {
  const auto cpu = [&](double seconds) {
    std::string used = format("%.2f s CPU", seconds);
    if (outcome.operations() == 0) return used;
    return used + format(", %.3f s per million %s", per_million(seconds, outcome.operations()),
                         outcome.unit.c_str());
  };
  line(text, "this process", cpu(outcome.client_cpu_seconds));
  if (!outcome.server) return;
  const ServerUsage& server = *outcome.server;
  line(text, "server", cpu(server.after.cpu_seconds - server.before.cpu_seconds));
  line(text, "server memory",
       megabytes(server.before.resident_bytes) + " before, " +
           megabytes(server.after.resident_bytes) + " after, " +
           megabytes(server.peak_resident_bytes) + " at most");
}

/// Writes one JSON object; numbers and plain names only, so that nothing needs escaping.
class JsonObject {
 public:
  void raw(const std::string& key, const std::string& value) {
    text_ += (text_.size() == 1 ? "\"" : ",\"") + key + "\":" + value;
  }
  void text(const std::string& key, const std::string& value) { raw(key, '"' + value + '"'); }
  void number(const std::string& key, double value) {
    raw(key, std::isfinite(value) ? format("%.10g", value) : "null");
  }
  void count(const std::string& key, std::uint64_t value) { raw(key, std::to_string(value)); }
  std::string finish() const { return text_ + '}'; }

 private:
  std::string text_ = "{";
};

std::string latency_json(const Distribution& distribution) {
  JsonObject object;
  object.count("count", distribution.count());
  for (const Percentile& percentile : kPercentiles) {
    object.number(percentile.key, micros(distribution.percentile(percentile.part)));
  }
  return object.finish();
}

std::string server_json(const ServerUsage& server, std::uint64_t operations) {
  const double cpu = server.after.cpu_seconds - server.before.cpu_seconds;
  JsonObject object;
  object.number("cpu_seconds", cpu);
  object.number("cpu_seconds_per_million", per_million(cpu, operations));
  object.count("resident_bytes_before", server.before.resident_bytes);
  object.count("resident_bytes_after", server.after.resident_bytes);
  object.count("resident_bytes_peak", server.peak_resident_bytes);
  return object.finish();
}

std::string outcome_json(const Outcome& outcome) {
  const Totals& totals = outcome.totals;
  JsonObject object;
  object.text("name", outcome.name);
  object.text("unit", outcome.unit);
  object.number("seconds", outcome.seconds);
  object.count("sent", totals.sent);
  object.count("received", totals.received);
  object.count("confirmed", totals.confirmed);
  object.count("nacked", totals.nacked);
  object.count("returned", totals.returned);
  object.count("redelivered", totals.redelivered);
  object.count("out_of_order", totals.out_of_order);
  object.number("sent_per_second", outcome.sent_rate);
  object.number("received_per_second", outcome.received_rate);
  object.number("confirmed_per_second", outcome.confirmed_rate);
  object.raw("latency", latency_json(totals.latency));
  object.raw("confirm_latency", latency_json(totals.confirm_latency));
  object.number("client_cpu_seconds", outcome.client_cpu_seconds);
  object.number("client_cpu_seconds_per_million",
                per_million(outcome.client_cpu_seconds, outcome.operations()));
  if (outcome.server) object.raw("server", server_json(*outcome.server, outcome.operations()));
  for (const auto& [name, value] : outcome.extras) object.number(name, value);
  return object.finish();
}

}  // namespace

void print_progress_line(std::FILE* to, double elapsed, double span, const Totals& current,
                         const Totals& earlier) {
  std::string text = format("%7.1f s:", elapsed);
  const auto rate = [&](const char* label, std::uint64_t newer, std::uint64_t older) {
    if (newer == 0) return;
    text += format(" %s %.0f/s,", label, static_cast<double>(newer - older) / span);
  };
  rate("sent", current.sent, earlier.sent);
  rate("received", current.received, earlier.received);
  rate("confirmed", current.confirmed, earlier.confirmed);
  rate("nacked", current.nacked, earlier.nacked);
  rate("returned", current.returned, earlier.returned);
  const Distribution latency = current.latency.since(earlier.latency);
  const Distribution confirms = current.confirm_latency.since(earlier.confirm_latency);
  if (latency.count() != 0) text += " latency " + percentiles(latency);
  if (latency.count() == 0 && confirms.count() != 0) {
    text += " confirm latency " + percentiles(confirms);
  }
  if (text.back() == ',') text.pop_back();
  std::fprintf(to, "%s\n", text.c_str());
  std::fflush(to);
}

std::string summary_text(const Outcome& outcome) {
  const Totals& totals = outcome.totals;
  std::string text = format("%s: %.2f s\n", outcome.name.c_str(), outcome.seconds);
  const auto counted = [&](const char* label, std::uint64_t count, double rate) {
    if (count != 0) count_line(text, label, count, rate, outcome.unit);
  };
  counted("sent", totals.sent, outcome.sent_rate);
  counted("received", totals.received, outcome.received_rate);
  counted("confirmed", totals.confirmed, outcome.confirmed_rate);
  const auto plain = [&](const char* label, std::uint64_t count) {
    if (count != 0) line(text, label, std::to_string(count));
  };
  plain("nacked", totals.nacked);
  plain("returned", totals.returned);
  plain("redelivered", totals.redelivered);
  plain("out of order", totals.out_of_order);
  if (totals.latency.count() != 0) line(text, "latency", percentiles(totals.latency));
  if (totals.confirm_latency.count() != 0) {
    line(text, "confirm latency", percentiles(totals.confirm_latency));
  }
  cpu_lines(text, outcome);
  for (const auto& [name, value] : outcome.extras) {
    text += format("  %s: %.10g\n", name.c_str(), std::round(value * 10) / 10);
  }
  return text;
}

std::string summary_json(const std::string& workload, const std::vector<Outcome>& outcomes) {
  std::string phases = "[";
  for (const Outcome& outcome : outcomes) {
    if (phases.size() != 1) phases += ',';
    phases += outcome_json(outcome);
  }
  JsonObject object;
  object.text("workload", workload);
  object.text("version", POLYMQ_VERSION);
  object.raw("phases", phases + ']');
  return object.finish();
}

}  // namespace polymq::perf
