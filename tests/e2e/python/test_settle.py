"""Ack, nack, reject, recover: what happens to the message."""
import pytest

from support import (Consumer, assert_channel_closed, assert_empty, eventually_depth, get, get_all,
                     send)


def fill(channel, queue, count):
    for number in range(count):
        send(channel, queue, b"%d" % number)


def held(channel, queue, count):
    return [get(channel, queue, auto_ack=False) for _ in range(count)]


def test_an_acked_message_is_gone(channel, connection, queue):
    name, other = queue(), connection.channel()
    fill(channel, name, 1)
    channel.basic_ack(held(channel, name, 1)[0].tag)
    channel.close()
    assert_empty(other, name)


def test_ack_multiple_takes_all_up_to_the_tag(connection, queue):
    channel, other = connection.channel(), connection.channel()
    name = queue(on=other)
    fill(other, name, 5)
    messages = held(channel, name, 5)
    channel.basic_ack(messages[2].tag, multiple=True)
    channel.close()
    assert get_all(other, name, 2) == ["3", "4"]


@pytest.mark.parametrize("how", ["ack", "nack"])
def test_tag_zero_multiple_is_everything(connection, queue, how):
    channel, other = connection.channel(), connection.channel()
    name = queue(on=other)
    fill(other, name, 3)
    held(channel, name, 3)
    if how == "ack":
        channel.basic_ack(0, multiple=True)
    else:
        channel.basic_nack(0, multiple=True, requeue=False)
    channel.close()
    assert_empty(other, name)


def test_tag_zero_multiple_with_nothing_held_is_fine(raw):
    client = raw()
    client.send(1, "basic.ack", delivery_tag=0, multiple=True)
    client.send(1, "basic.nack", delivery_tag=0, multiple=True)
    client.call(1, "channel.flow", active=True)


def test_acks_in_any_order(channel, queue):
    name = queue()
    fill(channel, name, 4)
    messages = held(channel, name, 4)
    for index in (2, 0, 3, 1):
        channel.basic_ack(messages[index].tag)
    channel.queue_declare(name, passive=True)


@pytest.mark.parametrize("second", ["basic.ack", "basic.nack", "basic.reject"])
def test_settling_twice_is_406(raw, second):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.publish(1, name, b"m")
    client.send(1, "basic.get", queue=name)
    client.expect("basic.get-ok")
    client.send(1, "basic.ack", delivery_tag=1)
    client.send(1, second, delivery_tag=1)
    assert_channel_closed(client, 1, 406, "PRECONDITION_FAILED - unknown delivery tag 1", second)


@pytest.mark.parametrize("second", ["basic.ack", "basic.nack"])
def test_multiple_up_to_a_settled_tag_is_406(raw, second):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    for _ in range(3):
        client.publish(1, name, b"m")
        client.send(1, "basic.get", queue=name)
        client.expect("basic.get-ok")
    client.send(1, "basic.ack", delivery_tag=2)
    client.send(1, second, delivery_tag=2, multiple=True)
    assert_channel_closed(client, 1, 406, "PRECONDITION_FAILED - unknown delivery tag 2", second)


def test_acking_an_automatic_ack_is_406(raw):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.publish(1, name, b"m")
    client.send(1, "basic.get", queue=name, no_ack=True)
    client.expect("basic.get-ok")
    client.send(1, "basic.ack", delivery_tag=1)
    assert_channel_closed(client, 1, 406, "PRECONDITION_FAILED - unknown delivery tag 1",
                          "basic.ack")


def test_tags_are_valid_on_their_channel_only(raw):
    client = raw(channels=[1, 2])
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.publish(1, name, b"m")
    client.send(1, "basic.get", queue=name)
    client.expect("basic.get-ok")
    client.send(2, "basic.ack", delivery_tag=1)
    assert_channel_closed(client, 2, 406, "PRECONDITION_FAILED - unknown delivery tag 1",
                          "basic.ack")
    client.send(1, "basic.ack", delivery_tag=1)
    client.call(1, "channel.flow", active=True)


@pytest.mark.parametrize("how", ["nack", "reject"])
def test_requeue_true_brings_it_back_redelivered(channel, queue, how):
    name = queue()
    fill(channel, name, 1)
    message = held(channel, name, 1)[0]
    assert not message.method.redelivered
    settle = channel.basic_nack if how == "nack" else channel.basic_reject
    settle(message.tag, requeue=True)
    again = get(channel, name)
    assert (again.text, again.method.redelivered) == ("0", True)


