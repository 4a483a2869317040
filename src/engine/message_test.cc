// Promises of messages.
#include "engine/message.h"

#include <gmock/gmock.h>

#include "engine/testing/fake_properties.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class MessageTest : public testing::Test {
 protected:
  MessageTest() { register_fake_codec(); }
  ~MessageTest() override { EXPECT_EQ(meter_.bytes, 0) << "not freed, or counted wrongly"; }

  Message* order() {
    Message* message = Message::create({.exchange = "shop",
                                        .routing_key = "order.new",
                                        .properties = "a=s:b;",
                                        .body_size = 5,
                                        .dialect = kFakeDialect,
                                        .priority = 7,
                                        .persistent = true},
                                       meter_);
    std::string_view("hello").copy(message->body_space(), 5);
    return message;
  }

  MemoryMeter meter_;
};

TEST_F(MessageTest, ItHoldsWhatItWasMadeOf) {
  Message* message = order();
  EXPECT_EQ(message->exchange(), "shop");
  EXPECT_EQ(message->routing_key(), "order.new");
  EXPECT_EQ(message->properties(), "a=s:b;");
  EXPECT_EQ(message->body(), "hello");
  EXPECT_EQ(message->dialect(), kFakeDialect);
  EXPECT_EQ(message->priority(), 7);
  EXPECT_TRUE(message->persistent());
  EXPECT_EQ(message->extension(), nullptr);
  EXPECT_FALSE(message->ttl().set());
  message->release(meter_);
}

TEST_F(MessageTest, NothingAtAllIsAMessage) {
  Message* message = Message::create({}, meter_);
  EXPECT_EQ(message->exchange(), "");
  EXPECT_EQ(message->routing_key(), "");
  EXPECT_EQ(message->properties(), "");
  EXPECT_EQ(message->body(), "");
  EXPECT_EQ(message->priority(), std::nullopt);
  EXPECT_FALSE(message->persistent());
  message->release(meter_);
}

TEST_F(MessageTest, NamesMayHave255Bytes) {
  const std::string longest(255, 'x');
  Message* message = Message::create({.exchange = longest, .routing_key = longest}, meter_);
  EXPECT_EQ(message->exchange(), longest);
  EXPECT_EQ(message->routing_key(), longest);
  message->release(meter_);
}

TEST_F(MessageTest, ItsFootprintIsWhatTheMeterCounts) {
  Message* message = order();
  EXPECT_EQ(meter_.bytes, static_cast<std::int64_t>(message->footprint()));
  EXPECT_EQ(message->footprint(), sizeof(Message) + 4 + 9 + 6 + 5);
  message->release(meter_);
}

TEST_F(MessageTest, TheLastReferenceFreesIt) {
  Message* message = order();
  message->set_references(2);
  message->add_reference();
  message->release(meter_);
  message->release(meter_);
  EXPECT_GT(meter_.bytes, 0);
  message->release(meter_);
  EXPECT_EQ(meter_.bytes, 0);
}

TEST_F(MessageTest, ACloneIsTheSameWithReferencesOfItsOwn) {
  Message* message = order();
  message->set_references(3);
  message->make_extension().ttl = {100};
  message->make_extension().more_keys = {"cc"};
  Message* clone = message->clone(meter_);
  message->set_references(1);
  message->release(meter_);

  EXPECT_EQ(clone->exchange(), "shop");
  EXPECT_EQ(clone->body(), "hello");
  EXPECT_EQ(clone->priority(), 7);
  EXPECT_TRUE(clone->persistent());
  EXPECT_EQ(clone->ttl().ms, 100);
  EXPECT_THAT(clone->extension()->more_keys, ElementsAre("cc"));
  clone->release(meter_);
}

TEST_F(MessageTest, RewrittenItKeepsItsBodyAndLosesItsExtension) {
  Message* message = order();
  message->make_extension().ttl = {100};
  Message* dead = message->rewritten("dlx", "dead", "", meter_);
  EXPECT_EQ(dead->exchange(), "dlx");
  EXPECT_EQ(dead->routing_key(), "dead");
  EXPECT_EQ(dead->properties(), "");
  EXPECT_EQ(dead->body(), "hello");
  EXPECT_EQ(dead->priority(), 7);
  EXPECT_EQ(dead->extension(), nullptr);
  dead->release(meter_);
  message->release(meter_);
}

TEST_F(MessageTest, WithoutAPriorityNoCopyHasOne) {
  Message* message = Message::create({.priority = std::nullopt}, meter_);
  Message* clone = message->clone(meter_);
  Message* rewritten = message->rewritten("dlx", "dead", "", meter_);
  EXPECT_EQ(clone->priority(), std::nullopt);
  EXPECT_EQ(rewritten->priority(), std::nullopt);
  for (Message* each : {message, clone, rewritten}) each->release(meter_);
}

TEST_F(MessageTest, ItsHeadersAreReadThroughItsDialect) {
  Message* message = order();
  const MessageHeaders headers(*message);
  Value value;
  EXPECT_TRUE(headers.header("a", value));
  EXPECT_EQ(*value.as_string(), "b");
  EXPECT_FALSE(headers.header("c", value));
  message->release(meter_);
}

}  // namespace
}  // namespace polymq::engine
