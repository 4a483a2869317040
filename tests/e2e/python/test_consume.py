"""Consuming: tags, order, prefetch, priorities, exclusiveness."""
import re

import pytest
from pika import exceptions

from support import Consumer, assert_empty, depth, eventually, get, get_all, polymq_only, send


def fill(channel, queue, count):
    for number in range(count):
        send(channel, queue, b"%d" % number)


def test_the_server_names_a_consumer(raw):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    tag = client.call(1, "basic.consume", queue=name).fields["consumer_tag"]
    assert re.fullmatch(r"amq\.ctag-[A-Za-z0-9_-]{22}", tag)


def test_deliveries_carry_tag_exchange_and_key(channel, queue, exchange):
    source, name = exchange("topic"), queue()
    channel.queue_bind(name, source, "a.#")
    consumer = Consumer(channel, name, consumer_tag="mine")
    send(channel, "a.b", b"1", source)
    send(channel, name, b"2")
    first, second = consumer.wait(2)
    assert (first.method.consumer_tag, first.tag, first.method.redelivered) == ("mine", 1, False)
    assert (first.method.exchange, first.method.routing_key) == (source, "a.b")
    assert (second.method.exchange, second.method.routing_key, second.tag) == ("", name, 2)


def test_delivery_tags_count_over_consumers_and_gets_of_a_channel(channel, queue):
    first, second = queue(), queue()
    one, two = Consumer(channel, first), Consumer(channel, second, auto_ack=True)
    send(channel, first, b"m")
    one.wait(1)
    send(channel, second, b"m")
    two.wait(1)
    third = queue()
    send(channel, third, b"m")
    assert [one.messages[0].tag, two.messages[0].tag, get(channel, third).tag] == [1, 2, 3]


def test_consume_ok_precedes_the_first_delivery(raw):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    for _ in range(10):
        client.publish(1, name, b"m")
    client.call(1, "basic.consume", queue=name)
    client.expect("basic.deliver")


def test_consume_nowait_sends_deliveries_only(raw):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.send(1, "basic.consume", queue=name, consumer_tag="t", nowait=True)
    client.publish(1, name, b"m")
    assert client.expect("basic.deliver").method.fields["consumer_tag"] == "t"
    client.send(1, "basic.cancel", consumer_tag="t", nowait=True)
    client.call(1, "channel.flow", active=True)


def test_cancel_ok_follows_the_last_delivery(raw):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.call(1, "basic.consume", queue=name, consumer_tag="t", no_ack=True)
    for _ in range(200):
        client.publish(1, name, b"m")
    client.send(1, "basic.cancel", consumer_tag="t")
    count = 0
    while hasattr(reply := client.receive(), "body"):
        count += 1
    assert (reply.name, reply.fields["consumer_tag"]) == ("basic.cancel-ok", "t")
    assert client.silent(0.1)
    left = client.call(1, "queue.purge", queue=name).fields["message_count"]
    assert count + left == 200


def test_what_a_cancelled_consumer_holds_stays_its_own(raw, channel, names):
    client, name = raw(), names()
    client.call(1, "queue.declare", queue=name)
    for number in range(3):
        client.publish(1, name, b"%d" % number)
    client.call(1, "basic.consume", queue=name, consumer_tag="t")
    for _ in range(3):
        client.expect("basic.deliver")
    client.call(1, "basic.cancel", consumer_tag="t")
    assert_empty(channel, name)
    client.send(1, "basic.ack", delivery_tag=1)
    client.send(1, "basic.nack", delivery_tag=3, multiple=True, requeue=True)
    assert get_all(channel, name, 2) == ["1", "2"]


def test_consumers_of_one_queue_take_turns(connect, channel, queue):
    name = queue(exclusive=False)
    consumers = [Consumer(connect().channel(), name, auto_ack=True) for _ in range(3)]
    fill(channel, name, 30)
    eventually(lambda: [one.channel.connection.process_data_events(0.01) for one in consumers]
               and sum(len(one.messages) for one in consumers) == 30)
    assert [len(one.messages) for one in consumers] == [10, 10, 10]


def test_one_slow_consumer_does_not_hold_up_the_other(connect, channel, queue):
    name = queue(exclusive=False)
    slow, fast = connect().channel(), connect().channel()
    slow.basic_qos(prefetch_count=1)
    stuck, busy = Consumer(slow, name), Consumer(fast, name, auto_ack=True)
    fill(channel, name, 20)
    stuck.wait(1)
    busy.settled_at(19)
    assert len(stuck.messages) == 1


