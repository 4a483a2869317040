"""What the tests of this suite say again and again."""
import contextlib
import os
import time
import uuid

import pika
import pytest
from pika import exceptions

from harness import codec, wire

BROKER = os.environ.get("BROKER", "polymq")
HOST = os.environ.get("AMQP_HOST", "127.0.0.1")
PORT = int(os.environ.get("AMQP_PORT", "5672"))

# How long something that must happen may take, and how long we look for what must not.
PATIENCE = 10
MOMENT = 0.15


def expect(*, rabbitmq, polymq):
    """A documented difference: PolyMQ answers like RabbitMQ 4.x, or better than 3.10."""
    return {"rabbitmq": rabbitmq, "polymq": polymq}[BROKER]


def polymq_only(why):
    """Marks a test of what RabbitMQ 3.10 as packaged by Debian cannot do."""
    return pytest.mark.skipif(BROKER != "polymq", reason=f"PolyMQ only: {why}")


def unique(prefix="q"):
    return f"{prefix}.{uuid.uuid4().hex[:10]}"


def parameters(user="guest", password="guest", vhost="/", heartbeat=0, **options):
    return pika.ConnectionParameters(
        HOST, PORT, vhost, pika.PlainCredentials(user, password), heartbeat=heartbeat,
        blocked_connection_timeout=PATIENCE, **options)


def properties(**values):
    return pika.BasicProperties(**values)


def send(channel, routing_key, body=b"", exchange="", mandatory=False, **props):
    channel.basic_publish(exchange, routing_key, body, properties(**props), mandatory)


class Message:
    """A message as a consumer, a get or a return handed it over."""

    def __init__(self, method, props, body):
        self.method = method
        self.properties = props
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    @property
    def tag(self):
        return self.method.delivery_tag

    @property
    def headers(self):
        return self.properties.headers or {}

    def __repr__(self):
        return f"<{self.method} {self.properties} {self.body[:40]!r}>"


def get(channel, queue, auto_ack=True, timeout=PATIENCE):
    """The next message of a queue, waiting for it."""
    deadline = time.monotonic() + timeout
    while True:
        method, props, body = channel.basic_get(queue, auto_ack)
        if method:
            return Message(method, props, body)
        assert time.monotonic() < deadline, f"no message in {queue}"
        time.sleep(0.01)


def get_all(channel, queue, count):
    """The bodies of the next `count` messages; there must be no further one."""
    bodies = [get(channel, queue).text for _ in range(count)]
    assert_empty(channel, queue)
    return bodies


def assert_empty(channel, queue):
    method, _, body = channel.basic_get(queue, True)
    assert method is None, f"{queue} should be empty, has {body!r}"


def depth(channel, queue):
    return channel.queue_declare(queue, passive=True).method.message_count


def eventually(condition, timeout=PATIENCE, message="it never came true"):
    """Polls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, message
        time.sleep(0.01)


def eventually_depth(channel, queue, count):
    eventually(lambda: depth(channel, queue) == count,
               message=f"{queue} never had {count} messages")


class Consumer:
    """A consumer that collects what it gets."""

    def __init__(self, channel, queue, auto_ack=False, **options):
        self.channel = channel
        self.messages = []
        self.cancelled = False
        channel.add_on_cancel_callback(self._on_cancel)
        self.tag = channel.basic_consume(queue, self._on_message, auto_ack, **options)

    def _on_message(self, _channel, method, props, body):
        self.messages.append(Message(method, props, body))

    def _on_cancel(self, frame):
        if frame.method.consumer_tag == self.tag:
            self.cancelled = True

    @property
    def texts(self):
        return [message.text for message in self.messages]

    def _run(self, done, seconds):
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            self.channel.connection.process_data_events(0.01)

    def wait(self, count=1):
        """The first `count` messages, once they are there."""
        self._run(lambda: len(self.messages) >= count, PATIENCE)
        assert len(self.messages) >= count, f"only {self.texts} of {count} arrived"
        return self.messages[:count]

    def settled_at(self, count, seconds=MOMENT):
        """Waits for `count` messages and makes sure that no further one follows."""
        self.wait(count)
        self._run(lambda: False, seconds)
        assert len(self.messages) == count, f"too many: {self.texts}"
        return self.messages

    def wait_cancelled(self):
        self._run(lambda: self.cancelled, PATIENCE)
        assert self.cancelled, "no basic.cancel from the broker"

    def ack(self, index=-1, multiple=False):
        self.channel.basic_ack(self.messages[index].tag, multiple)

    def cancel(self):
        self.channel.basic_cancel(self.tag)


@contextlib.contextmanager
def channel_error(code, text):
    """The block must make the broker close the channel, and only that, with this answer."""
    with pytest.raises(exceptions.ChannelClosedByBroker) as caught:
        yield
    assert (caught.value.reply_code, caught.value.reply_text) == (code, text)


@contextlib.contextmanager
def connection_error(code, text):
    """The block must make the broker close the whole connection with this answer."""
    with pytest.raises(exceptions.ConnectionClosedByBroker) as caught:
        yield
    assert (caught.value.reply_code, caught.value.reply_text) == (code, text)


def raw_client(**options):
    return wire.Client(PORT, HOST, timeout=PATIENCE, **options)


def assert_channel_closed(client, channel, code, text, method):
    """Reads channel.close with this content; proves that the connection goes on."""
    got = client.expect("channel.close")
    assert got.channel == channel
    ids = codec.ids(method) if isinstance(method, str) else method
    assert got.fields == {"code": code, "text": text, "class_id": ids[0], "method_id": ids[1]}
    client.send(channel, "channel.close-ok")
    client.call(channel, "channel.open")


def assert_connection_closed(client, code, text, method):
    """Reads connection.close with this content; proves that close-ok ends the connection."""
    got = client.expect("connection.close")
    ids = codec.ids(method) if isinstance(method, str) else method
    assert got.fields == {"code": code, "text": text, "class_id": ids[0], "method_id": ids[1]}
    client.send(0, "connection.close-ok")
    client.wait_closed()
