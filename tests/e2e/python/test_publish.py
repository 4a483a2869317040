"""Publishing: returns, confirms, extra routing keys, sizes."""
import pytest
from pika import exceptions

from support import (PATIENCE, Consumer, assert_channel_closed, assert_empty, channel_error,
                     eventually, expect, get, get_all, polymq_only, properties, send)


def confirms(client, count):
    """Reads acks and nacks until `count` messages are settled: {tag: was it acked?}."""
    settled, lowest = {}, 1
    while len(settled) < count:
        method = client.receive()
        assert method.name in ("basic.ack", "basic.nack"), method
        tag = method.fields["delivery_tag"]
        tags = range(lowest, tag + 1) if method.fields["multiple"] else [tag]
        for one in tags:
            if one not in settled or not method.fields["multiple"]:
                assert one not in settled, f"{one} settled twice"
                settled[one] = method.name == "basic.ack"
        while lowest in settled:
            lowest += 1
    return settled


def test_an_unroutable_message_is_dropped_quietly(channel, exchange):
    source = exchange("direct")
    returned = []
    channel.add_on_return_callback(lambda *args: returned.append(args))
    send(channel, "nobody", b"m", source)
    channel.connection.process_data_events(0.1)
    assert not returned


def test_a_mandatory_message_comes_back_whole(channel, exchange, names):
    source, returned, missing = exchange("direct"), [], names()
    channel.add_on_return_callback(lambda *args: returned.append(args[1:]))
    send(channel, "nobody", b"first", source, True, message_id="1", headers={"h": [1, "x"]})
    send(channel, missing, b"second", mandatory=True)
    eventually(lambda: channel.connection.process_data_events(0.01) or len(returned) == 2)
    (method, props, body), (second, _, _) = returned
    assert (method.reply_code, method.reply_text) == (312, "NO_ROUTE")
    assert (method.exchange, method.routing_key, body) == (source, "nobody", b"first")
    assert (props.message_id, props.headers) == ("1", {"h": [1, "x"]})
    assert (second.exchange, second.routing_key) == ("", missing)


def test_a_mandatory_message_that_routes_is_not_returned(channel, queue):
    name = queue()
    channel.confirm_delivery()
    send(channel, name, b"m", mandatory=True)
    assert get_all(channel, name, 1) == ["m"]


def test_pika_raises_for_an_unroutable_mandatory_message(channel):
    channel.confirm_delivery()
    with pytest.raises(exceptions.UnroutableError) as caught:
        send(channel, "no such queue", b"m", mandatory=True)
    assert caught.value.messages[0].body == b"m"


def test_the_return_precedes_the_confirm(raw):
    client = raw()
    client.call(1, "confirm.select")
    client.publish(1, "no such queue", b"m", mandatory=True)
    returned = client.expect("basic.return")
    assert (returned.method.fields["code"], returned.body) == (312, b"m")
    assert client.expect("basic.ack").fields == {"delivery_tag": 1, "multiple": False}


def test_confirms_count_every_publish_from_select_on(raw):
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.publish(1, name, b"before")
    client.call(1, "confirm.select")
    client.call(1, "confirm.select")  # again: no effect
    for number in range(100):
        client.publish(1, name if number % 3 else "no such queue", b"m")
    assert confirms(client, 100) == {tag: True for tag in range(1, 101)}
    assert client.silent(0.1)


def test_each_channel_counts_its_own_confirms(raw):
    client = raw(channels=[1, 2, 3])
    for channel in (1, 2):
        client.call(channel, "confirm.select")
    for channel in (1, 2, 3):
        client.publish(channel, "nowhere", b"m")
    got = [client.expect("basic.ack") for _ in range(2)]
    assert sorted((ack.channel, ack.fields["delivery_tag"]) for ack in got) == [(1, 1), (2, 1)]
    assert client.silent(0.1)


def test_confirm_select_may_be_nowait(raw):
    client = raw()
    client.send(1, "confirm.select", nowait=True)
    client.publish(1, "nowhere", b"m")
    assert client.receive().name == "basic.ack"


