"""Queues of type quorum, on one node."""
import pytest
from pika import exceptions

from support import (Consumer, channel_error, connection_error, eventually_depth, expect, get,
                     get_all, polymq_only, send)


@pytest.fixture
def quorum(shared_queue):
    """quorum(arguments) -> the name of a new quorum queue."""
    return lambda arguments=None: shared_queue({"x-queue-type": "quorum", **(arguments or {})},
                                               durable=True)


def failures(message):
    """The x-delivery-count; RabbitMQ 3.10 writes the 0 that 4.x leaves out."""
    count = message.headers.get("x-delivery-count")
    return 0 if count is None else expect(rabbitmq=count, polymq=count or "0 is left out")


def test_messages_go_in_and_out_in_order(channel, quorum):
    name = quorum()
    channel.confirm_delivery()
    for number in range(20):
        send(channel, name, b"%d" % number)
    assert get_all(channel, name, 20) == [str(number) for number in range(20)]


def test_consume_and_ack(channel, quorum):
    name = quorum()
    channel.basic_qos(prefetch_count=5)
    consumer = Consumer(channel, name)
    for number in range(12):
        send(channel, name, b"%d" % number)
    consumer.settled_at(5)
    consumer.ack(4, multiple=True)
    consumer.settled_at(10)
    consumer.ack(9, multiple=True)
    consumer.settled_at(12)
    assert consumer.texts == [str(number) for number in range(12)]


def test_a_rejected_message_comes_back_with_its_count(channel, quorum):
    name = quorum()
    send(channel, name, b"m")
    for attempt in range(4):
        message = get(channel, name, auto_ack=False)
        assert failures(message) == attempt
        assert message.method.redelivered is (attempt > 0)
        channel.basic_reject(message.tag, requeue=True)


def test_a_nacked_message_and_its_count(channel, quorum):
    """Since 4.3 nack means "not now", which is no failed delivery."""
    name = quorum()
    send(channel, name, b"m")
    for attempt in range(3):
        message = get(channel, name, auto_ack=False)
        assert failures(message) == expect(rabbitmq=attempt, polymq=0)
        assert message.method.redelivered is (attempt > 0)
        channel.basic_nack(message.tag, requeue=True)


@polymq_only("x-acquired-count came with RabbitMQ 4.3")
def test_the_acquired_count_covers_every_hand_out(channel, quorum):
    name = quorum()
    send(channel, name, b"m")
    for attempt in range(3):
        message = get(channel, name, auto_ack=False)
        assert message.headers.get("x-acquired-count") == (attempt or None)
        channel.basic_nack(message.tag, requeue=True)


@pytest.mark.parametrize("limit", [0, 2])
def test_above_the_delivery_limit_it_is_dead_lettered(channel, queue, quorum, limit):
    dead = queue()
    name = quorum({"x-delivery-limit": limit, "x-dead-letter-exchange": "",
                   "x-dead-letter-routing-key": dead})
    send(channel, name, b"poison")
    for _ in range(limit + 1):
        channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=True)
    message = get(channel, dead)
    death, = message.headers["x-death"]
    assert (message.text, death["reason"], death["queue"]) == ("poison", "delivery_limit", name)
    eventually_depth(channel, name, 0)


def test_above_the_limit_without_a_grave_it_is_dropped(channel, quorum):
    name = quorum({"x-delivery-limit": 1})
    send(channel, name, b"poison")
    for _ in range(2):
        channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=True)
    send(channel, name, b"next")
    assert get_all(channel, name, 1) == ["next"]


@pytest.mark.parametrize("arguments", [{}, {"x-delivery-limit": -1}], ids=["default", "off"])
@polymq_only("3.10 has no default limit and no -1")
def test_the_default_limit_is_20_and_can_be_turned_off(channel, quorum, arguments):
    name = quorum(arguments)
    send(channel, name, b"m")
    for _ in range(21):
        channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=True)
    send(channel, name, b"next")
    assert get(channel, name).text == ("m" if arguments else "next")


