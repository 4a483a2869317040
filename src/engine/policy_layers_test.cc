// Promises of policies from two sources: the configuration fixes what it names, the rest adds up.
#include "engine/policy_layers.h"

#include <gmock/gmock.h>

namespace polymq::engine {
namespace {

using enum PolicyAuthor;
using testing::ElementsAre;
using testing::IsEmpty;

Policy policy(const std::string& name, std::int64_t length, std::int64_t priority = 0) {
  return make_policy(kUser, {.vhost = "/",
                             .name = name,
                             .pattern = ".*",
                             .priority = priority,
                             .definition = {{"max-length", Value::integer(length)}}})
      .value();
}

std::shared_ptr<const PolicySet> configured(std::vector<Policy> users,
                                            std::vector<Policy> operators = {}) {
  return std::make_shared<const PolicySet>(std::move(users), std::move(operators));
}

/// `name=length`, and a plus behind those that were set at run time.
std::vector<std::string> told(const PolicyLayers& layers, PolicyAuthor author = kUser) {
  std::vector<std::string> told;
  const auto set = layers.in_force();
  if (set == nullptr) return told;
  for (const Policy& one : set->of(author)) {
    told.push_back(one.name + "=" + std::to_string(*one.definition[0].value.as_integer()) +
                   (one.at_run_time ? "+" : ""));
  }
  return told;
}

TEST(PolicyLayers, NothingMakesNothing) {
  PolicyLayers layers;
  EXPECT_EQ(layers.in_force(), nullptr);
  layers.clear(kUser, "p");
  layers.configure(nullptr);
  EXPECT_EQ(layers.in_force(), nullptr);
}

TEST(PolicyLayers, BothSourcesCountByPriority) {
  PolicyLayers layers;
  layers.configure(configured({policy("file", 1, 5)}));
  layers.set(kUser, policy("high", 2, 9));
  layers.set(kUser, policy("low", 3, 1));
  EXPECT_THAT(told(layers), ElementsAre("high=2+", "file=1", "low=3+"));
}

TEST(PolicyLayers, SettingReplacesAndClearingTakesAway) {
  PolicyLayers layers;
  layers.set(kUser, policy("p", 1));
  layers.set(kUser, policy("p", 2));
  EXPECT_THAT(told(layers), ElementsAre("p=2+"));
  layers.clear(kUser, "other");
  EXPECT_TRUE(layers.is_set(kUser, "p"));
  layers.clear(kUser, "p");
  EXPECT_FALSE(layers.is_set(kUser, "p"));
  EXPECT_THAT(told(layers), IsEmpty());
}

TEST(PolicyLayers, WhatTheConfigurationNamesHidesTheOtherForAsLong) {
  PolicyLayers layers;
  layers.set(kUser, policy("p", 1));
  layers.configure(configured({policy("p", 2)}));
  EXPECT_TRUE(layers.is_configured(kUser, "p"));
  EXPECT_THAT(told(layers), ElementsAre("p=2"));
  layers.configure(configured({}));
  EXPECT_FALSE(layers.is_configured(kUser, "p"));
  EXPECT_THAT(told(layers), ElementsAre("p=1+"));
}

TEST(PolicyLayers, AuthorsHaveNamesOfTheirOwn) {
  PolicyLayers layers;
  layers.configure(configured({policy("p", 1)}));
  layers.set(kOperator, policy("p", 2));
  EXPECT_FALSE(layers.is_configured(kOperator, "p"));
  EXPECT_FALSE(layers.is_set(kUser, "p"));
  EXPECT_THAT(told(layers), ElementsAre("p=1"));
  EXPECT_THAT(told(layers, kOperator), ElementsAre("p=2+"));
}

}  // namespace
}  // namespace polymq::engine
