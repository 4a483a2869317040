// Retry with dead lettering: a failed task waits a while, is tried again, and is set aside
// after three attempts. No clock and no memory of attempts in the worker: the queues do it.
//   Retry.java work            do tasks until stopped; those that contain "bad" fail
//   Retry.java send TASK...    hand in tasks

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.MessageProperties;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;

public class Retry {
  private static final String QUEUE = "example.retry";
  private static final String WAIT = "example.retry.wait";
  private static final String FAILED = "example.retry.failed";
  private static final int WAIT_MS = 500;
  private static final int ATTEMPTS = 3;

  public static void main(String[] args) throws Exception {
    if (args.length == 0 || !(args[0].equals("work") || args[0].equals("send"))) {
      System.err.println("usage: Retry work | send TASK...");
      System.exit(1);
    }
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(
        System.getenv().getOrDefault("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f"));
    Connection connection = factory.newConnection();
    Channel channel = connection.createChannel();
    declare(channel);
    channel.confirmSelect();
    if (args[0].equals("work")) {
      channel.basicQos(1);
      channel.basicConsume(
          QUEUE, false, (tag, task) -> attempt(channel, task), tag -> System.exit(1));
      System.out.println("waiting for tasks");
    } else {
      for (String task : Arrays.copyOfRange(args, 1, args.length)) {
        publish(channel, QUEUE, task.getBytes(StandardCharsets.UTF_8));
        System.out.println("sent: " + task);
      }
      connection.close();
    }
  }

  /** Rejected tasks go from QUEUE to WAIT, and from there back when their time is over. */
  private static void declare(Channel channel) throws IOException {
    channel.queueDeclare(QUEUE, true, false, false,
        Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", WAIT));
    channel.queueDeclare(WAIT, true, false, false, Map.of("x-dead-letter-exchange", "",
        "x-dead-letter-routing-key", QUEUE, "x-message-ttl", WAIT_MS));
    channel.queueDeclare(FAILED, true, false, false, null);
  }

  /** How often the task was rejected before, as the broker has counted. */
  private static long failures(AMQP.BasicProperties properties) {
    Map<String, Object> headers = properties.getHeaders();
    long count = 0;
    if (headers != null && headers.get("x-death") instanceof List) {
      for (Object death : (List<?>) headers.get("x-death")) {
        Map<?, ?> entry = (Map<?, ?>) death;
        if (entry.get("queue").toString().equals(QUEUE)) count += (Long) entry.get("count");
      }
    }
    return count;
  }

  private static void attempt(Channel channel, Delivery delivery) throws IOException {
    String task = new String(delivery.getBody(), StandardCharsets.UTF_8);
    long tag = delivery.getEnvelope().getDeliveryTag();
    long attempt = failures(delivery.getProperties()) + 1;
    if (!task.contains("bad")) {
      System.out.println("done: " + task);
      channel.basicAck(tag, false);
    } else if (attempt < ATTEMPTS) {
      System.out.println("attempt " + attempt + " failed: " + task);
      channel.basicReject(tag, false);
    } else {
      System.out.println("giving up: " + task);
      publish(channel, FAILED, delivery.getBody());
      channel.basicAck(tag, false);
    }
  }

  private static void publish(Channel channel, String queue, byte[] body) throws IOException {
    channel.basicPublish("", queue, MessageProperties.PERSISTENT_TEXT_PLAIN, body);
    try {
      channel.waitForConfirmsOrDie(10_000);
    } catch (InterruptedException | TimeoutException e) {
      throw new IOException("no confirm", e);
    }
  }
}