@pytest.mark.parametrize("how", ["nack", "reject"])
def test_requeue_false_drops_it(channel, queue, how):
    name = queue()
    fill(channel, name, 1)
    message = held(channel, name, 1)[0]
    settle = channel.basic_nack if how == "nack" else channel.basic_reject
    settle(message.tag, requeue=False)
    eventually_depth(channel, name, 0)
    assert_empty(channel, name)


def test_a_requeued_message_returns_to_its_place(channel, queue):
    name = queue()
    fill(channel, name, 6)
    messages = held(channel, name, 4)
    channel.basic_nack(messages[1].tag)
    assert get_all(channel, name, 3) == ["1", "4", "5"]


def test_messages_requeued_in_any_order_come_in_theirs(channel, queue):
    name = queue()
    fill(channel, name, 6)
    messages = held(channel, name, 5)
    for index in (3, 0, 4, 2):
        channel.basic_reject(messages[index].tag, requeue=True)
    got = [get(channel, name) for _ in range(5)]
    assert [message.text for message in got] == ["0", "2", "3", "4", "5"]
    assert [message.method.redelivered for message in got] == [True] * 4 + [False]


def test_nack_multiple_requeues_in_order(channel, queue):
    name = queue()
    fill(channel, name, 6)
    messages = held(channel, name, 5)
    channel.basic_nack(messages[3].tag, multiple=True, requeue=True)
    assert get_all(channel, name, 5) == ["0", "1", "2", "3", "5"]


def test_a_requeued_message_goes_to_another_consumer(connect, channel, queue):
    name = queue(exclusive=False)
    fill(channel, name, 1)
    message = held(channel, name, 1)[0]
    consumer = Consumer(connect().channel(), name)
    channel.basic_nack(message.tag, requeue=True)
    assert consumer.wait(1)[0].method.redelivered


@pytest.mark.parametrize("method", ["basic.recover", "basic.recover-async"])
def test_recover_requeues_all_of_the_channel(raw, method):
    client = raw(channels=[1, 2])
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    for number in range(3):
        client.publish(1, name, b"%d" % number)
    for _ in range(3):
        client.send(1, "basic.get", queue=name)
        client.expect("basic.get-ok")
    client.send(1, method, requeue=True)
    if method == "basic.recover":
        client.expect("basic.recover-ok")
    else:
        client.call(1, "channel.flow", active=True)
    for number in range(3):
        client.send(2, "basic.get", queue=name, no_ack=True)
        got = client.expect("basic.get-ok")
        assert (got.body, got.method.fields["redelivered"]) == (b"%d" % number, True)
    client.send(1, "basic.ack", delivery_tag=1)
    assert client.expect("channel.close").fields["code"] == 406


def test_recover_leaves_alone_what_a_transaction_settles(raw):
    client = raw(channels=[1, 2])
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.call(1, "tx.select")
    for number in range(2):
        client.publish(2, name, b"%d" % number)
    client.call(2, "queue.declare", queue=name, passive=True)  # they are there
    for _ in range(2):
        client.send(1, "basic.get", queue=name)
        client.expect("basic.get-ok")
    client.send(1, "basic.ack", delivery_tag=1)
    client.call(1, "basic.recover", requeue=True)
    client.call(1, "tx.commit")
    client.send(2, "basic.get", queue=name, no_ack=True)
    assert client.expect("basic.get-ok").body == b"1"
    client.send(2, "basic.get", queue=name, no_ack=True)
    client.expect("basic.get-empty")


def test_recover_with_nothing_to_recover(raw):
    raw().call(1, "basic.recover", requeue=True)


def test_recover_redelivers_to_the_consumer_itself(channel, queue):
    name = queue()
    consumer = Consumer(channel, name)
    fill(channel, name, 2)
    consumer.wait(2)
    channel.basic_recover(requeue=True)
    consumer.wait(4)
    assert [(one.text, one.method.redelivered) for one in consumer.messages[2:]] == [
        ("0", True), ("1", True)]


def test_a_message_never_handed_out_is_not_redelivered(connection, queue):
    channel, other = connection.channel(), connection.channel()
    name = queue(on=other)
    fill(other, name, 4)
    channel.basic_qos(prefetch_count=2)
    Consumer(channel, name).settled_at(2)
    channel.close()
    got = [get(other, name) for _ in range(4)]
    assert [(one.text, one.method.redelivered) for one in got] == [
        ("0", True), ("1", True), ("2", False), ("3", False)]
