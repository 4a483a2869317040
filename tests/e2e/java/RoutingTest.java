// Where messages go: the exchange types, bindings between exchanges, alternates, CC and BCC.

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.GetResponse;
import java.util.List;
import java.util.Map;
import org.junit.Test;

public final class RoutingTest extends Scenario {
  @Test public void aDirectExchangeMatchesTheWholeKey() throws Exception {
    String exchange = exchange("direct");
    String red = bound(exchange, "red");
    String both = bound(exchange, "red", "blue");
    for (String key : List.of("red", "blue", "green")) publish(exchange, key, key);
    expectBodies(red, "red");
    expectBodies(both, "red", "blue");
  }

  @Test public void aFanoutExchangeCopiesToEveryQueueOnce() throws Exception {
    String exchange = exchange("fanout");
    String one = bound(exchange, "");
    String two = bound(exchange, "a", "b");
    publish(exchange, "whatever", "news");
    expectBodies(one, "news");
    expectBodies(two, "news");
  }

  @Test public void aTopicExchangeKnowsItsWildcards() throws Exception {
    String exchange = exchange("topic");
    String star = bound(exchange, "*.orange.*");
    String hash = bound(exchange, "lazy.#");
    String everything = bound(exchange, "#");
    for (String key
        : List.of("quick.orange.rabbit", "lazy.orange.elephant", "lazy", "orange", "")) {
      publish(exchange, key, key);
    }
    expectBodies(star, "quick.orange.rabbit", "lazy.orange.elephant");
    expectBodies(hash, "lazy.orange.elephant", "lazy");
    expectBodies(everything, "quick.orange.rabbit", "lazy.orange.elephant", "lazy", "orange", "");
  }

  @Test public void aHeadersExchangeMatchesAllOrAny() throws Exception {
    String exchange = exchange("headers");
    String all = queue("all");
    String any = queue("any");
    channel.queueBind(all, exchange, "", Map.of("x-match", "all", "type", "report", "year", 2026));
    channel.queueBind(any, exchange, "", Map.of("x-match", "any", "type", "report", "year", 2026));
    send(exchange, "both", Map.of("type", "report", "year", 2026L));
    send(exchange, "one", Map.of("type", "report", "year", 2025));
    send(exchange, "none", Map.of("type", "letter", "year", "2026"));
    expectBodies(all, "both");
    expectBodies(any, "both", "one");
  }

  private void send(String exchange, String body, Map<String, Object> headers) throws Exception {
    publish(exchange, "", body, new AMQP.BasicProperties.Builder().headers(headers).build());
  }

  @Test public void aBadMatchOfAHeadersBindingIsRefused() throws Exception {
    String exchange = exchange("headers");
    String queue = queue("bad-match");
    expectRefusal(406, "Invalid x-match field value <<\"some\">>; expected all, any",
        () -> channel.queueBind(queue, exchange, "", Map.of("x-match", "some")));
  }

  @Test public void exchangesBindToExchanges() throws Exception {
    String source = exchange("topic");
    String target = exchange("direct");
    channel.exchangeBind(target, source, "eu.*");
    String queue = bound(target, "eu.de");
    publish(source, "eu.de", "in");
    publish(source, "eu.fr", "no binding at the target");
    expectBodies(queue, "in");
    channel.exchangeUnbind(target, source, "eu.*");
    publish(source, "eu.de", "unbound");
    expectBodies(queue);
  }

  @Test public void anAlternateExchangeTakesTheUnroutable() throws Exception {
    String alternate = exchange("fanout");
    String main = exchange("direct", Map.of("alternate-exchange", alternate));
    String known = bound(main, "known");
    String rest = bound(alternate, "");
    publish(main, "known", "k");
    publish(main, "unknown", "u");
    expectBodies(known, "k");
    expectBodies(rest, "u");
  }

  @Test public void unbindingEndsTheFlow() throws Exception {
    String queue = bound("amq.direct", name("key"));
    String key = name("key");
    channel.queueBind(queue, "amq.direct", key);
    channel.queueBind(queue, "amq.direct", key);
    publish("amq.direct", key, "once");
    channel.queueUnbind(queue, "amq.direct", key);
    channel.queueUnbind(queue, "amq.direct", key);
    publish("amq.direct", key, "never");
    expectBodies(queue, "once");
  }

  @Test public void aBindingNeedsBothItsEnds() throws Exception {
    String queue = queue("bind");
    String missing = name("missing");
    expectRefusal(404, "no exchange '" + missing + "' in vhost '/'",
        () -> connection.createChannel().queueBind(queue, missing, "k"));
    expectRefusal(404, "no queue '" + missing + "' in vhost '/'",
        () -> connection.createChannel().queueBind(missing, "amq.direct", "k"));
    expectRefusal(403, "operation not permitted on the default exchange",
        () -> connection.createChannel().queueBind(queue, "", "k"));
  }

  @Test public void copiesGoToCcAndBcc() throws Exception {
    String to = queue("to");
    String cc = queue("cc");
    String bcc = queue("bcc");
    publish("", to, "copy", new AMQP.BasicProperties.Builder()
        .headers(Map.of("CC", List.of(cc), "BCC", List.of(bcc))).build());
    for (String queue : List.of(to, cc, bcc)) {
      GetResponse message = get(queue);
      Map<String, Object> headers = message.getProps().getHeaders();
      assertEquals(List.of(cc).toString(), headers.get("CC").toString());
      assertFalse(headers.containsKey("BCC"));
      assertEquals(to, message.getEnvelope().getRoutingKey());
    }
  }

  @Test public void anInternalExchangeIsNotForClients() throws Exception {
    String exchange = name("internal");
    channel.exchangeDeclare(exchange, "fanout", true, false, true, NO_ARGUMENTS);
    expectClose(403, "cannot publish to internal exchange '" + exchange + "' in vhost '/'", channel,
        () -> publish(exchange, "", "x"));
  }
}
