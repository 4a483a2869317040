"""Time to live, expiry, length limits and priorities."""
import time

import pytest
from pika import exceptions

from support import (MOMENT, Consumer, assert_empty, depth, eventually, eventually_depth, get,
                     get_all, polymq_only, send)

QUORUM = {"x-queue-type": "quorum"}


def fill(channel, queue, count, **props):
    for number in range(count):
        send(channel, queue, b"%d" % number, **props)


# Time to live

def test_a_queue_expires_its_messages(channel, queue):
    dead = queue()
    name = queue({"x-message-ttl": 100, "x-dead-letter-exchange": "",
                  "x-dead-letter-routing-key": dead})
    started = time.monotonic()
    fill(channel, name, 3)
    assert get_all(channel, dead, 3) == ["0", "1", "2"]
    assert time.monotonic() - started >= 0.09
    assert_empty(channel, name)


def test_a_message_expires_by_its_own(channel, queue):
    dead = queue()
    name = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    send(channel, name, b"short", expiration="50")
    send(channel, name, b"long", expiration="60000")
    assert get_all(channel, dead, 1) == ["short"]
    assert get_all(channel, name, 1) == ["long"]


@pytest.mark.parametrize("queue_ttl, message_ttl", [(60000, "50"), (50, "60000")])
def test_the_smaller_of_both_counts(channel, queue, queue_ttl, message_ttl):
    name = queue({"x-message-ttl": queue_ttl})
    send(channel, name, b"m", expiration=message_ttl)
    time.sleep(0.2)
    assert_empty(channel, name)


def test_an_unexpired_message_keeps_its_expiration_property(channel, queue):
    name = queue()
    send(channel, name, b"m", expiration="60000")
    assert get(channel, name).properties.expiration == "60000"


def test_a_ttl_of_zero_needs_a_waiting_consumer(channel, queue):
    name = queue({"x-message-ttl": 0})
    send(channel, name, b"nobody there")
    assert_empty(channel, name)
    consumer = Consumer(channel, name)
    send(channel, name, b"somebody there")
    assert consumer.settled_at(1)[0].text == "somebody there"


def test_expiration_zero_needs_a_waiting_consumer(channel, queue):
    name = queue()
    send(channel, name, b"nobody there", expiration="0")
    assert_empty(channel, name)
    consumer = Consumer(channel, name)
    send(channel, name, b"somebody there", expiration="0")
    assert consumer.settled_at(1)[0].text == "somebody there"


def test_a_message_in_use_does_not_expire(channel, queue):
    name = queue({"x-message-ttl": 80})
    send(channel, name, b"m")
    message = get(channel, name, auto_ack=False)
    time.sleep(0.2)
    channel.basic_ack(message.tag)
    channel.queue_declare(name, passive=True)


def test_a_requeue_does_not_start_the_time_again(channel, queue):
    name = queue({"x-message-ttl": 100})
    send(channel, name, b"m")
    message = get(channel, name, auto_ack=False)
    time.sleep(0.2)
    channel.basic_nack(message.tag, requeue=True)
    time.sleep(0.02)
    assert_empty(channel, name)


def test_an_expired_message_is_never_delivered_from_behind_the_head(channel, queue):
    name = queue()
    send(channel, name, b"long", expiration="60000")
    send(channel, name, b"short", expiration="50")
    send(channel, name, b"forever")
    time.sleep(0.2)
    assert get_all(channel, name, 2) == ["long", "forever"]


def test_each_copy_of_a_fanout_has_its_queues_ttl(channel, queue, exchange):
    source, brief, lasting = exchange("fanout"), queue({"x-message-ttl": 50}), queue()
    for name in (brief, lasting):
        channel.queue_bind(name, source)
    send(channel, "", b"m", source)
    eventually_depth(channel, brief, 0)
    assert get_all(channel, lasting, 1) == ["m"]


# Expiry of queues

def gone(channel, name):
    probe = channel.connection.channel()
    try:
        probe.queue_declare(name, passive=True)
        probe.close()
        return False
    except exceptions.ChannelClosedByBroker as error:
        assert error.reply_code == 404
        return True


def test_an_unused_queue_goes_after_its_time(channel, queue):
    name = queue({"x-expires": 150}, exclusive=False)
    time.sleep(0.3)
    eventually(lambda: gone(channel, name))


