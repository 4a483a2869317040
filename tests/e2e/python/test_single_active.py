"""Single active consumer: one at a time, with hand-over."""
import pytest

from support import Consumer, channel_error, get_all, send

SINGLE = {"x-single-active-consumer": True}


def fill(channel, queue, count, start=0):
    for number in range(start, start + count):
        send(channel, queue, b"%d" % number)


@pytest.fixture
def scene(connect, channel, shared_queue):
    """The queue and three consumers on connections of their own; the first is active."""
    name = shared_queue(SINGLE)
    consumers = []
    for _ in range(3):
        other = connect().channel()
        other.basic_qos(prefetch_count=100)
        consumers.append(Consumer(other, name))
    return name, consumers


def test_only_the_first_gets_messages(channel, scene):
    name, (first, second, third) = scene
    fill(channel, name, 10)
    first.settled_at(10)
    second.settled_at(0)
    third.settled_at(0)


@pytest.mark.parametrize("how", ["cancel", "channel", "connection"])
def test_the_next_in_line_takes_over(channel, scene, how):
    name, (first, second, third) = scene
    fill(channel, name, 2)
    first.wait(2)
    first.ack(1, multiple=True)
    if how == "cancel":
        first.cancel()
    elif how == "channel":
        first.channel.close()
    else:
        first.channel.connection.close()
    fill(channel, name, 2, start=2)
    second.settled_at(2)
    third.settled_at(0)
    assert second.texts == ["2", "3"]


def test_what_the_old_one_held_is_requeued_in_order(channel, scene):
    name, (first, second, _) = scene
    fill(channel, name, 4)
    first.wait(4)
    first.ack(0)
    first.channel.close()
    assert [(one.text, one.method.redelivered) for one in second.settled_at(3)] == [
        ("1", True), ("2", True), ("3", True)]


def test_a_waiting_consumer_may_leave(channel, scene):
    name, (first, second, third) = scene
    second.cancel()
    first.channel.close()
    fill(channel, name, 1)
    third.settled_at(1)


def test_the_active_one_keeps_its_prefetch(connect, channel, shared_queue):
    name = shared_queue(SINGLE)
    other = connect().channel()
    other.basic_qos(prefetch_count=2)
    active, waiting = Consumer(other, name), Consumer(connect().channel(), name)
    fill(channel, name, 5)
    active.settled_at(2)
    waiting.settled_at(0)
    active.ack(0)
    active.settled_at(3)


def test_an_exclusive_consumer_is_refused(channel, shared_queue):
    name = shared_queue(SINGLE)
    with channel_error(403, f"ACCESS_REFUSED - queue '{name}' in vhost '/' in exclusive use"):
        Consumer(channel, name, exclusive=True)


def test_a_classic_queue_can_be_read_with_get(channel, shared_queue):
    name = shared_queue(SINGLE)
    fill(channel, name, 2)
    assert get_all(channel, name, 2) == ["0", "1"]


def test_a_deleted_queue_cancels_active_and_waiting(channel, scene):
    name, consumers = scene
    channel.queue_delete(name)
    for consumer in consumers:
        consumer.wait_cancelled()


def test_get_of_a_quorum_queue_is_405(channel, shared_queue):
    name = shared_queue({**SINGLE, "x-queue-type": "quorum"}, durable=True)
    with channel_error(405, f"RESOURCE_LOCKED - cannot obtain access to locked queue '{name}' in "
                            "vhost '/'. basic.get operations are not supported by quorum queues "
                            "with single active consumer"):
        channel.basic_get(name)


def test_a_quorum_queue_hands_over_too(connect, channel, shared_queue):
    name = shared_queue({**SINGLE, "x-queue-type": "quorum"}, durable=True)
    first, second = (Consumer(connect().channel(), name) for _ in range(2))
    fill(channel, name, 2)
    first.settled_at(2)
    second.settled_at(0)
    first.channel.connection.close()
    second.settled_at(2)
    assert second.texts == ["0", "1"]
