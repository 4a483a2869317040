// Policies of a running node.
#include "cli/policy_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/exit_code.h"
#include "cli/listing.h"
#include "cli/node.h"
#include "cli/options.h"

namespace polymq::cli {
namespace {

using Json = nlohmann::ordered_json;
using server::config::Sources;

struct Given {
  std::string vhost = "/";
  std::string name;
  std::string pattern;
  std::string definition;
  std::string apply_to = "all";
  std::int64_t priority = 0;
  std::string formatter = "table";
};

int code_of(const Result<std::string, Ended>& answer) { return answer ? kOk : answer.error().code; }

int set(const Sources& sources, const std::string& operation, const Given& given) {
  const Json definition = Json::parse(given.definition, nullptr, false);
  if (definition.is_discarded()) return failed("the definition is not JSON").code;
  return code_of(ask_running_node(sources, operation,
                                  {{"vhost", given.vhost},
                                   {"name", given.name},
                                   {"pattern", given.pattern},
                                   {"apply-to", given.apply_to},
                                   {"priority", given.priority},
                                   {"definition", definition}}));
}

int clear(const Sources& sources, const std::string& operation, const Given& given) {
  return code_of(
      ask_running_node(sources, operation, {{"vhost", given.vhost}, {"name", given.name}}));
}

int list(const Sources& sources, const std::string& operation, const Given& given) {
  const auto answer = ask_running_node(sources, operation, {{"vhost", given.vhost}});
  if (!answer) return answer.error().code;
  return print_listing(*answer,
                       {"vhost", "name", "pattern", "apply-to", "definition", "priority", "origin"},
                       given.formatter);
}

using Command = int (*)(const Sources& sources, const std::string& operation, const Given& given);

CLI::App* add(CLI::App& app, Sources& sources, const std::string& name, const std::string& help,
              const std::shared_ptr<Given>& given, Command command) {
  std::string operation = name;
  std::replace(operation.begin(), operation.end(), '-', '_');
  CLI::App* const sub = app.add_subcommand(name, help);
  sub->alias(operation);
  sub->add_option("-p,--vhost", given->vhost, "The vhost that the policy belongs to")
      ->type_name("VHOST")
      ->capture_default_str();
  add_source_options(*sub, sources);
  sub->callback([&sources, operation, given, command] {
    throw CLI::RuntimeError(command(sources, operation, *given));
  });
  return sub;
}

CLI::Option* add_name(CLI::App& sub, Given& given) {
  return sub.add_option("NAME", given.name, "Its name, unique in the vhost")
      ->type_name("")
      ->required();
}

/// `kind`: "policy" or "operator-policy".
void add_set(CLI::App& app, Sources& sources, const std::string& kind, const std::string& help) {
  const auto given = std::make_shared<Given>();
  CLI::App* const sub = add(app, sources, "set-" + kind, help, given, set);
  add_name(*sub, *given);
  sub->add_option("PATTERN", given->pattern, "Regular expression on names of queues and exchanges")
      ->type_name("")
      ->required();
  sub->add_option("DEFINITION", given->definition,
                  "What it says, as JSON, such as '{\"max-length\":1000}'")
      ->type_name("")
      ->required();
  sub->add_option("--priority", given->priority, "Of those that match, the highest counts")
      ->capture_default_str();
  sub->add_option("--apply-to", given->apply_to,
                  "all, queues, exchanges, classic_queues or quorum_queues")
      ->type_name("KIND")
      ->capture_default_str();
}

void add_clear(CLI::App& app, Sources& sources, const std::string& kind, const std::string& help) {
  const auto given = std::make_shared<Given>();
  add_name(*add(app, sources, "clear-" + kind, help, given, clear), *given);
}

void add_list(CLI::App& app, Sources& sources, const std::string& name, const std::string& help) {
  const auto given = std::make_shared<Given>();
  add_formatter_option(*add(app, sources, name, help, given, list), given->formatter);
}

}  // namespace

void add_policy_commands(CLI::App& app, Sources& sources) {
  add_set(app, sources, "policy",
          "Set a policy of a running node, for good: settings for all that match a pattern");
  add_clear(app, sources, "policy", "Take a policy of a running node away again");
  add_list(app, sources, "list-policies", "List the policies of a running node's vhost");
  add_set(app, sources, "operator-policy",
          "The same as set-policy, for limits that users cannot exceed");
  add_clear(app, sources, "operator-policy", "Take an operator policy away again");
  add_list(app, sources, "list-operator-policies", "List a running node's operator policies");
}

}  // namespace polymq::cli