def test_a_consumer_keeps_the_queue(channel, queue):
    name = queue({"x-expires": 100}, exclusive=False)
    consumer = Consumer(channel, name)
    time.sleep(0.3)
    assert not gone(channel, name)
    consumer.cancel()
    time.sleep(0.2)
    eventually(lambda: gone(channel, name))


def test_gets_keep_the_queue(channel, queue):
    name = queue({"x-expires": 1000}, exclusive=False)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        assert channel.basic_get(name)[0] is None
        time.sleep(0.05)
    assert not gone(channel, name)


def test_an_expired_queue_does_not_dead_letter(channel, queue):
    dead = queue()
    name = queue({"x-expires": 100, "x-dead-letter-exchange": "",
                  "x-dead-letter-routing-key": dead}, exclusive=False)
    send(channel, name, b"m")
    time.sleep(0.2)
    eventually(lambda: gone(channel, name))
    assert_empty(channel, dead)


# Length

def test_the_oldest_goes_first_by_default(channel, queue):
    name = queue({"x-max-length": 3})
    fill(channel, name, 7)
    assert get_all(channel, name, 3) == ["4", "5", "6"]


def test_bytes_are_limited_too(channel, queue):
    name = queue({"x-max-length-bytes": 10})
    for body in (b"aaaa", b"bbbb", b"cccc"):
        send(channel, name, body)
    assert get_all(channel, name, 2) == ["bbbb", "cccc"]


def test_a_message_larger_than_the_limit_does_not_stay(channel, queue):
    name = queue({"x-max-length-bytes": 10})
    send(channel, name, b"x" * 11)
    eventually_depth(channel, name, 0)
    assert_empty(channel, name)


def test_whichever_limit_comes_first(channel, queue):
    name = queue({"x-max-length": 2, "x-max-length-bytes": 100})
    for body in (b"1", b"2", b"3", b"x" * 99):
        send(channel, name, body)
    assert get_all(channel, name, 2) == ["3", "x" * 99]


def test_unacked_messages_do_not_count(channel, queue):
    name = queue({"x-max-length": 2})
    fill(channel, name, 2)
    for _ in range(2):
        get(channel, name, auto_ack=False)
    for body in (b"a", b"b"):
        send(channel, name, body)
    assert get_all(channel, name, 2) == ["a", "b"]


def test_a_length_of_zero_passes_to_a_waiting_consumer_only(channel, queue):
    name = queue({"x-max-length": 0})
    send(channel, name, b"nobody there")
    assert_empty(channel, name)
    consumer = Consumer(channel, name, auto_ack=True)
    send(channel, name, b"somebody there")
    assert consumer.settled_at(1)[0].text == "somebody there"


@pytest.mark.parametrize("overflow", ["reject-publish", "reject-publish-dlx"])
def test_reject_publish_keeps_the_oldest(channel, queue, overflow):
    dead = queue()
    name = queue({"x-max-length": 2, "x-overflow": overflow, "x-dead-letter-exchange": "",
                  "x-dead-letter-routing-key": dead})
    channel.confirm_delivery()
    accepted = []
    for number in range(4):
        try:
            send(channel, name, b"%d" % number)
            accepted.append(number)
        except exceptions.NackError:
            pass
    assert accepted == [0, 1]
    assert get_all(channel, name, 2) == ["0", "1"]
    if overflow == "reject-publish-dlx":
        assert get_all(channel, dead, 2) == ["2", "3"]
    assert_empty(channel, dead)


def test_without_confirms_a_rejected_message_is_dropped_quietly(channel, queue):
    name = queue({"x-max-length": 1, "x-overflow": "reject-publish"})
    fill(channel, name, 3)
    assert get_all(channel, name, 1) == ["0"]
    send(channel, name, b"room again")
    assert get_all(channel, name, 1) == ["room again"]


def test_a_requeue_over_the_limit_drops_from_the_head(channel, queue):
    name = queue({"x-max-length": 2})
    fill(channel, name, 1)
    message = get(channel, name, auto_ack=False)
    for body in (b"1", b"2"):
        send(channel, name, body)
    channel.basic_nack(message.tag, requeue=True)
    eventually_depth(channel, name, 2)
    assert get_all(channel, name, 2) == ["1", "2"]


# Priorities

