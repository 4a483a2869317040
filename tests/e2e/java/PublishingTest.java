// Publishing: properties, headers, sizes, confirms, returns, transactions, refusals.

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.LongString;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Return;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.Test;

public final class PublishingTest extends Scenario {
  @Test public void propertiesSurvive() throws Exception {
    String queue = queue("properties");
    AMQP.BasicProperties sent = new AMQP.BasicProperties.Builder().contentType("text/plain")
        .contentEncoding("utf-8").deliveryMode(2).priority(4).correlationId("c").replyTo("r")
        .expiration("60000").messageId("m").timestamp(new Date(1700000000000L)).type("t")
        .userId("guest").appId("a").build();
    publish("", queue, "body", sent);
    GetResponse got = get(queue);
    assertEquals(sent.toString(), got.getProps().toString());
    assertEquals("body", text(got.getBody()));
  }

  @Test public void headersOfEveryTypeSurvive() throws Exception {
    String queue = queue("headers");
    Map<String, Object> sent = new LinkedHashMap<>();
    sent.put("boolean", true);
    sent.put("byte", (byte) -5);
    sent.put("short", (short) -300);
    sent.put("int", -70000);
    sent.put("long", 1L << 40);
    sent.put("float", 0.5f);
    sent.put("double", 3.25);
    sent.put("decimal", new BigDecimal("12.34"));
    sent.put("string", "grüße");
    sent.put("bytes", new byte[] {0, -1});
    sent.put("date", new Date(1700000000000L));
    sent.put("list", List.of(1, "two", Map.of("three", 3), List.of()));
    sent.put("table", Map.of("nested", Map.of("deeper", "yes")));
    sent.put("nothing", null);
    publish("", queue, "x", new AMQP.BasicProperties.Builder().headers(sent).build());
    assertEquals(plain(sent), plain(get(queue).getProps().getHeaders()));
  }

  /** Strings come back as LongString and bytes have no equality: compares like with like. */
  private static Object plain(Object value) {
    if (value instanceof LongString) return value.toString();
    if (value instanceof byte[]) return "bytes " + java.util.Arrays.toString((byte[]) value);
    if (value instanceof List) {
      List<Object> items = new ArrayList<>();
      for (Object item : (List<?>) value) items.add(plain(item));
      return items;
    }
    if (value instanceof Map) {
      Map<Object, Object> pairs = new HashMap<>();
      ((Map<?, ?>) value).forEach((key, item) -> pairs.put(key, plain(item)));
      return pairs;
    }
    return value;
  }

  @Test public void bodiesOfManySizesSurvive() throws Exception {
    String queue = queue("sizes");
    int limit = connection.getFrameMax() - 8;
    for (int size : new int[] {0, 1, limit - 1, limit, limit + 1, 3 * limit, 6 << 20}) {
      byte[] body = new byte[size];
      new Random(size).nextBytes(body);
      channel.basicPublish("", queue, null, body);
      assertArrayEquals(body, get(queue).getBody());
    }
  }

  @Test public void everythingIsConfirmed() throws Exception {
    String queue = queue("confirms");
    channel.confirmSelect();
    assertEquals(1, channel.getNextPublishSeqNo());
    ConcurrentSkipListSet<Long> open = new ConcurrentSkipListSet<>();
    channel.addConfirmListener((tag, multiple) -> {
      if (multiple) open.headSet(tag, true).clear();
      else open.remove(tag);
    }, (tag, multiple) -> {});
    for (int i = 0; i < 300; i++) {
      open.add(channel.getNextPublishSeqNo());
      publish("", i % 3 == 0 ? queue + "-nowhere" : queue, "x", MessageProperties.PERSISTENT_BASIC);
    }
    channel.waitForConfirmsOrDie(PATIENCE_MS);
    assertEquals(Collections.emptySet(), open);
    assertEquals(200, channel.messageCount(queue));
  }

