// Promises of the simulation itself: it repeats itself, and its checks do find what they look for.
#include <gtest/gtest.h>

#include <algorithm>

#include "model_test.h"
#include "network.h"
#include "simulation.h"

namespace polymq::sim {
namespace {

TEST(Simulation, TheSameSeedGivesTheSameHistory) {
  for (const Workload& workload : workloads()) {
    const auto first = run_seed(11, workload, {.steps = 600});
    const auto second = run_seed(11, workload, {.steps = 600});
    ASSERT_TRUE(first) << workload.name;
    EXPECT_EQ(first, second) << workload.name;
  }
}

TEST(Simulation, AnotherSeedGivesAnotherHistory) {
  const Workload& workload = workloads().front();
  EXPECT_NE(run_seed(1, workload, {.steps = 300}), run_seed(2, workload, {.steps = 300}));
}

// Runs a workload with some seeds: it has to be violated with `least` of them, each time in a way
// that starts with one of `letters`.
void expect_found(Sabotage sabotage, std::string_view workload, std::string_view letters,
                  unsigned least = 5) {
  const auto all = workloads();
  const auto chosen = std::find_if(all.begin(), all.end(),
                                   [&](const Workload& one) { return one.name == workload; });
  ASSERT_NE(chosen, all.end());
  unsigned found = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    std::string violation;
    const auto history = run_seed(seed, *chosen, {.sabotage = sabotage, .violation = &violation});
    if (history) continue;  // a single shard sends itself no mail, or nothing of that kind
    ++found;
    EXPECT_EQ(violation.front(), '(');
    EXPECT_NE(letters.find(violation[1]), std::string_view::npos) << violation;
  }
  EXPECT_GE(found, least);
}

TEST(Sabotage, LostPublishesAreFound) { expect_found(Sabotage::kLosePublishes, "confirms", "afh"); }
TEST(Sabotage, OvertakenPublishesAreFound) {
  expect_found(Sabotage::kSwapPublishes, "prefetch", "acf");
}
TEST(Sabotage, LostConfirmsAreFound) { expect_found(Sabotage::kLoseConfirms, "confirms", "f"); }
TEST(Sabotage, LostDeliveriesAreFound) { expect_found(Sabotage::kLoseDeliveries, "basic", "abej"); }
TEST(Sabotage, LostSettlementsAreFound) {
  expect_found(Sabotage::kLoseSettlements, "basic", "abej");
}
TEST(Sabotage, LostRepliesAreFound) { expect_found(Sabotage::kLoseReplies, "churn", "fj"); }
TEST(Sabotage, LostDeltasAreFound) { expect_found(Sabotage::kLoseDeltas, "topology", "fhjk"); }

// Receives, their leases and tokens.
TEST(Sabotage, LeasesThatEndEarlyAreFound) {
  expect_found(Sabotage::kShortenLeases, "receiving", "abm");
}
TEST(Sabotage, LeasesThatEndLateAreFound) {
  expect_found(Sabotage::kLengthenLeases, "receiving", "hm");
}
TEST(Sabotage, ReceivesThatDoNotWaitAreFound) {
  expect_found(Sabotage::kShortenWaits, "receiving", "n");
}
TEST(Sabotage, ReceivesThatWaitTooLongAreFound) {
  expect_found(Sabotage::kLengthenWaits, "receiving", "n");
}
TEST(Sabotage, ReceivesThatAreNotRepeatedAreFound) {
  expect_found(Sabotage::kForgetAttempts, "receiving_groups", "n");
}
TEST(Sabotage, TokensThatAreGoodForTooMuchAreFound) {
  expect_found(Sabotage::kWidenTokens, "receiving_groups", "abmn");
}
TEST(Sabotage, DeletedMessagesThatComeBackAreFound) {
  expect_found(Sabotage::kKeepDeleted, "receiving", "am");
}
TEST(Sabotage, DoublesThatAreNoneAreFound) {
  expect_found(Sabotage::kInventDoubles, "receiving_groups", "o");
}
TEST(Sabotage, WindowsThatEndEarlyAreFound) {
  expect_found(Sabotage::kShortenWindows, "receiving_groups", "o", 3);  // few doubles come
}
TEST(Sabotage, MessagesThatAreHandedOutTooOftenAreFound) {
  expect_found(Sabotage::kRaiseLimits, "receiving", "m");
}
TEST(Sabotage, MessagesThatComeBeforeTheirTimeAreFound) {
  expect_found(Sabotage::kDropDelays, "receiving", "c");
}
TEST(Sabotage, GroupsThatAreNotLockedAreFound) {
  expect_found(Sabotage::kForgetGroups, "receiving_groups", "cd");
}
TEST(Sabotage, OrdersWhoseEndIsLostAreFound) {
  expect_found(Sabotage::kLoseMoveEnds, "moving", "p");
}
TEST(Sabotage, MessagesThatAreLostOnTheirWayAreFound) {
  expect_found(Sabotage::kLosePublishes, "moving", "afhjp");
}
TEST(Sabotage, OrdersThatAreTooFastAreFound) { expect_found(Sabotage::kHurryMoves, "moving", "p"); }

// What is lost over a restart.
TEST(Sabotage, DeletionsThatAreLostAreFound) {
  expect_found(Sabotage::kKeepSettled, "restarted_receiving", "abegh");
}
TEST(Sabotage, LeasesWhoseRecordsAreLostAreFound) {
  expect_found(Sabotage::kLoseLeases, "restarted_receiving", "m");
}
TEST(Sabotage, LeasesThatAreNotRestoredAreFound) {
  expect_found(Sabotage::kHideLeases, "restarted_receiving", "am");
}
TEST(Sabotage, GroupsThatAreNotLockedAgainAreFound) {
  expect_found(Sabotage::kHideLeases, "restarted_receiving_groups", "abdm");
}
TEST(Sabotage, RestoredLeasesThatEndLateAreFound) {
  expect_found(Sabotage::kStretchLeases, "restarted_receiving", "m");
}
TEST(Sabotage, RestoredLeasesThatKnowNoTokensAreFound) {
  expect_found(Sabotage::kMixLives, "restarted_receiving", "m");
}
TEST(Sabotage, MovedMessagesThatAreLostAreFound) {
  expect_found(Sabotage::kLoseMessages, "restarted_moving", "aegh");
}
TEST(Sabotage, StoredMessagesThatAreLostAreFound) {
  expect_found(Sabotage::kLoseMessages, "restarts", "aeg");
}
TEST(Sabotage, SettlementsThatAreLostAreFound) {
  expect_found(Sabotage::kKeepSettled, "restarted_transactions", "aegh");
}
TEST(Sabotage, TornUnitsAreFound) {
  expect_found(Sabotage::kTearUnits, "restarted_transactions", "aegk");
}
TEST(Sabotage, MarksOfDeliveryThatAreLostAreFound) {
  expect_found(Sabotage::kLoseMarks, "restarted_paging", "b");
}
TEST(Sabotage, DeclarationsThatAreLostAreFound) {
  expect_found(Sabotage::kLoseDeclarations, "restarts", "afhk");
}

TEST(Sabotage, DeadLettersThatAreLostAreFound) {
  expect_found(Sabotage::kLoseLetters, "restarted_at_least_once", "ae");
}
TEST(Sabotage, PoliciesThatAreLostAreFound) {
  expect_found(Sabotage::kLosePolicies, "restarted_policies", "l");
}
TEST(Sabotage, FailuresOfTheMetadataThatAreHiddenAreFound) {
  expect_found(Sabotage::kHideFailures, "restarted_failures", "afk");
}
TEST(Sabotage, MessagesThatExchangesHeldAndLoseAreFound) {
  expect_found(Sabotage::kLoseHeld, "restarted_exchanges", "ag");
}
TEST(Sabotage, IdsThatExchangesForgetAreFound) {
  expect_found(Sabotage::kLoseIds, "restarted_exchanges", "a");
}
TEST(Sabotage, HistoriesThatAreLostAreFound) {
  expect_found(Sabotage::kLoseHistory, "restarted_exchanges", "a");
}

TEST(Restarts, HappenAndMessagesAreReadBack) {
  std::uint64_t restarts = 0;
  std::uint64_t read = 0;
  for (const Workload& workload : workloads()) {
    const auto history = run_seed(3, workload, {.steps = 600});
    ASSERT_TRUE(history) << workload.name;
    EXPECT_TRUE(workload.restart_permille != 0 || history->restarts == 0);
    restarts += history->restarts;
    if (workload.name == "paging") EXPECT_GT(history->messages_read, 0u);
    read += history->messages_read;
  }
  EXPECT_GT(restarts, 8u);
  EXPECT_GT(read, 100u);
}

TEST(Network, MailWaitsAtTheSenderWhenAMailboxIsFullAndKeepsItsOrder) {
  Network network(2, 1);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    network.outbox(0).send(1, {round, engine::Alarm{true}});
  }
  EXPECT_TRUE(network.overflowing(0));
  engine::Envelope envelope;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(network.take(0, 1, envelope));
    EXPECT_EQ(envelope.round, round);
    EXPECT_FALSE(network.take(0, 1, envelope)) << "room for one";
    network.drain_overflow(0);
  }
  EXPECT_TRUE(network.idle());
}

