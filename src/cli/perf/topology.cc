// Declaring what the load runs over.
#include "cli/perf/topology.h"

#include <charconv>

#include "amqp091/field_table.h"

namespace polymq::perf {
namespace {

engine::Value argument_value(const std::string& text) {
  if (text == "true" || text == "false") return engine::Value::boolean(text == "true");
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) {
    return engine::Value::integer(number);
  }
  return engine::Value::string(text);
}

std::string queue_arguments(const Options& options) {
  engine::Fields fields;
  for (const std::string& argument : options.queue_args) {
    const std::size_t equals = argument.find('=');
    fields.push_back({argument.substr(0, equals), argument_value(argument.substr(equals + 1))});
  }
  return amqp091::encode_table(fields);
}

Result<void> declare_exchange(Client& client, const Options& options) {
  if (options.exchange.empty() || options.exchange.starts_with("amq.")) return {};
  const auto declared = client.call<method::ExchangeDeclareOk>(
      method::ExchangeDeclare{.exchange = options.exchange,
                              .type = options.type,
                              .durable = options.persistent(),
                              .auto_delete = options.auto_delete});
  if (!declared) return tl::make_unexpected(declared.error());
  return {};
}

Result<void> declare_queue(Client& client, const Options& options, const std::string& queue) {
  const std::string arguments = queue_arguments(options);
  const auto declared =
      client.call<method::QueueDeclareOk>(method::QueueDeclare{.queue = queue,
                                                               .durable = options.persistent(),
                                                               .auto_delete = options.auto_delete,
                                                               .arguments = {arguments}});
  if (!declared) return tl::make_unexpected(declared.error());
  if (options.exchange.empty()) return {};
  const std::string key = routing_key_for(options, queue);
  const auto bound = client.call<method::QueueBindOk>(
      method::QueueBind{.queue = queue, .exchange = options.exchange, .routing_key = key});
  if (!bound) return tl::make_unexpected(bound.error());
  return {};
}

}  // namespace

ClientSettings client_settings(const Options& options, const std::string& role) {
  return {options.endpoint(), options.heartbeat, "polymq perf " + role};
}

Result<Client> open_client(const Options& options, const std::string& role) {
  auto client = Client::open(client_settings(options, role));
  if (!client) return client;
  if (auto opened = client->open_channel(); !opened) return tl::make_unexpected(opened.error());
  return client;
}

std::string routing_key_for(const Options& options, const std::string& queue) {
  return options.routing_key.empty() ? queue : options.routing_key;
}

Result<void> declare_topology(Client& client, const Options& options) {
  if (options.predeclared) return {};
  if (auto declared = declare_exchange(client, options); !declared) return declared;
  for (const std::string& queue : queue_names(options)) {
    if (auto declared = declare_queue(client, options, queue); !declared) return declared;
  }
  return {};
}

Result<void> remove_topology(Client& client, const Options& options) {
  if (!queue_is_ours(options) || options.predeclared) return {};
  for (const std::string& queue : queue_names(options)) {
    const auto deleted = client.call<method::QueueDeleteOk>(method::QueueDelete{.queue = queue});
    if (!deleted) return tl::make_unexpected(deleted.error());
  }
  return {};
}

Result<std::uint32_t> message_count(Client& client, const std::string& queue) {
  const auto declared =
      client.call<method::QueueDeclareOk>(method::QueueDeclare{.queue = queue, .passive = true});
  if (!declared) return tl::make_unexpected(declared.error());
  return declared->message_count;
}

}  // namespace polymq::perf
