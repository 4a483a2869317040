// Work queue: tasks are shared by any number of workers, each task done once.
//   WorkQueue.java work            take tasks until stopped
//   WorkQueue.java send TASK...    hand in tasks

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.MessageProperties;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

public class WorkQueue {
  private static final String QUEUE = "example.tasks";

  public static void main(String[] args) throws Exception {
    if (args.length == 0 || !(args[0].equals("work") || args[0].equals("send"))) {
      System.err.println("usage: WorkQueue work | send TASK...");
      System.exit(1);
    }
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(
        System.getenv().getOrDefault("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f"));
    Connection connection = factory.newConnection();
    Channel channel = connection.createChannel();
    channel.queueDeclare(QUEUE, true, false, false, null);
    if (args[0].equals("work")) {
      work(channel);
    } else {
      send(channel, Arrays.copyOfRange(args, 1, args.length));
      connection.close();
    }
  }

  private static void work(Channel channel) throws Exception {
    channel.basicQos(1); // one task at a time, so the load is shared fairly
    channel.basicConsume(QUEUE, false, (tag, task) -> {
      System.out.println("done: " + new String(task.getBody(), StandardCharsets.UTF_8));
      // Only now does the broker forget the task.
      channel.basicAck(task.getEnvelope().getDeliveryTag(), false);
    }, tag -> System.exit(1));
    System.out.println("waiting for tasks");
  }

  private static void send(Channel channel, String[] tasks) throws Exception {
    channel.confirmSelect();
    for (String task : tasks) {
      channel.basicPublish("", QUEUE, MessageProperties.PERSISTENT_TEXT_PLAIN,
          task.getBytes(StandardCharsets.UTF_8));
      System.out.println("sent: " + task);
    }
    channel.waitForConfirmsOrDie(10_000); // the broker has them all
  }
}
