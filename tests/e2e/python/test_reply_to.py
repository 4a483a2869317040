"""Requests and replies: temporary queues and direct reply-to."""
import pytest
from pika import exceptions

from support import Consumer, get, properties, send

DIRECT = "amq.rabbitmq.reply-to"


@pytest.fixture
def server(connect, queue):
    """A queue whose requests are answered, in upper case, by answer(count)."""
    other = connect().channel()
    name = queue(on=other, exclusive=False)
    consumer = Consumer(other, name)

    def answer(count=1):
        for request in consumer.wait(count)[-count:]:
            other.basic_publish("", request.properties.reply_to, request.body.upper(),
                                properties(correlation_id=request.properties.correlation_id))
            other.basic_ack(request.tag)
        return consumer.messages[-1]

    return name, answer


def test_a_reply_arrives_through_a_queue_of_its_own(channel, queue, server):
    requests, answer = server
    replies = queue()
    consumer = Consumer(channel, replies, auto_ack=True)
    send(channel, requests, b"hello", reply_to=replies, correlation_id="1")
    answer()
    reply = consumer.wait(1)[0]
    assert (reply.text, reply.properties.correlation_id) == ("HELLO", "1")


def test_a_direct_reply_needs_no_queue(channel, server):
    requests, answer = server
    consumer = Consumer(channel, DIRECT, auto_ack=True)
    send(channel, requests, b"hello", reply_to=DIRECT, correlation_id="7")
    request = answer()
    assert request.properties.reply_to.startswith(DIRECT + ".")
    reply = consumer.wait(1)[0]
    assert (reply.text, reply.properties.correlation_id) == ("HELLO", "7")
    assert (reply.method.exchange, reply.method.routing_key) == ("", request.properties.reply_to)
    assert reply.method.consumer_tag == consumer.tag


def test_many_direct_replies_keep_their_order(channel, server):
    requests, answer = server
    consumer = Consumer(channel, DIRECT, auto_ack=True)
    for number in range(50):
        send(channel, requests, b"n%d" % number, reply_to=DIRECT)
    answer(50)
    consumer.wait(50)
    assert consumer.texts == [f"N{number}" for number in range(50)]


def test_each_channel_has_its_own_replies(connection, server):
    requests, answer = server
    channels = [connection.channel() for _ in range(3)]
    consumers = [Consumer(channel, DIRECT, auto_ack=True) for channel in channels]
    for number, channel in enumerate(channels):
        send(channel, requests, b"n%d" % number, reply_to=DIRECT)
    answer(3)
    for number, consumer in enumerate(consumers):
        consumer.settled_at(1, seconds=0.02)
        assert consumer.texts == [f"N{number}"]


def test_a_reply_after_the_requester_left_is_dropped(connect, channel, server):
    requests, answer = server
    other = connect().channel()
    Consumer(other, DIRECT, auto_ack=True)
    send(other, requests, b"hello", reply_to=DIRECT)
    other.connection.close()
    answer()
    channel.queue_declare(requests, passive=True)


def test_declaring_the_reply_queue_tells_whether_the_requester_lives(connect, channel, queue):
    requests = queue()
    other = connect().channel()
    Consumer(other, DIRECT, auto_ack=True)
    send(other, requests, b"hello", reply_to=DIRECT)
    address = get(channel, requests).properties.reply_to
    reply = channel.queue_declare(address, passive=True).method
    assert (reply.message_count, reply.consumer_count) == (0, 1)
    other.connection.close()
    with pytest.raises(exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare(address, passive=True)
    assert caught.value.reply_code == 404


def test_the_reply_consumer_can_be_cancelled_and_started_again(channel, server):
    requests, answer = server
    Consumer(channel, DIRECT, auto_ack=True).cancel()
    consumer = Consumer(channel, DIRECT, auto_ack=True)
    send(channel, requests, b"again", reply_to=DIRECT)
    answer()
    assert consumer.wait(1)[0].text == "AGAIN"


def test_a_request_without_the_consumer_is_refused(channel, queue):
    name = queue()
    with pytest.raises(exceptions.ChannelClosedByBroker) as caught:
        send(channel, name, b"m", reply_to=DIRECT)
        channel.queue_declare(name, passive=True)
    assert (caught.value.reply_code, caught.value.reply_text) == (
        406, "PRECONDITION_FAILED - fast reply consumer does not exist")


def test_another_reply_to_passes_unchanged(channel, queue):
    name = queue()
    for reply_to in ("somewhere", "amq.rabbitmq.reply-to.unknown", ""):
        send(channel, name, b"m", reply_to=reply_to)
        assert get(channel, name).properties.reply_to == reply_to


def test_the_pseudo_queue_can_be_declared(channel):
    for passive in (False, True):
        state = channel.queue_declare(DIRECT, passive=passive).method
        assert (state.queue, state.message_count, state.consumer_count) == (DIRECT, 0, 1)
