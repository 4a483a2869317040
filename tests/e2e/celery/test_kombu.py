"""kombu, the library below Celery: exchanges, queues, simple queues, mailboxes."""
import os
import socket
import time
import uuid

import kombu
import pytest
from kombu import pidbox
from kombu.pools import producers
from kombu.utils.compat import nested


def drain(connection, done):
    while not done():
        connection.drain_events(timeout=10)

ACCEPT = ["application/json", "application/x-python-serialize", "text/plain"]


@pytest.fixture
def consume(connection):
    """consume(queue...) -> a list that fills with (body, message) while draining."""
    started = []

    def start(*queues, **options):
        got = []

        def on_message(body, message):
            got.append((body, message))
            message.ack()

        consumer = kombu.Consumer(connection.channel(), queues=list(queues),
                                  callbacks=[on_message], accept=ACCEPT, **options)
        consumer.consume()
        started.append(consumer)
        return got

    yield start
    for consumer in started:
        consumer.cancel()


def temporary(name, exchange=None, **options):
    return kombu.Queue(name, exchange or kombu.Exchange(name, "direct", durable=False,
                                                        auto_delete=True),
                       durable=False, auto_delete=True, **options)


def test_publish_and_consume(connection, consume, name):
    queue = temporary(name, routing_key="k")
    got = consume(queue)
    kombu.Producer(connection).publish({"hello": ["wörld", 1]}, exchange=queue.exchange,
                                       routing_key="k")
    drain(connection, lambda: got)
    body, message = got[0]
    assert body == {"hello": ["wörld", 1]}
    assert message.delivery_info["routing_key"] == "k"
    assert message.content_type == "application/json"


@pytest.mark.parametrize("options", [
    {"serializer": "pickle"}, {"compression": "zlib"}, {"compression": "bzip2"},
    {"delivery_mode": 1}, {"priority": 3}, {"headers": {"a": 1}}, {"expiration": 30}], ids=str)
def test_publish_options(connection, consume, name, options):
    queue = temporary(name, routing_key="k")
    got = consume(queue)
    kombu.Producer(connection).publish({"n": 1}, exchange=queue.exchange, routing_key="k",
                                       **options)
    drain(connection, lambda: got)
    assert got[0][0] == {"n": 1}


def test_fanout_reaches_every_queue(connection, consume, name):
    exchange = kombu.Exchange(name, "fanout", durable=False, auto_delete=True)
    lists = [consume(temporary(f"{name}.{index}", exchange)) for index in range(3)]
    kombu.Producer(connection).publish("to all", exchange=exchange, declare=[exchange])
    drain(connection, lambda: all(lists))
    assert [[body for body, _ in got] for got in lists] == [["to all"]] * 3


def test_topic_routing(connection, consume, name):
    exchange = kombu.Exchange(name, "topic", durable=False, auto_delete=True)
    errors = consume(temporary(f"{name}.e", exchange, routing_key="*.error"))
    everything = consume(temporary(f"{name}.a", exchange, routing_key="#"))
    producer = kombu.Producer(connection, exchange)
    for key in ("app.info", "app.error", "db.error"):
        producer.publish(key, routing_key=key)
    drain(connection, lambda: len(everything) == 3 and len(errors) == 2)
    assert [body for body, _ in errors] == ["app.error", "db.error"]


def test_exchange_to_exchange(connection, consume, name):
    source = kombu.Exchange(f"{name}.source", "fanout", durable=False, auto_delete=True)
    target = kombu.Exchange(f"{name}.target", "fanout", durable=False, auto_delete=True)
    channel = connection.default_channel
    source(channel).declare()
    target(channel).declare()
    target(channel).bind_to(source)
    got = consume(temporary(name, target))
    kombu.Producer(channel).publish("through", exchange=source)
    drain(connection, lambda: got)
    assert got[0][0] == "through"


def test_a_queue_with_several_bindings(connection, consume, name):
    exchange = kombu.Exchange(name, "direct", durable=False, auto_delete=True)
    queue = kombu.Queue(name, bindings=[kombu.binding(exchange, routing_key=key)
                                        for key in ("a", "b")], durable=False, auto_delete=True)
    got = consume(queue)
    for key in ("a", "b", "c"):
        kombu.Producer(connection).publish(key, exchange=exchange, routing_key=key)
    drain(connection, lambda: len(got) == 2)
    assert sorted(body for body, _ in got) == ["a", "b"]


def test_a_queue_with_arguments(connection, name):
    queue = kombu.Queue(name, max_length=2, message_ttl=60, expires=60, max_priority=5,
                        durable=False)
    bound = queue(connection.default_channel)
    bound.declare()
    producer = kombu.Producer(connection)
    for number in range(4):
        producer.publish(number, routing_key=name)
    assert [bound.get(accept=ACCEPT).payload for _ in range(2)] == [2, 3]
    assert bound.get() is None
    bound.delete()


def test_a_simple_queue(connection, name):
    queue = connection.SimpleQueue(name, queue_opts={"durable": False},
                                   exchange_opts={"durable": False})
    for number in range(5):
        queue.put({"n": number})
    for number in range(5):
        message = queue.get(timeout=10)
        assert message.payload == {"n": number}
        message.ack()
    with pytest.raises(queue.Empty):
        queue.get(block=False)
    queue.close()
    connection.default_channel.queue_delete(name)
    connection.default_channel.exchange_delete(name)


def test_a_simple_buffer_is_transient(connection, name):
    with connection.SimpleBuffer(name) as buffer:
        buffer.put("volatile")
        assert buffer.get(timeout=10).payload == "volatile"


