// Connections and channels: handshake, refusals, heartbeats, closing, errors, notifications.
package e2e

import (
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestTheServerIntroducesItself(t *testing.T) {
	s := newScenario(t)
	if s.conn.Major != 0 || s.conn.Minor != 9 {
		t.Fatalf("version %d.%d", s.conn.Major, s.conn.Minor)
	}
	if product, _ := s.conn.Properties["product"].(string); product == "" {
		t.Fatal("no product")
	}
	capabilities, _ := s.conn.Properties["capabilities"].(amqp.Table)
	for _, name := range []string{"publisher_confirms", "exchange_exchange_bindings", "basic.nack",
		"consumer_cancel_notify", "connection.blocked", "per_consumer_qos", "direct_reply_to",
		"authentication_failure_close", "consumer_priorities"} {
		if capabilities[name] != true {
			t.Errorf("capability %s is %v", name, capabilities[name])
		}
	}
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	s := newScenario(t)
	_, err := amqp.Dial(strings.Replace(brokerURL, "guest:guest", "guest:wrong", 1))
	s.expectError(err, 403, "username or password not allowed")
}

func TestAnUnknownVirtualHostIsRefused(t *testing.T) {
	s := newScenario(t)
	_, err := amqp.DialConfig(brokerURL, amqp.Config{Vhost: "no-such-vhost"})
	s.expectError(err, 403, "no access to this vhost")
}

func TestTuningTakesTheClientsWishes(t *testing.T) {
	s := newScenario(t)
	conn := s.connectWith(amqp.Config{ChannelMax: 5, FrameSize: 8192, Heartbeat: 7 * time.Second})
	got := conn.Config
	if got.ChannelMax != 5 || got.FrameSize != 8192 || got.Heartbeat != 7*time.Second {
		t.Fatalf("%d channels, frames of %d, heartbeat %v", got.ChannelMax, got.FrameSize, got.Heartbeat)
	}
	queue := s.queue("frames", nil)
	s.publish("", queue, strings.Repeat("x", 50000))
	// Another connection published it, and nothing says that it has arrived yet.
	reader := s.channelOn(conn)
	s.eventually("a message of many frames", func() bool {
		message, ok, err := reader.Get(queue, true)
		s.must(err)
		return ok && len(message.Body) == 50000
	})
}

func TestHeartbeatsKeepAnIdleConnectionAlive(t *testing.T) {
	s := newScenario(t)
	conn := s.connectWith(amqp.Config{Heartbeat: time.Second})
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	select {
	case err := <-closed:
		t.Fatalf("lost: %v", err)
	case <-time.After(3500 * time.Millisecond):
	}
	s.channelOn(conn)
}

func TestAChannelErrorSparesTheConnection(t *testing.T) {
	s := newScenario(t)
	other := s.channel()
	missing := s.name("missing")
	closed := s.ch.NotifyClose(make(chan *amqp.Error, 1))
	_, err := s.ch.QueueDeclarePassive(missing, true, false, false, false, nil)
	text := "NOT_FOUND - no queue '" + missing + "' in vhost '/'"
	s.expectError(err, 404, text)
	s.expectClosed(closed, 404, text)
	_, err = other.QueueDeclare("", false, true, true, false, nil)
	s.must(err)
	s.channel()
}

func TestAConnectionErrorEndsAllChannels(t *testing.T) {
	s := newScenario(t)
	conn := s.connect()
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	ch, bystander := s.channelOn(conn), s.channelOn(conn)
	bystanderClosed := bystander.NotifyClose(make(chan *amqp.Error, 1))
	s.must(ch.Publish("", "nowhere", false, true, amqp.Publishing{}))
	s.expectClosed(closed, 540, "NOT_IMPLEMENTED - immediate=true")
	s.expectClosed(bystanderClosed, 540, "immediate=true")
}

func TestTooManyChannelsAreNotOpened(t *testing.T) {
	s := newScenario(t)
	conn := s.connectWith(amqp.Config{ChannelMax: 2})
	s.channelOn(conn)
	s.channelOn(conn)
	if _, err := conn.Channel(); err != amqp.ErrChannelMax {
		t.Fatalf("got %v", err)
	}
}

func TestExclusiveQueuesAreGoneAtCloseOk(t *testing.T) {
	s := newScenario(t)
	owner := s.connect()
	queue := s.name("exclusive")
	_, err := s.channelOn(owner).QueueDeclare(queue, false, false, true, false, nil)
	s.must(err)
	_, err = s.channel().QueueDeclarePassive(queue, false, false, true, false, nil)
	s.expectError(err, 405, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '"+queue+"'")
	s.must(owner.Close())
	_, err = s.ch.QueueDeclarePassive(queue, false, false, true, false, nil)
	s.expectError(err, 404, "no queue")
}

func TestClosingAChannelRequeuesItsMessages(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("unacked", nil)
	s.publish("", queue, "mine")
	other := s.channel()
	message, ok, err := other.Get(queue, false)
	s.must(err)
	if !ok || message.Redelivered {
		t.Fatalf("got %v, redelivered %v", ok, message.Redelivered)
	}
	s.must(other.Close())
	if again := s.get(queue, true); string(again.Body) != "mine" || !again.Redelivered {
		t.Fatalf("got %q, redelivered %v", again.Body, again.Redelivered)
	}
}

func TestBlockedCanBeListenedFor(t *testing.T) {
	s := newScenario(t)
	blocked := s.conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	queue := s.queue("unblocked", nil)
	s.publish("", queue, "x")
	s.get(queue, true)
	select {
	case state := <-blocked:
		t.Fatalf("blocked: %+v", state)
	default:
	}
}

func TestASecretCanBeUpdated(t *testing.T) {
	s := newScenario(t)
	s.must(s.conn.UpdateSecret("guest", "rotation"))
	s.queue("afterwards", nil)
}

func TestChannelFlowIsAnswered(t *testing.T) {
	s := newScenario(t)
	s.must(s.ch.Flow(true))
}

func TestManyConnectionsOneAfterAnother(t *testing.T) {
	s := newScenario(t)
	queue := s.queue("many", nil)
	for i := 0; i < 20; i++ {
		conn, err := amqp.Dial(brokerURL)
		s.must(err)
		s.must(s.channelOn(conn).Publish("", queue, false, false, amqp.Publishing{Body: []byte("x")}))
		s.must(conn.Close())
	}
	s.eventually("20 messages", func() bool {
		q, err := s.ch.QueueInspect(queue)
		s.must(err)
		return q.Messages == 20
	})
}
