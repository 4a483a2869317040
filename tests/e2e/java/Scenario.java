// What every test here shares: connections, unique names, cleaning up, waiting, expected errors.

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.Method;
import com.rabbitmq.client.ShutdownNotifier;
import com.rabbitmq.client.ShutdownSignalException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.rules.Timeout;

public abstract class Scenario {
  static final long PATIENCE_MS = 8000;
  /** The few answers in which RabbitMQ 3 differs from RabbitMQ 4 and PolyMQ. */
  static final boolean ON_RABBITMQ_3 = "rabbitmq".equals(System.getenv("BROKER"));
  static final Map<String, Object> NO_ARGUMENTS = Map.of();

  @Rule public final Timeout timeout = Timeout.seconds(20);

  interface Action {
    void run() throws Exception;
  }

  private final List<Connection> connections = new ArrayList<>();
  private final List<String> names = new ArrayList<>();
  Connection connection;
  Channel channel;

  @Before public final void open() throws Exception {
    connection = connect(factory());
    channel = connection.createChannel();
  }

  @After public final void cleanUp() throws Exception {
    for (Connection each : connections) each.abort(1000);
    if (names.isEmpty()) return;
    try (Connection cleaner = factory().newConnection()) {
      Channel remover = cleaner.createChannel();
      for (String name : names) {
        remover.queueDelete(name);
        remover.exchangeDelete(name);
      }
    }
  }

  static ConnectionFactory factory() throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(System.getenv("AMQP_URL"));
    factory.setAutomaticRecoveryEnabled(false);
    return factory;
  }

  final Connection connect(ConnectionFactory factory) throws Exception {
    Connection opened = factory.newConnection();
    connections.add(opened);
    return opened;
  }

  final String name(String hint) {
    String name = "java-" + hint + "-" + UUID.randomUUID();
    names.add(name);
    return name;
  }

  final String queue(String hint, Map<String, Object> arguments) throws Exception {
    return channel.queueDeclare(name(hint), true, false, false, arguments).getQueue();
  }

  final String queue(String hint) throws Exception {
    return queue(hint, NO_ARGUMENTS);
  }

  final String exchange(String type, Map<String, Object> arguments) throws Exception {
    String name = name(type);
    channel.exchangeDeclare(name, type, true, false, arguments);
    return name;
  }

  final String exchange(String type) throws Exception {
    return exchange(type, NO_ARGUMENTS);
  }

  final String bound(String exchange, String... keys) throws Exception {
    String queue = queue("bound");
    for (String key : keys) channel.queueBind(queue, exchange, key);
    return queue;
  }

  final void publish(String exchange, String key, String body) throws Exception {
    publish(exchange, key, body, null);
  }

  final void publish(String exchange, String key, String body, AMQP.BasicProperties properties)
      throws Exception {
    channel.basicPublish(exchange, key, properties, bytes(body));
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] body) {
    return new String(body, StandardCharsets.UTF_8);
  }

  final GetResponse get(String queue) throws Exception {
    GetResponse message = channel.basicGet(queue, false);
    assertNotNull(queue + " is empty", message);
    return message;
  }

  final GetResponse getSoon(String queue) throws Exception {
    return eventually("a message in " + queue, () -> channel.basicGet(queue, true));
  }

  final void expectBodies(String queue, String... bodies) throws Exception {
    List<String> got = new ArrayList<>();
    GetResponse message;
    while ((message = channel.basicGet(queue, true)) != null) got.add(text(message.getBody()));
    assertEquals(List.of(bodies), got);
  }

  /** Asks until the answer is neither null nor false. */
  static <T> T eventually(String what, Callable<T> probe) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MS);
    while (System.nanoTime() < deadline) {
      T answer = probe.call();
      if (answer != null && !Boolean.FALSE.equals(answer)) return answer;
      Thread.sleep(5);
    }
    throw new AssertionError("timed out waiting for " + what);
  }

  static <T> T inTime(String what, CompletableFuture<T> future) throws Exception {
    try {
      return future.get(PATIENCE_MS, TimeUnit.MILLISECONDS);
    } catch (java.util.concurrent.TimeoutException e) {
      throw new AssertionError("timed out waiting for " + what, e);
    }
  }

  /** A consumer whose deliveries are taken one by one. */
  static final class Inbox extends DefaultConsumer {
    final LinkedBlockingQueue<Delivery> arrived = new LinkedBlockingQueue<>();
    final CompletableFuture<String> cancelledByBroker = new CompletableFuture<>();

    Inbox(Channel channel) {
      super(channel);
    }

    @Override public void handleDelivery(String tag, Envelope envelope,
        AMQP.BasicProperties properties, byte[] body) {
      arrived.add(new Delivery(envelope, properties, body));
    }

    @Override public void handleCancel(String tag) {
      cancelledByBroker.complete(tag);
    }

    Delivery next() throws Exception {
      Delivery delivery = arrived.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
      assertNotNull("no delivery in time", delivery);
      return delivery;
    }

    String nextText() throws Exception {
      return text(next().getBody());
    }

    /** Checks after a round trip on the channel that nothing has come. */
    void expectNothing() throws Exception {
      getChannel().exchangeDeclarePassive("amq.direct");
      assertNull(arrived.poll(30, TimeUnit.MILLISECONDS));
    }
  }

  final Inbox consume(Channel on, String queue, boolean autoAck) throws Exception {
    Inbox inbox = new Inbox(on);
    on.basicConsume(queue, autoAck, inbox);
    return inbox;
  }

  final Inbox consume(String queue) throws Exception {
    return consume(channel, queue, false);
  }

  /** Runs an action that the broker must refuse, and checks code and text of the refusal. */
  static void expectRefusal(int code, String text, Action action) throws Exception {
    try {
      action.run();
    } catch (Exception e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof ShutdownSignalException) {
          expectReason(code, text, (ShutdownSignalException) cause);
          return;
        }
      }
      throw e;
    }
    fail("not refused: expected " + code + " " + text);
  }

  /** Runs an action without an answer; the broker must close `closing` for it. */
  static void expectClose(int code, String text, ShutdownNotifier closing, Action action)
      throws Exception {
    CompletableFuture<ShutdownSignalException> closed = new CompletableFuture<>();
    closing.addShutdownListener(closed::complete);
    action.run();
    expectReason(code, text, inTime("error " + code, closed));
  }

  private static void expectReason(int code, String text, ShutdownSignalException signal) {
    Method reason = signal.getReason();
    int gotCode;
    String gotText;
    if (reason instanceof AMQP.Channel.Close) {
      gotCode = ((AMQP.Channel.Close) reason).getReplyCode();
      gotText = ((AMQP.Channel.Close) reason).getReplyText();
    } else {
      gotCode = ((AMQP.Connection.Close) reason).getReplyCode();
      gotText = ((AMQP.Connection.Close) reason).getReplyText();
    }
    assertEquals(gotText, code, gotCode);
    assertTrue(gotText + " lacks " + text, gotText.contains(text));
  }
}
