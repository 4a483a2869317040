"""Transactions: what they hold back and what they do not."""
import pytest

from support import (Consumer, assert_channel_closed, assert_empty, channel_error, depth,
                     eventually_depth, get, get_all, send)


@pytest.fixture
def tx(connection):
    channel = connection.channel()
    channel.tx_select()
    return channel


def test_publishes_wait_for_the_commit(channel, tx, queue):
    name = queue()
    send(tx, name, b"1")
    send(tx, name, b"2")
    tx.queue_declare(name, passive=True)
    assert_empty(channel, name)
    tx.tx_commit()
    assert get_all(channel, name, 2) == ["1", "2"]


def test_a_rollback_drops_publishes(channel, tx, queue):
    name = queue()
    send(tx, name, b"never")
    tx.tx_rollback()
    send(tx, name, b"kept")
    tx.tx_commit()
    assert get_all(channel, name, 1) == ["kept"]


def test_several_queues_get_it_in_one_commit(channel, tx, queue, exchange):
    source, queues = exchange("fanout"), [queue() for _ in range(3)]
    for name in queues:
        channel.queue_bind(name, source)
    send(tx, "", b"m", source)
    tx.tx_commit()
    for name in queues:
        assert get_all(channel, name, 1) == ["m"]


@pytest.mark.parametrize("how", ["ack", "nack", "reject"])
def test_settles_wait_for_the_commit(connect, channel, queue, how):
    name = queue(exclusive=False)
    send(channel, name, b"m")
    other = connect().channel()
    other.tx_select()
    held = get(other, name, auto_ack=False)
    if how == "ack":
        other.basic_ack(held.tag)
    elif how == "nack":
        other.basic_nack(held.tag, requeue=False)
    else:
        other.basic_reject(held.tag, requeue=False)
    other.close()  # rolls back
    assert get(channel, name).method.redelivered

    other = other.connection.channel()
    other.tx_select()
    send(channel, name, b"n")
    held = get(other, name, auto_ack=False)
    other.basic_ack(held.tag)
    other.tx_commit()
    other.close()
    assert_empty(channel, name)


def test_a_requeue_waits_for_the_commit(channel, tx, queue):
    name = queue()
    send(channel, name, b"m")
    held = get(tx, name, auto_ack=False)
    tx.basic_nack(held.tag, requeue=True)
    tx.queue_declare(name, passive=True)
    assert_empty(channel, name)
    tx.tx_commit()
    assert get(channel, name).text == "m"


def test_a_rollback_gives_the_settles_back_to_unacked(channel, tx, queue):
    name = queue()
    send(channel, name, b"m")
    held = get(tx, name, auto_ack=False)
    tx.basic_ack(held.tag)
    tx.tx_rollback()
    assert_empty(channel, name)  # neither requeued nor gone
    tx.basic_ack(held.tag)
    tx.tx_commit()
    tx.close()
    assert_empty(channel, name)


def test_closing_the_channel_rolls_back_and_requeues(channel, tx, queue):
    name = queue()
    send(channel, name, b"consumed")
    held = get(tx, name, auto_ack=False)
    tx.basic_ack(held.tag)
    send(tx, name, b"published")
    tx.close()
    assert get_all(channel, name, 1) == ["consumed"]


def test_consume_and_publish_move_together(channel, tx, queue):
    source, target = queue(), queue()
    for number in range(3):
        send(channel, source, b"%d" % number)
    consumer = Consumer(tx, source)
    for message in consumer.wait(3):
        send(tx, target, message.body + b"!")
        tx.basic_ack(message.tag)
    tx.tx_commit()
    assert get_all(channel, target, 3) == ["0!", "1!", "2!"]
    tx.close()
    assert_empty(channel, source)


def test_a_missing_exchange_is_told_at_the_publish(tx):
    with channel_error(404, "NOT_FOUND - no exchange 'no such exchange' in vhost '/'"):
        send(tx, "k", b"m", "no such exchange")
        tx.tx_commit()


def test_mandatory_returns_come_before_commit_ok(raw):
    client = raw()
    client.call(1, "tx.select")
    client.publish(1, "no such queue", b"m", mandatory=True)
    client.send(1, "tx.commit")
    assert client.expect("basic.return").body == b"m"
    client.expect("tx.commit-ok")


def test_a_rejected_publish_fails_the_commit(raw, names):
    client, name = raw(), names()
    client.call(1, "queue.declare", queue=name, arguments={
        "x-max-length": 1, "x-overflow": "reject-publish"})
    client.call(1, "tx.select")
    for _ in range(3):
        client.publish(1, name, b"m")
    client.send(1, "tx.commit")
    assert_channel_closed(client, 1, 406, "PRECONDITION_FAILED - partial tx completion",
                          "tx.commit")


def test_the_route_is_taken_at_the_publish(channel, tx, queue, exchange):
    source, name = exchange("direct"), queue()
    channel.queue_bind(name, source, "k")
    send(tx, "k", b"m", source)
    tx.queue_declare(name, passive=True)
    channel.queue_unbind(name, source, "k")
    tx.tx_commit()
    assert get_all(channel, name, 1) == ["m"]


def test_commit_and_rollback_may_be_empty_and_repeated(tx):
    tx.tx_select()
    for _ in range(3):
        tx.tx_commit()
        tx.tx_rollback()


def test_declares_are_not_transactional(channel, tx, names):
    name = names()
    tx.queue_declare(name, exclusive=True)
    tx.tx_rollback()
    assert depth(channel, name) == 0


def test_multiple_acks_in_a_transaction(channel, tx, queue):
    name = queue()
    for number in range(5):
        send(channel, name, b"%d" % number)
    consumer = Consumer(tx, name)
    consumer.wait(5)
    tx.basic_ack(consumer.messages[2].tag, multiple=True)
    tx.tx_commit()
    tx.close()
    eventually_depth(channel, name, 2)
    assert get_all(channel, name, 2) == ["3", "4"]
