// Promises of selecting attributes on receive.
#include "sqs/attribute_selection.h"

#include <gtest/gtest.h>

#include <vector>

namespace polymq::sqs {
namespace {

using Names = std::vector<std::string_view>;

TEST(SystemAttributes, AreSelectedByNameFromBothLists) {
  const Names names{"SenderId"};
  const Names older{"SentTimestamp", "SenderId"};
  const auto selected = select_system_attributes(names, older);
  ASSERT_TRUE(selected.has_value());
  EXPECT_TRUE(selected->has(SystemAttribute::kSenderId));
  EXPECT_TRUE(selected->has(SystemAttribute::kSentTimestamp));
  EXPECT_FALSE(selected->has(SystemAttribute::kMessageGroupId));
  EXPECT_TRUE(select_system_attributes({}, {})->empty());
}

TEST(SystemAttributes, AllAreSelectedByAll) {
  const Names all{"All"};
  const auto selected = select_system_attributes({}, all);
  for (std::size_t i = 0; i < system_attribute_names().size(); ++i) {
    EXPECT_TRUE(selected->has(static_cast<SystemAttribute>(i)));
    EXPECT_EQ(name_of(static_cast<SystemAttribute>(i)), system_attribute_names()[i]);
  }
}

TEST(SystemAttributes, OfAnUnknownNameAreRefused) {
  for (const std::string_view name : {"senderid", "Policy", "", "all"}) {
    const auto selected = select_system_attributes({}, Names{name});
    ASSERT_FALSE(selected.has_value()) << name;
    EXPECT_EQ(selected.error().code, ErrorCode::kInvalidAttributeName);
  }
}

TEST(UserAttributes, AreSelectedByNamePrefixOrAllTogether) {
  EXPECT_FALSE(selects({}, "a"));
  EXPECT_TRUE(selects(Names{"All"}, "a"));
  EXPECT_TRUE(selects(Names{".*"}, "a"));
  EXPECT_TRUE(selects(Names{"b", "a"}, "a"));
  EXPECT_FALSE(selects(Names{"a"}, "A"));
  EXPECT_FALSE(selects(Names{"a"}, "ab"));
  EXPECT_TRUE(selects(Names{"a.*"}, "a.b"));
  EXPECT_TRUE(selects(Names{"a.*"}, "ab"));
  EXPECT_FALSE(selects(Names{"a.*"}, "ba"));
  EXPECT_FALSE(selects(Names{"a*"}, "ab"));
}

}  // namespace
}  // namespace polymq::sqs
