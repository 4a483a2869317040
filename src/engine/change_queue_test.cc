// Promises of changing the arguments of a queue that is there.
#include <gmock/gmock.h>

#include "engine/testing/receiver.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChangeQueueTest : public RestartsTest {
 protected:
  std::string change(Fields set, std::vector<std::string> clear = {}, std::size_t by = 2,
                     const std::string& name = "q") {
    const auto answer = std::make_shared<std::string>("no answer");
    peer(by).session.change_queue(
        {.vhost = peer(by).vhost(),
         .queue = name,
         .set = std::move(set),
         .clear = std::move(clear)},
        [answer](EngineResult<void> result) { *answer = result ? "" : result.error().text; });
    cluster().run();
    return *answer;
  }
  std::string argument(const std::string& name) {
    const Vhost& vhost = *cluster().shard(2).topology().vhost("/");
    const Value* value = find(*vhost.queues.at("q")->arguments, name);
    return value == nullptr ? "none" : to_text(*value);
  }
};
INSTANTIATE_TEST_SUITE_P(On, ChangeQueueTest, kShardCounts);

TEST_P(ChangeQueueTest, TakesEffectOnWhatIsThere) {
  queue("q", {{"x-max-length", number(10)}});
  publish({"1", "2", "3", "4"});
  EXPECT_EQ(change({{"x-max-length", number(2)}}), "");
  EXPECT_EQ(ready(), 2u);
  EXPECT_EQ(change({}, {"x-max-length"}), "");
  publish({"5", "6"});
  EXPECT_THAT(drain(), ElementsAre("3", "4", "5", "6"));
}

