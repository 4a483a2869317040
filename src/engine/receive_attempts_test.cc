// Promises of receives that are asked for again: the same messages under the same tokens.
#include "engine/receive_attempts.h"

#include <gmock/gmock.h>

#include "engine/testing/receiver.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

DeduplicationKey attempt(const std::string& id) { return DeduplicationKey::of("", id); }

TEST(ReceiveAttempts, AreKnownForFiveMinutes) {
  ReceiveAttempts attempts;
  attempts.note(attempt("a"), {{{1, 1}, 30}}, 0);
  ASSERT_NE(attempts.find(attempt("a"), 299'999), nullptr);
  EXPECT_EQ(attempts.find(attempt("a"), 299'999)->front().deadline, 30);
  EXPECT_EQ(attempts.find(attempt("b"), 299'999), nullptr);
  EXPECT_EQ(attempts.find(attempt("a"), 300'000), nullptr);
  EXPECT_EQ(attempts.size(), 0u);
}

TEST(ReceiveAttempts, ALaterOneOfTheSameNameHasItsOwnTime) {
  ReceiveAttempts attempts;
  attempts.note(attempt("a"), {{{1, 1}, 30}}, 0);
  attempts.note(attempt("a"), {{{2, 1}, 40}}, 200'000);
  ASSERT_NE(attempts.find(attempt("a"), 300'000), nullptr);
  EXPECT_EQ(attempts.find(attempt("a"), 300'000)->front().deadline, 40);
  attempts.forget(attempt("a"));
  EXPECT_EQ(attempts.find(attempt("a"), 300'000), nullptr);
}

TEST(ReceiveAttempts, AreBoundedAndTheOldestGo) {
  ReceiveAttempts attempts;
  for (std::size_t i = 0; i <= ReceiveAttempts::kMost; ++i) {
    attempts.note(attempt(std::to_string(i)), {}, 0);
  }
  EXPECT_EQ(attempts.size(), ReceiveAttempts::kMost);
  EXPECT_EQ(attempts.find(attempt("0"), 0), nullptr);
  EXPECT_NE(attempts.find(attempt("1"), 0), nullptr);
}

class RepeatedReceiveTest : public AnyShardsTest {
 protected:
  static ReceiveOptions options(const std::string& id = "a", std::int64_t lease_ms = 1000) {
    return {.most = 10, .lease_ms = lease_ms, .attempt = attempt(id)};
  }
  Receiver first_{peer(2)};
  Receiver again_{peer(0)};
};
INSTANTIATE_TEST_SUITE_P(On, RepeatedReceiveTest, kShardCounts);

TEST_P(RepeatedReceiveTest, GivesTheSameTokensAndLeasesBeginAgain) {
  queue("q");
  publish({"1", "2"});
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("1", "2"));
  EXPECT_FALSE(first_.last.repeated);
  publish({"3"});
  cluster_.pass(600);
  EXPECT_THAT(again_.receive("q", options()), ElementsAre("1", "2"));
  EXPECT_TRUE(again_.last.repeated);
  EXPECT_EQ(again_.items[0].token, first_.items[0].token);
  EXPECT_EQ(again_.items[1].token, first_.items[1].token);
  EXPECT_EQ(again_.items[0].first_received, first_.items[0].first_received);
  cluster_.pass(600);
  EXPECT_EQ(ready(), 1u) << "the leases were put off";
  EXPECT_THAT(again_.receive("q", options()), ElementsAre("1", "2")) << "as often as one likes";
  EXPECT_EQ(again_.settle("q", first_.items[0].token, Freshness::kCurrent), TokenEnd::kDone);
  cluster_.pass(1000);
  EXPECT_THAT(again_.receive("q", options("b")), ElementsAre("2", "3"));
  EXPECT_EQ(again_.items[0].token.acquired, 2u);
}

TEST_P(RepeatedReceiveTest, OfAnotherNameOrWithoutOneIsAnotherReceive) {
  queue("q");
  publish({"1"});
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("1"));
  EXPECT_THAT(again_.receive("q", options("b")), IsEmpty());
  EXPECT_THAT(again_.receive("q", {.most = 10, .lease_ms = 1000}), IsEmpty());
}

TEST_P(RepeatedReceiveTest, OfWhatWasDeletedChangedOrReturnedIsAnotherReceive) {
  queue("q");
  publish({"1", "2"});
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("1", "2"));
  EXPECT_EQ(first_.settle("q", first_.items[0].token), TokenEnd::kDone);
  EXPECT_THAT(again_.receive("q", options()), IsEmpty()) << "one was deleted";
  cluster_.pass(1000);
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("2"));
  EXPECT_EQ(first_.extend("q", first_.items[0].token, 5000), TokenEnd::kDone);
  EXPECT_THAT(again_.receive("q", options()), IsEmpty()) << "its lease was changed";
  EXPECT_EQ(first_.extend("q", first_.items[0].token, 0), TokenEnd::kDone);
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("2"));
  cluster_.pass(1000);
  EXPECT_THAT(again_.receive("q", options()), ElementsAre("2"));
  EXPECT_FALSE(again_.last.repeated) << "its lease had ended";
  EXPECT_EQ(again_.items[0].token.acquired, 4u);
}

TEST_P(RepeatedReceiveTest, OfWhatWasPurgedIsAnotherReceive) {
  queue("q");
  publish({"1"});
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("1"));
  peer(0).session.purge_queue("q", [](const EngineResult<std::uint64_t>&) {}, {.everything = true});
  cluster_.run();
  EXPECT_THAT(again_.receive("q", options()), IsEmpty());
}

TEST_P(RepeatedReceiveTest, AnEmptyAnswerIsNotRepeated) {
  queue("q");
  EXPECT_THAT(first_.receive("q", options()), IsEmpty());
  publish({"1"});
  EXPECT_THAT(again_.receive("q", options()), ElementsAre("1"));
}

TEST_P(RepeatedReceiveTest, TakesNoNoticeOfHowManyAreOut) {
  queue("q");
  publish({"1"});
  ReceiveOptions one = options();
  one.most_leased = 1;
  EXPECT_THAT(first_.receive("q", one), ElementsAre("1"));
  EXPECT_THAT(again_.receive("q", one), ElementsAre("1"));
}

TEST_P(RepeatedReceiveTest, AnAnswerThatWasNotWrittenLeavesTheLeasesAsTheyAre) {
  queue("q");
  publish({"1"});
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("1"));
  again_.reads = false;
  EXPECT_THAT(again_.receive("q", options()), ElementsAre("1"));
  disconnect(0);
  connect(0);
  EXPECT_EQ(ready(), 0u) << "the first one has it";
  EXPECT_EQ(first_.settle("q", first_.items[0].token, Freshness::kCurrent), TokenEnd::kDone);
}

TEST_P(RepeatedReceiveTest, WhoWasHandedTheSameOnceMoreKeepsItWhenTheFirstAnswerWasNotWritten) {
  queue("q");
  publish({"1"});
  first_.reads = false;
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("1"));
  EXPECT_THAT(again_.receive("q", options()), ElementsAre("1"));
  disconnect(2);
  connect(2);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(again_.settle("q", again_.items[0].token, Freshness::kCurrent), TokenEnd::kDone);
}

TEST_P(RepeatedReceiveTest, WhoWasHandedTheSameOnceMoreKeepsItWhenTheFirstGivesItBack) {
  queue("q");
  publish({"1"});
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("1"));
  EXPECT_THAT(again_.receive("q", options()), ElementsAre("1"));
  first_.settle("q", first_.items[0].token, Freshness::kCurrent, Settle::kUnwritten);
  EXPECT_EQ(ready(), 0u);
  cluster_.pass(1000);
  EXPECT_THAT(first_.receive("q", options("b")), ElementsAre("1"));
  EXPECT_EQ(first_.items[0].token.acquired, 2u);
  first_.settle("q", first_.items[0].token, Freshness::kCurrent, Settle::kUnwritten);
  EXPECT_EQ(ready(), 1u) << "nobody else was handed it this time";
}

TEST_P(RepeatedReceiveTest, OfWhatWasGivenBackAndHandedToAnotherIsAnotherReceive) {
  queue("q");
  publish({"1"});
  EXPECT_THAT(first_.receive("q", options()), ElementsAre("1"));
  const LeaseToken token = first_.items[0].token;
  first_.settle("q", token, Freshness::kCurrent, Settle::kUnwritten);
  Receiver other(peer(1));
  EXPECT_THAT(other.receive("q", {.most = 10, .lease_ms = 1000}), ElementsAre("1"));
  EXPECT_EQ(other.items[0].token, token) << "as if it had not been handed out before";
  EXPECT_THAT(again_.receive("q", options()), IsEmpty());
}

}  // namespace
}  // namespace polymq::engine