@pytest.mark.parametrize("count", [1, 3, 10])
def test_prefetch_limits_each_consumer(channel, queue, count):
    name = queue()
    channel.basic_qos(prefetch_count=count)
    fill(channel, name, 2 * count + 2)
    first, second = Consumer(channel, name), Consumer(channel, name)
    first.settled_at(count)
    second.settled_at(count)
    first.ack(0)
    first.settled_at(count + 1)
    second.ack(count - 1, multiple=False)
    second.settled_at(count + 1)


def test_prefetch_zero_is_no_limit(channel, queue):
    name = queue()
    channel.basic_qos(prefetch_count=2)
    channel.basic_qos(prefetch_count=0)
    fill(channel, name, 300)
    Consumer(channel, name).settled_at(300)


def test_a_new_prefetch_is_for_later_consumers(channel, queue):
    name = queue()
    channel.basic_qos(prefetch_count=1)
    fill(channel, name, 10)
    first = Consumer(channel, name)
    first.settled_at(1)
    channel.basic_qos(prefetch_count=3)
    first.settled_at(1)
    Consumer(channel, name).settled_at(3)


def test_global_prefetch_is_shared_by_the_channel(channel, queue):
    one, two = queue(), queue()
    channel.basic_qos(prefetch_count=3, global_qos=True)
    for name in (one, two):
        fill(channel, name, 5)
    consumers = [Consumer(channel, one), Consumer(channel, two)]
    consumers[0].wait(1)
    eventually(lambda: channel.connection.process_data_events(0.01)
               or sum(len(each.messages) for each in consumers) >= 3)
    channel.connection.process_data_events(0.15)
    assert sum(len(each.messages) for each in consumers) == 3
    channel.basic_ack(0, multiple=True)
    eventually(lambda: channel.connection.process_data_events(0.01)
               or sum(len(each.messages) for each in consumers) >= 6)


def test_both_limits_hold_together(channel, queue):
    name = queue()
    channel.basic_qos(prefetch_count=5, global_qos=True)
    channel.basic_qos(prefetch_count=2)
    channel.basic_qos(prefetch_count=5, global_qos=True)
    fill(channel, name, 20)
    consumers = [Consumer(channel, name) for _ in range(3)]
    eventually(lambda: channel.connection.process_data_events(0.01)
               or sum(len(each.messages) for each in consumers) >= 5)
    channel.connection.process_data_events(0.15)
    assert sum(len(each.messages) for each in consumers) == 5
    assert max(len(each.messages) for each in consumers) <= 2


def test_prefetch_does_not_limit_automatic_acks(channel, queue):
    name = queue()
    channel.basic_qos(prefetch_count=1)
    fill(channel, name, 20)
    Consumer(channel, name, auto_ack=True).settled_at(20)


def test_gets_do_not_count_against_a_consumers_prefetch(channel, queue):
    name = queue()
    fill(channel, name, 5)
    channel.basic_qos(prefetch_count=1)
    for _ in range(3):
        get(channel, name, auto_ack=False)
    Consumer(channel, name).settled_at(1)


def test_gets_do_not_count_against_a_channels_prefetch(channel, queue):
    name = queue()
    fill(channel, name, 5)
    channel.basic_qos(prefetch_count=1, global_qos=True)
    for _ in range(3):
        get(channel, name, auto_ack=False)
    Consumer(channel, name).settled_at(1)


def test_a_higher_priority_is_served_first(channel, queue):
    name = queue()
    channel.basic_qos(prefetch_count=2)
    low = Consumer(channel, name, arguments={"x-priority": -1})
    normal = Consumer(channel, name)
    high = Consumer(channel, name, arguments={"x-priority": 10})
    fill(channel, name, 5)
    high.settled_at(2)
    normal.settled_at(2)
    low.settled_at(1)
    assert (high.texts, normal.texts, low.texts) == (["0", "1"], ["2", "3"], ["4"])
    channel.basic_ack(normal.messages[0].tag)
    channel.basic_ack(high.messages[0].tag)
    high.settled_at(2)  # the broker may need a moment to take the acks
    send(channel, name, b"5")
    high.wait(3)
    assert high.texts[-1] == "5"


