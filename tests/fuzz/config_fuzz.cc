// Fuzz target: configuration files. What is accepted must mean the same when it is shown and read
// again; what is refused must say why.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/users_file.h"
#include "server/config/document.h"
#include "server/config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polymq::server::config;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto loaded = load_text({.file = "input"}, input);
  if (!loaded) {
    if (loaded.error().empty()) std::abort();
  } else {
    const auto again = load_text({.file = "shown"}, show(*loaded));
    if (!again || !restart_needed(loaded->config, again->config).empty()) std::abort();
  }
  const auto users = polymq::auth::parse_users(input, "input");
  if (!users && users.error().text.empty()) std::abort();
  return 0;
}
