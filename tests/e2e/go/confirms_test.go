// Publisher confirms, also across a broken connection: what is confirmed is never missing.
package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func (s *scenario) confirmChannel(conn *amqp.Connection) *amqp.Channel {
	s.t.Helper()
	ch := s.channelOn(conn)
	s.must(ch.Confirm(false))
	return ch
}

// publishConfirmed publishes and tells whether the broker took the message.
// The tests listen for confirms and leave PublishWithDeferredConfirm alone: this version of the
// client sends the message before it notes the confirmation, and misses an answer that is faster.
func (s *scenario) publishConfirmed(ch *amqp.Channel, confirms <-chan amqp.Confirmation, queue, body string) bool {
	s.t.Helper()
	s.must(ch.PublishWithContext(context.Background(), "", queue, false, false,
		amqp.Publishing{Body: []byte(body), DeliveryMode: amqp.Persistent}))
	select {
	case answer := <-confirms:
		return answer.Ack
	case <-time.After(patience):
		s.t.Fatalf("no confirm for %q", body)
	}
	return false
}

func TestConfirmsCountFromOneAndCoverEverything(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("confirms", nil)
	ch := s.confirmChannel(s.conn)
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 300))
	for i := 0; i < 300; i++ {
		key := queue
		if i%3 == 0 {
			key = queue + "-nowhere"
		}
		s.must(ch.Publish("", key, false, false, amqp.Publishing{Body: []byte("x")}))
	}
	for want := uint64(1); want <= 300; want++ {
		select {
		case got := <-confirms:
			if got.DeliveryTag != want || !got.Ack {
				t.Fatalf("got %+v, want tag %d", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("no confirm for %d", want)
		}
	}
	q, err := s.ch.QueueInspect(queue)
	s.must(err)
	if q.Messages != 200 {
		t.Fatalf("%d messages", q.Messages)
	}
}

func TestARejectingQueueNacks(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("full", amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	ch := s.confirmChannel(s.conn)
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 1))
	if !s.publishConfirmed(ch, confirms, queue, "fits") {
		t.Fatal("the first message was refused")
	}
	if s.publishConfirmed(ch, confirms, queue, "does not") {
		t.Fatal("the second message was taken")
	}
	s.expectBodies(queue, "fits")
}

// relay passes bytes to the broker until it is told to cut every connection.
type relay struct {
	listener net.Listener
	mutex    sync.Mutex
	open     []net.Conn
}

func (s *scenario) newRelay() *relay {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	r := &relay{listener: listener}
	s.t.Cleanup(func() { listener.Close(); r.cut() })
	go r.accept(net.JoinHostPort(os.Getenv("AMQP_HOST"), os.Getenv("AMQP_PORT")))
	return r
}

func (r *relay) accept(broker string) {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", broker)
		if err != nil {
			client.Close()
			continue
		}
		r.mutex.Lock()
		r.open = append(r.open, client, server)
		r.mutex.Unlock()
		go pass(client, server)
		go pass(server, client)
	}
}

func pass(from, to net.Conn) {
	io.Copy(to, from)
	from.Close()
	to.Close()
}

func (r *relay) cut() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, conn := range r.open {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	r.open = nil
}

// stubbornPublisher publishes messages 0..count-1 and repeats after every reconnect those that
// were not confirmed, as an application does that must not lose anything.
type stubbornPublisher struct {
	s          *scenario
	url        string
	queue      string
	unsettled  map[int]bool
	confirmed  map[int]bool
	reconnects int
}

func (p *stubbornPublisher) run(count int, afterPublish func(total int)) {
	for i := 0; i < count; i++ {
		p.unsettled[i] = true
	}
	deadline := time.Now().Add(2 * patience)
	for total := 0; len(p.unsettled) > 0; p.reconnects++ {
		if time.Now().After(deadline) {
			p.s.t.Fatalf("%d messages are still unconfirmed", len(p.unsettled))
		}
		total = p.session(total, afterPublish)
	}
}

