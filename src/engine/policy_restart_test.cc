// Promises of policies that operators set at run time: they have effects once they are stored and
// not before, on every shard, and are there again before the queues are.
#include <gmock/gmock.h>

#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using enum PolicyAuthor;
using testing::ElementsAre;
using testing::IsEmpty;

Policy policy(Fields definition, const std::string& name = "p", PolicyAuthor author = kUser,
              const std::string& vhost = "/") {
  auto made = make_policy(author, {.vhost = vhost,
                                   .name = name,
                                   .pattern = "^q",
                                   .apply_to = "queues",
                                   .priority = -3,
                                   .definition = std::move(definition)});
  EXPECT_TRUE(made) << made.error().text;
  return *made;
}
Policy length(std::int64_t most, const std::string& name = "p", PolicyAuthor author = kUser) {
  return policy({{"max-length", number(most)}}, name, author);
}

class PolicyRestartTest : public RestartsTest {
 protected:
  /// From any shard; the refusal's text.
  std::string set(Policy policy, PolicyAuthor author = kUser, ShardIndex on = 2) {
    return cluster().administer(SetPolicy{author, std::move(policy)}, on);
  }
  std::string clear(const std::string& name, PolicyAuthor author = kUser) {
    return cluster().administer(ClearPolicy{"/", author, name}, 1);
  }
  /// What the policies make of the queue's length, which all shards agree on; 0: nothing.
  std::int64_t limit(const std::string& queue = "q") {
    std::optional<std::int64_t> limit;
    for (ShardIndex i = 0; i < cluster().size(); ++i) {
      Topology& topology = cluster().shard(i).topology();
      const auto told = topology.queue(*topology.vhost("/"), queue)->effective->max_length;
      EXPECT_TRUE(i == 0 || limit == told) << "on shard " << i;
      limit = told;
    }
    return limit.value_or(0);
  }
};
INSTANTIATE_TEST_SUITE_P(On, PolicyRestartTest, kShardCounts);

TEST_P(PolicyRestartTest, APolicyCountsForQueuesThatAreThereAndThatCome) {
  queue("q");
  publish({"1", "2", "3"});
  EXPECT_EQ(set(length(2)), "");
  EXPECT_THAT(drain(), ElementsAre("2", "3"));
  queue("q-later");
  EXPECT_EQ(limit("q-later"), 2);
  EXPECT_EQ(clear("p"), "");
  EXPECT_EQ(limit(), 0);
  EXPECT_EQ(limit("q-later"), 0);
}

TEST_P(PolicyRestartTest, APolicyIsThereAfterARestartAsItWasSet) {
  queue("q");
  EXPECT_EQ(set(length(5)), "");
  EXPECT_EQ(set(length(2)), "");
  EXPECT_EQ(set(length(4, "p", kOperator), kOperator), "");
  EXPECT_EQ(set(policy({{"message-ttl", number(7)}}, "z")), "");
  restart();
  EXPECT_EQ(limit(), 2);
  const Vhost& vhost = *cluster().shard(0).topology().vhost("/");
  ASSERT_NE(vhost.policies, nullptr);
  const auto& users = vhost.policies->of(kUser);
  ASSERT_EQ(users.size(), 2u);
  EXPECT_EQ(users[0].name, "p");
  EXPECT_EQ(users[0].pattern.text(), "^q");
  EXPECT_EQ(users[0].apply_to, PolicyTarget::kQueues);
  EXPECT_EQ(users[0].priority, -3);
  EXPECT_EQ(users[0].vhost, "/");
  EXPECT_TRUE(users[0].at_run_time);
  EXPECT_EQ(users[1].name, "z");

  EXPECT_EQ(clear("p"), "");
  EXPECT_EQ(limit(), 4) << "the operator's is another one";
  EXPECT_EQ(clear("p", kOperator), "");
  restart();
  EXPECT_EQ(limit(), 0);
  EXPECT_EQ(clear("z"), "");
}

TEST_P(PolicyRestartTest, WhatExpiredMeanwhileGoesWhereAPolicySaysItGoes) {
  queue("dead");
  queue("q", {{"x-message-ttl", number(1000)}});
  EXPECT_EQ(
      set(policy({{"dead-letter-exchange", text("")}, {"dead-letter-routing-key", text("dead")}})),
      "");
  publish({"1", "2"});
  restart_after(2000);
  cluster().pass(1);
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2"));
}

TEST_P(PolicyRestartTest, ItHasNoEffectBeforeItIsStored) {
  queue("q");
  publish({"1", "2"});
  metadata_.may_end = 0;
  EXPECT_EQ(set(length(1)), "no answer");
  EXPECT_EQ(limit(), 0);
  EXPECT_EQ(ready(), 2u);
  metadata_.may_end = KeepingMetadata::kAll;
  cluster().run();
  EXPECT_EQ(limit(), 1);
  EXPECT_EQ(ready(), 1u);

  metadata_.may_end = 0;
  EXPECT_EQ(clear("p"), "no answer");
  EXPECT_EQ(limit(), 1);
  metadata_.may_end = KeepingMetadata::kAll;
  cluster().run();
  EXPECT_EQ(limit(), 0);
  drain();
}

