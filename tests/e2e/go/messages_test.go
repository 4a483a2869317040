// Messages: properties, headers, sizes, settling, prefetch, dead letters, limits, transactions.
package e2e

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestPropertiesAndHeadersSurvive(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("properties", nil)
	now := time.Unix(1700000000, 0)
	sent := amqp.Publishing{
		ContentType: "text/plain", ContentEncoding: "identity", DeliveryMode: amqp.Persistent, Priority: 3,
		CorrelationId: "c", ReplyTo: "r", Expiration: "60000", MessageId: "m", Timestamp: now, Type: "t",
		UserId: "guest", AppId: "a", Body: []byte("body"),
		Headers: amqp.Table{
			"bool": true, "uint8": byte(250), "int8": int8(-5), "int16": int16(-300), "int32": int32(-70000),
			"int64": int64(1) << 40, "float32": float32(0.5), "float64": 3.25, "string": "grüße",
			"bytes": []byte{0, 255}, "decimal": amqp.Decimal{Scale: 2, Value: 1234}, "time": now, "nil": nil,
			"list":  []interface{}{int32(1), "two", amqp.Table{"three": int32(3)}, []interface{}{int64(4)}},
			"table": amqp.Table{"nested": amqp.Table{"deeper": "yes"}},
		},
	}
	s.publishMessage("", queue, sent)
	got := s.get(queue, true)
	if !reflect.DeepEqual(got.Headers, sent.Headers) {
		t.Errorf("headers %#v, want %#v", got.Headers, sent.Headers)
	}
	back := amqp.Publishing{
		ContentType: got.ContentType, ContentEncoding: got.ContentEncoding, DeliveryMode: got.DeliveryMode,
		Priority: got.Priority, CorrelationId: got.CorrelationId, ReplyTo: got.ReplyTo,
		Expiration: got.Expiration, MessageId: got.MessageId, Timestamp: got.Timestamp, Type: got.Type,
		UserId: got.UserId, AppId: got.AppId, Body: got.Body, Headers: got.Headers,
	}
	if !reflect.DeepEqual(back, sent) {
		t.Errorf("got %#v, want %#v", back, sent)
	}
}

func TestBodiesOfManySizesSurvive(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("sizes", nil)
	const limit = 131072 - 8
	for _, size := range []int{0, 1, limit, limit + 1, 3*limit + 7, 8 << 20} {
		body := bytes.Repeat([]byte{1, 2, 3, 0xce}, size/4+1)[:size]
		s.publishMessage("", queue, amqp.Publishing{Body: body})
		if got := s.get(queue, true); !bytes.Equal(got.Body, body) {
			t.Fatalf("%d octets arrived as %d", size, len(got.Body))
		}
	}
}

func TestAReturnNamesItsReason(t *testing.T) {
	s := newScenario(t)
	returns := s.ch.NotifyReturn(make(chan amqp.Return, 1))
	key := s.name("nowhere")
	s.must(s.ch.Publish("amq.direct", key, true, false, amqp.Publishing{Body: []byte("x"), MessageId: "m"}))
	select {
	case back := <-returns:
		if back.ReplyCode != 312 || back.ReplyText != "NO_ROUTE" || back.Exchange != "amq.direct" ||
			back.RoutingKey != key || back.MessageId != "m" || string(back.Body) != "x" {
			t.Fatalf("got %+v", back)
		}
	case <-time.After(patience):
		t.Fatal("no return")
	}
}

func TestPublishErrorsCloseTheChannel(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("errors", nil)
	for text, c := range map[string]struct {
		code     int
		exchange string
		message  amqp.Publishing
	}{
		"no exchange '" + queue + "' in vhost '/'": {404, queue, amqp.Publishing{}},
		"invalid expiration '-1'":                  {406, "", amqp.Publishing{Expiration: "-1"}},
		"user_id property set to 'mallory'":        {406, "", amqp.Publishing{UserId: "mallory"}},
	} {
		ch := s.channel()
		closed := ch.NotifyClose(make(chan *amqp.Error, 1))
		s.must(ch.Publish(c.exchange, queue, false, false, c.message))
		s.expectClosed(closed, c.code, text)
	}
	s.expectBodies(queue)
}

