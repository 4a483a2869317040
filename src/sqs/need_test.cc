// Promises of what actions need: every one has a need, and batches have that of the single one.
#include "sqs/need.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace polymq::sqs {
namespace {

using auth::Access;

/// Of every action, by name.
std::map<std::string, Need> all_needs() {
  std::map<std::string, Need> needs;
  for (const ActionInfo& info : all_actions()) {
    needs[std::string(info.name)] =
        with_action(info, []<class Action>() { return need_of<Action>(); });
  }
  return needs;
}

TEST(Needs, OnlySendersNeedToWriteAndOnlyOwnersToConfigure) {
  std::map<Access, std::string> by_access;
  std::string any;
  for (const auto& [name, need] : all_needs()) {
    (need.access ? by_access[*need.access] : any) += name + " ";
  }
  EXPECT_EQ(by_access[Access::kWrite], "SendMessage SendMessageBatch ");
  EXPECT_EQ(by_access[Access::kConfigure],
            "AddPermission CreateQueue DeleteQueue RemovePermission SetQueueAttributes TagQueue "
            "UntagQueue ");
  EXPECT_EQ(any, "GetQueueUrl ListQueues ");
}

TEST(Needs, BatchesGoByTheSingleAction) {
  for (const auto& [name, need] : all_needs()) {
    const std::size_t batch = name.find("Batch");
    EXPECT_EQ(need.action, name.substr(0, batch)) << name;
  }
}

}  // namespace
}  // namespace polymq::sqs
