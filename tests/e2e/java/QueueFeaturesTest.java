// Queue features: dead letters, time to live, length limits, priorities, delivery limits.

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.Test;

public final class QueueFeaturesTest extends Scenario {
  private String dlx;
  private String dead;

  /** A queue whose dead letters land in `dead` by way of `dlx`. */
  private String work(Map<String, Object> more) throws Exception {
    dlx = exchange("fanout");
    dead = bound(dlx, "");
    Map<String, Object> arguments = new HashMap<>(more);
    arguments.put("x-dead-letter-exchange", dlx);
    return queue("work", arguments);
  }

  private static Map<?, ?> newestDeath(GetResponse message) {
    return (Map<?, ?>) ((List<?>) message.getProps().getHeaders().get("x-death")).get(0);
  }

  private static AMQP.BasicProperties expiringAfter(int ms) {
    return new AMQP.BasicProperties.Builder().expiration(String.valueOf(ms)).build();
  }

  @Test public void aRejectedMessageTellsItsHistory() throws Exception {
    String work = work(NO_ARGUMENTS);
    publish("", work, "broken");
    channel.basicReject(get(work).getEnvelope().getDeliveryTag(), false);
    GetResponse message = getSoon(dead);
    assertEquals(dlx, message.getEnvelope().getExchange());
    assertEquals(work, message.getEnvelope().getRoutingKey());
    Map<?, ?> death = newestDeath(message);
    assertEquals(1L, death.get("count"));
    assertEquals("rejected", death.get("reason").toString());
    assertEquals(work, death.get("queue").toString());
    assertEquals("", death.get("exchange").toString());
    assertEquals("[" + work + "]", death.get("routing-keys").toString());
    assertTrue(Math.abs(((Date) death.get("time")).getTime() - System.currentTimeMillis()) < 60000);
    Map<String, Object> headers = message.getProps().getHeaders();
    assertEquals(work, headers.get("x-first-death-queue").toString());
    assertEquals("rejected", headers.get("x-first-death-reason").toString());
    assertEquals("", headers.get("x-first-death-exchange").toString());
  }

  @Test public void anExpiredMessageIsADeadLetter() throws Exception {
    String work = work(Map.of("x-message-ttl", 60000));
    publish("", work, "old", expiringAfter(20));
    GetResponse message = getSoon(dead);
    assertEquals("expired", newestDeath(message).get("reason").toString());
    assertEquals("20", newestDeath(message).get("original-expiration").toString());
    assertNull(message.getProps().getExpiration());
  }

  @Test public void aFullQueueDropsItsHead() throws Exception {
    String work = work(Map.of("x-max-length", 1));
    publish("", work, "old");
    publish("", work, "new");
    GetResponse message = getSoon(dead);
    assertEquals("old", text(message.getBody()));
    assertEquals("maxlen", newestDeath(message).get("reason").toString());
    expectBodies(work, "new");
  }

  @Test public void aQuorumQueueGivesUpAfterItsDeliveryLimit() throws Exception {
    String work = work(Map.of("x-queue-type", "quorum", "x-delivery-limit", 1));
    publish("", work, "poison");
    Inbox inbox = consume(work);
    for (int attempt = 0; attempt < 2; attempt++) {
      Delivery delivery = inbox.next();
      Map<String, Object> headers = delivery.getProperties().getHeaders();
      Object count = headers == null ? null : headers.get("x-delivery-count");
      assertEquals(attempt, count == null ? 0 : ((Number) count).intValue());
      channel.basicReject(delivery.getEnvelope().getDeliveryTag(), true);
    }
    assertEquals("delivery_limit", newestDeath(getSoon(dead)).get("reason").toString());
  }

  @Test public void aDeadLetterKeyReplacesTheOldOne() throws Exception {
    String target = queue("target");
    String work = queue("work",
        Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", target));
    publish("", work, "x");
    channel.basicNack(get(work).getEnvelope().getDeliveryTag(), false, false);
    assertEquals(target, getSoon(target).getEnvelope().getRoutingKey());
  }

  @Test public void aRetryLoopCountsItsRounds() throws Exception {
    String waiting = name("waiting");
    String work = queue("work",
        Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", waiting));
    channel.queueDeclare(waiting, true, false, false, Map.of("x-dead-letter-exchange", "",
        "x-dead-letter-routing-key", work, "x-message-ttl", 20));
    publish("", work, "try me");
    Inbox inbox = consume(work);
    for (long round = 0; round < 3; round++) {
      Delivery delivery = inbox.next();
      if (round > 0) {
        List<?> deaths = (List<?>) delivery.getProperties().getHeaders().get("x-death");
        assertEquals(2, deaths.size());
        assertEquals("expired", ((Map<?, ?>) deaths.get(0)).get("reason").toString());
        assertEquals(round, ((Map<?, ?>) deaths.get(1)).get("count"));
      }
      channel.basicReject(delivery.getEnvelope().getDeliveryTag(), false);
    }
  }

  @Test public void higherPrioritiesLeaveFirst() throws Exception {
    String queue = queue("priorities", Map.of("x-max-priority", 10));
    for (int priority : new int[] {1, 9, 5, 9}) {
      publish("", queue, "p" + priority,
          new AMQP.BasicProperties.Builder().priority(priority).build());
    }
    publish("", queue, "none");
    expectBodies(queue, "p9", "p9", "p5", "p1", "none");
  }

  @Test public void expiredMessagesAreNeverDelivered() throws Exception {
    String queue = queue("ttl");
    publish("", queue, "short", expiringAfter(10));
    publish("", queue, "long", expiringAfter(60000));
    Thread.sleep(80);
    expectBodies(queue, "long");
  }
}
