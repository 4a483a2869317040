// Merging of sources and assignment to keys.
#include "server/config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/suggest.h"
#include "server/config/check.h"
#include "server/config/toml_reader.h"

namespace polymq::server::config {
namespace {

constexpr std::size_t kLargestFile = std::size_t{16} << 20;
constexpr std::string_view kPrefix = "POLYMQ_";
constexpr std::string_view kFileVariable = "POLYMQ_CONFIG";  // names the file, is no key

std::string_view leaf(std::string_view path) { return path.substr(path.rfind('.') + 1); }

/// For a mistyped path: the nearest key, or one of that name in another section.
std::string suggest_path(std::string_view path) {
  std::vector<std::string_view> paths;
  for (const Key& key : keys()) paths.push_back(key.path);
  for (const ArrayTable& table : array_tables()) paths.push_back(table.path);
  for (const Key& key : keys()) {
    if (leaf(key.path) == leaf(path) && nearest(path, paths).empty()) {
      return "; did you mean '" + std::string(key.path) + "'?";
    }
  }
  return did_you_mean(path, paths);
}

bool is_section(std::string_view name) {
  return std::any_of(sections().begin(), sections().end(),
                     [&](const Section& section) { return section.name == name; });
}

std::string suggest_section(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Section& section : sections()) names.push_back(section.name);
  for (const ArrayTable& table : array_tables()) names.push_back(table.path);
  return did_you_mean(name, names);
}

class Loader {
 public:
  explicit Loader(std::vector<Problem>& problems) : problems_(problems) {
    for (const Key& key : keys()) assign_default(key, &loaded_.config);
  }

  void add_document(const Document& document) {
    for (const Entry& entry : document.entries) add_entry(entry);
    for (const TableEntry& table : document.tables) add_table(table);
  }

  void add_variable(const std::string& name, const std::string& value) {
    const Origin origin{Source::kEnvironment, name, 0};
    std::vector<std::string> names;
    for (const Key& key : keys()) {
      names.push_back(environment_name(key));
      if (names.back() == name) return set(key, Text{value}, origin);
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    problems_.push_back({origin, "", "no setting has this variable" + did_you_mean(name, views)});
  }

  void add_override(const Override& given) {
    const Origin origin{Source::kCommandLine, given.option, 0};
    const Key* key = find_key(given.path);
    if (key != nullptr) return set(*key, Text{given.value}, origin);
    problems_.push_back({origin, given.path, "unknown key" + suggest_path(given.path)});
  }

  Loaded finish() {
    check(loaded_, problems_);
    return std::move(loaded_);
  }

 private:
  void set(const Key& key, const Given& given, const Origin& origin) {
    if (auto done = assign(key, &loaded_.config, given); !done) {
      problems_.push_back({origin, std::string(key.path), done.error().text});
      return;
    }
    loaded_.origins.insert_or_assign(std::string(key.path), origin);
  }

  void add_entry(const Entry& entry) {
    if (const Key* key = find_key(entry.path)) return set(*key, entry.given, entry.origin);
    const std::string section = entry.path.substr(0, entry.path.find('.'));
    const auto* table = std::get_if<engine::Fields>(&entry.given);
    const auto array_table =
        std::find_if(array_tables().begin(), array_tables().end(), [&](const ArrayTable& array) {
          return entry.path == array.path || entry.path.starts_with(std::string(array.path) + ".");
        });
    if (array_table != array_tables().end()) {
      const std::string name(array_table->path);
      problems_.push_back({entry.origin, name, "must be written as [[" + name + "]]"});
    } else if (!is_section(section) && (table != nullptr || section != entry.path)) {
      problems_.push_back({entry.origin, section, "unknown table" + suggest_section(section)});
    } else if (contains_keys(entry.path)) {
      if (table == nullptr) problems_.push_back({entry.origin, entry.path, "must be a table"});
    } else {
      problems_.push_back({entry.origin, entry.path, "unknown key" + suggest_path(entry.path)});
    }
  }

  /// True for "amqp" and "log.areas", tables that keys are in.
  static bool contains_keys(const std::string& path) {
    return std::any_of(keys().begin(), keys().end(), [&](const Key& key) {
      return key.path.starts_with(path) && key.path.substr(path.size()).starts_with('.');
    });
  }

  void add_table(const TableEntry& table) {
    for (const ArrayTable& array : array_tables()) {
      if (array.path == table.name) return add_element(array, table);
    }
    const std::string text = is_section(table.name) ? "must be written as [" + table.name + "]"
                                                    : "unknown table" + suggest_section(table.name);
    problems_.push_back({table.origin, table.name, text});
  }

  void add_element(const ArrayTable& array, const TableEntry& table) {
    const std::string element = table.name + "." + std::to_string(array.size(loaded_.config));
    void* const owner = array.append(loaded_.config);
    loaded_.table_origins[element] = table.origin;
    for (const Key& key : array.keys) assign_default(key, owner);
    std::vector<std::string_view> names;
    for (const Key& key : array.keys) names.push_back(key.path);
    for (const Entry& entry : table.entries) {
      const auto key = std::find_if(array.keys.begin(), array.keys.end(),
                                    [&](const Key& k) { return k.path == entry.path; });
      const std::string path = table.name + "." + entry.path;
      if (key == array.keys.end()) {
        problems_.push_back({entry.origin, path, "unknown key" + did_you_mean(entry.path, names)});
      } else if (auto done = assign(*key, owner, entry.given); !done) {
        problems_.push_back({entry.origin, path, done.error().text});
      } else {
        loaded_.table_origins[element + "." + entry.path] = entry.origin;
      }
    }
    for (const Key& key : array.keys) {
      const bool given = std::any_of(table.entries.begin(), table.entries.end(),
                                     [&](const Entry& entry) { return entry.path == key.path; });
      if (key.required && !given) {
        problems_.push_back({table.origin, table.name, "needs '" + std::string(key.path) + "'"});
        loaded_.table_origins.erase(element);
      }
    }
  }

  std::vector<Problem>& problems_;
  Loaded loaded_;
};

Result<std::string> read_file(const std::string& name) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(name.c_str(), "rbe"),
                                                             &std::fclose);
  std::string text;
  while (file != nullptr && text.size() <= kLargestFile) {
    constexpr std::size_t kStep = 64 * 1024;
    const std::size_t before = text.size();
    text.resize(before + kStep);
    text.resize(before + std::fread(text.data() + before, 1, kStep, file.get()));
    if (std::ferror(file.get()) != 0) break;
    if (std::feof(file.get()) != 0) return text;
  }
  if (text.size() > kLargestFile) return fail("the file is too large");
  return fail("cannot read the file: " + std::generic_category().message(errno));
}