TEST_F(ModelTest, FindsAMessageThatIsLost) { EXPECT_THROW(end(), Violation); }

TEST_F(ModelTest, IsContentWithAMessageThatWasSettledOrPurged) {
  model_.settled(deliver(), false);
  EXPECT_NO_THROW(end());
  Published another;
  model_.routed(model_.published(std::move(another)), entry_, true);
  EXPECT_THROW(end(), Violation);
  model_.purged(entry_.id);
  EXPECT_NO_THROW(end());
}

TEST_F(ModelTest, FindsAMessageThatHasTwoHolders) {
  deliver();
  EXPECT_THROW(deliver(), Violation);
}

TEST_F(ModelTest, FindsAGroupThatHasTwoHoldersOrBeginsOutOfOrder) {
  model_.settled(deliver(), false);
  engine::QueueEntry grouped;
  grouped.id = 6;
  grouped.vhost = &vhost_;
  grouped.name = "grouped.0";
  std::vector<CopyKey> keys;
  for (std::uint64_t order = 1; order <= 3; ++order) {
    Published published;
    published.body_size = 20;
    published.group = "a";
    published.order = order;
    const MessageId id = model_.published(std::move(published));
    model_.routed(id, grouped, true);
    Model::fill_body(id, message_->body_space(), 20);
    keys.push_back(model_.delivered({message_, 0, 0, false}, grouped.id));
  }
  model_.check_group(keys[1], {1, 0}, false);
  EXPECT_NO_THROW(model_.check_group(keys[2], {1, 0}, false));
  EXPECT_THROW(model_.check_group(keys[0], {2, 0}, true), Violation) << "it has two";
  EXPECT_THROW(model_.check_group(keys[0], {1, 0}, false), Violation) << "it was first";
  EXPECT_NO_THROW(model_.check_group(keys[0], {1, 0}, true));
  for (const CopyKey& key : keys) model_.settled(key, false);
}

