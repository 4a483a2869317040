"""Queues: names, exclusiveness, lifetimes, counts, purge and delete."""
import re

import pytest
from pika import exceptions

from support import (Consumer, assert_empty, channel_error, depth, eventually, eventually_depth,
                     get, get_all, polymq_only, raw_client, send)


def exists(connection, queue):
    """Whether the queue is there, as a passive declare tells."""
    channel = connection.channel()
    try:
        channel.queue_declare(queue, passive=True)
        channel.close()
        return True
    except exceptions.ChannelClosedByBroker as error:
        assert error.reply_code in (404, 405)
        return error.reply_code == 405


def test_the_server_names_a_queue(channel):
    first = channel.queue_declare("", exclusive=True).method.queue
    second = channel.queue_declare("", exclusive=True).method.queue
    assert re.fullmatch(r"amq\.gen-[A-Za-z0-9_-]{22}", first)
    assert first != second


def test_declare_ok_counts_ready_messages_and_consumers(channel, queue):
    name = queue()
    channel.confirm_delivery()
    assert channel.queue_declare(name, passive=True).method.consumer_count == 0
    for _ in range(3):
        send(channel, name, b"x")
    channel.basic_get(name)
    channel.basic_qos(prefetch_count=1)
    Consumer(channel, name).wait(1)
    reply = channel.queue_declare(name, passive=True).method
    assert (reply.queue, reply.message_count, reply.consumer_count) == (name, 1, 1)


@polymq_only("the count of RabbitMQ's classic queue may overtake publishes")
def test_counts_include_what_was_just_published(channel, queue):
    name = queue()
    for count in range(1, 20):
        send(channel, name, b"x")
        assert depth(channel, name) == count


FLAGS = [{}, {"durable": True}, {"auto_delete": True}, {"durable": True, "auto_delete": True}]


@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_an_equal_redeclare_succeeds(channel, queue, flags):
    name = queue(exclusive=False, **flags)
    channel.queue_declare(name, **flags)
    channel.queue_declare(name, passive=True)


@pytest.mark.parametrize("flags", FLAGS[1:], ids=str)
def test_another_flag_is_406(channel, queue, flags):
    name = queue(exclusive=False, **flags)
    field = "durable" if "durable" in flags else "auto_delete"
    with channel_error(406, f"PRECONDITION_FAILED - inequivalent arg '{field}' for queue '{name}' "
                            "in vhost '/': received 'false' but current is 'true'"):
        channel.queue_declare(name)


def test_an_exclusive_queue_may_be_declared_durable_again(channel, queue):
    name = queue(durable=True)
    channel.queue_declare(name, durable=True, exclusive=True)


def test_exclusive_by_its_own_connection_without_the_flag_is_405(channel, queue):
    name = queue()
    with channel_error(405, f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue "
                            f"'{name}' in vhost '/'. It could be originally declared on another "
                            "connection or the exclusive property value does not match that of "
                            "the original declaration."):
        channel.queue_declare(name)


def test_a_shared_queue_cannot_be_made_exclusive(connect, channel, queue):
    name = queue(exclusive=False)
    with pytest.raises(exceptions.ChannelClosedByBroker) as caught:
        connect().channel().queue_declare(name, exclusive=True)
    assert caught.value.reply_code == 405


def test_others_may_publish_to_an_exclusive_queue(connect, channel, queue):
    name = queue()
    send(connect().channel(), name, b"from outside")
    assert get(channel, name).text == "from outside"


def test_other_channels_of_the_connection_share_an_exclusive_queue(connection, channel, queue):
    name = queue()
    other = connection.channel()
    send(other, name, b"m")
    assert get(other, name).text == "m"


def test_an_exclusive_queue_goes_with_its_connection(connect, connection, names):
    owner, name = connect(), names()
    owner.channel().queue_declare(name, exclusive=True)
    assert exists(connection, name)
    owner.close()
    assert not exists(connection, name)


def test_it_is_gone_when_close_ok_arrives(raw, names):
    watcher = raw()
    for _ in range(20):
        owner, name = raw(), names()
        owner.call(1, "queue.declare", queue=name, exclusive=True)
        owner.close()
        watcher.send(1, "queue.declare", queue=name, passive=True)
        assert watcher.expect("channel.close").fields["code"] == 404
        watcher.send(1, "channel.close-ok")
        watcher.call(1, "channel.open")


def test_an_exclusive_queue_goes_when_the_socket_breaks(connection, names):
    name = names()
    with raw_client() as owner:
        owner.open(channels=[1])
        owner.call(1, "queue.declare", queue=name, exclusive=True)
        assert exists(connection, name)
    eventually(lambda: not exists(connection, name))


def test_an_exclusive_queue_survives_its_channel(connection, names):
    name = names()
    first = connection.channel()
    first.queue_declare(name, exclusive=True)
    first.close()
    assert exists(connection, name)


