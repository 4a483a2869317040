// From the [log] section to the log's own settings.
#include "server/logging.h"

#include <cstddef>

#include "base/log.h"

namespace polymq::server {

Result<void> apply_logging(const Config::Log& settings) {
  for (std::size_t i = 0; i < settings.levels.size(); ++i) {
    log::set_level(static_cast<log::Area>(i), settings.levels[i]);
  }
  log::Settings writer;
  writer.json = settings.format == "json";
  writer.file = settings.file;
  return log::configure(writer);
}

}  // namespace polymq::server
