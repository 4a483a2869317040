// Consumers: prefetch, settling, requeueing, cancelling, priorities, exclusiveness, replies.

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.RpcClient;
import java.util.List;
import java.util.Map;
import org.junit.Test;

public final class ConsumingTest extends Scenario {
  private String filled(int count) throws Exception {
    String queue = queue("filled");
    for (int i = 1; i <= count; i++) publish("", queue, String.valueOf(i));
    return queue;
  }

  private static long tag(Delivery delivery) {
    return delivery.getEnvelope().getDeliveryTag();
  }

  @Test public void prefetchLimitsEachConsumer() throws Exception {
    String queue = filled(5);
    channel.basicQos(2);
    Inbox inbox = consume(queue);
    assertEquals("1", inbox.nextText());
    Delivery second = inbox.next();
    inbox.expectNothing();
    channel.basicAck(tag(second), true);
    assertEquals("3", inbox.nextText());
    assertEquals("4", inbox.nextText());
    inbox.expectNothing();
  }

  @Test public void aChannelsPrefetchIsShared() throws Exception {
    String queue = filled(4);
    channel.basicQos(3, true);
    Inbox one = consume(queue);
    Inbox two = consume(queue);
    eventually("three deliveries", () -> one.arrived.size() + two.arrived.size() == 3);
    channel.exchangeDeclarePassive("amq.direct");
    assertEquals(3, one.arrived.size() + two.arrived.size());
  }

  @Test public void requeuedMessagesKeepTheirPlace() throws Exception {
    String queue = filled(3);
    get(queue);
    GetResponse second = get(queue);
    channel.basicNack(second.getEnvelope().getDeliveryTag(), true, true);
    GetResponse first = eventually("the first", () -> channel.basicGet(queue, false));
    assertEquals("1", text(first.getBody()));
    assertTrue(first.getEnvelope().isRedeliver());
    channel.basicReject(first.getEnvelope().getDeliveryTag(), false);
    expectBodies(queue, "2", "3");
  }

  @Test public void getTellsWhatIsLeft() throws Exception {
    String queue = filled(2);
    assertEquals(1, get(queue).getMessageCount());
    assertEquals(0, get(queue).getMessageCount());
    assertNull(channel.basicGet(queue, true));
    expectRefusal(404, "no queue", () -> channel.basicGet(name("missing"), true));
  }

  @Test public void anUnknownTagClosesTheChannel() throws Exception {
    expectClose(406, "PRECONDITION_FAILED - unknown delivery tag 5", channel,
        () -> channel.basicAck(5, false));
  }

  @Test public void recoverRequeuesEverything() throws Exception {
    String queue = filled(2);
    Inbox inbox = consume(queue);
    assertEquals("1", inbox.nextText());
    assertEquals("2", inbox.nextText());
    channel.basicRecover(true);
    for (String body : List.of("1", "2")) {
      Delivery again = inbox.next();
      assertEquals(body, text(again.getBody()));
      assertTrue(again.getEnvelope().isRedeliver());
    }
  }

  @Test public void recoverWithoutRequeueIsNotImplemented() throws Exception {
    Connection own = connect(factory());
    expectRefusal(540, "NOT_IMPLEMENTED - requeue=false",
        () -> own.createChannel().basicRecover(false));
  }

  @Test public void deletingAQueueCancelsItsConsumers() throws Exception {
    String queue = queue("cancelled");
    Inbox inbox = consume(queue);
    connection.createChannel().queueDelete(queue);
    assertEquals(inbox.getConsumerTag(), inTime("the cancellation", inbox.cancelledByBroker));
    channel.exchangeDeclarePassive("amq.direct");
  }

  @Test public void aCancelledConsumerKeepsWhatItHolds() throws Exception {
    String queue = filled(2);
    channel.basicQos(1);
    Inbox inbox = consume(queue);
    Delivery held = inbox.next();
    channel.basicCancel(inbox.getConsumerTag());
    expectBodies(queue, "2");
    channel.basicAck(tag(held), false);
    inbox.expectNothing();
  }

