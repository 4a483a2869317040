// Promises of the declarations, and of the table in the documentation that is made from them.
#include "sqs/protocol/actions.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace polymq::sqs {
namespace {

TEST(Actions, AreTheTwentyThreeAndFoundByTheirExactNames) {
  EXPECT_EQ(all_actions().size(), 23u);
  for (const ActionInfo& action : all_actions()) {
    EXPECT_EQ(find_action(action.name), &action);
  }
  EXPECT_EQ(find_action("sendmessage"), nullptr);
  EXPECT_EQ(find_action("SendMessageBatc"), nullptr);
  EXPECT_EQ(find_action(""), nullptr);
}

TEST(Actions, AreDispatchedByTheirTypes) {
  for (const ActionInfo& action : all_actions()) {
    const std::string_view name =
        with_action(action, []<class Action>() -> std::string_view { return Action::kName; });
    EXPECT_EQ(name, action.name);
  }
}

TEST(Actions, WithoutAResultAreNine) {
  std::set<std::string_view> without;
  for (const ActionInfo& action : all_actions()) {
    if (!action.has_result()) without.insert(action.name);
  }
  EXPECT_EQ(without,
            (std::set<std::string_view>{"AddPermission", "ChangeMessageVisibility", "DeleteMessage",
                                        "DeleteQueue", "PurgeQueue", "RemovePermission",
                                        "SetQueueAttributes", "TagQueue", "UntagQueue"}));
}

TEST(Actions, AreAboutAQueueUnlessTheyMakeFindOrMove) {
  std::set<std::string_view> without;
  for (const ActionInfo& action : all_actions()) {
    if (!action.needs_queue()) without.insert(action.name);
  }
  EXPECT_EQ(without, (std::set<std::string_view>{"CancelMessageMoveTask", "CreateQueue",
                                                 "GetQueueUrl", "ListMessageMoveTasks",
                                                 "ListQueues", "StartMessageMoveTask"}));
}

template <class Use>
void for_every_field(const Structure& structure, Use use) {
  for (const Field& field : structure.fields) {
    use(field);
    if (field.structure != nullptr) for_every_field(*field.structure, use);
  }
}

TEST(Actions, NameElementsOfListsAndMapsInTheSingular) {
  for (const ActionInfo& action : all_actions()) {
    for (const Structure* structure : {action.request, action.answer}) {
      for_every_field(*structure, [&](const Field& field) {
        const bool is_one = field.kind == Kind::kText || field.kind == Kind::kInteger ||
                            field.kind == Kind::kBoolean;
        EXPECT_EQ(field.name == field.query_name, is_one) << action.name << " " << field.name;
      });
    }
  }
}

TEST(Actions, HaveTwoMembersInLowerCase) {
  std::set<std::string> lower;
  for (const ActionInfo& action : all_actions()) {
    for (const Structure* structure : {action.request, action.answer}) {
      for_every_field(*structure, [&](const Field& field) {
        if (field.name.front() >= 'a') lower.emplace(field.name);
      });
    }
  }
  EXPECT_EQ(lower, (std::set<std::string>{"tags", "queueUrls"}));
}

TEST(Actions, TakeNumbersAsOptionalAndNoBooleans) {
  for (const ActionInfo& action : all_actions()) {
    for_every_field(*action.request, [&](const Field& field) {
      EXPECT_NE(field.kind, Kind::kBoolean) << action.name << " " << field.name;
      if (field.kind == Kind::kInteger) {
        EXPECT_TRUE(field.is_optional) << action.name << " " << field.name;
      }
    });
  }
}

std::string described(const Field& field);

std::string described(const Structure& structure) {
  std::string text;
  for (const Field& field : structure.fields) {
    text += (text.empty() ? "" : ", ") + described(field);
  }
  return text;
}

std::string described(const Field& field) {
  std::string text = "`" + std::string(field.name) + "`" + (field.is_required ? "\\*" : "");
  switch (field.kind) {
    case Kind::kText:
    case Kind::kBoolean:
      return text;
    case Kind::kInteger:
      if (!field.has_range()) return text + " number";
      return text + " " + std::to_string(field.min) + "–" + std::to_string(field.max);
    case Kind::kTextList:
      return text + " list";
    case Kind::kTextMap:
      return text + " map";
    case Kind::kMessageAttributes:
      return text + " attributes";
    case Kind::kStructures:
      return text + " [" + described(*field.structure) + "]";
  }
  return text;
}

std::string documented_table() {
  std::string table = "| action | request | answer |\n|---|---|---|\n";
  for (const ActionInfo& action : all_actions()) {
    const std::string answer = described(*action.answer);
    table += "| " + std::string(action.name) + " | " + described(*action.request) + " | " +
             (answer.empty() ? "nothing" : answer) + " |\n";
  }
  return table;
}

/// After a change of a declaration, POLYMQ_WRITE_DOCS=1 writes the table anew.
TEST(Actions, AreDocumentedAsDeclared) {
  const std::string path = POLYMQ_DOCS "/sqs.md";
  const std::string begin = "<!-- actions: written from the declarations -->\n";
  const std::string end = "<!-- end of actions -->";
  std::ifstream in(path);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << path;
  const std::size_t table = from + begin.size();
  if (std::getenv("POLYMQ_WRITE_DOCS") != nullptr) {
    std::ofstream(path) << page.substr(0, table) << "\n"
                        << documented_table() << "\n"
                        << page.substr(to);
    return;
  }
  EXPECT_EQ(page.substr(table, to - table), "\n" + documented_table() + "\n");
}

}  // namespace
}  // namespace polymq::sqs
