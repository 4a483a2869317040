// Promises of queues that know for a while which ids they have seen, and tell of the original.
#include <gmock/gmock.h>

#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kWindowMs = 300'000;

Fields with(const std::string& id, const std::string& group = "") {
  Fields headers{{"x-deduplication-header", Value::string(id)}};
  if (!group.empty()) headers.push_back({"x-message-group", Value::string(group)});
  return headers;
}

Post post(const std::string& body, Fields headers, std::int64_t id = 0) {
  if (id != 0) headers.push_back({"message_id", Value::integer(id)});
  return {.body = body, .persistent = true, .headers = std::move(headers)};
}

Fields window(const std::string& scope = "queue") {
  return {{"x-deduplication-window", Value::integer(kWindowMs)},
          {"x-deduplication-scope", Value::string(scope)}};
}

/// Publishes, and says where the message is: "3" or, of a duplicate, "2 again, id 7".
std::string place(Channeled& channel, const Post& post) {
  channel.session.publisher().tell_places();
  const std::uint64_t sequence = channel.send(post);
  channel.cluster.run();
  const auto at = channel.places.find(sequence);
  if (channel.confirms[sequence] != "ack") return "nack";
  if (at == channel.places.end()) return "nowhere";
  const PublishPlace& told = at->second;
  std::string text = std::to_string(told.position);
  if (told.duplicate) text += " again";
  if (told.original != MessageId()) text += ", id " + std::to_string(told.original.low);
  return text;
}

class QueueDeduplicationTest : public AnyShardsTest {
 protected:
  void fifo(Fields arguments = window()) {
    EXPECT_EQ(peer(1).declare({.name = "q", .durable = true, .arguments = std::move(arguments)}),
              "");
  }
  std::string place(const Post& post) { return engine::place(peer(0), post); }
};
INSTANTIATE_TEST_SUITE_P(On, QueueDeduplicationTest, kShardCounts);

TEST_P(QueueDeduplicationTest, ADuplicateIsNotTakenAndItsPublisherIsToldOfTheOriginal) {
  fifo();
  EXPECT_EQ(place(post("1", with("a"), 7)), "1");
  EXPECT_EQ(place(post("2", with("b"), 8)), "2");
  EXPECT_EQ(place(post("other", with("a"), 9)), "1 again, id 7");
  EXPECT_EQ(place(post("3", {})), "3") << "without an id it is nobody's duplicate";
  EXPECT_EQ(place(post("4", {})), "4");
  EXPECT_EQ(place(post("other", with("b"))), "2 again, id 8");
  EXPECT_THAT(drain(), ElementsAre("1", "2", "3", "4"));
}

TEST_P(QueueDeduplicationTest, AnOriginalWithoutAnIdIsKnownByItsPlace) {
  fifo();
  EXPECT_EQ(place(post("1", with("a"))), "1");
  EXPECT_EQ(place(post("2", with("a"), 5)), "1 again");
}

