// Remote procedure call: a request to a queue, the reply straight back to the caller.
//   Rpc.java serve       answer requests until stopped
//   Rpc.java call N      ask for the Nth Fibonacci number

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

public class Rpc {
  private static final String QUEUE = "example.rpc";
  private static final String REPLY_TO = "amq.rabbitmq.reply-to"; // direct: needs no reply queue

  public static void main(String[] args) throws Exception {
    boolean calling = args.length == 2 && args[0].equals("call");
    if (!calling && !(args.length == 1 && args[0].equals("serve"))) {
      System.err.println("usage: Rpc serve | call N");
      System.exit(1);
    }
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(
        System.getenv().getOrDefault("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f"));
    Connection connection = factory.newConnection();
    Channel channel = connection.createChannel();
    channel.queueDeclare(QUEUE, true, false, false, null);
    if (calling) {
      System.out.printf("fibonacci(%s) = %s%n", args[1], call(channel, args[1]));
      connection.close();
    } else {
      serve(channel);
    }
  }

  private static BigInteger fibonacci(int n) {
    BigInteger a = BigInteger.ZERO;
    BigInteger b = BigInteger.ONE;
    for (int i = 0; i < n; i++) {
      BigInteger sum = a.add(b);
      a = b;
      b = sum;
    }
    return a;
  }

  private static void serve(Channel channel) throws Exception {
    channel.basicQos(1);
    channel.basicConsume(QUEUE, false, (tag, request) -> {
      int n = Integer.parseInt(new String(request.getBody(), StandardCharsets.UTF_8));
      AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
          .correlationId(request.getProperties().getCorrelationId()).build();
      channel.basicPublish("", request.getProperties().getReplyTo(), properties,
          fibonacci(n).toString().getBytes(StandardCharsets.UTF_8));
      channel.basicAck(request.getEnvelope().getDeliveryTag(), false);
    }, tag -> System.exit(1));
    System.out.println("waiting for requests");
  }

  private static String call(Channel channel, String n) throws Exception {
    String id = UUID.randomUUID().toString();
    CompletableFuture<String> answer = new CompletableFuture<>();
    // The consumer must be there before the request goes out.
    channel.basicConsume(REPLY_TO, true, (tag, reply) -> {
      if (id.equals(reply.getProperties().getCorrelationId())) {
        answer.complete(new String(reply.getBody(), StandardCharsets.UTF_8));
      }
    }, tag -> {});
    AMQP.BasicProperties properties =
        new AMQP.BasicProperties.Builder().replyTo(REPLY_TO).correlationId(id).build();
    channel.basicPublish("", QUEUE, properties, n.getBytes(StandardCharsets.UTF_8));
    return answer.get(10, TimeUnit.SECONDS);
  }
}