func TestPrefetchLimitsEachConsumer(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("prefetch", nil)
	for _, body := range []string{"1", "2", "3", "4", "5"} {
		s.publish("", queue, body)
	}
	s.must(s.ch.Qos(2, 0, false))
	deliveries := s.consume(s.ch, queue, "")
	first, second := s.next(deliveries), s.next(deliveries)
	s.nothing(s.ch, deliveries)
	s.must(second.Ack(true))
	if third, fourth := s.next(deliveries), s.next(deliveries); string(first.Body) != "1" ||
		string(third.Body) != "3" || string(fourth.Body) != "4" {
		t.Fatalf("got %q, %q, %q", first.Body, third.Body, fourth.Body)
	}
	s.nothing(s.ch, deliveries)
}

func TestRequeuedMessagesKeepTheirPlace(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("requeue", nil)
	for _, body := range []string{"1", "2", "3"} {
		s.publish("", queue, body)
	}
	s.get(queue, false)
	second := s.get(queue, false)
	s.must(s.ch.Nack(second.DeliveryTag, true, true))
	if again := s.getSoon(queue); string(again.Body) != "1" || !again.Redelivered {
		t.Fatalf("got %q, redelivered %v", again.Body, again.Redelivered)
	}
	if third := s.get(queue, false); string(third.Body) != "2" {
		t.Fatalf("got %q", third.Body)
	} else {
		s.must(third.Reject(false))
	}
	s.expectBodies(queue, "3")
}

func TestAnUnknownTagClosesTheChannel(t *testing.T) {
	s := newScenario(t)
	closed := s.ch.NotifyClose(make(chan *amqp.Error, 1))
	s.must(s.ch.Ack(7, false))
	s.expectClosed(closed, 406, "PRECONDITION_FAILED - unknown delivery tag 7")
}

func TestRecoverRequeuesEverything(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("recover", nil)
	s.publish("", queue, "x")
	s.get(queue, false)
	s.must(s.ch.Recover(true))
	if again := s.getSoon(queue); !again.Redelivered {
		t.Fatal("not marked as redelivered")
	}
}

func TestDeletingAQueueCancelsItsConsumer(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("cancelled", nil)
	cancels := s.ch.NotifyCancel(make(chan string, 1))
	deliveries := s.consume(s.ch, queue, "watcher")
	_, err := s.channel().QueueDelete(queue, false, false, false)
	s.must(err)
	select {
	case tag := <-cancels:
		if tag != "watcher" {
			t.Fatalf("got %q", tag)
		}
	case <-time.After(patience):
		t.Fatal("not told")
	}
	if _, open := <-deliveries; open {
		t.Fatal("a delivery from a deleted queue")
	}
	s.queue("still-usable", nil)
}

func TestConsumersOfAQueue(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("exclusive", nil)
	_, err := s.ch.Consume(queue, "first", false, true, false, false, nil)
	s.must(err)
	_, err = s.channel().Consume(queue, "", false, false, false, false, nil)
	s.expectError(err, 403, "queue '"+queue+"' in vhost '/' in exclusive use")
	s.must(s.ch.Cancel("first", false))
	s.consume(s.channel(), queue, "")
	s.consume(s.channel(), queue, "")
	q, err := s.ch.QueueInspect(queue)
	s.must(err)
	if q.Consumers != 2 {
		t.Fatalf("%d consumers", q.Consumers)
	}
}

