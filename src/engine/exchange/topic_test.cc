// Promises of the topic exchange.
#include "engine/exchange/topic.h"

#include <gmock/gmock.h>

#include <chrono>
#include <map>
#include <random>

#include "engine/exchange/fake_message.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

bool topic_matches(std::string_view binding, std::string_view key) {
  TopicMatcher topic;
  topic.add(queue(1), binding, {});
  const auto ids = matched(topic, key);
  EXPECT_LE(ids.size(), 1u) << "a binding matches once";
  return !ids.empty();
}

TEST(TopicExchange, AStarIsExactlyOneWord) {
  EXPECT_TRUE(topic_matches("a.*.c", "a.b.c"));
  EXPECT_FALSE(topic_matches("a.*.c", "a.c"));
  EXPECT_FALSE(topic_matches("a.*.c", "a.b.b.c"));
  EXPECT_FALSE(topic_matches("*", "a.b"));
  EXPECT_TRUE(topic_matches("*.*", "a.b"));
}

TEST(TopicExchange, AHashIsAnyNumberOfWordsAlsoNone) {
  EXPECT_TRUE(topic_matches("#", "a.b.c"));
  EXPECT_TRUE(topic_matches("a.#", "a"));
  EXPECT_TRUE(topic_matches("a.#", "a.b.c"));
  EXPECT_TRUE(topic_matches("a.#.d", "a.d"));
  EXPECT_TRUE(topic_matches("a.#.d", "a.d.d"));
  EXPECT_FALSE(topic_matches("a.#.d", "a.d.e"));
  EXPECT_TRUE(topic_matches("#.b.#", "a.b.c"));
  EXPECT_TRUE(topic_matches("#.*", "a"));
}

TEST(TopicExchange, AnEmptyRoutingKeyHasNoWords) {
  EXPECT_TRUE(topic_matches("#", ""));
  EXPECT_FALSE(topic_matches("*", ""));
  EXPECT_TRUE(topic_matches("", ""));
  EXPECT_FALSE(topic_matches("", "a"));
  EXPECT_TRUE(topic_matches("#.#", ""));
}

TEST(TopicExchange, DotsSideBySideHoldAnEmptyWord) {
  EXPECT_TRUE(topic_matches("a.*.b", "a..b"));
  EXPECT_TRUE(topic_matches("a..b", "a..b"));
  EXPECT_FALSE(topic_matches("a.b", "a..b"));
  EXPECT_TRUE(topic_matches("*.*", "."));
}

TEST(TopicExchange, WildcardsCountOnlyAsWholeWordsOfTheBinding) {
  EXPECT_FALSE(topic_matches("a*", "ab"));
  EXPECT_TRUE(topic_matches("a*", "a*"));
  EXPECT_FALSE(topic_matches("a", "*"));
  EXPECT_FALSE(topic_matches("a.b", "#"));
}

TEST(TopicExchange, MoreThanTwoHashesAreAccepted) {
  EXPECT_TRUE(topic_matches("#.a.#.b.#.c.#", "x.a.b.y.c"));
  EXPECT_FALSE(topic_matches("#.a.#.b.#.c.#", "x.b.a.y.c"));
}

// With one path at a time this takes longer than the universe will last.
TEST(TopicExchange, ManyHashesCostNoMoreThanTheProductOfWords) {
  TopicMatcher topic;
  std::string binding = "#";
  std::string key = "a";
  for (int i = 0; i < 60; ++i) binding += ".a.#";
  for (int i = 0; i < 126; ++i) key += ".a";
  topic.add(queue(1), binding + ".b", {});
  topic.add(queue(2), binding, {});
  EXPECT_THAT(matched(topic, key), ElementsAre(2));
}

/// The definition, word by word.
bool defined_to_match(const std::vector<std::string>& pattern, std::size_t p,
                      const std::vector<std::string>& words, std::size_t w) {
  if (p == pattern.size()) return w == words.size();
  if (pattern[p] == "#") {
    return defined_to_match(pattern, p + 1, words, w) ||
           (w < words.size() && defined_to_match(pattern, p, words, w + 1));
  }
  return w < words.size() && (pattern[p] == "*" || pattern[p] == words[w]) &&
         defined_to_match(pattern, p + 1, words, w + 1);
}

std::string joined(const std::vector<std::string>& words) {
  std::string key;
  for (const std::string& word : words) key += (key.empty() ? "" : ".") + word;
  return key;
}

TEST(TopicExchange, AgreesWithTheDefinitionWhileBindingsComeAndGo) {
  std::mt19937 random(3);
  const auto draw = [&](std::vector<std::string> alphabet) {
    std::vector<std::string> words(random() % 5);
    for (auto& word : words) word = alphabet[random() % alphabet.size()];
    return words;
  };
  TopicMatcher topic;
  std::map<std::uint64_t, std::vector<std::string>> bound;
  for (std::uint64_t round = 1; round <= 4000; ++round) {
    bound[round] = draw({"a", "b", "*", "#"});
    topic.add(queue(round), joined(bound[round]), {});
    if (bound.size() > 30) {
      const auto victim = std::next(bound.begin(), random() % bound.size());
      topic.remove(queue(victim->first), joined(victim->second), {});
      bound.erase(victim);
    }
    const auto words = draw({"a", "b", "c"});
    std::vector<std::uint64_t> expected;
    for (const auto& [id, pattern] : bound) {
      if (defined_to_match(pattern, 0, words, 0)) expected.push_back(id);
    }
    ASSERT_EQ(matched(topic, joined(words)), expected) << joined(words);
  }
}

TEST(TopicExchange, RemovedBindingsLeaveNoNodesBehind) {
  TopicMatcher topic;
  topic.add(queue(1), "a.b.c", {});
  const std::size_t before = topic.node_count();
  topic.add(queue(2), "a.b.*.#", {});
  topic.add(queue(2), "a.b", {});
  topic.remove(queue(2), "a.b.*.#", {});
  topic.remove(queue(2), "a.b", {});
  EXPECT_EQ(topic.node_count(), before);
  topic.remove(queue(1), "a.b.c", {});
  EXPECT_EQ(topic.node_count(), 1u);
  EXPECT_THAT(matched(topic, "a.b.c"), IsEmpty());
}

}  // namespace
}  // namespace polymq::engine
