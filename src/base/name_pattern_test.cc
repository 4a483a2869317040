// Which names a pattern selects.
#include "base/name_pattern.h"

#include <gtest/gtest.h>

namespace polymq {
namespace {

bool matches(std::string_view pattern, std::string_view name) {
  const auto compiled = NamePattern::compile(pattern);
  EXPECT_TRUE(compiled) << pattern;
  return compiled && compiled->matches(name);
}

TEST(NamePattern, IsSearchedAnywhereInTheName) {
  EXPECT_TRUE(matches("order", "my-orders"));
  EXPECT_FALSE(matches("^order", "my-orders"));
  EXPECT_TRUE(matches("^order", "orders"));
  EXPECT_FALSE(matches("^order$", "orders"));
  EXPECT_TRUE(matches("^$", ""));
  EXPECT_FALSE(matches("^$", "q"));
  EXPECT_TRUE(matches("^(a|b)\\.", "b.x"));
}

TEST(NamePattern, EverythingPatternsMatchEverything) {
  for (const char* pattern : {"", ".*", "^.*"}) {
    EXPECT_TRUE(matches(pattern, ""));
    EXPECT_TRUE(matches(pattern, "amq.gen-x"));
    EXPECT_TRUE(matches(pattern, "two\nlines"));
  }
}

TEST(NamePattern, NamesAreOctets) {
  EXPECT_TRUE(matches("^.$", "\xff"));
  EXPECT_TRUE(matches("^...$", "\xe2\x82\xac"));
}

TEST(NamePattern, LookAroundIsUnderstood) {
  EXPECT_TRUE(matches("(?<=a)b", "ab"));
  EXPECT_FALSE(matches("(?<=a)b", "cb"));
  EXPECT_FALSE(matches("^(?!amq\\.).*", "amq.gen-1"));
  EXPECT_TRUE(matches("^(?!amq\\.).*", "orders"));
  EXPECT_TRUE(matches("^(?!amq\\.).*", "x-amq.gen"));
  EXPECT_FALSE(matches("^(?!a|b)c?d", "ad"));
  EXPECT_TRUE(matches("^(?!a|b)c?d", "cd"));
  EXPECT_FALSE(matches("^(?!(a[)]|b))[|x]", "a)"));
  EXPECT_TRUE(matches("^(?!(a[)]|b))[|x]", "|"));
}

TEST(NamePattern, ANameThatTakesTooLongDoesNotMatch) {
  // The look-ahead forces the engine that tries; nested repetition makes it try for ever.
  EXPECT_FALSE(matches("^(?=a)(a+)+(a+)+$", std::string(200, 'a') + "b"));
}

TEST(NamePattern, WhatCannotBeUnderstoodIsRefusedWithTheReason) {
  for (const char* pattern : {"(", "[", "*x", "^(?!a"}) {
    const auto compiled = NamePattern::compile(pattern);
    ASSERT_FALSE(compiled) << pattern;
    EXPECT_NE(compiled.error().text.find("is not a valid pattern: "), std::string::npos);
  }
}

}  // namespace
}  // namespace polymq
