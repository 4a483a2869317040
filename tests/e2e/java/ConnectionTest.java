// Connections and channels: handshake, tuning, refusals, heartbeats, closing, recovery.

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.Test;

public final class ConnectionTest extends Scenario {
  @Test public void theServerIntroducesItself() {
    Map<String, Object> server = connection.getServerProperties();
    assertFalse(server.get("product").toString().isEmpty());
    assertTrue(server.get("version").toString().matches("\\d+\\.\\d+\\.\\d+.*"));
    assertNotNull(server.get("cluster_name"));
    Map<?, ?> capabilities = (Map<?, ?>) server.get("capabilities");
    for (String name : List.of("publisher_confirms", "exchange_exchange_bindings", "basic.nack",
        "consumer_cancel_notify", "connection.blocked", "consumer_priorities",
        "authentication_failure_close", "per_consumer_qos", "direct_reply_to")) {
      assertEquals(name, true, capabilities.get(name));
    }
  }

  @Test public void aWrongPasswordIsRefused() throws Exception {
    ConnectionFactory factory = factory();
    factory.setPassword("wrong");
    Exception refused = assertThrows(AuthenticationFailureException.class, () -> connect(factory));
    assertTrue(refused.getMessage(), refused.getMessage().contains(
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN"));
  }

  @Test public void anUnknownVirtualHostIsRefused() throws Exception {
    ConnectionFactory factory = factory();
    factory.setVirtualHost("no-such-vhost");
    expectRefusal(530, "NOT_ALLOWED - vhost no-such-vhost not found", () -> connect(factory));
  }

  @Test public void tuningTakesTheClientsWishes() throws Exception {
    ConnectionFactory factory = factory();
    factory.setRequestedChannelMax(3);
    factory.setRequestedFrameMax(8192);
    factory.setRequestedHeartbeat(9);
    Connection tuned = connect(factory);
    assertEquals(3, tuned.getChannelMax());
    assertEquals(8192, tuned.getFrameMax());
    assertEquals(9, tuned.getHeartbeat());
    for (int i = 0; i < 3; i++) assertNotNull(tuned.createChannel());
    assertNull(tuned.createChannel());
  }

  @Test public void heartbeatsKeepAnIdleConnectionAlive() throws Exception {
    ConnectionFactory factory = factory();
    factory.setRequestedHeartbeat(1);
    Connection idle = connect(factory);
    Thread.sleep(3500);
    assertTrue(idle.isOpen());
    idle.createChannel().exchangeDeclarePassive("amq.direct");
  }

  @Test public void aChannelErrorSparesTheConnection() throws Exception {
    Channel other = connection.createChannel();
    String missing = name("missing");
    expectRefusal(404, "NOT_FOUND - no queue '" + missing + "' in vhost '/'",
        () -> channel.queueDeclarePassive(missing));
    assertFalse(channel.isOpen());
    other.exchangeDeclarePassive("amq.direct");
    connection.createChannel().exchangeDeclarePassive("amq.direct");
  }

  @Test public void aConnectionErrorEndsEverything() throws Exception {
    Channel other = connection.createChannel();
    expectClose(540, "NOT_IMPLEMENTED - immediate=true", connection,
        () -> channel.basicPublish("", "nowhere", false, true, null, bytes("x")));
    assertFalse(other.isOpen());
  }

  @Test public void exclusiveQueuesAreGoneWhenTheConnectionClosed() throws Exception {
    Connection owner = connect(factory());
    String queue = name("exclusive");
    owner.createChannel().queueDeclare(queue, false, true, false, NO_ARGUMENTS);
    expectRefusal(405, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + queue,
        () -> connection.createChannel().queueDeclarePassive(queue));
    publish("", queue, "others may publish");
    owner.close();
    expectRefusal(404, "no queue", () -> channel.queueDeclarePassive(queue));
  }

  @Test public void closingAChannelRequeuesItsMessages() throws Exception {
    String queue = queue("unacked");
    publish("", queue, "mine");
    Channel other = connection.createChannel();
    eventually("the message", () -> other.basicGet(queue, false));
    other.close();
    GetResponse again = get(queue);
    assertTrue(again.getEnvelope().isRedeliver());
  }

  @Test public void channelNumbersAreReused() throws Exception {
    for (int i = 0; i < 30; i++) {
      Channel passing = connection.createChannel();
      assertEquals(2, passing.getChannelNumber());
      passing.close();
    }
  }

  @Test public void blockedListenersAreRegisteredAndSilent() throws Exception {
    List<String> calls = new ArrayList<>();
    connection.addBlockedListener(reason -> calls.add(reason), () -> calls.add("unblocked"));
    String queue = queue("unblocked");
    publish("", queue, "x");
    get(queue);
    assertEquals(List.of(), calls);
  }

  @Test public void aRecoveringConnectionRestoresItsTopology() throws Exception {
    ConnectionFactory factory = factory();
    try (Relay relay = new Relay(factory.getHost(), factory.getPort())) {
      factory.setHost("127.0.0.1");
      factory.setPort(relay.port());
      factory.setAutomaticRecoveryEnabled(true);
      factory.setNetworkRecoveryInterval(50L);
      Connection recovering = connect(factory);
      Channel own = recovering.createChannel();
      String exchange = exchange("fanout");
      String temporary = own.queueDeclare().getQueue();
      own.queueBind(temporary, exchange, "");
      Inbox inbox = consume(own, temporary, true);
      publish(exchange, "", "before");
      assertEquals("before", inbox.nextText());

      CompletableFuture<Boolean> recovered = new CompletableFuture<>();
      ((Recoverable) recovering).addRecoveryListener(new RecoveryListener() {
        @Override public void handleRecovery(Recoverable recoverable) {
          recovered.complete(true);
        }

        @Override public void handleRecoveryStarted(Recoverable recoverable) {}
      });
      relay.cut();
      inTime("the recovery", recovered);
      publish(exchange, "", "after");
      assertEquals("after", inbox.nextText());
    }
  }
}