TEST_F(ModelTest, FindsAMessageThatComesBackAfterItWasSettled) {
  model_.settled(deliver(), false);
  EXPECT_THROW(deliver(), Violation);
}

TEST_F(ModelTest, FindsWrongCounters) {
  model_.returned(deliver(), Return::kWritten);
  EXPECT_THROW(deliver(0), Violation);
  model_.returned(deliver(1), Return::kFailed);
  model_.returned(deliver(2, 1), Return::kWritten);
  EXPECT_THROW(deliver(3, 0), Violation);
}

TEST_F(ModelTest, FindsAMessageInAQueueThatItWasNotRoutedTo) {
  engine::QueueEntry other;
  other.id = 6;
  other.vhost = &vhost_;
  other.name = "plain.1";
  model_.queue_seen(other);
  EXPECT_THROW(model_.delivered({message_, 0, 0, false}, other.id), Violation);
}

TEST_F(ModelTest, FindsABodyThatChanged) {
  message_->body_space()[15] ^= 1;
  EXPECT_THROW(deliver(), Violation);
}

TEST_F(ModelTest, FindsAQueueThatNobodyRemoved) {
  EXPECT_THROW(model_.check_end({}, {vhost_.id}), Violation);
  model_.may_vanish(entry_.id);
  EXPECT_NO_THROW(model_.check_end({}, {vhost_.id}));
}

TEST_F(ModelTest, FindsATransactionThatIsThereInPart) {
  model_.settled(deliver(), false);
  const auto unit = std::make_shared<Unit>();
  MessageId parts[2] = {};
  for (MessageId& part : parts) {
    Published published;
    published.body_size = 20;
    published.unit = unit;
    part = model_.published(std::move(published));
    model_.routed(part, entry_, true);
  }
  unit->outcome = Unit::Outcome::kUnknown;
  EXPECT_NO_THROW(end());  // none of it
  Model::fill_body(parts[0], message_->body_space(), 20);
  model_.settled(deliver(), false);
  EXPECT_THROW(end(), Violation);
  Model::fill_body(parts[1], message_->body_space(), 20);
  model_.settled(deliver(), false);
  EXPECT_NO_THROW(end());  // all of it
}

