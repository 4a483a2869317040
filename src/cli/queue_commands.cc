// Queues of a running node.
#include "cli/queue_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/listing.h"
#include "cli/node.h"
#include "cli/options.h"

namespace polymq::cli {
namespace {

struct Given {
  std::string vhost = "/";
  std::vector<std::string> columns;
  std::string formatter = "table";
};

int list(const server::config::Sources& sources, const Given& given) {
  std::vector<std::string> columns = given.columns;
  if (columns.empty()) columns = {"name", "messages"};
  const auto answer =
      ask_running_node(sources, "list_queues", {{"vhost", given.vhost}, {"columns", columns}});
  if (!answer) return answer.error().code;
  return print_listing(*answer, columns, given.formatter);
}

}  // namespace

void add_queue_commands(CLI::App& app, server::config::Sources& sources) {
  const auto given = std::make_shared<Given>();
  CLI::App* const sub = app.add_subcommand(
      "list-queues", "List the queues of a running node's vhost, with what they have");
  sub->alias("list_queues");
  sub->add_option("-p,--vhost", given->vhost, "Whose queues")
      ->type_name("VHOST")
      ->capture_default_str();
  sub->add_option("COLUMN", given->columns,
                  "What is told of them: name, type, durable, auto_delete, exclusive, policy, "
                  "operator_policy, messages, messages_ready, messages_unacknowledged, "
                  "messages_delayed, message_bytes_ready, consumers, disk_live, disk_dead. "
                  "Default: name messages")
      ->type_name("");
  add_formatter_option(*sub, given->formatter);
  add_source_options(*sub, sources);
  sub->callback([&sources, given] { throw CLI::RuntimeError(list(sources, *given)); });
}

}  // namespace polymq::cli
