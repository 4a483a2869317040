// The [log] section, as it shows in what is written.
#include "server/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "server/config/load.h"

namespace polymq::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Logging, TheSectionDecidesLevelsFormatAndFileAndCanBeAppliedAgain) {
  const std::string path = ::testing::TempDir() + "logging_" + std::to_string(::getpid());
  const auto settings = [&](const std::string& more) {
    return config::load_text({}, "[log]\nfile = \"" + path + "\"\n" + more).value().config.log;
  };
  ASSERT_TRUE(apply_logging(settings("level = \"warning\"\nareas = {auth = \"debug\"}\n")));
  log::log(log::Area::kServer, log::Level::kInfo, "hidden");
  log::log(log::Area::kAuth, log::Level::kDebug, "plain");
  ASSERT_TRUE(apply_logging(settings("format = \"json\"\n")));
  log::log(log::Area::kServer, log::Level::kInfo, "structured");
  log::shutdown();
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ::unlink(path.c_str());
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
  EXPECT_THAT(text, HasSubstr("debug [auth] plain\n"));
  EXPECT_THAT(text, HasSubstr("\"message\":\"structured\"}\n"));
}

TEST(Logging, AFileThatCannotBeOpenedIsTold) {
  const auto loaded = config::load_text({}, "[log]\nfile = \"/no/such/folder/log\"\n");
  const auto applied = apply_logging(loaded.value().config.log);
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().text, HasSubstr("/no/such/folder/log"));
}

}  // namespace
}  // namespace polymq::server
