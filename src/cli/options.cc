// Options made from the declaration of the keys.
#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/key.h"
#include "server/config/value.h"

namespace polymq::cli {
namespace {

namespace config = server::config;
using config::Key;
using config::Sources;
using config::Type;

constexpr std::size_t kHelpColumn = 32;

std::string_view type_name(const Key& key) {
  switch (key.type) {
    case Type::kInteger:
      return key.path.ends_with("port") ? "PORT" : "NUMBER";
    case Type::kSize:
      return "SIZE";
    case Type::kDuration:
      return "DURATION";
    default:
      break;
  }
  if (key.path.ends_with("_dir")) return "FOLDER";
  if (key.path == "tls.certificate" || key.path == "tls.key" || key.path.ends_with("_socket")) {
    return "FILE";
  }
  return key.path.ends_with("bind") ? "ADDRESS" : "TEXT";
}

std::string help_of(const Key& key) {
  std::string help(key.help);
  if (!key.choices.empty()) {
    std::string names;
    for (const std::string_view choice : key.choices) {
      names += (names.empty() ? "" : ", ") + std::string(choice);
    }
    help += " One of " + names + ".";
  }
  if (!key.initial.empty() && key.type != Type::kBool) {
    help += " Default: " + std::string(key.initial) + ".";
  }
  return help;
}

void add_key_option(CLI::App& app, const Key& key, Sources& sources) {
  const std::string option(key.option);
  const auto set = [&sources, &key, option](const std::string& value) {
    sources.overrides.push_back({std::string(key.path), value, option});
  };
  if (key.type == Type::kBool) {
    app.add_flag_function(
        option, [set](std::int64_t count) { set(count > 0 ? "true" : "false"); }, help_of(key));
  } else {
    app.add_option_function<std::string>(option, set, help_of(key))
        ->type_name(std::string(type_name(key)))
        ->take_last();
  }
}

}  // namespace

Sources environment_sources(const char* const* environment) {
  constexpr std::string_view kFile = "POLYMQ_CONFIG=";
  Sources sources{.file = "", .environment = config::settings_of(environment)};
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    if (variable.starts_with(kFile)) sources.file = variable.substr(kFile.size());
  }
  return sources;
}

void add_source_options(CLI::App& app, Sources& sources) {
  app.get_formatter()->column_width(kHelpColumn);
  app.add_option_function<std::string>(
         "-c,--config", [&sources](const std::string& file) { sources.file = file; },
         "Configuration file. Also by the variable POLYMQ_CONFIG.")
      ->type_name("FILE")
      ->take_last();
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [&sources](const std::vector<std::string>& settings) {
           for (const std::string& setting : settings) {
             const std::size_t equals = setting.find('=');
             if (equals == std::string::npos) {
               throw CLI::ValidationError("--set", "'" + setting + "' is not KEY=VALUE");
             }
             sources.overrides.push_back(
                 {setting.substr(0, equals), setting.substr(equals + 1), "--set"});
           }
         },
         "Set any key, e.g. amqp.heartbeat=30s. May be repeated.")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  for (const Key& key : config::keys()) {
    if (!key.option.empty()) add_key_option(app, key, sources);
  }
}

}  // namespace polymq::cli