// session publishes what is unsettled on a new connection until done or cut off.
func (p *stubbornPublisher) session(total int, afterPublish func(int)) int {
	conn, err := amqp.Dial(p.url)
	if err != nil {
		return total
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil || ch.Confirm(false) != nil {
		return total
	}
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, len(p.unsettled)))
	pending := map[uint64]int{}
	for i := range p.unsettled {
		tag := ch.GetNextPublishSeqNo()
		if ch.PublishWithContext(context.Background(), "", p.queue, false, false,
			amqp.Publishing{Body: []byte(fmt.Sprint(i)), DeliveryMode: amqp.Persistent}) != nil {
			break
		}
		pending[tag] = i
		total++
		afterPublish(total)
		if len(pending) >= 50 && !p.settle(confirms, pending) {
			return total
		}
	}
	p.settle(confirms, pending)
	return total
}

// settle waits for the confirms of all that is pending; false when the connection broke first.
func (p *stubbornPublisher) settle(confirms <-chan amqp.Confirmation, pending map[uint64]int) bool {
	for len(pending) > 0 {
		select {
		case answer, open := <-confirms:
			if !open {
				return false
			}
			if answer.Ack {
				p.confirmed[pending[answer.DeliveryTag]] = true
				delete(p.unsettled, pending[answer.DeliveryTag])
			}
			delete(pending, answer.DeliveryTag)
		case <-time.After(patience):
			p.s.t.Fatalf("%d confirms are missing", len(pending))
		}
	}
	return true
}

func TestNothingConfirmedIsMissingAfterReconnects(t *testing.T) {
	s := newScenario(t)
	const count = 1000
	queue := s.queue("reconnect", nil)
	r := s.newRelay()
	url := "amqp://guest:guest@" + r.listener.Addr().String() + "/%2f"
	publisher := &stubbornPublisher{s: s, url: url, queue: queue,
		unsettled: map[int]bool{}, confirmed: map[int]bool{}}
	publisher.run(count, func(total int) {
		if total == 210 || total == 430 || total == 777 {
			r.cut()
		}
	})
	if publisher.reconnects < 4 || len(publisher.confirmed) != count {
		t.Fatalf("%d sessions, %d confirmed", publisher.reconnects, len(publisher.confirmed))
	}

	s.must(s.ch.Qos(100, 0, false))
	deliveries := s.consume(s.ch, queue, "")
	copies := map[string]int{}
	for len(copies) < count {
		message := s.next(deliveries)
		copies[string(message.Body)]++
		s.must(message.Ack(false))
	}
	for i := range publisher.confirmed {
		if copies[fmt.Sprint(i)] == 0 {
			t.Errorf("message %d was confirmed and is missing", i)
		}
	}
}

func TestAConsumerThatReconnectsGetsWhatItHeld(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("held", nil)
	for _, body := range []string{"1", "2", "3"} {
		s.publish("", queue, body)
	}
	r := s.newRelay()
	conn, err := amqp.Dial("amqp://guest:guest@" + r.listener.Addr().String() + "/%2f")
	s.must(err)
	lost := conn.NotifyClose(make(chan *amqp.Error, 1))
	ch := s.channelOn(conn)
	s.must(ch.Qos(2, 0, false))
	deliveries := s.consume(ch, queue, "")
	first := s.next(deliveries)
	s.next(deliveries)
	s.must(first.Ack(false))
	s.must(ch.ExchangeDeclarePassive("amq.direct", "direct", true, false, false, false, nil))
	r.cut()
	<-lost
	held := s.getSoon(queue)
	for string(held.Body) == "3" { // the broker had not yet noticed the cut
		s.publish("", queue, "3")
		held = s.getSoon(queue)
	}
	if string(held.Body) != "2" || !held.Redelivered {
		t.Fatalf("got %q, redelivered %v", held.Body, held.Redelivered)
	}
	s.expectBodies(queue, "3")
}