TEST_P(QueueDeduplicationTest, WhoDoesNotAskForPlacesIsToldOfNone) {
  fifo();
  EXPECT_EQ(peer(0).publish(post("1", with("a"))), "ack");
  EXPECT_EQ(peer(0).publish(post("2", with("a"))), "ack");
  EXPECT_THAT(peer(0).places, IsEmpty());
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(QueueDeduplicationTest, ABatchMayHaveTheOriginalAndItsDuplicates) {
  fifo();
  peer(0).session.publisher().tell_places();
  for (const char* id : {"a", "b", "a", "a"}) peer(0).send(post(id, with(id)));
  cluster_.run();
  std::vector<Position> positions;
  for (const auto& [sequence, told] : peer(0).places) positions.push_back(told.position);
  EXPECT_THAT(positions, ElementsAre(1, 2, 1, 1));
  EXPECT_THAT(drain(), ElementsAre("a", "b"));
}

TEST_P(QueueDeduplicationTest, TimeEndsItAndNothingElse) {
  fifo();
  EXPECT_EQ(place(post("1", with("a"), 7)), "1");
  EXPECT_THAT(drain(), ElementsAre("1"));
  EXPECT_EQ(place(post("2", with("a"))), "1 again, id 7") << "though it is gone";
  EXPECT_EQ(peer(0).purge("q"), "");
  for (int i = 0; i < 500; ++i) peer(0).send(post("many", with("m" + std::to_string(i))));
  cluster_.pass(kWindowMs - 1);
  EXPECT_EQ(place(post("2", with("a"))), "1 again, id 7") << "and a duplicate prolongs nothing";
  cluster_.pass(1);
  EXPECT_EQ(place(post("2", with("a"))), "502");
}

TEST_P(QueueDeduplicationTest, TheScopeIsTheQueueOrTheGroup) {
  fifo(window("queue"));
  EXPECT_EQ(place(post("1", with("a", "g"))), "1");
  EXPECT_EQ(place(post("2", with("a", "h"))), "1 again");
  EXPECT_EQ(peer(1).remove("q"), "");
  fifo(window("group"));
  EXPECT_EQ(place(post("1", with("a", "g"))), "1");
  EXPECT_EQ(place(post("2", with("a", "h"))), "2");
  EXPECT_EQ(place(post("3", with("a", "g"))), "1 again");
  EXPECT_EQ(place(post("4", with("a"))), "3");
}

TEST_P(QueueDeduplicationTest, TheScopeOfAQueueInUseMayChange) {
  fifo(window("queue"));
  EXPECT_EQ(place(post("1", with("a", "g"))), "1");
  std::string changed = "no answer";
  peer(1).session.change_queue(
      {.vhost = peer(1).vhost(), .queue = "q", .set = {{"x-deduplication-scope", text("group")}}},
      [&](const EngineResult<void>& result) { changed = result ? "" : result.error().text; });
  cluster_.run();
  EXPECT_EQ(changed, "");
  EXPECT_EQ(place(post("2", with("a", "g"))), "2");
  EXPECT_EQ(place(post("3", with("a", "g"))), "2 again");
}

TEST_P(QueueDeduplicationTest, WhatAFullQueueRefusesMayComeAgain) {
  Fields arguments = window();
  arguments.push_back({"x-max-length", number(1)});
  arguments.push_back({"x-overflow", text("reject-publish")});
  fifo(arguments);
  EXPECT_EQ(place(post("1", with("a"))), "1");
  EXPECT_EQ(place(post("2", with("b"))), "nack");
  EXPECT_THAT(drain(), ElementsAre("1"));
  EXPECT_EQ(place(post("2", with("b"))), "2");
}

TEST_P(QueueDeduplicationTest, ADeadLetterIsNoDuplicateAndIsKnownByItsOwnId) {
  Fields arguments = window();
  arguments.push_back({"x-dead-letter-exchange", text("")});
  arguments.push_back({"x-dead-letter-routing-key", text("dead")});
  fifo(arguments);
  EXPECT_EQ(peer(1).declare({.name = "dead", .durable = true, .arguments = window()}), "");
  for (const std::int64_t id : {7, 8}) {
    EXPECT_EQ(peer(0).publish(post("1", with("a"), id)), "ack");
    peer(0).get("q", false);
    peer(0).session.settle(peer(0).got->consumer, peer(0).got->lease, peer(0).got->lease,
                           Settle::kDiscard);
    peer(0).session.flush();
    cluster_.pass(kWindowMs);
  }
  EXPECT_EQ(peer(0).get("dead", false), "1");
  EXPECT_EQ(header_got("x-deduplication-header"), "7");
  EXPECT_EQ(peer(0).get("dead", false), "1");
  EXPECT_EQ(header_got("x-deduplication-header"), "8");
}

TEST_P(QueueDeduplicationTest, WhatIsRememberedIsCountedAndGivenBack) {
  fifo();
  const std::int64_t before = cluster_.message_bytes();
  constexpr std::int64_t kMany = 10'000;
  for (std::int64_t i = 0; i < kMany; ++i) peer(0).send(post("", with(std::to_string(i))));
  cluster_.run();
  EXPECT_EQ(peer(0).purge("q"), "");
  const std::int64_t each = (cluster_.message_bytes() - before) / kMany;
  EXPECT_GT(each, 60);
  EXPECT_LT(each, 160);
  cluster_.pass(kWindowMs + 60'000);
  EXPECT_LT(cluster_.message_bytes() - before, 10'000) << "without another publish";
}

TEST_P(QueueDeduplicationTest, ADuplicateWaitsForItsOriginalAndFailsWithIt) {
  fifo();
  ScriptedStore& store = cluster_.store(1);  // of the shard where peer 1 declares
  store.held = true;
  EXPECT_EQ(peer(0).publish(post("1", with("a"))), "");
  EXPECT_EQ(peer(2).publish(post("1", with("a"))), "") << "its answer waits, too";
  store.verdict = storage::CommitEnd::kFailed;
  store.held = false;
  cluster_.run();
  EXPECT_THAT(peer(0).confirms, ElementsAre(testing::Pair(1, "nack")));
  EXPECT_THAT(peer(2).confirms, ElementsAre(testing::Pair(1, "nack")));
  store.verdict = storage::CommitEnd::kDurable;
  EXPECT_EQ(place(post("1", with("a"))), "2") << "nobody was told that it is there";
}

TEST_P(QueueDeduplicationTest, ADuplicateFailsWithItsOriginalThoughItsOwnCommitDoesNot) {
  fifo();
  ScriptedStore& store = cluster_.store(1);
  store.held = true;
  EXPECT_EQ(peer(0).publish(post("1", with("a"))), "");
  peer(2).send(post("other", {}));
  EXPECT_EQ(peer(2).publish(post("1", with("a"))), "");
  store.first_verdicts = {storage::CommitEnd::kFailed, storage::CommitEnd::kDurable};
  store.held = false;
  cluster_.run();
  EXPECT_THAT(peer(0).confirms, ElementsAre(testing::Pair(1, "nack")));
  EXPECT_THAT(peer(2).confirms, ElementsAre(testing::Pair(1, "ack"), testing::Pair(2, "nack")));
  EXPECT_EQ(place(post("1", with("a"))), "3");
  EXPECT_THAT(drain(), ElementsAre("other", "1"));
}

TEST_P(QueueDeduplicationTest, AQueueCountsItsIdsOrNot) {
  Fields arguments = window();
  arguments.push_back({"x-message-deduplication", Value::boolean(true)});
  EXPECT_NE(peer(1).declare({.name = "q", .arguments = arguments}), "");
}

class DeduplicationRestartTest : public RestartsTest {};
INSTANTIATE_TEST_SUITE_P(On, DeduplicationRestartTest, kShardCounts);

TEST_P(DeduplicationRestartTest, ARestartForgetsNeitherIdsNorOriginals) {
  queue("q", window("group"));
  EXPECT_EQ(place(peer(0), post("1", with("a", "g"), 7)), "1");
  EXPECT_EQ(place(peer(0), post("2", with("b", "g"), 8)), "2");
  EXPECT_THAT(drain(), ElementsAre("1", "2"));
  restart_after(kWindowMs - 1000);
  EXPECT_EQ(place(peer(0), post("x", with("b", "g"))), "2 again, id 8");
  EXPECT_EQ(place(peer(0), post("3", with("b", "h"))), "3");
  restart_after(500);
  EXPECT_EQ(place(peer(0), post("x", with("a", "g"))), "1 again, id 7");
  cluster().pass(500);
  EXPECT_EQ(place(peer(0), post("4", with("a", "g"))), "4");
  EXPECT_EQ(place(peer(0), post("x", with("b", "h"))), "3 again");
}

TEST_P(DeduplicationRestartTest, AnIdleQueueGivesBackWhatItFoundAfterARestart) {
  queue("q", window());
  for (int i = 0; i < 100; ++i) peer(0).send(post("", with(std::to_string(i))));
  cluster().run();
  EXPECT_EQ(drain().size(), 100u);
  restart();
  EXPECT_GE(kept_.messages(), 100u);
  cluster().run();  // they are read back
  cluster().pass(kWindowMs + 60'000);
  EXPECT_EQ(kept_.messages(), 0u);
}

TEST_P(DeduplicationRestartTest, AFailedOriginalIsNotKnownInTheNextLife) {
  queue("q", window());
  kept_.given_up = true;
  EXPECT_EQ(place(peer(0), post("1", with("a"))), "nack");
  life_.reset();
  kept_.given_up = false;
  restart();
  EXPECT_EQ(place(peer(0), post("1", with("a"))), "1");
}

}  // namespace
}  // namespace polymq::engine