def test_auto_delete_waits_for_a_first_consumer(connection, channel, queue):
    name = queue(exclusive=False, auto_delete=True)
    send(channel, name, b"m")
    assert get(channel, name).text == "m"
    assert exists(connection, name)


@pytest.mark.parametrize("how", ["cancel", "channel", "connection"])
def test_auto_delete_follows_the_last_consumer(connect, connection, channel, queue, how):
    name = queue(exclusive=False, auto_delete=True)
    other = connect()
    consumers = [Consumer(other.channel(), name) for _ in range(2)]
    consumers[0].cancel()
    assert exists(connection, name)
    if how == "cancel":
        consumers[1].cancel()
    elif how == "channel":
        consumers[1].channel.close()
    else:
        other.close()
    eventually(lambda: not exists(connection, name))


def test_purge_removes_ready_messages_only(channel, queue):
    name = queue()
    for number in range(5):
        send(channel, name, b"%d" % number)
    held = get(channel, name, auto_ack=False)
    assert channel.queue_purge(name).method.message_count == 4
    assert channel.queue_purge(name).method.message_count == 0
    channel.basic_nack(held.tag)
    assert get_all(channel, name, 1) == ["0"]


def test_delete_tells_how_many_messages_went(channel, queue):
    name = queue()
    for _ in range(4):
        send(channel, name, b"m")
    assert channel.queue_delete(name).method.message_count == 4
    assert channel.queue_delete(name).method.message_count == 0


def test_delete_of_an_unused_and_empty_queue(connection, channel, queue):
    name = queue(exclusive=False)
    channel.queue_delete(name, if_unused=True, if_empty=True)
    assert not exists(connection, name)


def test_if_empty_ignores_unacked_messages(channel, queue):
    name = queue()
    send(channel, name, b"m")
    get(channel, name, auto_ack=False)
    channel.queue_delete(name, if_empty=True)


def test_deleting_a_queue_cancels_its_consumers(connect, channel, queue):
    name = queue(exclusive=False)
    consumers = [Consumer(connect().channel(), name) for _ in range(2)]
    channel.queue_delete(name)
    for consumer in consumers:
        consumer.wait_cancelled()


def test_no_cancel_for_a_client_that_cannot_take_it(raw, names):
    client, deleter, name = raw(capabilities={}), raw(), names()
    client.call(1, "queue.declare", queue=name)
    client.call(1, "basic.consume", queue=name)
    deleter.call(1, "queue.delete", queue=name)
    assert client.silent(0.2)
    client.call(1, "channel.flow", active=True)


def test_the_cancel_of_a_deleted_queue_is_nowait(raw, names):
    client, name = raw(), names()
    client.call(1, "queue.declare", queue=name)
    client.call(1, "basic.consume", queue=name, consumer_tag="mine")
    client.send(1, "queue.delete", queue=name)
    got = [client.receive() for _ in range(2)]
    cancel = next(method for method in got if method.name == "basic.cancel")
    assert cancel.fields == {"consumer_tag": "mine", "nowait": True}


def test_deleting_a_queue_drops_what_was_unacked(channel, queue):
    name = queue(exclusive=False)
    send(channel, name, b"m")
    held = get(channel, name, auto_ack=False)
    channel.queue_delete(name)
    channel.basic_ack(held.tag)
    channel.queue_declare(name)
    assert_empty(channel, name)


def test_deleted_messages_are_not_dead_lettered(channel, queue):
    dead = queue()
    name = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    send(channel, name, b"m")
    channel.queue_delete(name)
    assert_empty(channel, dead)


def test_purged_messages_are_not_dead_lettered(channel, queue):
    dead = queue()
    name = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    send(channel, name, b"m")
    channel.queue_purge(name)
    assert_empty(channel, dead)


def test_the_last_declared_queue_stands_for_an_empty_name(channel, queue, exchange):
    source = exchange("direct")
    queue()
    name = queue()
    channel.queue_bind("", source, "k")
    send(channel, "k", b"1", source)
    send(channel, "k", b"2", source)
    assert channel.basic_get("", True)[2] == b"1"
    assert channel.queue_purge("").method.message_count == 1
    consumer = Consumer(channel, "")
    send(channel, name, b"3")
    consumer.wait(1)
    channel.queue_unbind("", source, "k")
    channel.queue_delete("")
    with pytest.raises(exceptions.ChannelClosedByBroker):
        channel.queue_declare(name, passive=True)


def test_a_passive_declare_sets_the_last_queue_too(raw, names):
    client, first, second = raw(), names(), names()
    for name in (first, second):
        client.call(1, "queue.declare", queue=name, exclusive=True)
    client.call(1, "queue.declare", queue=first, passive=True)
    client.publish(1, first, b"to the first")
    client.send(1, "basic.get", no_ack=True)
    assert client.expect("basic.get-ok").body == b"to the first"