def test_requeue_and_reject(connection, name):
    queue = temporary(name)(connection.default_channel)
    queue.declare()
    kombu.Producer(connection).publish("m", routing_key=name)
    message = queue.get()
    message.requeue()
    message = queue.get()
    assert message.delivery_info["redelivered"]
    message.reject()
    assert queue.get() is None


def test_confirms_and_mandatory_returns(name):
    returned = []
    url = f"amqp://guest:guest@127.0.0.1:{os.environ.get('AMQP_PORT', '5672')}/e2e"
    with kombu.Connection(url, transport_options={"confirm_publish": True}) as connection:
        producer = kombu.Producer(connection, on_return=lambda *args: returned.append(args))
        producer.publish("nobody", routing_key=name, mandatory=True)
    (_, exchange, routing_key, message), = [args for args in returned]
    assert (exchange, routing_key) == ("", name)


def test_a_mailbox_broadcasts_and_gathers_replies(connection, name):
    mailbox = pidbox.Mailbox(name, type="fanout")
    channel = connection.channel()
    asked = []

    def double(index):
        def handle(state, n):
            asked.append(index)
            return n * 2 + index
        return handle

    for index in range(2):
        node = mailbox(connection).Node(f"node-{index}", state={}, channel=connection.channel())
        node.handlers["double"] = double(index)
        node.listen(callback=node.handle_message)
    ticket = str(uuid.uuid4())
    box = mailbox(connection)
    reply_queue = box.get_reply_queue()
    reply_queue(channel).declare()
    box._publish("double", {"n": 20}, reply_ticket=ticket, channel=channel)
    drain(connection, lambda: len(asked) == 2)
    replies = box._collect(ticket, limit=2, timeout=5, channel=channel)
    assert sorted(list(reply.values())[0] for reply in replies) == [40, 41]


def test_a_mailbox_cast_to_one_node(connection, name):
    mailbox, seen = pidbox.Mailbox(name, type="direct"), []
    for index in range(2):
        node = mailbox(connection).Node(f"node-{index}", state={}, channel=connection.channel())
        node.handlers["note"] = lambda state, text, index=index: seen.append((index, text))
        node.listen(callback=node.handle_message)
    mailbox(connection).cast(["node-1"], "note", {"text": "psst"})
    drain(connection, lambda: seen)
    assert seen == [(1, "psst")]


def test_prefetch_is_kept(connection, name):
    queue, held = temporary(name), []
    channel = connection.channel()
    consumer = kombu.Consumer(channel, [queue], prefetch_count=2, accept=ACCEPT,
                              on_message=held.append)
    with consumer:
        for number in range(5):
            kombu.Producer(connection).publish(number, routing_key=name)
        drain(connection, lambda: len(held) == 2)
        with pytest.raises(socket.timeout):
            connection.drain_events(timeout=0.2)
        held[0].ack()
        drain(connection, lambda: len(held) == 3)


def test_prefetch_is_changed_while_consuming(connection, name):
    """What Celery does for tasks with an ETA. Brokers that are not RabbitMQ 3.x get
    per-consumer limits, which only new consumers take over."""
    queue, held = temporary(name), []
    channel = connection.channel()
    with kombu.Consumer(channel, [queue], prefetch_count=1, accept=ACCEPT,
                        on_message=held.append) as consumer:
        for number in range(5):
            kombu.Producer(connection).publish(number, routing_key=name)
        drain(connection, lambda: len(held) == 1)
        consumer.qos(prefetch_count=3, apply_global=True)
        for message in held:
            message.ack()
        drain(connection, lambda: len(held) >= 2)


def test_heartbeats(name):
    url = f"amqp://guest:guest@127.0.0.1:{os.environ.get('AMQP_PORT', '5672')}/e2e"
    with kombu.Connection(url, heartbeat=2) as connection:
        connection.connect()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            connection.heartbeat_check(rate=2)
            try:
                connection.drain_events(timeout=0.5)
            except socket.timeout:
                pass
        assert connection.connected


def test_a_lost_connection_is_made_again(connection, name):
    queue = kombu.Queue(name, durable=False, expires=30)
    queue(connection.default_channel).declare()
    connection.transport.close_connection(connection.connection)
    connection._connection = None
    producer = kombu.Producer(connection.default_channel)
    producer.publish("after", routing_key=name, retry=True,
                     retry_policy={"max_retries": 3, "interval_start": 0.1})
    message = queue(connection.default_channel).get()
    assert message.payload == "after"
    queue(connection.default_channel).delete()


def test_pooled_producers(connection, consume, name):
    queue = temporary(name, routing_key="k")
    got = consume(queue)
    for number in range(10):
        with producers[connection].acquire(block=True) as producer:
            producer.publish(number, exchange=queue.exchange, routing_key="k")
    drain(connection, lambda: len(got) == 10)
    assert [body for body, _ in got] == list(range(10))


def test_nested_consumers_on_one_connection(connection, name):
    first, second = temporary(f"{name}.1"), temporary(f"{name}.2")
    got = []

    def on_message(body, message):
        got.append(body)
        message.ack()

    with nested(kombu.Consumer(connection.channel(), [first], callbacks=[on_message]),
                kombu.Consumer(connection.channel(), [second], callbacks=[on_message])):
        for queue in (first, second):
            kombu.Producer(connection).publish(queue.name, routing_key=queue.name)
        drain(connection, lambda: len(got) == 2)
    assert sorted(got) == [first.name, second.name]


def test_the_channel_error_of_a_missing_queue(connection, name):
    channel = connection.channel()
    with pytest.raises(connection.channel_errors) as caught:
        channel.basic_get(name)
    assert (caught.value.reply_code, caught.value.reply_text) == (
        404, f"NOT_FOUND - no queue '{name}' in vhost 'e2e'")
