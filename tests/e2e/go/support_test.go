// What every test here shares: connections, unique names, cleaning up, waiting.
package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const patience = 8 * time.Second

var (
	brokerURL = os.Getenv("AMQP_URL")
	// onRabbitMQ3 marks the few answers in which RabbitMQ 3 differs from RabbitMQ 4 and PolyMQ.
	onRabbitMQ3 = os.Getenv("BROKER") == "rabbitmq"
)

// scenario is one test's view of the broker: a connection, a channel, names of its own.
type scenario struct {
	t    *testing.T
	conn *amqp.Connection
	ch   *amqp.Channel
}

func newScenario(t *testing.T) *scenario {
	t.Parallel()
	s := &scenario{t: t}
	s.conn = s.connect()
	s.ch = s.channel()
	return s
}

func (s *scenario) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scenario) connect() *amqp.Connection {
	s.t.Helper()
	return s.connectWith(amqp.Config{Heartbeat: 10 * time.Second})
}

func (s *scenario) connectWith(config amqp.Config) *amqp.Connection {
	s.t.Helper()
	conn, err := amqp.DialConfig(brokerURL, config)
	s.must(err)
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

func (s *scenario) channel() *amqp.Channel {
	s.t.Helper()
	return s.channelOn(s.conn)
}

func (s *scenario) channelOn(conn *amqp.Connection) *amqp.Channel {
	s.t.Helper()
	ch, err := conn.Channel()
	s.must(err)
	return ch
}

// name makes a name nobody else uses; a queue or exchange of that name is removed afterwards.
func (s *scenario) name(hint string) string {
	random := make([]byte, 8)
	rand.Read(random)
	name := "go-" + hint + "-" + hex.EncodeToString(random)
	s.t.Cleanup(func() {
		conn, err := amqp.Dial(brokerURL)
		if err != nil {
			return
		}
		defer conn.Close()
		for _, remove := range []func(*amqp.Channel){
			func(ch *amqp.Channel) { ch.QueueDelete(name, false, false, false) },
			func(ch *amqp.Channel) { ch.ExchangeDelete(name, false, false) },
		} {
			if ch, err := conn.Channel(); err == nil {
				remove(ch)
			}
		}
	})
	return name
}

// queue declares a durable queue of a unique name.
func (s *scenario) queue(hint string, args amqp.Table) string {
	s.t.Helper()
	q, err := s.ch.QueueDeclare(s.name(hint), true, false, false, false, args)
	s.must(err)
	return q.Name
}

// exchange declares a durable exchange of a unique name.
func (s *scenario) exchange(kind string, args amqp.Table) string {
	s.t.Helper()
	name := s.name(kind)
	s.must(s.ch.ExchangeDeclare(name, kind, true, false, false, false, args))
	return name
}

// bound declares a queue and binds it with the given keys.
func (s *scenario) bound(exchange string, keys ...string) string {
	s.t.Helper()
	queue := s.queue("bound", nil)
	for _, key := range keys {
		s.must(s.ch.QueueBind(queue, key, exchange, false, nil))
	}
	return queue
}

func (s *scenario) publish(exchange, key, body string) {
	s.t.Helper()
	s.publishMessage(exchange, key, amqp.Publishing{Body: []byte(body)})
}

func (s *scenario) publishMessage(exchange, key string, message amqp.Publishing) {
	s.t.Helper()
	s.must(s.ch.PublishWithContext(context.Background(), exchange, key, false, false, message))
}

// get takes one message, which must be there.
func (s *scenario) get(queue string, autoAck bool) amqp.Delivery {
	s.t.Helper()
	message, ok, err := s.ch.Get(queue, autoAck)
	s.must(err)
	if !ok {
		s.t.Fatalf("%s is empty", queue)
	}
	return message
}

// getSoon takes one message that may take a moment to arrive.
func (s *scenario) getSoon(queue string) amqp.Delivery {
	s.t.Helper()
	var message amqp.Delivery
	s.eventually("a message in "+queue, func() bool {
		got, ok, err := s.ch.Get(queue, true)
		s.must(err)
		message = got
		return ok
	})
	return message
}

// drain takes the bodies of all ready messages.
func (s *scenario) drain(queue string) []string {
	s.t.Helper()
	bodies := []string{}
	for {
		message, ok, err := s.ch.Get(queue, true)
		s.must(err)
		if !ok {
			return bodies
		}
		bodies = append(bodies, string(message.Body))
	}
}

func (s *scenario) expectBodies(queue string, want ...string) {
	s.t.Helper()
	got := s.drain(queue)
	if strings.Join(got, "|") != strings.Join(want, "|") {
		s.t.Fatalf("%s holds %q, want %q", queue, got, want)
	}
}

func (s *scenario) eventually(what string, probe func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !probe(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// consume starts a consumer with acknowledgements.
func (s *scenario) consume(ch *amqp.Channel, queue, tag string) <-chan amqp.Delivery {
	s.t.Helper()
	deliveries, err := ch.Consume(queue, tag, false, false, false, false, nil)
	s.must(err)
	return deliveries
}

func (s *scenario) next(deliveries <-chan amqp.Delivery) amqp.Delivery {
	s.t.Helper()
	select {
	case message, open := <-deliveries:
		if !open {
			s.t.Fatal("the consumer ended")
		}
		return message
	case <-time.After(patience):
		s.t.Fatal("timed out waiting for a delivery")
	}
	return amqp.Delivery{}
}

// nothing checks after a round trip on the channel that no delivery has come.
func (s *scenario) nothing(ch *amqp.Channel, deliveries <-chan amqp.Delivery) {
	s.t.Helper()
	s.must(ch.ExchangeDeclarePassive("amq.direct", "direct", true, false, false, false, nil))
	select {
	case message := <-deliveries:
		s.t.Fatalf("unexpected delivery %q", message.Body)
	default:
	}
}

// expectError checks code and text of an answer from the broker.
func (s *scenario) expectError(err error, code int, text string) {
	s.t.Helper()
	var answer *amqp.Error
	if !errors.As(err, &answer) {
		s.t.Fatalf("got %v, want %d %q", err, code, text)
	}
	if answer.Code != code || !strings.Contains(answer.Reason, text) {
		s.t.Fatalf("got %d %q, want %d %q", answer.Code, answer.Reason, code, text)
	}
}

// expectClosed waits until the broker closes what reports to `closed`.
func (s *scenario) expectClosed(closed <-chan *amqp.Error, code int, text string) {
	s.t.Helper()
	select {
	case err := <-closed:
		if err == nil {
			s.t.Fatal("closed without a reason")
		}
		s.expectError(err, code, text)
	case <-time.After(patience):
		s.t.Fatalf("timed out waiting for error %d", code)
	}
}