func TestDeadLettersTellTheirHistory(t *testing.T) {
	s := newScenario(t)
	dlx := s.exchange("fanout", nil)
	dead := s.bound(dlx, "")
	work := s.queue("work", amqp.Table{"x-dead-letter-exchange": dlx})
	s.publishMessage("", work, amqp.Publishing{Expiration: "20", Body: []byte("expired")})
	expired := s.getSoon(dead)
	s.publish("", work, "rejected")
	message := s.get(work, false)
	s.must(message.Nack(false, false))
	rejected := s.getSoon(dead)
	for reason, message := range map[string]amqp.Delivery{"expired": expired, "rejected": rejected} {
		deaths, _ := message.Headers["x-death"].([]interface{})
		if len(deaths) != 1 || string(message.Body) != reason || message.Exchange != dlx || message.RoutingKey != work {
			t.Fatalf("%s: %+v", reason, message)
		}
		death := deaths[0].(amqp.Table)
		if died, ok := death["time"].(time.Time); !ok || time.Since(died) > time.Minute {
			t.Fatalf("%s: died at %v", reason, death["time"])
		}
		delete(death, "time")
		want := amqp.Table{"count": int64(1), "reason": reason, "queue": work, "exchange": "",
			"routing-keys": []interface{}{work}}
		if reason == "expired" {
			want["original-expiration"] = "20"
		}
		if !reflect.DeepEqual(death, want) {
			t.Fatalf("%s: %#v, want %#v", reason, death, want)
		}
		if message.Expiration != "" || message.Headers["x-first-death-queue"] != work {
			t.Fatalf("%s: %+v", reason, message)
		}
	}
}

func TestQueueLimitsAndPriorities(t *testing.T) {
	s := newScenario(t)
	short := s.queue("short", amqp.Table{"x-max-length": int32(2)})
	ranked := s.queue("ranked", amqp.Table{"x-max-priority": int32(3)})
	for i, body := range []string{"a", "b", "c", "d"} {
		s.publish("", short, body)
		s.publishMessage("", ranked, amqp.Publishing{Body: []byte(body), Priority: uint8(i)})
	}
	s.expectBodies(short, "c", "d")
	s.expectBodies(ranked, "d", "c", "b", "a")
}

func TestAQueueTimeToLiveEmptiesTheQueue(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("ttl", amqp.Table{"x-message-ttl": int32(30)})
	s.publish("", queue, "x")
	time.Sleep(150 * time.Millisecond)
	s.expectBodies(queue)
}

func TestTransactionsCommitAndRollBack(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("tx", nil)
	tx := s.channel()
	s.must(tx.Tx())
	publish := func(body string) {
		s.must(tx.Publish("", queue, false, false, amqp.Publishing{Body: []byte(body)}))
	}
	publish("undone")
	s.must(tx.TxRollback())
	publish("done")
	s.expectBodies(queue)
	s.must(tx.TxCommit())
	message, ok, err := tx.Get(queue, false)
	s.must(err)
	if !ok || string(message.Body) != "done" {
		t.Fatalf("got %v %q", ok, message.Body)
	}
	s.must(message.Ack(false))
	s.must(tx.TxRollback())
	s.must(message.Ack(false))
	s.must(tx.TxCommit())
	s.must(tx.Close())
	s.expectBodies(queue)
	s.expectError(s.channel().TxCommit(), 406, "channel is not transactional")
	mixed := s.channel()
	s.must(mixed.Confirm(false))
	s.expectError(mixed.Tx(), 406, "cannot switch from confirm to tx mode")
}

func TestRepliesComeDirectlyAndThroughQueues(t *testing.T) {
	s := newScenario(t)
	requests := s.queue("requests", nil)
	service := s.channelOn(s.connect())
	incoming := s.consume(service, requests, "")
	go func() {
		for request := range incoming {
			service.Publish("", request.ReplyTo, false, false, amqp.Publishing{
				CorrelationId: request.CorrelationId, Body: append([]byte("re: "), request.Body...)})
			request.Ack(false)
		}
	}()
	own, err := s.ch.QueueDeclare("", false, true, true, false, nil)
	s.must(err)
	for _, replyTo := range []string{"amq.rabbitmq.reply-to", own.Name} {
		replies, err := s.ch.Consume(replyTo, "", true, false, false, false, nil)
		s.must(err)
		s.publishMessage("", requests, amqp.Publishing{ReplyTo: replyTo, CorrelationId: replyTo, Body: []byte("hi")})
		if reply := s.next(replies); string(reply.Body) != "re: hi" || reply.CorrelationId != replyTo {
			t.Fatalf("got %q for %q", reply.Body, reply.CorrelationId)
		}
	}
}