def test_an_empty_queue_and_key_bind_with_the_queues_name(raw, names):
    client, source = raw(), names("x")
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.call(1, "exchange.declare", exchange=source, type="direct")
    client.call(1, "queue.bind", exchange=source)
    client.publish(1, name, b"m", exchange=source)
    client.send(1, "basic.get", no_ack=True)
    assert client.expect("basic.get-ok").body == b"m"
    client.call(1, "queue.unbind", exchange=source)
    client.publish(1, name, b"m", exchange=source)
    client.send(1, "basic.get", no_ack=True)
    client.expect("basic.get-empty")


def test_a_named_queue_binds_with_an_empty_key(channel, queue, exchange):
    source, name = exchange("direct"), queue()
    channel.queue_bind(name, source, "")
    send(channel, "", b"m", source)
    assert get(channel, name).text == "m"


@pytest.mark.parametrize("name", ["with space", "ünïcødé", "a/b?c=d&e", "#*%$", "x" * 200],
                         ids=["space", "unicode", "url", "signs", "long"])
def test_unusual_names_work(channel, queue, names, name):
    full = queue(name=names(name))
    send(channel, full, b"m")
    assert get(channel, full).text == "m"


def test_a_name_of_255_octets_works(raw):
    client, name = raw(), "n" * 255
    assert client.call(1, "queue.declare", queue=name, exclusive=True).fields["queue"] == name
    client.call(1, "queue.delete", queue=name)


def test_carriage_returns_and_newlines_leave_the_name(raw, names):
    client, name = raw(), names()
    reply = client.call(1, "queue.declare", queue=f"\r{name}\n", exclusive=True)
    assert reply.fields["queue"] == name


def test_vhosts_are_apart(connect, channel, queue):
    name = queue()
    other = connect(vhost="e2e").channel()
    with channel_error(404, f"NOT_FOUND - no queue '{name}' in vhost 'e2e'"):
        other.queue_declare(name, passive=True)


def test_pipelined_declares_are_answered_in_order(raw, names):
    client, queues = raw(), [names() for _ in range(50)]
    for name in queues:
        client.send(1, "queue.declare", queue=name, exclusive=True)
        client.send(1, "queue.bind", queue=name, exchange="amq.direct", routing_key=name)
    for name in queues:
        assert client.expect("queue.declare-ok").fields["queue"] == name
        client.expect("queue.bind-ok")


def test_pipelined_consumes_of_many_queues_all_start(raw, names):
    client, queues = raw(), [names() for _ in range(50)]
    for name in queues:
        client.send(1, "queue.declare", queue=name, exclusive=True)
        client.send(1, "queue.bind", queue=name, exchange="amq.direct", routing_key=name)
        client.send(1, "basic.consume", queue=name, consumer_tag=name, no_ack=True)
    replies = [client.receive() for _ in range(150)]
    for kind, field in (("queue.declare-ok", "queue"), ("basic.consume-ok", "consumer_tag")):
        found = [reply.fields[field] for reply in replies if reply.name == kind]
        assert sorted(found) == sorted(queues)
    client.publish(1, queues[-1], b"m", exchange="amq.direct")
    assert client.expect("basic.deliver").method.fields["consumer_tag"] == queues[-1]


def test_declare_and_publish_of_two_connections_meet(connect, channel, queue):
    name = queue(exclusive=False)
    other = connect().channel()
    other.confirm_delivery()
    for number in range(100):
        send(other, name, b"%d" % number, mandatory=True)
    assert get_all(channel, name, 100) == [str(number) for number in range(100)]


def test_messages_are_counted_again_after_a_requeue(channel, queue):
    name = queue()
    channel.confirm_delivery()
    for _ in range(3):
        send(channel, name, b"m")
    held = [get(channel, name, auto_ack=False) for _ in range(3)]
    eventually_depth(channel, name, 0)
    channel.basic_nack(held[-1].tag, multiple=True)
    eventually_depth(channel, name, 3)


def test_a_passive_declare_ignores_flags_and_arguments(channel, queue):
    name = queue()
    reply = channel.queue_declare(name, passive=True, durable=True, auto_delete=True,
                                  arguments={"x-message-ttl": 5})
    assert reply.method.queue == name


def test_a_bad_argument_is_not_checked_by_a_passive_declare(channel, queue):
    name = queue()
    channel.queue_declare(name, passive=True, arguments={"x-message-ttl": "never"})


def test_declared_in_one_channel_used_in_another_at_once(connection, names):
    first, second, name = connection.channel(), connection.channel(), names()
    first.queue_declare(name, exclusive=True)
    second.queue_bind(name, "amq.topic", name)
    send(first, name, b"m", "amq.topic")
    assert get(second, name).text == "m"