/// Kubernetes gives every pod variables for each service, e.g. POLYMQ_PORT=tcp://10.0.0.1:5672.
bool is_service_link(std::string_view name, std::string_view value) {
  return value.starts_with("tcp://") || value.starts_with("udp://") ||
         name.ends_with("_SERVICE_HOST") || name.find("_SERVICE_PORT") != std::string_view::npos ||
         name.find("_TCP") != std::string_view::npos || name.find("_UDP") != std::string_view::npos;
}

}  // namespace

OrProblems<Loaded> load_text(const Sources& sources, std::string_view toml) {
  std::vector<Problem> problems;
  Loader loader(problems);
  const auto is_value = [](std::string_view path) {
    return path == "definition" || path == "attributes" || path == "tags";
  };
  loader.add_document(read_toml(toml, sources.file, is_value, problems));
  for (const auto& [name, value] : sources.environment) loader.add_variable(name, value);
  for (const Override& given : sources.overrides) loader.add_override(given);
  Loaded loaded = loader.finish();
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return loaded;
}

OrProblems<Loaded> load(const Sources& sources) {
  if (sources.file.empty()) return load_text(sources, "");
  const auto text = read_file(sources.file);
  if (text) return load_text(sources, *text);
  return tl::make_unexpected(
      std::vector{Problem{{Source::kFile, sources.file, 0}, "", text.error().text}});
}

std::vector<std::pair<std::string, std::string>> settings_of(const char* const* environment) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const std::size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string_view name = variable.substr(0, equals);
    const std::string_view value = variable.substr(equals + 1);
    if (name == kFileVariable || is_service_link(name, value)) continue;
    settings.emplace_back(name, value);
  }
  return settings;
}

std::vector<std::string> restart_needed(const Config& running, const Config& wanted) {
  std::vector<std::string> changed;
  for (const Key& key : keys()) {
    if (!key.reloads && to_toml(key, &running) != to_toml(key, &wanted)) {
      changed.emplace_back(key.path);
    }
  }
  for (const ArrayTable& table : array_tables()) {
    if (!table.reloads && to_toml(table, running) != to_toml(table, wanted))
      changed.emplace_back(table.path);
  }
  // Other files are taken; whether there is TLS at all is settled when listeners are opened.
  if (running.tls.enabled() != wanted.tls.enabled()) changed.emplace_back("tls.certificate");
  return changed;
}

}  // namespace polymq::server::config
