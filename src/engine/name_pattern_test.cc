// Promises of patterns of names.
#include "engine/name_pattern.h"

#include <gtest/gtest.h>

namespace polymq::engine {
namespace {

bool matches(std::string_view pattern, std::string_view name) {
  const auto compiled = NamePattern::compile(pattern);
  EXPECT_TRUE(compiled.has_value()) << pattern;
  return compiled && compiled->matches(name);
}

TEST(NamePattern, MatchesAnywhereUnlessAnchored) {
  EXPECT_TRUE(matches("b", "abc"));
  EXPECT_FALSE(matches("^b", "abc"));
  EXPECT_TRUE(matches("^a.c$", "abc"));
  EXPECT_TRUE(matches("", "abc"));
}

TEST(NamePattern, LookAroundIsUnderstood) {
  EXPECT_TRUE(matches("^(?!amq\\.).*", "orders"));
  EXPECT_FALSE(matches("^(?!amq\\.).*", "amq.gen-1"));
  EXPECT_TRUE(matches("(?<=a)b", "ab"));
}

TEST(NamePattern, NamesAreBytes) {
  EXPECT_TRUE(matches("^a.b$",
                      "a\xff"
                      "b"));
}

TEST(NamePattern, WhatIsNoExpressionIsRefused) {
  EXPECT_FALSE(NamePattern::compile("(").has_value());
  EXPECT_FALSE(NamePattern::compile("*").has_value());
}

TEST(NamePattern, ANameThatTakesTooLongDoesNotMatch) {
  // The look-ahead forces the engine that tries; nested repetition makes it try for ever.
  EXPECT_FALSE(matches("^(?=a)(a+)+(a+)+$", std::string(200, 'a') + "b"));
}

}  // namespace
}  // namespace polymq::engine
