// The model does find what must not be after a restart.
#include "model_test.h"

namespace polymq::sim {
namespace {

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
    return {.id = id, .path = 0, .queue = safe_.id, .acquired = 0, .failed = 0, .marked = marked};
  }
  void restart(std::vector<FoundMessage> messages) {
    model_.restarted({.messages = std::move(messages), .queues = {safe_.id}});
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
  EXPECT_THROW(restart({found(first_)}), Violation);
  EXPECT_NO_THROW(restart({found(first_, true)}));
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
  const FoundMessage original{id, 0, source.id, 0, 0, true};
  const FoundMessage letter{id, 11, target.id, 0, 0, false, "ddlx.0"};
  EXPECT_THROW(model_.restarted({{}, queues}), Violation);
  EXPECT_THROW(model_.restarted({{original, letter}, queues}), Violation);
  EXPECT_NO_THROW(model_.restarted({{letter}, queues}));
}

/// It is received for a second, at 1000.
class LeasedTest : public RestartTest {
 protected:
  static constexpr WallMs kBegin = 1000;
  static constexpr WallMs kEnd = 2000;
  LeasedTest() {
    model_.settled(take(first_), false);
    first_ = publish({.published = {.wall = 0}});
    receive(1);
  }
  void receive(std::uint16_t acquired, std::uint64_t life = 1, WallMs now = kBegin) {
    model_.time_is(now);
    Asked asked{.queue = safe_.id, .lease_ms = 1000};
    model_.poll_begins(asked);
    Model::fill_body(first_, message_->body_space(), 20);
    model_.received({message_, {7, acquired, life}, 0, kBegin}, asked, false);
    model_.poll_ends(asked, false);
  }
  FoundMessage waiting() {
    FoundMessage there = found(first_, true);
    there.position = 7;
    there.acquired = 1;
    return there;
  }
  FoundMessage leased(WallMs deadline, std::uint64_t life = 1) {
    FoundMessage there = waiting();
    there.lease =
        storage::Lease{.first = kBegin, .begun = kBegin, .deadline = deadline, .life = life};
    return there;
  }
  void restart(const FoundMessage& message, bool at_rest = false) {
    model_.restarted(
        {.messages = {message}, .queues = {safe_.id}, .now = 1500, .at_rest = at_rest});
    model_.clients_are_gone();
  }
};

TEST_F(LeasedTest, FindsThatItsRecordIsLostOrWrong) {
  EXPECT_THROW(restart(waiting(), true), Violation);
  EXPECT_THROW(restart(leased(kEnd + 1), true), Violation);
  EXPECT_THROW(restart(leased(kEnd, 2), true), Violation);
  EXPECT_NO_THROW(restart(leased(kEnd), true));
  EXPECT_THROW(restart(waiting()), Violation) << "it was stored";
}

TEST_F(LeasedTest, ItsRecordMayBeLostUntilSomethingElseIsKnownToBeStored) {
  EXPECT_NO_THROW(restart(waiting()));
  receive(2, 2, 1600);
  TokenRequest other{.hand_out = {safe_.id, {first_, safe_.id, 0}, {7, 1, 1}},
                     .what = TokenRequest::What::kDelete,
                     .freshness = engine::Freshness::kCurrent};
  model_.asks(other);
  model_.answered(other, engine::TokenEnd::kStale);
  EXPECT_THROW(restart(waiting()), Violation);
}

TEST_F(LeasedTest, FindsThatItEndsEarlyAllTheSame) {
  restart(leased(kEnd));
  EXPECT_THROW(receive(2, 2, kEnd - 1), Violation);
  EXPECT_NO_THROW(receive(2, 2, kEnd));
}

TEST_F(LeasedTest, FindsThatItsTokenIsNotHeededOrAnOlderOneIs) {
  restart(leased(kEnd));
  const auto ask = [&](std::uint16_t acquired, engine::TokenEnd end) {
    TokenRequest request{.hand_out = {safe_.id, {first_, safe_.id, 0}, {7, acquired, 1}},
                         .what = TokenRequest::What::kExtend,
                         .freshness = engine::Freshness::kCurrent,
                         .lease_ms = 500,
                         .most_ms = 10'000};
    model_.asks(request);
    model_.answered(request, end);
  };
  EXPECT_THROW(ask(1, engine::TokenEnd::kStale), Violation);
  EXPECT_THROW(ask(2, engine::TokenEnd::kDone), Violation);
  EXPECT_NO_THROW(ask(1, engine::TokenEnd::kDone));
  EXPECT_NO_THROW(ask(2, engine::TokenEnd::kStale));
}

TEST_F(LeasedTest, FindsATokenThatNamesAnotherMessage) {
  TokenRequest request{.hand_out = {safe_.id, {first_, safe_.id, 0}, {7, 1, 1}},
                       .what = TokenRequest::What::kDelete,
                       .freshness = engine::Freshness::kAny};
  model_.restarted({.queues = {safe_.id}});
  model_.clients_are_gone();
  model_.asks(request);
  EXPECT_THROW(model_.answered(request, engine::TokenEnd::kDone), Violation);
}

/// Persistent messages through exchanges that remember, to the queue safe.0.
class RememberedTest : public RestartTest {
 protected:
  RememberedTest() {
    for (const ExchangeKind& kind : settled_exchanges()) model_.bound(kind, safe_);
    remains_.queues = {safe_.id};
    remains_.now = 1000;
  }
  MessageId send(std::string_view exchange, Published what = {}) {
    what.body_size = 20;
    what.persistent = true;
    what.order = ++order_;
    what.published.wall = 100;
    const MessageId id = model_.published(std::move(what));
    model_.goes_through(id, *settled_exchange(exchange));
    return id;
  }
  void knows(std::string_view exchange, const std::string& id) {
    remains_.ids.emplace(std::string(exchange), hash_of_id(id));
  }
  void holds(MessageId id, WallMs due) {
    remains_.held.push_back({id, std::string(kDelaying), due});
  }

  Remains remains_;
};

TEST_F(RememberedTest, FindsAHeldMessageThatIsLostOrThereTwice) {
  const MessageId id = send(kDelaying, {.delay_ms = 50});
  model_.is_safe(id, 105);
  EXPECT_THROW(model_.restarted(remains_), Violation);
  holds(id, 152);
  Remains both = remains_;
  both.messages.push_back(found(id));
  EXPECT_THROW(model_.restarted(both), Violation);
  both = remains_;
  both.held.push_back(both.held.front());
  EXPECT_THROW(model_.restarted(both), Violation);
  EXPECT_NO_THROW(model_.restarted(remains_));
  remains_.held.clear();
  EXPECT_THROW(model_.restarted(remains_), Violation) << "it has survived once";
  remains_.messages.push_back(found(id));
  EXPECT_NO_THROW(model_.restarted(remains_));
}

TEST_F(RememberedTest, FindsAHeldMessageThatIsDueAtAnotherTime) {
  const MessageId id = send(kDelaying, {.delay_ms = 50});
  model_.is_safe(id, 105);
  for (const WallMs due : {149, 156}) {
    remains_.held.clear();
    holds(id, due);
    EXPECT_THROW(model_.restarted(remains_), Violation) << due;
  }
}

TEST_F(RememberedTest, FindsAHeldMessageThatAConsumerHasSeen) {
  const MessageId id = send(kDelaying, {.delay_ms = 50});
  model_.settled(take(id), false);
  holds(id, 150);
  EXPECT_THROW(model_.restarted(remains_), Violation);
}

TEST_F(RememberedTest, FindsAnIdWithoutItsMessageAndAMessageWithoutItsId) {
  const MessageId id = send("m.once", {.deduplication = "d"});
  knows("m.once", "d");
  EXPECT_THROW(model_.restarted(remains_), Violation);
  remains_.messages.push_back(found(id));
  Remains forgetful = remains_;
  forgetful.ids.clear();
  EXPECT_THROW(model_.restarted(forgetful), Violation);
  EXPECT_NO_THROW(model_.restarted(remains_));
}

TEST_F(RememberedTest, FindsThatAConfirmedDoubleAndItsOriginalAreLost) {
  send("m.once", {.deduplication = "d"});
  const MessageId second = send("m.once", {.deduplication = "d"});
  EXPECT_NO_THROW(model_.restarted(remains_)) << "nobody was told";
  const MessageId third = send("m.once", {.deduplication = "d"});
  model_.is_safe(third, 120);
  EXPECT_THROW(model_.restarted(remains_), Violation);
  remains_.messages.push_back(found(second));
  knows("m.once", "d");
  EXPECT_THROW(model_.restarted(remains_), Violation) << "it was not there the last time";
}

TEST_F(RememberedTest, FindsADoubleOfWhatCameInALifeBefore) {
  const MessageId first = send("m.once", {.deduplication = "d"});
  remains_.messages.push_back(found(first));
  knows("m.once", "d");
  EXPECT_NO_THROW(model_.restarted(remains_));
  const MessageId second = send("m.once", {.deduplication = "d"});
  remains_.messages.push_back(found(second));
  EXPECT_THROW(model_.restarted(remains_), Violation);
}

TEST_F(RememberedTest, FindsADoubleInAQueueThatDeduplicates) {
  engine::QueueEntry queue;
  queue.id = 8;
  queue.vhost = &vhost_;
  queue.name = "ddup.0";
  remains_.queues.insert(queue.id);
  const auto publish_there = [&] {
    const MessageId id = model_.published(
        {.order = ++order_, .body_size = 20, .persistent = true, .deduplication = "d"});
    model_.routed(id, queue, true);
    FoundMessage there = found(id);
    there.queue = queue.id;
    return there;
  };
  const FoundMessage first = publish_there();
  model_.is_safe(first.id, 100);
  EXPECT_THROW(model_.restarted(remains_), Violation) << "it is lost";
  remains_.messages.push_back(first);
  EXPECT_THROW(model_.restarted(remains_), Violation) << "its id is";
  remains_.ids.emplace(place_of(queue.id), hash_of_id("d"));
  EXPECT_NO_THROW(model_.restarted(remains_));
  remains_.messages.push_back(publish_there());
  EXPECT_THROW(model_.restarted(remains_), Violation) << "a double";
}

TEST_F(RememberedTest, FindsAHistoryWithoutTheLastMessages) {
  std::vector<MessageId> sent;
  for (int i = 0; i < 5; ++i) {
    sent.push_back(send(kRecent));
    model_.is_safe(sent.back(), 100);
    remains_.messages.push_back(found(sent.back()));
  }
  remains_.history = {sent[2], sent[3]};
  EXPECT_THROW(model_.restarted(remains_), Violation);
  remains_.history = {sent[2], sent[3], sent[3], sent[4]};
  EXPECT_THROW(model_.restarted(remains_), Violation);
  remains_.history = {sent[2], sent[3], sent[4]};
  Remains lost = remains_;
  lost.messages.pop_back();
  EXPECT_THROW(model_.restarted(lost), Violation);
  EXPECT_NO_THROW(model_.restarted(remains_));
  remains_.history = {sent[1], sent[3], sent[4]};
  EXPECT_THROW(model_.restarted(remains_), Violation) << "it was forgotten before";
}

}  // namespace
}  // namespace polymq::sim
