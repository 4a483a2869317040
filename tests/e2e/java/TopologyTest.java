// Queues and exchanges: declaring, conflicts, invalid arguments, lifetimes, deleting, purging.

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import java.util.HashMap;
import java.util.Map;
import org.junit.Test;

public final class TopologyTest extends Scenario {
  @Test public void theServerNamesAQueue() throws Exception {
    AMQP.Queue.DeclareOk ok = channel.queueDeclare();
    assertTrue(ok.getQueue(), ok.getQueue().matches("amq\\.gen-[\\w-]{22}"));
    assertEquals(0, ok.getMessageCount());
    assertEquals(0, ok.getConsumerCount());
  }

  @Test public void otherPropertiesAreRefused() throws Exception {
    String queue = queue("conflict");
    expectRefusal(406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '" + queue
        + "' in vhost '/': received 'false' but current is 'true'",
        () -> connection.createChannel().queueDeclare(queue, false, false, false, NO_ARGUMENTS));
    expectRefusal(406, "inequivalent arg 'auto_delete' for queue '" + queue,
        () -> connection.createChannel().queueDeclare(queue, true, false, true, NO_ARGUMENTS));
    String exchange = exchange("direct");
    expectRefusal(406, "inequivalent arg 'type' for exchange '" + exchange
        + "' in vhost '/': received 'fanout' but current is 'direct'",
        () -> connection.createChannel().exchangeDeclare(exchange, "fanout", true));
    expectRefusal(406, "inequivalent arg 'internal' for exchange '" + exchange, () -> connection
        .createChannel().exchangeDeclare(exchange, "direct", true, false, true, NO_ARGUMENTS));
  }

  @Test public void otherArgumentsAreRefused() throws Exception {
    String queue = queue("conflict", Map.of("x-message-ttl", 1000, "custom", "compared by nobody"));
    expectRefusal(406, "inequivalent arg 'x-message-ttl' for queue '" + queue
        + "' in vhost '/': received none but current is the value '1000' of type 'signedint'",
        () -> connection.createChannel().queueDeclare(queue, true, false, false, NO_ARGUMENTS));
    channel.queueDeclare(queue, true, false, false, Map.of("x-message-ttl", 1000L));
  }

  @Test public void invalidArgumentsAreRefused() throws Exception {
    Map<String, Object> invalid = new HashMap<>();
    invalid.put("x-expires", "soon");
    invalid.put("x-max-length-bytes", -1);
    invalid.put("x-max-priority", 256);
    invalid.put("x-single-active-consumer", "yes");
    invalid.put("x-overflow", "explode");
    for (Map.Entry<String, Object> argument : invalid.entrySet()) {
      expectRefusal(406, "invalid arg '" + argument.getKey() + "' for queue '",
          () -> connection.createChannel().queueDeclare(name("invalid"), true, false, false,
              Map.of(argument.getKey(), argument.getValue())));
    }
  }

  @Test public void reservedNamesAreRefused() throws Exception {
    expectRefusal(403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
        () -> connection.createChannel()
            .queueDeclare("amq.mine", true, false, false, NO_ARGUMENTS));
    expectRefusal(403, "exchange name 'amq.mine' contains reserved prefix 'amq.*'",
        () -> connection.createChannel().exchangeDeclare("amq.mine", "direct"));
    expectRefusal(403, "operation not permitted on the default exchange",
        () -> connection.createChannel().exchangeDeclare("", "direct"));
    expectRefusal(403, "ACCESS_REFUSED",
        () -> connection.createChannel().exchangeDelete("amq.topic"));
  }

  @Test public void everyKindOfExchangeCanBeDeclared() throws Exception {
    for (BuiltinExchangeType type : BuiltinExchangeType.values()) {
      for (int flags = 0; flags < 8; flags++) {
        String name = name(type.getType());
        for (int again = 0; again < 2; again++) {
          channel.exchangeDeclare(name, type, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0,
              NO_ARGUMENTS);
        }
        channel.exchangeDeclarePassive(name);
      }
    }
  }

