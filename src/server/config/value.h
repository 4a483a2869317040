// A configured value on its way from a source to its slot, and back to text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/config/key.h"

namespace polymq::server::config {

/// What a source says. Environment and command line only have text, which stands for any type;
/// the file has types, and another one than the key's is an error.
struct Text {
  std::string text;
};
/// A value of the file that no key can have, by the name of its type.
struct Unusable {
  std::string_view type;
};
using Given = std::variant<Text, bool, std::int64_t, double, std::string, std::vector<std::string>,
                           engine::Fields, Unusable>;

/// Checks `given` against the key's type and constraints and stores it in `owner` (a Config or an
/// element of an array of tables). Error: what is wrong; nothing is stored then.
Result<void> assign(const Key& key, void* owner, const Given& given);

/// The key's default into `owner`.
void assign_default(const Key& key, void* owner);

/// The value in the syntax of the configuration file: `"30s"`, `["PLAIN"]`, `5672`. Empty for an
/// optional value that is not set.
std::string to_toml(const Key& key, const void* owner);

/// A string, list of strings, ... in the syntax of the configuration file.
std::string quote(std::string_view text);
std::string to_toml(const engine::Fields& fields);

/// All elements of an array of tables, as [[name]] tables; values at their defaults included.
std::string to_toml(const ArrayTable& table, const Config& config);

/// "a whole number from 0 to 65535", for documentation and errors.
std::string describe_type(const Key& key);

}  // namespace polymq::server::config