def test_a_rejected_message_without_requeue_is_dead_lettered(channel, queue, quorum):
    dead = queue()
    name = quorum({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    send(channel, name, b"m")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    assert get(channel, dead).headers["x-death"][0]["reason"] == "rejected"


def test_a_length_limit_drops_the_oldest(channel, quorum):
    name = quorum({"x-max-length": 3})
    channel.confirm_delivery()
    for number in range(7):
        send(channel, name, b"%d" % number)
    assert get_all(channel, name, 3) == ["4", "5", "6"]


def test_it_expires_messages_by_queue_ttl(channel, queue, quorum):
    dead = queue()
    name = quorum({"x-message-ttl": 50, "x-dead-letter-exchange": "",
                   "x-dead-letter-routing-key": dead})
    send(channel, name, b"m")
    assert get(channel, dead).headers["x-death"][0]["reason"] == "expired"


def test_a_closed_channel_requeues(connection, channel, quorum):
    name, other = quorum(), connection.channel()
    send(channel, name, b"m")
    get(other, name, auto_ack=False)
    other.close()
    message = get(channel, name)
    assert (message.text, message.method.redelivered) == ("m", True)


def test_purge_and_delete_count(channel, quorum):
    name = quorum()
    channel.confirm_delivery()
    for _ in range(3):
        send(channel, name, b"m")
    assert channel.queue_purge(name).method.message_count == 3
    send(channel, name, b"m")
    channel.queue_delete(name)
    with channel_error(404, f"NOT_FOUND - no queue '{name}' in vhost '/'"):
        channel.queue_declare(name, passive=True)


def test_deleting_it_cancels_its_consumer(connect, channel, quorum):
    name = quorum()
    consumer = Consumer(connect().channel(), name)
    channel.queue_delete(name)
    consumer.wait_cancelled()


@pytest.mark.parametrize("flag", ["if_unused", "if_empty"])
def test_conditional_deletes_are_540(connection, channel, quorum, flag):
    name = quorum()
    with connection_error(540, "NOT_IMPLEMENTED - cannot delete queue "
                               f"'{name}' in vhost '/'. queue.delete operations with "
                               f"{flag.replace('_', '-')} flag set are not supported by quorum "
                               "queues"):
        channel.queue_delete(name, **{flag: True})


def test_a_channel_wide_prefetch_is_540(channel, quorum):
    name = quorum()
    channel.basic_qos(prefetch_count=5, global_qos=True)
    with connection_error(540, f"NOT_IMPLEMENTED - queue '{name}' in vhost '/' does not support "
                               "global qos"):
        Consumer(channel, name)


def test_an_exclusive_consumer_does_not_keep_others_out(connect, channel, quorum):
    name = quorum()
    Consumer(channel, name, exclusive=True)
    Consumer(connect().channel(), name)


def test_a_transient_message_is_kept_like_any_other(channel, quorum):
    name = quorum()
    channel.confirm_delivery()
    send(channel, name, b"m", delivery_mode=1)
    assert get(channel, name).text == "m"


def test_a_full_queue_nacks_in_the_end(channel, quorum):
    name = quorum({"x-max-length": 2, "x-overflow": "reject-publish"})
    channel.confirm_delivery()
    accepted = 0
    with pytest.raises(exceptions.NackError):
        while accepted < 50:  # it may overshoot a little
            send(channel, name, b"m")
            accepted += 1
    assert accepted >= 2


def test_redeclaring_it_as_classic_is_406(channel, quorum):
    name = quorum()
    with pytest.raises(exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare(name, durable=True)
    assert caught.value.reply_code == 406
    assert "inequivalent arg 'x-queue-type'" in caught.value.reply_text


@polymq_only("delayed retry came with RabbitMQ 4.3")
def test_a_failed_message_waits_before_its_next_try(channel, quorum):
    name = quorum({"x-delayed-retry-type": "all", "x-delayed-retry-min": 300})
    send(channel, name, b"m")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=True)
    assert channel.basic_get(name)[0] is None
    assert get(channel, name).headers["x-delivery-count"] == 1