  @Test public void everyKindOfQueueCanBeDeclared() throws Exception {
    for (int flags = 0; flags < 8; flags++) {
      String name = name("kind");
      for (int again = 0; again < 2; again++) {
        channel.queueDeclare(name, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0,
            NO_ARGUMENTS);
      }
      assertEquals(name, channel.queueDeclarePassive(name).getQueue());
      channel.queueDelete(name);
    }
    channel.queueDeclare(name("quorum"), true, false, false, Map.of("x-queue-type", "quorum"));
  }

  @Test public void anUnknownExchangeTypeIsRefused() throws Exception {
    Connection own = connect(factory());
    expectRefusal(ON_RABBITMQ_3 ? 503 : 406, "unknown exchange type 'odd'",
        () -> own.createChannel().exchangeDeclare(name("odd"), "odd"));
    assertEquals(!ON_RABBITMQ_3, own.isOpen());
  }

  @Test public void passiveDeclareOfSomethingMissingFails() throws Exception {
    String missing = name("missing");
    expectRefusal(404, "NOT_FOUND - no exchange '" + missing + "' in vhost '/'",
        () -> connection.createChannel().exchangeDeclarePassive(missing));
    expectRefusal(404, "NOT_FOUND - no queue '" + missing + "' in vhost '/'",
        () -> connection.createChannel().queueDeclarePassive(missing));
  }

  @Test public void autoDeleteQueuesGoWithTheirLastConsumer() throws Exception {
    String queue = name("auto-delete");
    channel.queueDeclare(queue, false, false, true, NO_ARGUMENTS);
    String tag = channel.basicConsume(queue, new Inbox(channel));
    channel.basicCancel(tag);
    expectRefusal(404, "no queue", () -> channel.queueDeclarePassive(queue));
  }

  @Test public void unusedQueuesExpire() throws Exception {
    String queue = queue("expires", Map.of("x-expires", 100));
    Thread.sleep(400);
    expectRefusal(404, "no queue", () -> channel.queueDeclarePassive(queue));
  }

  @Test public void deletingHonoursItsConditions() throws Exception {
    String queue = queue("delete");
    publish("", queue, "x");
    eventually("the message to count", () -> channel.messageCount(queue) == 1);
    expectRefusal(406, "queue '" + queue + "' in vhost '/' not empty",
        () -> connection.createChannel().queueDelete(queue, false, true));
    Channel consumer = connection.createChannel();
    consume(consumer, queue, false).next();
    assertEquals(1, channel.consumerCount(queue));
    expectRefusal(406, "queue '" + queue + "' in vhost '/' in use",
        () -> connection.createChannel().queueDelete(queue, true, false));
    consumer.close();
    assertEquals(1, channel.queueDelete(queue).getMessageCount());
    assertEquals(0, channel.queueDelete(queue).getMessageCount());
    String exchange = exchange("fanout");
    bound(exchange, "");
    expectRefusal(406, "exchange '" + exchange + "' in vhost '/' in use",
        () -> connection.createChannel().exchangeDelete(exchange, true));
  }

  @Test public void purgingReportsWhatItDropped() throws Exception {
    String queue = queue("purge");
    for (int i = 0; i < 4; i++) publish("", queue, "x");
    get(queue);
    assertEquals(3, channel.queuePurge(queue).getMessageCount());
    expectBodies(queue);
  }

  @Test public void declarationsWithoutWaitingTakeEffect() throws Exception {
    String queue = name("nowait");
    String exchange = name("nowait");
    channel.queueDeclareNoWait(queue, true, false, false, NO_ARGUMENTS);
    channel.exchangeDeclareNoWait(exchange, "topic", true, false, false, NO_ARGUMENTS);
    channel.queueBindNoWait(queue, exchange, "#", NO_ARGUMENTS);
    publish(exchange, "k", "arrived");
    expectBodies(queue, "arrived");
    channel.exchangeDeleteNoWait(exchange, false);
    channel.queueDeleteNoWait(queue, false, false);
    expectRefusal(404, "no queue", () -> channel.queueDeclarePassive(queue));
  }
}