TEST_P(ChangeQueueTest, LeavesTheOthersAndSurvivesARestart) {
  queue("q", {{"x-max-length", number(2)}, {"x-note", text("mine")}});
  EXPECT_EQ(change({{"x-message-delay", number(500)}, {"x-note", text("yours")}}), "");
  restart();
  EXPECT_EQ(argument("x-max-length"), "2");
  EXPECT_EQ(argument("x-message-delay"), "500");
  EXPECT_EQ(argument("x-note"), "yours");
  publish({"1"});
  EXPECT_EQ(ready(), 0u);
  cluster().pass(500);
  EXPECT_EQ(ready(), 1u);
  EXPECT_EQ(change({}, {"x-message-delay", "x-note"}), "");
  restart();
  EXPECT_EQ(argument("x-message-delay"), "none");
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(ChangeQueueTest, ANewDelayCountsForWhatIsDelayedAlreadyWhereGroupsAreLocked) {
  queue("q", {{"x-message-groups", text("exclusive")}, {"x-message-delay", number(1000)}});
  publish({"1", "2"});
  cluster().pass(400);
  publish({"3"});
  EXPECT_EQ(change({{"x-message-delay", number(500)}}), "");
  EXPECT_EQ(ready(), 0u);
  cluster().pass(100);
  EXPECT_EQ(ready(), 2u);
  EXPECT_EQ(change({{"x-message-delay", number(2000)}}), "");
  cluster().pass(1899);
  EXPECT_THAT(drain(), ElementsAre("1", "2")) << "what is not delayed any more stays so";
  cluster().pass(1);
  EXPECT_THAT(drain(), ElementsAre("3"));
  publish({"4"});
  EXPECT_EQ(change({}, {"x-message-delay"}), "");
  EXPECT_THAT(drain(), ElementsAre("4"));
}

TEST_P(ChangeQueueTest, ANewDelayOfWhatWasDelayedCountsOverARestart) {
  queue("q", {{"x-message-groups", text("exclusive")}, {"x-message-delay", number(9000)}});
  publish({"1", "2"});
  EXPECT_EQ(change({{"x-message-delay", number(1000)}}), "");
  restart_after(500);
  EXPECT_THAT(drain(), IsEmpty());
  EXPECT_EQ(change({{"x-message-delay", number(700)}}), "");
  cluster().pass(200);
  EXPECT_THAT(drain(), ElementsAre("1", "2"));
}

TEST_P(ChangeQueueTest, ANewDelayIsForWhatComesLaterElsewhere) {
  queue("q", {{"x-message-delay", number(1000)}});
  publish({"1"});
  EXPECT_EQ(change({{"x-message-delay", number(10)}}), "");
  publish({"2"});
  cluster().pass(10);
  EXPECT_THAT(drain(), ElementsAre("2"));
  cluster().pass(990);
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(ChangeQueueTest, ANewDelayLeavesWhatWaitsToBeTriedAgain) {
  EXPECT_EQ(peer(1).declare({.name = "q",
                             .durable = true,
                             .arguments = {{"x-queue-type", text("quorum")},
                                           {"x-message-groups", text("exclusive")},
                                           {"x-delayed-retry-type", text("all")},
                                           {"x-delayed-retry-min", number(1000)},
                                           {"x-message-delay", number(10)}}}),
            "");
  publish({"1"});
  cluster().pass(10);
  EXPECT_EQ(peer(2).consume("q"), "");
  peer(2).cancel(peer(2).consumer);
  peer(2).settle_all(Settle::kFail);
  EXPECT_EQ(change({}, {"x-message-delay"}, 1), "");
  cluster().pass(999);
  EXPECT_THAT(drain(), IsEmpty());
  cluster().pass(1);
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(ChangeQueueTest, ANewRetentionCountsForWhatIsOutOrDelayed) {
  queue("q", {{"x-message-retention", number(1000)}});
  publish({"out", "held"});
  EXPECT_EQ(peer(0).publish({.body = "late", .persistent = true, .delay_ms = 9000}), "ack");
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", {.lease_ms = 9000}), ElementsAre("out"));
  EXPECT_EQ(peer(1).consume("q"), "");
  EXPECT_EQ(change({{"x-message-retention", number(3000)}}), "");
  cluster().pass(2000);
  EXPECT_EQ(peer(0).look("q")->leased, 2u);
  EXPECT_EQ(peer(0).look("q")->delayed, 1u);
  EXPECT_EQ(change({{"x-message-retention", number(1500)}}), "");
  cluster().pass(0);
  EXPECT_EQ(peer(0).look("q")->leased, 1u) << "of the consumer";
  EXPECT_EQ(peer(0).look("q")->delayed, 0u);
  EXPECT_EQ(change({{"x-message-retention", number(5000)}}), "");
  peer(1).cancel(peer(1).consumer);
  peer(1).settle_all(Settle::kRequeue);
  EXPECT_THAT(receiver.receive("q", {.lease_ms = 9000}), ElementsAre("held"));
  cluster().pass(3000);
  EXPECT_EQ(peer(0).look("q")->leased, 0u);
}

TEST_P(ChangeQueueTest, IsRefusedWhenSomebodyElseWasFaster) {
  queue("q", {{"x-max-length", number(2)}});
  const auto before = cluster().shard(2).topology().vhost("/")->queues.at("q")->arguments;
  EXPECT_EQ(change({{"x-max-length", number(3)}}), "");
  const auto answer = std::make_shared<std::optional<ErrorKind>>();
  peer(2).session.change_queue({.vhost = peer(2).vhost(),
                                .queue = "q",
                                .set = {{"x-max-length", number(4)}},
                                .expected = before},
                               [answer](EngineResult<void> result) {
                                 if (!result) *answer = result.error().kind;
                               });
  cluster().run();
  EXPECT_EQ(*answer, ErrorKind::kChanged);
  EXPECT_EQ(argument("x-max-length"), "3");
}

TEST_P(ChangeQueueTest, RefusesWhatADeclarationWould) {
  queue("q", {{"x-max-length", number(2)}});
  EXPECT_EQ(change({}, {}, 0, "nowhere"), "no queue 'nowhere'");
  life_->disconnect(2);  // a session whose request was refused is heard no more
  life_->connect(2);
  EXPECT_THAT(change({{"x-max-length", number(-1)}}), testing::HasSubstr("x-max-length"));
  EXPECT_EQ(argument("x-max-length"), "2");
  life_->disconnect(1);
  life_->connect(1);
  EXPECT_THAT(change({{"x-queue-type", text("quorum")}}, {}, 1), testing::HasSubstr("its type"));
}

TEST_P(ChangeQueueTest, IsNotSaidToBeDoneWhenItCannotBeStored) {
  queue("q", {{"x-max-length", number(2)}});
  metadata_.broken = true;
  EXPECT_EQ(change({{"x-max-length", number(5)}}), "it could not be stored");
  life_.reset();
  metadata_.broken = false;
  restart();
  EXPECT_EQ(argument("x-max-length"), "2");
}

}  // namespace
}  // namespace polymq::engine
