// Promises of the simulation itself: it repeats itself, and its checks do find what they look for.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "declarations.h"
#include "disk.h"
#include "model.h"
#include "network.h"
#include "simulation.h"
#include "store.h"

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

// Runs a workload until its violations have been seen `wanted` times; all of them have to start
// with one of `letters`.
void expect_found(Sabotage sabotage, std::string_view workload, std::string_view letters) {
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
  EXPECT_GE(found, 5u);
}

TEST(Sabotage, LostPublishesAreFound) { expect_found(Sabotage::kLosePublishes, "confirms", "af"); }
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

// What is lost over a restart.
TEST(Sabotage, StoredMessagesThatAreLostAreFound) {
  expect_found(Sabotage::kLoseMessages, "restarts", "aeg");
}
TEST(Sabotage, SettlementsThatAreLostAreFound) {
  expect_found(Sabotage::kKeepSettled, "restarted_transactions", "aegh");
}
TEST(Sabotage, TornUnitsAreFound) {
  expect_found(Sabotage::kTearUnits, "restarted_transactions", "aeg");
}
TEST(Sabotage, MarksOfDeliveryThatAreLostAreFound) {
  expect_found(Sabotage::kLoseMarks, "restarted_paging", "b");
}
TEST(Sabotage, DeclarationsThatAreLostAreFound) {
  expect_found(Sabotage::kLoseDeclarations, "restarts", "afhk");
}

