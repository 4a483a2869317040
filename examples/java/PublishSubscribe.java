// Publish/subscribe: every subscriber gets a copy of the events it asked for.
//   PublishSubscribe.java subscribe PATTERN...    such as 'order.*' or '#'
//   PublishSubscribe.java publish KEY TEXT        such as order.created 'order 42'

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

public class PublishSubscribe {
  private static final String EXCHANGE = "example.events";

  public static void main(String[] args) throws Exception {
    boolean publishing = args.length == 3 && args[0].equals("publish");
    if (!publishing && (args.length < 2 || !args[0].equals("subscribe"))) {
      System.err.println("usage: PublishSubscribe subscribe PATTERN... | publish KEY TEXT");
      System.exit(1);
    }
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(
        System.getenv().getOrDefault("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f"));
    Connection connection = factory.newConnection();
    Channel channel = connection.createChannel();
    channel.exchangeDeclare(EXCHANGE, "topic", true);
    if (publishing) {
      publish(channel, args[1], args[2]);
      connection.close();
    } else {
      subscribe(channel, Arrays.copyOfRange(args, 1, args.length));
    }
  }

  private static void subscribe(Channel channel, String[] patterns) throws Exception {
    // A queue of our own, named by the broker, gone when we leave.
    String queue = channel.queueDeclare().getQueue();
    for (String pattern : patterns) channel.queueBind(queue, EXCHANGE, pattern);
    channel.basicConsume(queue, true, (tag, event) -> {
      String text = new String(event.getBody(), StandardCharsets.UTF_8);
      System.out.println(event.getEnvelope().getRoutingKey() + ": " + text);
    }, tag -> System.exit(1));
    System.out.println("waiting for events");
  }

  private static void publish(Channel channel, String key, String text) throws Exception {
    channel.confirmSelect();
    channel.basicPublish(EXCHANGE, key, null, text.getBytes(StandardCharsets.UTF_8));
    channel.waitForConfirmsOrDie(10_000);
    System.out.println("published: " + key);
  }
}