def test_a_higher_priority_overtakes(channel, queue):
    name = queue({"x-max-priority": 10})
    for priority in (1, 5, 3, 10, 0, 7):
        send(channel, name, b"%d" % priority, priority=priority)
    assert get_all(channel, name, 6) == ["10", "7", "5", "3", "1", "0"]


def test_order_within_a_priority_is_kept(channel, queue):
    name = queue({"x-max-priority": 3})
    for number in range(6):
        send(channel, name, b"%d" % number, priority=number % 2)
    assert get_all(channel, name, 6) == ["1", "3", "5", "0", "2", "4"]


def test_a_priority_above_the_maximum_is_the_maximum(channel, queue):
    name = queue({"x-max-priority": 5})
    for body, priority in ((b"five", 5), (b"the most", 255), (b"also five", 5)):
        send(channel, name, body, priority=priority)
    assert get_all(channel, name, 3) == ["five", "the most", "also five"]


def test_no_priority_is_zero(channel, queue):
    name = queue({"x-max-priority": 5})
    send(channel, name, b"none")
    send(channel, name, b"zero", priority=0)
    send(channel, name, b"one", priority=1)
    assert get_all(channel, name, 3) == ["one", "none", "zero"]


def test_without_the_argument_priorities_mean_nothing(channel, queue):
    name = queue()
    for priority in (1, 9, 5):
        send(channel, name, b"%d" % priority, priority=priority)
    assert get_all(channel, name, 3) == ["1", "9", "5"]


def test_a_consumer_gets_the_highest_next(channel, queue):
    name = queue({"x-max-priority": 5})
    channel.basic_qos(prefetch_count=1)
    consumer = Consumer(channel, name)
    send(channel, name, b"first", priority=0)
    consumer.wait(1)
    for body, priority in ((b"low", 0), (b"high", 5), (b"middle", 2)):
        send(channel, name, body, priority=priority)
    eventually_depth(channel, name, 3)
    for count in (2, 3, 4):
        consumer.ack()
        consumer.wait(count)
    assert consumer.texts == ["first", "high", "middle", "low"]


def test_a_requeued_message_returns_to_its_priority(channel, queue):
    name = queue({"x-max-priority": 5})
    for body, priority in ((b"low", 1), (b"high 1", 4), (b"high 2", 4)):
        send(channel, name, body, priority=priority)
    message = get(channel, name, auto_ack=False)
    channel.basic_nack(message.tag, requeue=True)
    assert get_all(channel, name, 3) == ["high 1", "high 2", "low"]


def test_priority_with_a_length_limit_drops_the_highest_first(channel, queue):
    name = queue({"x-max-priority": 5, "x-max-length": 2})
    for body, priority in ((b"low", 1), (b"high", 5), (b"middle", 3)):
        send(channel, name, body, priority=priority)
    eventually_depth(channel, name, 2)
    assert get_all(channel, name, 2) == ["middle", "low"]


def test_purge_and_count_cover_every_priority(channel, queue):
    name = queue({"x-max-priority": 5})
    channel.confirm_delivery()
    for priority in range(6):
        send(channel, name, b"m", priority=priority)
    assert depth(channel, name) == 6
    assert channel.queue_purge(name).method.message_count == 6


@polymq_only("quorum queues have priorities since RabbitMQ 4.0")
def test_a_quorum_queue_has_32_priorities(channel, shared_queue):
    name = shared_queue(QUORUM, durable=True)
    for priority in (0, 31, 9, None, 200):
        send(channel, name, str(priority).encode(), **(
            {} if priority is None else {"priority": priority}))
    assert get_all(channel, name, 5) == ["31", "200", "9", "None", "0"]


@polymq_only("quorum queues have priorities since RabbitMQ 4.0")
def test_a_dead_letter_without_a_priority_gets_that_of_the_queue_it_comes_to(
        channel, queue, shared_queue):
    grave = shared_queue(QUORUM, durable=True)
    name = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
    send(channel, grave, b"three", priority=3)
    send(channel, name, b"none")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    eventually_depth(channel, grave, 2)
    assert get_all(channel, grave, 2) == ["none", "three"]


def test_nothing_expires_without_a_ttl(channel, queue):
    name = queue()
    send(channel, name, b"m")
    time.sleep(MOMENT)
    assert get_all(channel, name, 1) == ["m"]