  @Test public void anExclusiveConsumerKeepsOthersOut() throws Exception {
    String queue = queue("exclusive");
    String tag =
        channel.basicConsume(queue, false, "", false, true, NO_ARGUMENTS, new Inbox(channel));
    expectRefusal(403, "queue '" + queue + "' in vhost '/' in exclusive use",
        () -> consume(connection.createChannel(), queue, true));
    channel.basicCancel(tag);
    consume(connection.createChannel(), queue, true);
  }

  @Test public void aConsumerTagIsUsedOnce() throws Exception {
    String queue = queue("tags");
    Connection own = connect(factory());
    Channel once = own.createChannel();
    once.basicConsume(queue, true, "mine", new Inbox(once));
    expectRefusal(530, "NOT_ALLOWED - attempt to reuse consumer tag 'mine'",
        () -> once.basicConsume(queue, true, "mine", new Inbox(once)));
  }

  @Test public void higherConsumersAreServedFirst() throws Exception {
    String queue = queue("priority");
    channel.basicQos(1);
    Inbox low = consume(queue);
    Inbox high = new Inbox(channel);
    channel.basicConsume(queue, false, Map.of("x-priority", 5), high);
    publish("", queue, "1");
    publish("", queue, "2");
    assertEquals("1", high.nextText());
    assertEquals("2", low.nextText());
  }

  @Test public void aSingleActiveConsumerHandsOver() throws Exception {
    String queue = queue("single", Map.of("x-single-active-consumer", true));
    Channel firstChannel = connection.createChannel();
    Inbox first = consume(firstChannel, queue, false);
    Inbox second = consume(queue);
    publish("", queue, "1");
    assertEquals("1", first.nextText());
    second.expectNothing();
    firstChannel.close();
    Delivery handedOver = second.next();
    assertTrue(handedOver.getEnvelope().isRedeliver());
  }

  @Test public void manyConsumersShareTheWork() throws Exception {
    String queue = queue("shared");
    Inbox one = consume(channel, queue, true);
    Inbox two = consume(connect(factory()).createChannel(), queue, true);
    for (int i = 0; i < 200; i++) publish("", queue, "x");
    eventually("all deliveries", () -> one.arrived.size() + two.arrived.size() == 200);
    assertEquals(100, one.arrived.size());
  }

  private void serveUpperCase(String queue) throws Exception {
    Channel service = connect(factory()).createChannel();
    service.basicConsume(queue, false, (tag, request) -> {
      AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
          .correlationId(request.getProperties().getCorrelationId()).build();
      service.basicPublish("", request.getProperties().getReplyTo(), properties,
          bytes(text(request.getBody()).toUpperCase()));
      service.basicAck(request.getEnvelope().getDeliveryTag(), false);
    }, tag -> {});
  }

  @Test public void repliesComeDirectly() throws Exception {
    String queue = queue("upper");
    serveUpperCase(queue);
    RpcClient client = new RpcClient(channel, "", queue, (int) PATIENCE_MS);
    for (int i = 0; i < 20; i++) assertEquals("HELLO " + i, client.stringCall("hello " + i));
    client.close();
  }

  @Test public void repliesComeThroughATemporaryQueue() throws Exception {
    String queue = queue("upper");
    serveUpperCase(queue);
    String replies = channel.queueDeclare().getQueue();
    RpcClient client = new RpcClient(channel, "", queue, replies, (int) PATIENCE_MS);
    assertEquals("HELLO", client.stringCall("hello"));
    client.close();
  }

  @Test public void directRepliesNeedTheirConsumerFirst() throws Exception {
    AMQP.BasicProperties asking =
        new AMQP.BasicProperties.Builder().replyTo("amq.rabbitmq.reply-to").build();
    expectClose(406, "fast reply consumer does not exist", channel,
        () -> publish("", "nowhere", "?", asking));
  }
}
