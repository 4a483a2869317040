// The tree of commands, and errors in using it.
#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/suggest.h"
#include "cli/backup_command.h"
#include "cli/config_command.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/password_command.h"
#include "cli/perf/command.h"
#include "cli/policy_commands.h"
#include "cli/queue_commands.h"
#include "cli/store_command.h"

namespace polymq::cli {
namespace {

namespace config = server::config;

constexpr char kVersion[] = "polymq " POLYMQ_VERSION;

/// A command's callback ends the program with its code through CLI11's own exception.
void finish(int code) { throw CLI::RuntimeError(code); }

int serve_with(const config::Sources& sources, const Serve& serve) {
  const auto loaded = config::load(sources);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", config::to_text(loaded.error()).c_str());
    return kUsage;
  }
  return serve(loaded->config, [sources]() -> Result<server::Config> {
    auto again = config::load(sources);
    if (!again) return fail(config::to_text(again.error()));
    return std::move(again->config);
  });
}

void add_config_commands(CLI::App& app, config::Sources& sources) {
  CLI::App* const group = app.add_subcommand("config", "Write, check and show configuration");
  group->require_subcommand(1);

  CLI::App* const init = group->add_subcommand("init",
                                               "Print a file with all keys at their "
                                               "defaults, commented out");
  const auto output = std::make_shared<std::string>();
  const auto force = std::make_shared<bool>(false);
  init->add_option("-o,--output", *output, "Write to this file instead")->type_name("FILE");
  init->add_flag("-f,--force", *force, "Overwrite the file if it is there");
  init->callback([output, force] { finish(config_init(*output, *force)); });

  CLI::App* const show =
      group->add_subcommand("show", "Print the effective values and where each comes from");
  add_source_options(*show, sources);
  show->callback([&sources] { finish(config_show(sources)); });

  CLI::App* const check =
      group->add_subcommand("check", "Tell what is wrong with a configuration, if anything");
  const auto file = std::make_shared<std::string>();
  check->add_option("FILE", *file, "The file to check")->type_name("");
  add_source_options(*check, sources);
  check->callback([&sources, file] {
    if (!file->empty()) sources.file = *file;
    finish(config_check(sources));
  });

  CLI::App* const reference =
      group->add_subcommand("reference", "Print the reference of all keys in Markdown");
  reference->callback([] { finish(config_reference()); });
}

void add_password_command(CLI::App& app) {
  CLI::App* const hash = app.add_subcommand(
      "hash-password", "Read a password from standard input, print its hash for a users file");
  const auto algorithm = std::make_shared<std::string>("sha256");
  hash->add_option("--algorithm", *algorithm, "sha256 or sha512")->capture_default_str();
  hash->callback([algorithm] { finish(hash_password(*algorithm)); });
}

void add_access_key_command(CLI::App& app) {
  CLI::App* const make = app.add_subcommand(
      "make-access-key", "Print a new access key for clients of SQS, as a table for a keys file");
  const auto user = std::make_shared<std::string>();
  make->add_option("USER", *user, "With whose permissions its requests are done")
      ->type_name("")
      ->required();
  make->callback([user] { finish(make_access_key(*user)); });
}

void add_backup_command(CLI::App& app, config::Sources& sources) {
  CLI::App* const backup = app.add_subcommand(
      "backup", "Copy the data folder, while a node uses it or not, to a new folder");
  const auto target = std::make_shared<std::string>();
  backup->add_option("TARGET", *target, "The folder to make")->type_name("")->required();
  add_source_options(*backup, sources);
  backup->callback([&sources, target] { finish(backup_to(sources, *target)); });
}

void add_store_commands(CLI::App& app) {
  CLI::App* const group =
      app.add_subcommand("store",
                         "Check, repair or dump a data folder that no broker is using; "
                         "tell what takes the space of one");
  group->require_subcommand(1);
  const auto folder = std::make_shared<std::string>();
  const auto add = [&](const char* name, const char* help, int (*command)(const std::string&)) {
    CLI::App* const sub = group->add_subcommand(name, help);
    sub->add_option("FOLDER", *folder, "The data folder")->type_name("")->required();
    sub->callback([folder, command] { finish(command(*folder)); });
  };
  add("check", "Read everything and tell what is damaged", store_check);
  add("usage", "Ask the broker that uses it what takes the space, queue by queue", store_usage);
  add("repair", "Make a damaged folder whole again, without what cannot be read", store_repair);
  add("dump", "Print every record of the journal", store_dump);
}

/// The innermost command that was given.
const CLI::App& chosen(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : chosen(*commands.front());
}

int report_unexpected(const CLI::App& app) {
  const std::vector<std::string> rest = app.remaining(true);
  const CLI::App& command = chosen(app);
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string wrong = rest.empty() ? "" : rest.front().substr(0, rest.front().find('='));
  std::fprintf(stderr,
               "polymq: unexpected argument '%s'%s\nRun with --help for more information.\n",
               wrong.c_str(), did_you_mean(wrong, views).c_str());
  return kUsage;
}

}  // namespace

int run_app(int argc, const char* const* argv, const char* const* environment, const Serve& serve) {
  CLI::App app{
      "PolyMQ, a message broker for clients of RabbitMQ (AMQP 0-9-1).\n"
      "Without a command it runs the server.",
      "polymq"};
  app.set_version_flag("--version", kVersion, "Print the version and exit");
  app.require_subcommand(0, 1);

  config::Sources sources = environment_sources(environment);
  add_source_options(app, sources);
  CLI::App* const server = app.add_subcommand("server", "Run the broker (the default)");
  add_source_options(*server, sources);
  server->callback([&] { finish(serve_with(sources, serve)); });
  add_config_commands(app, sources);
  add_password_command(app);
  add_access_key_command(app);
  add_backup_command(app, sources);
  add_store_commands(app);
  add_policy_commands(app, sources);
  add_queue_commands(app, sources);
  perf::add_perf_command(app);
  app.add_subcommand("version", "Print the version")->callback([] {
    std::puts(kVersion);
    finish(kOk);
  });

  try {
    app.parse(argc, argv);
    // A command that was named and did not end the program itself is done.
    return app.get_subcommands().empty() ? serve_with(sources, serve) : kOk;
  } catch (const CLI::RuntimeError& done) {
    return done.get_exit_code();
  } catch (const CLI::ExtrasError&) {
    return report_unexpected(app);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
}

}  // namespace polymq::cli