/// Messages through exchanges that remember, to the queue safe.0.
class MemoriesTest : public ModelTest {
 protected:
  MemoriesTest() {
    model_.settled(deliver(), false);
    safe_.id = 7;
    safe_.vhost = &vhost_;
    safe_.name = "safe.0";
    for (const ExchangeKind& kind : settled_exchanges()) model_.bound(kind, safe_);
  }
  MessageId send(std::string_view exchange, Published what = {}) {
    what.body_size = 20;
    what.order = ++order_;
    const MessageId id = model_.published(std::move(what));
    model_.goes_through(id, *settled_exchange(exchange));
    return id;
  }
  void arrives(MessageId id, const engine::QueueEntry& queue) {
    Model::fill_body(id, message_->body_space(), 20);
    model_.settled(model_.delivered({message_, 0, 0, false}, queue.id), false);
  }
  void end(std::set<engine::QueueId> alive) {
    alive.insert({entry_.id, safe_.id});
    model_.check_end(alive, {vhost_.id});
  }

  engine::QueueEntry safe_;
  std::uint64_t order_ = 0;
};

TEST_F(MemoriesTest, FindsWhatWasHeldAndNeverCame) {
  const MessageId held = send(kDelaying, {.delay_ms = 10});
  EXPECT_THROW(end({}), Violation);
  arrives(held, safe_);
  EXPECT_NO_THROW(end({}));
}

TEST_F(MemoriesTest, KnowsWhichOfTwoDelaysEndsFirst) {
  const MessageId first = send(kDelaying, {.delay_ms = 50, .published = {.wall = 100}});
  const MessageId same = send(kDelaying, {.delay_ms = 50, .published = {.wall = 100}});
  const MessageId sooner = send(kDelaying, {.delay_ms = 20, .published = {.wall = 105}});
  EXPECT_TRUE(model_.leaves_before(first, same));
  EXPECT_FALSE(model_.leaves_before(same, first));
  EXPECT_FALSE(model_.leaves_before(sooner, first)) << "who knows when it got there";
  model_.is_safe(sooner, 120);
  EXPECT_TRUE(model_.leaves_before(sooner, first));
}

TEST_F(MemoriesTest, FindsDoublesOfWhichNoneOrTwoCame) {
  const MessageId one = send("m.once", {.deduplication = "d"});
  const MessageId two = send("m.once", {.deduplication = "d"});
  EXPECT_THROW(end({}), Violation);
  arrives(two, safe_);
  EXPECT_NO_THROW(end({}));
  arrives(one, safe_);
  EXPECT_THROW(end({}), Violation);
}

TEST_F(MemoriesTest, AllowsDoublesThatCameAfterTheTimeToRemember) {
  for (const WallMs published : {100, 130, 200}) {
    const MessageId id =
        send("m.briefly", {.deduplication = "d", .published = {.wall = published}});
    model_.is_safe(id, published + 5);
    if (published != 130) arrives(id, safe_);
  }
  EXPECT_NO_THROW(end({}));
  arrives(3, safe_);
  EXPECT_THROW(end({}), Violation);
}

TEST_F(MemoriesTest, FindsADoubleThatWasTakenForOneThatWasRefused) {
  const MessageId refused = send("m.once", {.answered = true, .deduplication = "d"});
  model_.confirmed(refused, false);
  arrives(refused, safe_);
  const MessageId again = send("m.once", {.answered = true, .deduplication = "d"});
  model_.is_safe(again, 100);
  EXPECT_THROW(end({}), Violation);
  arrives(again, safe_);
  EXPECT_NO_THROW(end({}));
}

TEST_F(MemoriesTest, FindsHistoriesWithHolesAndWithTooMuch) {
  std::vector<MessageId> sent;
  for (int i = 0; i < 5; ++i) {
    sent.push_back(send(kRecent));
    model_.is_safe(sent.back(), 100);
    arrives(sent.back(), safe_);
  }
  engine::QueueEntry history;
  history.id = 9;
  history.vhost = &vhost_;
  history.name = "hist.0";
  model_.binding_to_recent(history);
  model_.bound_to_recent(history.id);
  arrives(sent[2], history);
  EXPECT_THROW(end({history.id}), Violation) << "those after it must have come, too";
  arrives(sent[3], history);
  arrives(sent[4], history);
  EXPECT_NO_THROW(end({history.id}));
  const MessageId newer = send(kRecent);
  arrives(newer, safe_);
  EXPECT_THROW(end({history.id}), Violation) << "it is bound";
  arrives(newer, history);
  EXPECT_NO_THROW(end({history.id}));
  arrives(sent[1], history);
  EXPECT_THROW(end({history.id}), Violation) << "no longer kept, and too late";
}

}  // namespace
}  // namespace polymq::sim
