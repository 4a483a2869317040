// Promises of direct replies: addresses, and requests answered without a queue.
#include "amqp091/direct_reply.h"

#include <gmock/gmock.h>

#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(DirectAddress, IsTextAndBack) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX}) {
    const DirectAddress address{engine::SessionId{number}, ~number};
    const auto parsed = DirectAddress::parse(address.text());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->session, address.session);
    EXPECT_EQ(parsed->nonce, address.nonce);
  }
}

TEST(DirectAddress, NothingElseIsOne) {
  for (const std::string wrong : {"", ".", ".1", ".1.", ".1.2.", ".1.2x", ".x.2", "1.2", ".-1.2",
                                  ". 1.2", ".1.2.3", ".11111111111111111.2"}) {
    EXPECT_FALSE(DirectAddress::parse(std::string(kDirectReplyPrefix) + wrong)) << wrong;
  }
  EXPECT_FALSE(DirectAddress::parse("amq.gen-1.2"));
}

/// A requester and a responder on different shards, with a queue for requests.
class DirectReplies : public testing::Test {
 protected:
  DirectReplies() { responder.call(method::QueueDeclare{.queue = "requests"}); }
  TestClient::Texts listen() {
    return requester.call(method::BasicConsume{
        .queue = kDirectReplyPrefix, .consumer_tag = "replies", .no_ack = true});
  }
  /// Where the responder is asked to reply to.
  std::string ask() {
    Properties properties;
    properties.reply_to = kDirectReplyPrefix;
    properties.correlation_id = "7";
    requester.publish("requests", "?", properties);
    responder.call(method::BasicGet{.queue = "requests", .no_ack = true});
    Properties got;
    parse(responder.last.at(0).properties, got);
    EXPECT_EQ(got.correlation_id, "7");
    return std::string(got.reply_to.value_or(""));
  }
  static std::string refused(std::string_view what) {
    return "1 channel.close(406,PRECONDITION_FAILED - " + std::string(what) + ")";
  }

  Broker broker{3};
  ReadyClient requester{broker, {}, 1};
  ReadyClient responder{broker, {}, 2};
};

TEST_F(DirectReplies, AReplyComesStraightToTheRequestersChannel) {
  EXPECT_THAT(listen(), ElementsAre("1 basic.consume-ok(replies)"));
  const std::string address = ask();
  EXPECT_THAT(address, testing::StartsWith("amq.rabbitmq.reply-to."));
  Properties properties;
  properties.correlation_id = "7";
  responder.publish(address, "!", properties);
  EXPECT_THAT(requester.take(),
              ElementsAre("1 basic.deliver(replies,1,false,," + address + ") [!]"));
  EXPECT_EQ(requester.last.at(0).properties, encode(properties));
}

TEST_F(DirectReplies, AddressesAreDifferentEachTime) {
  listen();
  const std::string first = ask();
  requester.call(method::BasicCancel{.consumer_tag = "replies"});
  listen();
  EXPECT_NE(ask(), first);
  responder.publish(first, "late");
  EXPECT_THAT(requester.take(), IsEmpty());
}

TEST_F(DirectReplies, AReplyToNobodyIsRoutedAndConfirmed) {
  listen();
  const std::string address = ask();
  requester.call(method::BasicCancel{.consumer_tag = "replies"});
  responder.call(method::ConfirmSelect{});
  EXPECT_THAT(responder.publish({.routing_key = address, .mandatory = true}, "!"),
              ElementsAre("1 basic.ack(1,false)"));
  EXPECT_THAT(responder.publish({.routing_key = "amq.rabbitmq.reply-to.made.up"}, "!"),
              ElementsAre("1 basic.ack(2,false)"));
  EXPECT_THAT(responder.publish({.routing_key = "amq.rabbitmq.reply-to.ffff.1"}, "!"),
              ElementsAre("1 basic.ack(3,false)"));
}

TEST_F(DirectReplies, ADeclareTellsWhetherTheRequesterIsThere) {
  listen();
  const std::string address = ask();
  EXPECT_THAT(responder.call(method::QueueDeclare{.queue = address, .passive = true}),
              ElementsAre("1 queue.declare-ok(" + address + ",0,1)"));
  requester.call(method::ChannelClose{});
  EXPECT_THAT(responder.call(method::QueueDeclare{.queue = address}),
              ElementsAre("1 channel.close(404,NOT_FOUND - no queue '" + address +
                          "' in vhost '/',50,10)"));
  responder.call(method::ChannelCloseOk{});
  responder.open();
  const std::string nowhere = DirectAddress{engine::SessionId::make(99, 5), 1}.text();
  EXPECT_THAT(responder.call(method::QueueDeclare{.queue = nowhere}),
              ElementsAre(HasSubstr("404,NOT_FOUND")));
}

TEST_F(DirectReplies, ARequestNeedsAConsumerOfReplies) {
  Properties properties;
  properties.reply_to = kDirectReplyPrefix;
  EXPECT_THAT(requester.publish("requests", "?", properties),
              ElementsAre(refused("fast reply consumer does not exist,60,40")));
}

TEST_F(DirectReplies, AConsumerOfRepliesDoesNotAcknowledge) {
  EXPECT_THAT(requester.call(method::BasicConsume{.queue = kDirectReplyPrefix}),
              ElementsAre(refused("reply consumer cannot acknowledge,60,20")));
}

TEST_F(DirectReplies, AChannelHasOneConsumerOfReplies) {
  listen();
  EXPECT_THAT(requester.call(method::BasicConsume{.queue = kDirectReplyPrefix, .no_ack = true}),
              ElementsAre(refused("reply consumer already set,60,20")));
}

TEST_F(DirectReplies, AnotherReplyToIsLeftAsItIs) {
  Properties properties;
  properties.reply_to = "amq.rabbitmq.reply-to.1.2";
  requester.publish("requests", "?", properties);
  responder.call(method::BasicGet{.queue = "requests", .no_ack = true});
  EXPECT_EQ(responder.last.at(0).properties, encode(properties));
}

TEST_F(DirectReplies, InATransactionTheReplyIsSentAtOnce) {
  listen();
  const std::string address = ask();
  responder.call(method::TxSelect{});
  responder.publish(address, "!");
  requester.take();
  EXPECT_THAT(responder.call(method::TxCommit{}), ElementsAre("1 tx.commit-ok()"));
}

}  // namespace
}  // namespace polymq::amqp091