  @Test public void aRejectingQueueNacks() throws Exception {
    String queue = queue("full", Map.of("x-max-length", 1, "x-overflow", "reject-publish"));
    channel.confirmSelect();
    publish("", queue, "fits");
    assertTrue(channel.waitForConfirms(PATIENCE_MS));
    publish("", queue, "does not");
    assertFalse(channel.waitForConfirms(PATIENCE_MS));
    expectBodies(queue, "fits");
  }

  @Test public void aReturnComesBeforeItsConfirm() throws Exception {
    List<String> events = Collections.synchronizedList(new ArrayList<>());
    CompletableFuture<Return> returned = new CompletableFuture<>();
    CompletableFuture<Long> confirmed = new CompletableFuture<>();
    channel.addReturnListener(message -> { events.add("return"); returned.complete(message); });
    channel.addConfirmListener((tag, multiple) -> {
      events.add("confirm");
      confirmed.complete(tag);
    }, (tag, multiple) -> {});
    channel.confirmSelect();
    String key = name("nowhere");
    channel.basicPublish("amq.topic", key, true, null, bytes("back"));
    Return message = inTime("the return", returned);
    assertEquals(312, message.getReplyCode());
    assertEquals("NO_ROUTE", message.getReplyText());
    assertEquals("amq.topic", message.getExchange());
    assertEquals(key, message.getRoutingKey());
    assertEquals("back", text(message.getBody()));
    assertEquals(Long.valueOf(1), inTime("the confirm", confirmed));
    assertEquals(List.of("return", "confirm"), events);
  }

  @Test public void refusedPublishesCloseTheChannel() throws Exception {
    String queue = queue("refused");
    String missing = name("missing");
    AMQP.BasicProperties.Builder properties = new AMQP.BasicProperties.Builder();
    for (Map.Entry<String, AMQP.BasicProperties> each : Map.of(
        "invalid expiration 'soon'", properties.expiration("soon").build(),
        "user_id property set to 'mallory' but authenticated user was 'guest'",
        new AMQP.BasicProperties.Builder().userId("mallory").build()).entrySet()) {
      Channel own = connection.createChannel();
      expectClose(406, each.getKey(), own,
          () -> own.basicPublish("", queue, each.getValue(), bytes("x")));
    }
    Channel own = connection.createChannel();
    expectClose(404, "no exchange '" + missing + "' in vhost '/'", own,
        () -> own.basicPublish(missing, "k", null, bytes("x")));
    expectBodies(queue);
  }

  @Test public void aTransactionIsSeenWhenCommitted() throws Exception {
    String queue = queue("tx");
    Channel tx = connection.createChannel();
    tx.txSelect();
    tx.basicPublish("", queue, null, bytes("undone"));
    tx.txRollback();
    tx.basicPublish("", queue, null, bytes("done"));
    expectBodies(queue);
    tx.txCommit();
    GetResponse message = tx.basicGet(queue, false);
    assertEquals("done", text(message.getBody()));
    tx.basicAck(message.getEnvelope().getDeliveryTag(), false);
    tx.txRollback();
    tx.close();
    // The acknowledgement was rolled back, so the message came back with the channel's end.
    message = channel.basicGet(queue, true);
    assertNotNull(message);
    assertTrue(message.getEnvelope().isRedeliver());
    assertNull(channel.basicGet(queue, true));
  }

  @Test public void modesDoNotMix() throws Exception {
    expectRefusal(406, "channel is not transactional",
        () -> connection.createChannel().txCommit());
    Channel confirming = connection.createChannel();
    confirming.confirmSelect();
    confirming.confirmSelect();
    expectRefusal(406, "cannot switch from confirm to tx mode", confirming::txSelect);
    Channel transactional = connection.createChannel();
    transactional.txSelect();
    expectRefusal(406, "cannot switch from tx to confirm mode", transactional::confirmSelect);
  }
}