@pytest.mark.parametrize("durable, mode", [(False, 1), (False, 2), (True, 1), (True, 2)])
def test_a_message_is_confirmed_without_a_consumer(channel, queue, durable, mode):
    name = queue(exclusive=False, durable=durable)
    channel.confirm_delivery()
    for number in range(20):
        send(channel, name, b"%d" % number, delivery_mode=mode)
    assert get_all(channel, name, 20) == [str(number) for number in range(20)]


def test_a_full_queue_rejects_with_nack(raw, names):
    client, name = raw(), names()
    client.call(1, "queue.declare", queue=name, arguments={
        "x-max-length": 2, "x-overflow": "reject-publish"})
    client.call(1, "confirm.select")
    for number in range(5):
        client.publish(1, name, b"%d" % number)
    assert confirms(client, 5) == {1: True, 2: True, 3: False, 4: False, 5: False}


def test_one_rejecting_queue_of_several_nacks_but_the_others_get_it(channel, queue, exchange):
    full, roomy = queue({"x-max-length": 0, "x-overflow": "reject-publish"}), queue()
    source = exchange("fanout")
    for name in (full, roomy):
        channel.queue_bind(name, source)
    channel.confirm_delivery()
    with pytest.raises(exceptions.NackError):
        send(channel, "", b"m", source)
    assert get_all(channel, roomy, 1) == ["m"]
    assert_empty(channel, full)


def test_a_rejected_mandatory_message_is_not_returned(raw, names):
    client, name = raw(), names()
    client.call(1, "queue.declare", queue=name, arguments={
        "x-max-length": 0, "x-overflow": "reject-publish"})
    client.call(1, "confirm.select")
    client.publish(1, name, b"m", mandatory=True)
    assert client.receive().name == "basic.nack"


def test_the_failing_message_gets_no_confirm(raw):
    client = raw()
    client.call(1, "confirm.select")
    client.publish(1, "k", b"m", exchange="no such exchange")
    assert_channel_closed(client, 1, 404, "NOT_FOUND - no exchange 'no such exchange' in vhost "
                          "'/'", "basic.publish")
    client.publish(1, "nowhere", b"m")
    assert client.silent(0.1)  # the new channel is not in confirm mode


def test_an_exchange_in_the_middle_may_be_deleted(channel, queue, exchange):
    source, name = exchange("direct"), queue()
    channel.queue_bind(name, source, "k")
    channel.exchange_delete(source)
    with channel_error(404, f"NOT_FOUND - no exchange '{source}' in vhost '/'"):
        send(channel, "k", b"m", source)
        channel.queue_declare(name, passive=True)


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_extra_routing_keys(channel, queue, exchange, header):
    source, queues = exchange("direct"), [queue() for _ in range(3)]
    for index, name in enumerate(queues):
        channel.queue_bind(name, source, f"k{index}")
    send(channel, "k0", b"m", source, headers={header: ["k1", "k2"], "other": 1})
    for name in queues:
        message = get(channel, name)
        assert message.method.routing_key == "k0"
        assert message.headers == ({"CC": ["k1", "k2"], "other": 1} if header == "CC"
                                   else {"other": 1})


def test_extra_keys_work_on_the_default_exchange(channel, queue):
    first, second = queue(), queue()
    send(channel, first, b"m", headers={"CC": [second]})
    assert get_all(channel, first, 1) == get_all(channel, second, 1) == ["m"]


def test_a_queue_named_by_several_keys_gets_one_copy(channel, queue):
    name = queue()
    send(channel, name, b"once", headers={"CC": [name, name], "BCC": [name]})
    assert get_all(channel, name, 1) == ["once"]


def test_extra_keys_alone_make_a_message_routable(channel, queue):
    name = queue()
    channel.confirm_delivery()
    send(channel, "nowhere", b"m", mandatory=True, headers={"BCC": [name]})
    assert get_all(channel, name, 1) == ["m"]


def test_the_own_user_id_is_accepted(channel, queue):
    name = queue()
    send(channel, name, b"m", user_id="guest")
    assert get(channel, name).properties.user_id == "guest"


def test_an_impersonator_may_use_any_user_id(connect, channel, queue):
    name = queue()
    other = connect(user="impersonator", password="impersonator-pw").channel()
    send(other, name, b"m", user_id="somebody-else")
    assert get(channel, name).properties.user_id == "somebody-else"


