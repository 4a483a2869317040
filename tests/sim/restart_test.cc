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
    model_.restarted({std::move(messages), {safe_.id}, false});
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

}  // namespace
}  // namespace polymq::sim