@pytest.mark.parametrize("value", ["high", True], ids=repr)
def test_a_consumer_priority_is_an_integer(channel, queue, value):
    name = queue()
    with pytest.raises(exceptions.ChannelClosedByBroker) as caught:
        Consumer(channel, name, arguments={"x-priority": value})
    assert caught.value.reply_code == 406


def test_an_exclusive_consumer_leaves_the_queue_to_others_when_it_goes(connect, channel, queue):
    name = queue(exclusive=False)
    first = Consumer(channel, name, exclusive=True)
    first.cancel()
    Consumer(connect().channel(), name, exclusive=True)


def test_get_works_beside_an_exclusive_consumer(connect, channel, queue):
    name = queue(exclusive=False)
    channel.basic_qos(prefetch_count=1)
    fill(channel, name, 3)
    Consumer(channel, name, exclusive=True).settled_at(1)
    assert get(connect().channel(), name).text == "1"


def test_no_local_is_ignored(raw):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.call(1, "basic.consume", queue=name, no_local=True)
    client.publish(1, name, b"mine")
    assert client.expect("basic.deliver").body == b"mine"


def test_get_tells_how_many_are_left(channel, queue):
    name = queue()
    fill(channel, name, 3)
    assert [get(channel, name).method.message_count for _ in range(3)] == [2, 1, 0]
    assert_empty(channel, name)


def test_get_hands_out_in_order_to_a_consumer_that_follows(channel, queue):
    name = queue()
    fill(channel, name, 5)
    assert get(channel, name).text == "0"
    assert Consumer(channel, name).wait(4)[0].text == "1"


def test_the_channels_of_a_connection_consume_apart(connection, queue):
    first, second = connection.channel(), connection.channel()
    one, two = queue(on=first), queue(on=first)
    here, there = Consumer(first, one), Consumer(second, two)
    send(first, two, b"for the second")
    send(second, one, b"for the first")
    assert here.wait(1)[0].text == "for the first"
    assert there.wait(1)[0].text == "for the second"


def test_closing_a_channel_requeues_and_the_other_goes_on(connection, queue):
    first, second = connection.channel(), connection.channel()
    name = queue(on=first)
    fill(second, name, 3)
    Consumer(first, name).wait(3)
    first.close()
    again = Consumer(second, name)
    assert [(one.text, one.method.redelivered) for one in again.wait(3)] == [
        ("0", True), ("1", True), ("2", True)]


def test_a_broken_connection_requeues(raw, channel, queue):
    name = queue(exclusive=False)
    fill(channel, name, 3)
    client = raw()
    client.call(1, "basic.consume", queue=name)
    for _ in range(3):
        client.expect("basic.deliver")
    client.socket.close()
    assert get_all(channel, name, 3) == ["0", "1", "2"]


def test_a_fanout_to_many_consumers(connect, channel, exchange, queue):
    source, others = exchange("fanout"), [connect().channel() for _ in range(5)]
    consumers = []
    for other in others:
        name = queue(on=other)
        other.queue_bind(name, source)
        consumers.append(Consumer(other, name, auto_ack=True))
    for number in range(20):
        send(channel, "", b"%d" % number, source)
    for consumer in consumers:
        consumer.settled_at(20, seconds=0.02)
        assert consumer.texts == [str(number) for number in range(20)]


def test_pikas_generator_consumes(channel, queue):
    name = queue()
    fill(channel, name, 4)
    seen = []
    for method, _, body in channel.consume(name, inactivity_timeout=5):
        seen.append(body)
        channel.basic_ack(method.delivery_tag)
        if len(seen) == 4:
            break
    assert channel.cancel() == 0
    assert seen == [b"0", b"1", b"2", b"3"]
    assert depth(channel, name) == 0


@pytest.mark.parametrize("kind", ["classic", "quorum"])
@polymq_only("3.10 has no such queue argument and looks once a minute")
def test_a_consumer_that_holds_a_message_too_long_is_cancelled(connect, channel, shared_queue,
                                                               kind):
    name = shared_queue({"x-queue-type": kind, "x-consumer-timeout": 300}, durable=True)
    other = connect().channel()
    consumer = Consumer(other, name)
    send(channel, name, b"m")
    consumer.wait(1)
    consumer.wait_cancelled()
    assert get(channel, name).method.redelivered
    other.queue_declare(name, passive=True)  # its channel lives on
