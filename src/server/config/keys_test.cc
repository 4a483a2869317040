// The declarations themselves, and the texts that come from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "server/config/document.h"
#include "server/config/value.h"

namespace polymq::server::config {
namespace {

using ::testing::HasSubstr;

TEST(Keys, EveryDefaultIsValid) {
  Config config;
  for (const Key& key : keys()) {
    const auto done = assign(key, &config, Text{std::string(key.initial)});
    EXPECT_TRUE(done) << key.path << ": " << (done ? "" : done.error().text);
  }
  for (const ArrayTable& table : array_tables()) {
    void* const owner = table.append(config);
    for (const Key& key : table.keys) {
      if (key.required || key.initial.empty()) continue;
      EXPECT_TRUE(assign(key, owner, Text{std::string(key.initial)})) << key.path;
    }
  }
}

TEST(Keys, PathsVariablesAndOptionsAreUnique) {
  std::set<std::string> seen;
  for (const Key& key : keys()) {
    EXPECT_TRUE(seen.insert(std::string(key.path)).second) << key.path;
    EXPECT_TRUE(seen.insert(environment_name(key)).second) << key.path;
    if (!key.option.empty()) EXPECT_TRUE(seen.insert(std::string(key.option)).second) << key.path;
  }
}

TEST(Keys, EveryKeyIsInADeclaredSectionAndExplainedInSentences) {
  std::set<std::string_view> names;
  for (const Section& section : sections()) names.insert(section.name);
  for (const Key& key : keys()) {
    EXPECT_TRUE(names.contains(key.path.substr(0, key.path.find('.')))) << key.path;
    EXPECT_TRUE(key.help.ends_with('.')) << key.path;
  }
}

TEST(Keys, VariableNamesAreThePathInCapitals) {
  EXPECT_EQ(environment_name(*find_key("amqp.port")), "POLYMQ_AMQP_PORT");
  EXPECT_EQ(environment_name(*find_key("log.areas.auth")), "POLYMQ_LOG_AREAS_AUTH");
  EXPECT_EQ(find_key("amqp.prot"), nullptr);
}

TEST(Documents, TheReferencePageInTheRepositoryIsUpToDate) {
  std::ifstream page(POLYMQ_REFERENCE_PAGE);
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  EXPECT_EQ(text, reference()) << "run `polymq config reference > docs/configuration.md`";
}

TEST(Documents, TheDefaultFileMeansTheDefaultsWithAndWithoutItsCommentSigns) {
  const std::string commented = default_file();
  const auto plain = load_text({}, "");
  const auto as_is = load_text({}, commented);
  ASSERT_TRUE(plain);
  ASSERT_TRUE(as_is) << to_text(as_is.error());
  EXPECT_TRUE(as_is->origins.empty());

  // Uncomments the settings, up to the examples of arrays of tables.
  std::string settings;
  std::size_t uncommented = 0;
  const std::string_view until_examples =
      std::string_view(commented).substr(0, commented.find("\n# [["));
  for (std::size_t at = 0; at < until_examples.size();) {
    const std::size_t end = std::min(until_examples.find('\n', at), until_examples.size());
    std::string_view line = until_examples.substr(at, end - at);
    if (line.starts_with("# ") && line.find(" = ") != std::string_view::npos) {
      line.remove_prefix(2);
      ++uncommented;
    }
    settings += std::string(line) + "\n";
    at = end + 1;
  }
  EXPECT_EQ(uncommented, keys().size());
  const auto explicitly = load_text({.file = "all.toml"}, settings);
  ASSERT_TRUE(explicitly) << to_text(explicitly.error());
  EXPECT_EQ(explicitly->origins.size(), keys().size());
  EXPECT_TRUE(restart_needed(plain->config, explicitly->config).empty());
}

TEST(Documents, TheExamplesOfTheDefaultFileAreValid) {
  const std::string commented = default_file();
  std::string examples = commented.substr(commented.find("\n# [["));
  for (std::size_t at = 0; (at = examples.find("\n# ", at)) != std::string::npos;) {
    examples.erase(at + 1, 2);
  }
  examples.insert(0, "[[vhosts]]\nname = \"/\"\n");
  const auto loaded = load_text({.file = "examples.toml"}, examples);
  ASSERT_TRUE(loaded) << to_text(loaded.error());
  EXPECT_EQ(loaded->config.vhosts.size(), 2u);
  EXPECT_EQ(loaded->config.policies.size(), 1u);
  EXPECT_EQ(loaded->config.operator_policies.size(), 1u);
  EXPECT_EQ(loaded->config.sqs.queues.size(), 2u);
}

TEST(Documents, ShowTellsEachValueAndItsOriginAndCanBeLoaded) {
  const Sources sources{.file = "polymq.toml",
                        .environment = {{"POLYMQ_LOG_LEVEL", "debug"}},
                        .overrides = {{"server.shards", "3", "--shards"}}};
  const auto loaded = load_text(sources,
                                "[amqp]\nport = 5673\n"
                                "[[policies]]\nname = \"p\"\npattern = \"^a\\\\.\"\n"
                                "definition = {message-ttl = 5, overflow = \"drop-head\"}\n"
                                "[[sqs.queues]]\nname = \"q\"\ntags = {\"a b\" = \"c\"}\n");
  ASSERT_TRUE(loaded) << to_text(loaded.error());
  const std::string text = show(*loaded);
  EXPECT_THAT(text, HasSubstr("port = 5673                                  # polymq.toml:2\n"));
  EXPECT_THAT(text, HasSubstr("level = \"debug\""));
  EXPECT_THAT(text, HasSubstr("# environment POLYMQ_LOG_LEVEL\n"));
  EXPECT_THAT(text, HasSubstr("# command line --shards\n"));
  EXPECT_THAT(text, HasSubstr("heartbeat = \"1m\"                             # default\n"));
  const auto again = load_text({.file = "shown.toml"}, text);
  ASSERT_TRUE(again) << to_text(again.error());
  EXPECT_EQ(again->config.log.level, "debug");
  EXPECT_EQ(again->config.sqs.queues.size(), 1u);
  EXPECT_TRUE(restart_needed(loaded->config, again->config).empty());
}

}  // namespace
}  // namespace polymq::server::config