@pytest.mark.parametrize("size", [0, 1, 4087, 4088, 4089, 131064, 131065, 1 << 20, 5 << 20])
def test_a_body_of_this_size_arrives(connect, queue, size):
    channel = connect(frame_max=4096 if size < 10000 else 131072).channel()
    name = queue(on=channel)
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    send(channel, name, body)
    assert get(channel, name).body == body


def test_a_large_body_reaches_a_consumer_with_small_frames(connect, channel, queue):
    name, body = queue(exclusive=False), bytes(range(256)) * 1024
    consumer = Consumer(connect(frame_max=4096).channel(), name)
    send(channel, name, body)
    assert consumer.wait(1)[0].body == body


def test_publish_order_is_kept(channel, queue, exchange):
    source, name = exchange("topic"), queue()
    channel.queue_bind(name, source, "#")
    consumer = Consumer(channel, name, auto_ack=True)
    for number in range(1000):
        send(channel, f"k.{number % 7}", b"%d" % number, source)
    consumer.wait(1000)
    assert consumer.texts == [str(number) for number in range(1000)]


def test_a_bind_takes_effect_between_two_publishes(raw, names):
    client, source = raw(), names("x")
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.call(1, "exchange.declare", exchange=source, type="fanout")
    client.publish(1, "", b"too early", exchange=source)
    client.send(1, "queue.bind", queue=name, exchange=source)
    client.publish(1, "", b"in time", exchange=source)
    client.send(1, "queue.unbind", queue=name, exchange=source)
    client.publish(1, "", b"too late", exchange=source)
    client.send(1, "basic.get", queue=name, no_ack=True)
    client.expect("queue.bind-ok")
    client.expect("queue.unbind-ok")
    assert client.expect("basic.get-ok").body == b"in time"
    client.send(1, "basic.get", queue=name, no_ack=True)
    client.expect("basic.get-empty")


def test_what_the_broker_confirmed_is_there(connect, channel, queue):
    name = queue(exclusive=False, durable=True)
    publisher = connect().channel()
    publisher.confirm_delivery()
    for number in range(50):
        send(publisher, name, b"%d" % number, delivery_mode=2)
    publisher.connection.close()
    assert get_all(channel, name, 50) == [str(number) for number in range(50)]


def test_publishing_to_a_topic_with_a_255_octet_key(channel, queue, exchange):
    source, name = exchange("topic"), queue()
    key = ".".join(["word"] * 51)
    assert len(key) == 254
    channel.queue_bind(name, source, "word.#.word")
    send(channel, key, b"m", source)
    assert get(channel, name).method.routing_key == key


@polymq_only("the largest message takes long with RabbitMQ")
def test_a_message_above_the_maximum_is_406_after_its_body(raw):
    client, size = raw(), 134217729
    client.send(1, "basic.publish", routing_key="nowhere")
    client.send_header(1, size)
    chunk = b"\0" * (client.frame_max - 8)
    for _ in range(size // len(chunk)):
        client.send_body(1, chunk)
    client.send_body(1, chunk[:size % len(chunk)])
    assert_channel_closed(
        client, 1, 406, f"PRECONDITION_FAILED - message size {size} is larger than configured "
                        "max size 134217728", "basic.publish")


def test_publish_while_consuming_on_the_same_channel(channel, queue):
    name, seen = queue(), []

    def pass_on(ch, method, props, body):
        seen.append(body)
        ch.basic_ack(method.delivery_tag)
        if len(seen) < 20:
            ch.basic_publish("", name, body + b"x", properties(message_id=props.message_id))

    channel.basic_consume(name, pass_on)
    send(channel, name, b"", message_id="m")
    eventually(lambda: channel.connection.process_data_events(0.01) or len(seen) == 20,
               PATIENCE)
    assert seen == [b"x" * count for count in range(20)]


def test_mandatory_to_a_reply_queue_whose_owner_is_gone(raw):
    client = raw()
    client.call(1, "confirm.select")
    client.publish(1, "amq.rabbitmq.reply-to.gone", b"m", mandatory=True)
    if expect(rabbitmq=True, polymq=False):  # 4.2 counts it as routed
        client.expect("basic.return")
    client.expect("basic.ack")
