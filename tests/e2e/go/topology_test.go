// Queues, exchanges and bindings: declaring, conflicts, lifetimes, and where messages go.
package e2e

import (
	"regexp"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestTheServerNamesAQueue(t *testing.T) {
	s := newScenario(t)
	q, err := s.ch.QueueDeclare("", false, true, true, false, nil)
	s.must(err)
	if !regexp.MustCompile(`^amq\.gen-[\w-]{22}$`).MatchString(q.Name) {
		t.Fatalf("got %q", q.Name)
	}
}

func TestDeclaringWithOtherPropertiesIsRefused(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("conflict", amqp.Table{"x-max-length": int32(5)})
	_, err := s.channel().QueueDeclare(queue, false, false, false, false, amqp.Table{"x-max-length": int32(5)})
	s.expectError(err, 406, "inequivalent arg 'durable' for queue '"+queue+"' in vhost '/': received 'false' but current is 'true'")
	_, err = s.channel().QueueDeclare(queue, true, false, false, false, amqp.Table{"x-max-length": int32(6)})
	s.expectError(err, 406, "inequivalent arg 'x-max-length' for queue '"+queue+"' in vhost '/': received '6' but current is '5'")
	// The width of an integer makes no difference.
	_, err = s.channel().QueueDeclare(queue, true, false, false, false, amqp.Table{"x-max-length": int64(5)})
	s.must(err)
	exchange := s.exchange("direct", nil)
	err = s.channel().ExchangeDeclare(exchange, "topic", true, false, false, false, nil)
	s.expectError(err, 406, "inequivalent arg 'type' for exchange '"+exchange+"' in vhost '/': received 'topic' but current is 'direct'")
}

func TestInvalidArgumentsAreRefused(t *testing.T) {
	s := newScenario(t)
	for argument, c := range map[string]struct {
		value interface{}
		text  string
	}{
		"x-message-ttl":             {int32(-1), "{value_negative,-1}"},
		"x-expires":                 {int32(0), "{value_zero,0}"},
		"x-max-length":              {"ten", "expected integer, got longstr"},
		"x-max-priority":            {int32(256), "{max_value_exceeded,256}"},
		"x-overflow":                {"explode", "invalid_overflow"},
		"x-dead-letter-routing-key": {"key", "routing_key_but_no_dlx_defined"},
	} {
		name := s.name("invalid")
		_, err := s.channel().QueueDeclare(name, true, false, false, false, amqp.Table{argument: c.value})
		s.expectError(err, 406, "invalid arg '"+argument+"' for queue '"+name+"' in vhost '/': ")
		s.expectError(err, 406, c.text)
	}
}

func TestReservedNamesAreRefused(t *testing.T) {
	s := newScenario(t)
	_, err := s.channel().QueueDeclare("amq.mine", true, false, false, false, nil)
	s.expectError(err, 403, "queue name 'amq.mine' contains reserved prefix 'amq.*'")
	err = s.channel().ExchangeDeclare("amq.mine", "direct", true, false, false, false, nil)
	s.expectError(err, 403, "exchange name 'amq.mine' contains reserved prefix 'amq.*'")
	s.expectError(s.channel().ExchangeDeclare("", "direct", true, false, false, false, nil), 403,
		"operation not permitted on the default exchange")
	s.expectError(s.channel().ExchangeDelete("amq.direct", false, false), 403, "ACCESS_REFUSED")
}

func TestPassiveDeclareLooksOnly(t *testing.T) {
	s := newScenario(t)
	missing := s.name("missing")
	err := s.channel().ExchangeDeclarePassive(missing, "direct", true, false, false, false, nil)
	s.expectError(err, 404, "NOT_FOUND - no exchange '"+missing+"' in vhost '/'")
	queue := s.queue("there", nil)
	s.publish("", queue, "x")
	s.eventually("one message", func() bool {
		q, err := s.ch.QueueDeclarePassive(queue, false, true, false, false, amqp.Table{"x-expires": int32(1)})
		s.must(err)
		return q.Messages == 1 && q.Consumers == 0
	})
}

func TestAutoDeleteFollowsTheLastUser(t *testing.T) {
	s := newScenario(t)
	queue, exchange := s.name("auto"), s.name("auto")
	s.must(s.ch.ExchangeDeclare(exchange, "fanout", false, true, false, false, nil))
	_, err := s.ch.QueueDeclare(queue, false, true, false, false, nil)
	s.must(err)
	s.must(s.ch.QueueBind(queue, "", exchange, false, nil))
	s.consume(s.ch, queue, "only")
	s.must(s.ch.Cancel("only", false))
	// The queue took its binding along, and that was the exchange's last.
	_, err = s.channel().QueueDeclarePassive(queue, false, true, false, false, nil)
	s.expectError(err, 404, "no queue")
	err = s.channel().ExchangeDeclarePassive(exchange, "fanout", false, true, false, false, nil)
	s.expectError(err, 404, "no exchange")
}

func TestDeletingHonoursItsConditions(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("delete", nil)
	s.publish("", queue, "1")
	s.publish("", queue, "2")
	_, err := s.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	s.must(err)
	deleter := s.channel()
	s.eventually("if-empty to be refused", func() bool {
		_, err = deleter.QueueDelete(queue, false, true, false)
		return err != nil
	})
	s.expectError(err, 406, "queue '"+queue+"' in vhost '/' not empty")
	consumer := s.channel()
	s.must(consumer.Qos(1, 0, false))
	s.consume(consumer, queue, "")
	_, err = s.channel().QueueDelete(queue, true, false, false)
	s.expectError(err, 406, "queue '"+queue+"' in vhost '/' in use")
	s.must(consumer.Close())
	count, err := s.ch.QueueDelete(queue, true, false, false)
	s.must(err)
	if count != 2 {
		t.Fatalf("%d messages", count)
	}
	count, err = s.ch.QueueDelete(queue, false, false, false)
	s.must(err)
	if count != 0 {
		t.Fatalf("%d messages in a queue that is not there", count)
	}
}

func TestPurgeReportsWhatItDropped(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("purge", nil)
	for i := 0; i < 3; i++ {
		s.publish("", queue, "x")
	}
	held := s.get(queue, false)
	count, err := s.ch.QueuePurge(queue, false)
	s.must(err)
	if count != 2 {
		t.Fatalf("%d purged", count)
	}
	s.must(held.Ack(false))
	s.expectBodies(queue)
}

func TestExchangeTypesRoute(t *testing.T) {
	s := newScenario(t)
	direct := s.exchange("direct", nil)
	red, both := s.bound(direct, "red"), s.bound(direct, "red", "blue")
	fanout := s.exchange("fanout", nil)
	first, second := s.bound(fanout, "a"), s.bound(fanout, "", "b")
	topic := s.exchange("topic", nil)
	star, hash := s.bound(topic, "*.error"), s.bound(topic, "app.#", "#.error")
	for _, key := range []string{"red", "blue", "green"} {
		s.publish(direct, key, key)
		s.publish(fanout, key, key)
	}
	for _, key := range []string{"app.error", "db.error", "app", "app.db.error", "error"} {
		s.publish(topic, key, key)
	}
	s.expectBodies(red, "red")
	s.expectBodies(both, "red", "blue")
	s.expectBodies(first, "red", "blue", "green")
	s.expectBodies(second, "red", "blue", "green")
	s.expectBodies(star, "app.error", "db.error")
	s.expectBodies(hash, "app.error", "db.error", "app", "app.db.error", "error")
}

func TestHeadersExchangesCompareTypedValues(t *testing.T) {
	s := newScenario(t)
	exchange := s.exchange("headers", nil)
	all, any := s.queue("all", nil), s.queue("any", nil)
	s.must(s.ch.QueueBind(all, "", exchange, false, amqp.Table{"x-match": "all", "n": int32(1), "s": "x"}))
	s.must(s.ch.QueueBind(any, "", exchange, false, amqp.Table{"x-match": "any", "n": int32(1), "s": "x"}))
	for body, headers := range map[string]amqp.Table{
		"both": {"n": int64(1), "s": "x", "more": true},
		"text": {"n": "1", "s": "y"},
	} {
		s.publishMessage(exchange, "", amqp.Publishing{Headers: headers, Body: []byte(body)})
	}
	s.expectBodies(all, "both")
	s.expectBodies(any, "both")
	s.publishMessage(exchange, "", amqp.Publishing{Headers: amqp.Table{"s": "x"}, Body: []byte("one")})
	s.expectBodies(all)
	s.expectBodies(any, "one")
}

func TestExchangesBindToExchanges(t *testing.T) {
	s := newScenario(t)
	source, target := s.exchange("topic", nil), s.exchange("fanout", nil)
	s.must(s.ch.ExchangeBind(target, "eu.#", source, false, nil))
	queue := s.bound(target, "")
	s.publish(source, "eu.de", "in")
	s.publish(source, "us.ny", "out")
	s.expectBodies(queue, "in")
	s.must(s.ch.ExchangeUnbind(target, "eu.#", source, false, nil))
	s.publish(source, "eu.de", "unbound")
	s.expectBodies(queue)
}

func TestAnAlternateExchangeTakesTheUnroutable(t *testing.T) {
	s := newScenario(t)
	alternate := s.exchange("fanout", nil)
	main := s.exchange("direct", amqp.Table{"alternate-exchange": alternate})
	known, rest := s.bound(main, "known"), s.bound(alternate, "")
	s.publish(main, "known", "k")
	s.publish(main, "unknown", "u")
	s.expectBodies(known, "k")
	s.expectBodies(rest, "u")
}

func TestUnknownExchangeTypesAreRefused(t *testing.T) {
	s := newScenario(t)
	conn := s.connect()
	err := s.channelOn(conn).ExchangeDeclare(s.name("odd"), "odd", true, false, false, false, nil)
	if onRabbitMQ3 {
		s.expectError(err, 503, "unknown exchange type 'odd'")
		return
	}
	s.expectError(err, 406, "unknown exchange type 'odd'")
	s.channelOn(conn)
}

func TestAnInternalExchangeIsNotForClients(t *testing.T) {
	s := newScenario(t)
	exchange := s.name("internal")
	s.must(s.ch.ExchangeDeclare(exchange, "fanout", true, false, true, false, nil))
	closed := s.ch.NotifyClose(make(chan *amqp.Error, 1))
	s.publish(exchange, "", "x")
	s.expectClosed(closed, 403, "cannot publish to internal exchange '"+exchange+"' in vhost '/'")
}

func TestNoWaitDeclarationsTakeEffect(t *testing.T) {
	s := newScenario(t)
	queue, exchange := s.name("nowait"), s.name("nowait")
	_, err := s.ch.QueueDeclare(queue, true, false, false, true, nil)
	s.must(err)
	s.must(s.ch.ExchangeDeclare(exchange, "direct", true, false, false, true, nil))
	s.must(s.ch.QueueBind(queue, "k", exchange, true, nil))
	s.publish(exchange, "k", "arrived")
	s.expectBodies(queue, "arrived")
	_, err = s.ch.QueuePurge(queue, true)
	s.must(err)
	_, err = s.ch.QueueDelete(queue, false, false, true)
	s.must(err)
	_, err = s.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	s.expectError(err, 404, "no queue")
}