TEST_P(PolicyRestartTest, WhatIsAskedMeanwhileIsDoneInOrder) {
  queue("q");
  metadata_.may_end = 0;
  EXPECT_EQ(set(length(1)), "no answer");
  EXPECT_EQ(set(length(2)), "no answer");
  EXPECT_EQ(set(length(3, "p", kOperator), kOperator), "no answer");
  EXPECT_EQ(limit(), 0);
  metadata_.may_end = KeepingMetadata::kAll;
  cluster().run();
  EXPECT_EQ(limit(), 2);
  restart();
  EXPECT_EQ(limit(), 2);
  EXPECT_EQ(clear("p"), "");
  EXPECT_EQ(limit(), 3);
}

TEST_P(PolicyRestartTest, APolicyThatIsStoredSaysNothingOfWhatWasDeclaredBehindIt) {
  metadata_.may_end = 0;
  EXPECT_EQ(set(length(1)), "no answer");
  EXPECT_EQ(peer(1).declare({.name = "q", .durable = true, .arguments = {}}), "no answer");
  const std::uint64_t declared = cluster().shard(0).kept_round() + 1;
  metadata_.may_end = 1;
  cluster().run();
  EXPECT_EQ(limit(), 1);
  for (ShardIndex i = 0; i < cluster().size(); ++i) {
    EXPECT_LT(cluster().shard(i).kept_round(), declared) << "shard " << i;
  }
  metadata_.may_end = KeepingMetadata::kAll;
  cluster().run();
  for (ShardIndex i = 0; i < cluster().size(); ++i) {
    EXPECT_TRUE(cluster().shard(i).replica_is_kept()) << "shard " << i;
  }
}

TEST_P(PolicyRestartTest, WhatTheConfigurationNamesLaterHidesTheOtherForAsLong) {
  queue("q");
  EXPECT_EQ(set(length(7)), "");
  set_policy({{"max-length", number(9)}});
  EXPECT_EQ(limit(), 9);
  restart();
  EXPECT_EQ(limit(), 9);
  clear_configuration();
  EXPECT_EQ(limit(), 7);
  restart();
  EXPECT_EQ(limit(), 7);
}

TEST_P(PolicyRestartTest, WhatCannotBeStoredIsRefusedAndHasNoEffect) {
  queue("q");
  EXPECT_EQ(set(length(5)), "");
  metadata_.broken = true;
  EXPECT_EQ(set(length(1)), "it could not be stored");
  EXPECT_EQ(clear("p"), "it could not be stored");
  EXPECT_EQ(limit(), 5);
  metadata_.broken = false;
  restart();
  EXPECT_EQ(limit(), 5);
}

TEST_P(PolicyRestartTest, WhatTheConfigurationNamesIsFixed) {
  queue("q");
  EXPECT_EQ(set(length(7)), "");
  set_policy({{"max-length", number(5)}});  // "p", too
  EXPECT_EQ(set(length(1)),
            "policy 'p' in vhost '/' is in the configuration file: change it there");
  EXPECT_EQ(limit(), 5);
  EXPECT_EQ(clear("p"), "") << "the one beneath it";
  EXPECT_EQ(clear("p"), "policy 'p' in vhost '/' is in the configuration file: change it there");
  EXPECT_EQ(limit(), 5);
  EXPECT_EQ(set(length(3, "p", kOperator), kOperator), "") << "another author's";
  EXPECT_EQ(limit(), 3);
  restart();
  EXPECT_EQ(limit(), 3);
  EXPECT_EQ(clear("p", kOperator), "");
  EXPECT_EQ(limit(), 5);
}

TEST_P(PolicyRestartTest, WhatIsNotThereIsNotCleared) {
  EXPECT_EQ(clear("p"), "no policy 'p' in vhost '/'");
  EXPECT_EQ(clear("p", kOperator), "no operator policy 'p' in vhost '/'");
  EXPECT_EQ(cluster().administer(ClearPolicy{"none", kUser, "p"}), "no vhost 'none'");
  EXPECT_EQ(set(policy({{"max-length", number(1)}}, "p", kUser, "none")), "no vhost 'none'");
}

TEST_P(PolicyRestartTest, AVhostTakesItsPoliciesAlong) {
  EXPECT_EQ(cluster().administer(AddVhost{"v", "", {}}), "");
  EXPECT_EQ(set(policy({{"max-length", number(1)}}, "p", kUser, "v")), "");
  EXPECT_THAT(metadata_.image().policies, testing::SizeIs(1));
  EXPECT_EQ(cluster().administer(RemoveVhost{"v"}), "");
  EXPECT_THAT(metadata_.image().policies, IsEmpty());
  EXPECT_EQ(cluster().administer(AddVhost{"v", "", {}}), "");
  const auto& again = cluster().shard(1).topology().vhost("v")->policies;
  EXPECT_TRUE(again == nullptr || again->of(kUser).empty());
}

TEST_P(PolicyRestartTest, AVhostThatGoesMeanwhileHasNoPolicyWhenItComesAgain) {
  EXPECT_EQ(cluster().administer(AddVhost{"v", "", {}}), "");
  metadata_.may_end = 0;
  EXPECT_EQ(set(policy({{"max-length", number(1)}}, "p", kUser, "v")), "no answer");
  EXPECT_EQ(cluster().administer(RemoveVhost{"v"}), "no answer");
  EXPECT_EQ(cluster().administer(AddVhost{"v", "", {}}), "no answer");
  metadata_.may_end = KeepingMetadata::kAll;
  cluster().run();
  EXPECT_EQ(cluster().shard(0).topology().vhost("v")->policies, nullptr);
  EXPECT_THAT(metadata_.image().policies, IsEmpty());
}

}  // namespace
}  // namespace polymq::engine