TEST(Restarts, HappenAndMessagesAreReadBack) {
  std::uint64_t restarts = 0;
  std::uint64_t read = 0;
  for (const Workload& workload : workloads()) {
    const auto history = run_seed(3, workload, {.steps = 600});
    ASSERT_TRUE(history) << workload.name;
    EXPECT_TRUE(workload.restart_permille != 0 || history->restarts == 0);
    restarts += history->restarts;
    if (workload.name == "paging") EXPECT_GT(history->messages_read, 20u);
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

/// A store with a disk of its own.
class StoreTest : public ::testing::Test {
 protected:
  Store& store(StoreFaults faults = {}) {
    disk_.start(1);
    disk_.queues_known(100);
    store_ = std::make_unique<Store>(1, faults, log_, disk_, 0);
    store_->open_queue(1, 0);
    return *store_;
  }
  /// Message A of queue 1.
  static storage::MessageRecord record(std::uint64_t position = 7) {
    return {.queue = 1,
            .position = position,
            .exchange = "e",
            .routing_key = "k",
            .body = std::string_view("A\0\0\0\0\0\0\0", 8)};
  }
  std::vector<storage::CommitEnd> ended() {
    std::vector<storage::CommitEnd> ended;
    store_->take_ended(ended);
    return ended;
  }

  EventLog log_{false};
  Disk disk_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, FindsWhatIsStoredTwice) {
  Store& kept = store();
  kept.append(record());
  EXPECT_THROW(kept.append(record()), Violation);
  kept.settle(1, 7, 7);
  EXPECT_EQ(kept.kept(), 0u);
}

TEST_F(StoreTest, TellsWhatBecameOfACommit) {
  const StoredName name{65, "e", "k"};
  for (const unsigned fail_percent : {0u, 100u}) {
    const Store::State end = fail_percent == 0 ? Store::State::kDurable : Store::State::kFailed;
    Store& kept = store({.fail_percent = fail_percent});
    EXPECT_EQ(kept.appended(name), Store::State::kUnknown);
    kept.append(record(7 + fail_percent));
    kept.seal(0);
    EXPECT_EQ(kept.appended(name, 1), Store::State::kUnderWay);
    EXPECT_EQ(kept.appended(name, 2), Store::State::kUnknown);
    EXPECT_EQ(ended().size(), 1u);
    EXPECT_EQ(kept.appended(name), end);
    kept.settle(1, 7, 107);
    kept.seal(0);
    EXPECT_EQ(kept.settled(name, 1), Store::State::kUnderWay);
    EXPECT_EQ(ended().size(), 1u);
    EXPECT_EQ(kept.settled(name, 1), end);
  }
}

TEST_F(StoreTest, KeepsWhatIsDurableAndGivesItBack) {
  Store& kept = store();
  for (const std::uint64_t position : {1, 2, 3}) kept.append(record(position));
  kept.settle(1, 2, 2);  // never written
  kept.handed_out(1, 3);
  kept.seal(0);
  EXPECT_EQ(kept.readable_below(1), 0u) << "not durable yet";
  ended();
  EXPECT_EQ(kept.readable_below(1), 4u);
  kept.returned(1, 3, 2, 1);
  kept.seal(0);
  ended();
  kept.append(record(4));  // staged only
  const storage::StoredQueue found = [&] {
    disk_.start(1);
    store_ = std::make_unique<Store>(1, StoreFaults{}, log_, disk_, 0);
    return store_->open_queue(1, 0);
  }();
  EXPECT_EQ(found.next_position, 4u);
  ASSERT_EQ(found.ranges.size(), 2u);
  EXPECT_EQ(found.ranges[0].first, 1u);
  EXPECT_EQ(found.ranges[1].first, 3u);
  EXPECT_EQ(found.ranges[1].body_bytes, 8u);
  std::vector<storage::ReadMessages> read;
  for (std::uint64_t from = 1; from < found.next_position; from = read.back().next) {
    store_->read(1, from, 1000);
    store_->take_read(read);
    for (const storage::MessageRecord& message : read.back().messages) {
      EXPECT_TRUE(message.delivered) << "position 1 was handed out, 3 was returned";
      EXPECT_EQ(message.acquired, message.position == 3 ? 2 : 0);
      EXPECT_EQ(message.body.size(), 8u);
    }
  }
}

TEST_F(StoreTest, KeepsNothingOfAQueueThatIsNotKnown) {
  Store& kept = store();
  kept.open_queue(101, 0);
  storage::MessageRecord early = record();
  early.queue = 101;
  kept.append(early);
  kept.seal(0);
  EXPECT_TRUE(ended().empty());
  kept.queues_known(101);
  EXPECT_EQ(ended().size(), 1u);
}

TEST(Disk, WritesAUnitWithAllItsPartsOrNotAtAll) {
  Disk disk;
  disk.start(2);
  disk.submit(0, {.changes = {Batch::HandedOut{1, 5}}});
  disk.submit(0, {.changes = {Batch::HandedOut{1, 6}}, .parts = {{9, 2}}});
  disk.submit(1, {.changes = {Batch::HandedOut{2, 7}}});
  EXPECT_TRUE(disk.write(0, storage::CommitEnd::kDurable));
  EXPECT_FALSE(disk.write(0, storage::CommitEnd::kDurable)) << "half of the unit is missing";
  disk.submit(1, {.changes = {Batch::HandedOut{2, 8}}, .parts = {{9, 2}}});
  EXPECT_TRUE(disk.write(0, storage::CommitEnd::kDurable));
  EXPECT_EQ(disk.queue(1)->handed_out, 6u);
  EXPECT_EQ(disk.queue(2)->handed_out, 8u) << "with all that was before it";
  EXPECT_TRUE(disk.has_ended(1));
}

TEST(Declarations, FindWhatIsNotThereThoughItWasSaid) {
  const Declarations::Name name{Declarations::Kind::kQueue, 1, "q"};
  storage::MetadataImage image;
  Declarations told;
  told.end(name, true, told.begin(name, true), true, {5, 0});
  EXPECT_THROW(told.restarted(image), Violation);
  image.queues.emplace_back();
  image.queues.back().id = 5;
  image.queues.back().vhost = 1;
  image.queues.back().name = "q";
  EXPECT_NO_THROW(told.restarted(image));
  told.end(name, false, told.begin(name, false), true, {});
  EXPECT_THROW(told.restarted(image), Violation);
}

TEST(Declarations, KnowNothingOfOperationsThatOverlap) {
  const Declarations::Name name{Declarations::Kind::kQueue, 1, "q"};
  Declarations told;
  const auto adding = told.begin(name, true);
  const auto removing = told.begin(name, false);
  told.end(name, false, removing, true, {});
  told.end(name, true, adding, true, {5, 0});
  EXPECT_NO_THROW(told.restarted({}));
}

class ModelTest : public ::testing::Test {
 protected:
  ModelTest() : model_(workloads().front()) {
    vhost_.id = 1;
    entry_.id = 5;
    entry_.vhost = &vhost_;
    entry_.name = "plain.0";
    Published published;
    published.body_size = 20;
    id_ = model_.published(std::move(published));
    model_.routed(id_, entry_, true);
    message_ = engine::Message::create({.body_size = 20}, meter_);
    Model::fill_body(id_, message_->body_space(), 20);
  }
  ~ModelTest() override { message_->release(meter_); }

  CopyKey deliver(std::uint16_t acquired = 0, std::uint16_t failed = 0) {
    return model_.delivered({message_, acquired, failed, acquired != 0}, entry_.id);
  }
  void end() { model_.check_end({entry_.id}, {vhost_.id}); }

  engine::MemoryMeter meter_;
  engine::Vhost vhost_;
  engine::QueueEntry entry_;
  Model model_;
  MessageId id_ = 0;
  engine::Message* message_ = nullptr;
};

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

TEST_F(ModelTest, FindsAMessageThatComesBackAfterItWasSettled) {
  model_.settled(deliver(), false);
  EXPECT_THROW(deliver(), Violation);
}

TEST_F(ModelTest, FindsWrongCounters) {
  model_.returned(deliver(), Return::kWritten);
  EXPECT_THROW(deliver(0), Violation);
  model_.returned(deliver(1), Return::kFailed);
  EXPECT_THROW(deliver(2, 0), Violation);
  EXPECT_NO_THROW(deliver(2, 1));
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

/// A persistent message in safe.0, and what a restart may find of it.
class RestartTest : public ModelTest {
 protected:
  RestartTest() {
    model_.settled(deliver(), false);
    safe_.id = 7;
    safe_.vhost = &vhost_;
    safe_.name = "safe.0";
    first_ = publish();
  }
  MessageId publish(Published what = {}) {
    what.body_size = 20;
    what.persistent = true;
    what.order = ++order_;
    const MessageId id = model_.published(std::move(what));
    model_.routed(id, safe_, true);
    return id;
  }
  CopyKey take(MessageId id) {
    Model::fill_body(id, message_->body_space(), 20);
    return model_.delivered({message_, 0, 0, false}, safe_.id);
  }
  FoundMessage found(MessageId id, bool marked = false) {
    return {.id = id,
            .path = 0,
            .queue = safe_.id,
            .acquired = 0,
            .failed = 0,
            .marked = marked,
            .told = marked};
  }
  void restart(std::vector<FoundMessage> messages, bool strict_marks = false) {
    model_.restarted({std::move(messages), {safe_.id}, false, strict_marks});
  }

  engine::QueueEntry safe_;
  std::uint64_t order_ = 0;
  MessageId first_ = 0;
};

TEST_F(RestartTest, FindsThatAConfirmedMessageIsLost) {
  EXPECT_NO_THROW(restart({})) << "nobody was told";
  const MessageId second = publish();
  model_.is_safe(second, 100);
  EXPECT_THROW(restart({}), Violation);
  EXPECT_NO_THROW(restart({found(second)}));
  EXPECT_THROW(restart({}), Violation) << "it has survived once";
}

TEST_F(RestartTest, FindsThatAMessageIsThereTwiceOrBehindALaterOne) {
  const MessageId second = publish();
  EXPECT_THROW(restart({found(first_), found(first_)}), Violation);
  EXPECT_THROW(restart({found(second), found(first_)}), Violation);
  EXPECT_NO_THROW(restart({found(first_), found(second)}));
}

TEST_F(RestartTest, FindsAMessageThatWasSentAndIsNotMarked) {
  model_.sent(take(first_));
  EXPECT_THROW(restart({found(first_)}), Violation) << "the store was not told";
  FoundMessage late = found(first_);
  late.told = true;
  EXPECT_THROW(restart({late}, true), Violation);
  EXPECT_NO_THROW(restart({late}, false));
  EXPECT_NO_THROW(restart({found(first_, true)}, true));
  EXPECT_THROW(take(first_), Violation) << "it must be handed out as redelivered";
}

TEST_F(RestartTest, FindsWhatDidNotSurviveAndComesAllTheSame) {
  EXPECT_NO_THROW(restart({}));
  EXPECT_THROW(take(first_), Violation);
}

TEST_F(RestartTest, FindsATransactionThatWasStoredInPart) {
  const auto unit = std::make_shared<Unit>();
  const MessageId one = publish({.unit = unit});
  const MessageId two = publish({.unit = unit});
  EXPECT_THROW(restart({found(one)}), Violation);
  EXPECT_NO_THROW(restart({found(one), found(two)}));
}

TEST_F(RestartTest, FindsAnAcknowledgementWithoutTheRestOfItsTransaction) {
  model_.is_safe(first_, 100);
  const auto unit = std::make_shared<Unit>();
  const MessageId other = publish({.unit = unit});
  model_.in_doubt(take(first_), unit, true);
  EXPECT_THROW(restart({}), Violation);
  EXPECT_THROW(restart({found(first_, true), found(other)}), Violation);
  EXPECT_NO_THROW(restart({found(other)}));
}

TEST_F(RestartTest, FindsADeadLetterThatIsNowhereOrInTwoPlaces) {
  engine::QueueEntry source;
  source.id = 8;
  source.vhost = &vhost_;
  source.name = "ddlx.0";
  engine::QueueEntry target;
  target.id = 9;
  target.vhost = &vhost_;
  target.name = "dead.0";
  model_.queue_seen(target);
  Published what{.body_size = 20, .persistent = true};
  const MessageId id = model_.published(std::move(what));
  model_.routed(id, source, true);
  model_.is_safe(id, 100);
  Model::fill_body(id, message_->body_space(), 20);
  model_.settled(model_.delivered({message_, 0, 0, false}, source.id), true);
  const std::set<engine::QueueId> queues{safe_.id, source.id, target.id};
  const FoundMessage original{id, 0, source.id, 0, 0, true, true};
  const FoundMessage letter{id, 11, target.id, 0, 0, false, false, "ddlx.0"};
  EXPECT_THROW(model_.restarted({{}, queues}), Violation);
  EXPECT_THROW(model_.restarted({{original, letter}, queues}), Violation);
  EXPECT_NO_THROW(model_.restarted({{letter}, queues}));
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
