"""Exchange types, bindings, alternate exchanges and lifetimes."""
import pytest

from support import (assert_empty, channel_error, eventually, expect, get, get_all, polymq_only,
                     send)


def exists(connection, exchange):
    channel = connection.channel()
    try:
        channel.exchange_declare(exchange, passive=True)
        channel.close()
        return True
    except Exception as error:  # pika raises a class per reply
        assert getattr(error, "reply_code", None) == 404
        return False


# Routing: (binding keys, routing key, does it arrive?)

DIRECT = [("a.b", "a.b", True), ("a.b", "a.B", False), ("a.b", "a", False), ("", "", True),
          ("*", "a", False), ("#", "#", True), ("ä", "ä", True)]

TOPIC = [
    ("a.b.c", "a.b.c", True), ("a.b.c", "a.b", False), ("a.b.c", "a.b.c.d", False),
    ("*", "a", True), ("*", "", False), ("*", "a.b", False), ("*.*", "a.b", True),
    ("a.*.c", "a.b.c", True), ("a.*.c", "a..c", True), ("a.*.c", "a.c", False),
    ("#", "", True), ("#", "a", True), ("#", "a.b.c", True),
    ("a.#", "a", True), ("a.#", "a.b.c", True), ("a.#", "b.a", False),
    ("#.c", "c", True), ("#.c", "a.b.c", True), ("#.c", "a.b.d", False),
    ("a.#.c", "a.c", True), ("a.#.c", "a.b.b.c", True), ("a.#.c", "a.b", False),
    ("*.#", "", False), ("*.#", "a", True), ("#.*", "a.b", True), ("#.*", "", False),
    ("#.b.#", "a.b.c", True), ("#.b.#", "b", True), ("#.b.#", "a.c", False),
    ("a.*.#", "a", False), ("a.*.#", "a.b", True), ("*.b.*", "a.b.c", True),
    ("", "", True), ("", "a", False), ("a*", "ab", False), ("a#.b", "a.b", False),
    ("..", "..", True), ("*.*.*", "..", True), ("A", "a", False),
]


@pytest.mark.parametrize("kind, key, routing_key, arrives",
                         [("direct", *row) for row in DIRECT] + [("topic", *row) for row in TOPIC]
                         + [("fanout", "k", "another", True), ("fanout", "", "k", True)])
def test_a_binding_key_matches(channel, queue, exchange, kind, key, routing_key, arrives):
    name, source = queue(), exchange(kind)
    channel.queue_bind(name, source, key)
    send(channel, routing_key, b"m", source)
    assert get_all(channel, name, 1 if arrives else 0) == (["m"] if arrives else [])


HEADERS = [
    # binding arguments, message headers, does it arrive?
    ({"a": 1, "b": "x"}, {"a": 1, "b": "x"}, True),
    ({"a": 1, "b": "x"}, {"a": 1, "b": "x", "c": 2}, True),
    ({"a": 1, "b": "x"}, {"a": 1}, False),
    ({"x-match": "all", "a": 1}, {"a": 2}, False),
    ({"x-match": "any", "a": 1, "b": 2}, {"b": 2}, True),
    ({"x-match": "any", "a": 1, "b": 2}, {"a": 2, "b": 1}, False),
    ({"x-match": "any"}, {"a": 1}, False),
    ({"x-match": "all"}, {"a": 1}, True),
    ({}, {}, True),
    ({}, None, True),
    ({"a": 1}, None, False),
    ({"a": None}, {"a": "anything"}, True),
    ({"a": None}, {"b": 1}, False),
    ({"a": 1}, {"a": "1"}, False),
    ({"a": "1"}, {"a": 1}, False),
    ({"a": 1}, {"a": 2**40}, False),
    ({"a": True}, {"a": True}, True),
    ({"a": True}, {"a": False}, False),
    ({"a": "x"}, {"a": "X"}, False),
    ({"a": [1, 2]}, {"a": [1, 2]}, True),
    ({"x-match": "all", "x-ignored": 1, "a": 1}, {"a": 1}, True),
    ({"x-match": "any", "x-ignored": 1}, {"x-ignored": 1}, False),
]

WITH_X = [
    ({"x-match": "all-with-x", "x-seen": 1, "a": 1}, {"a": 1, "x-seen": 1}, True),
    ({"x-match": "all-with-x", "x-seen": 1, "a": 1}, {"a": 1}, False),
    ({"x-match": "any-with-x", "x-seen": 1, "a": 1}, {"x-seen": 1}, True),
    ({"x-match": "any-with-x", "x-seen": 1}, {"x-seen": 2}, False),
]


def check_headers(channel, queue, exchange, arguments, headers, arrives):
    name, source = queue(), exchange("headers")
    channel.queue_bind(name, source, arguments=arguments)
    send(channel, "ignored", b"m", source, headers=headers)
    assert get_all(channel, name, 1 if arrives else 0) == (["m"] if arrives else [])


@pytest.mark.parametrize("arguments, headers, arrives", HEADERS, ids=str)
def test_headers_match(channel, queue, exchange, arguments, headers, arrives):
    check_headers(channel, queue, exchange, arguments, headers, arrives)


@pytest.mark.parametrize("arguments, headers, arrives", WITH_X, ids=str)
def test_headers_match_with_x(channel, queue, exchange, arguments, headers, arrives):
    check_headers(channel, queue, exchange, arguments, headers, arrives)


@pytest.mark.parametrize("bound, sent", [
    *((("I", 7), (letter, 7)) for letter in "bBsuIilLdT"), (("S", "v"), ("x", b"v"))], ids=str)
def test_types_do_not_matter_to_headers(raw, names, bound, sent):
    client, source = raw(), names("x")
    queue = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    client.call(1, "exchange.declare", exchange=source, type="headers")
    client.call(1, "queue.bind", queue=queue, exchange=source, arguments={"n": bound})
    client.publish(1, "", b"m", exchange=source, properties={"headers": {"n": sent}})
    client.send(1, "basic.get", queue=queue, no_ack=True)
    assert client.expect("basic.get-ok").body == b"m"


@pytest.mark.parametrize("value", ["both", "", 5, True], ids=repr)
def test_an_invalid_x_match_is_406(channel, queue, exchange, value):
    name, source = queue(), exchange("headers")
    with pytest.raises(Exception) as caught:
        channel.queue_bind(name, source, arguments={"x-match": value})
    assert caught.value.reply_code == 406
    assert "x-match" in caught.value.reply_text


@pytest.mark.parametrize("name, kind", [
    ("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic"),
    ("amq.headers", "headers"), ("amq.match", "headers")])
def test_a_predeclared_exchange_exists_in_every_vhost(connect, name, kind):
    for vhost in ("/", "e2e", "policies"):
        channel = connect(vhost=vhost).channel()
        channel.exchange_declare(name, passive=True)
        channel.exchange_declare(name, kind, durable=True)


def test_the_firehose_exchange_is_internal_topic(channel):
    channel.exchange_declare("amq.rabbitmq.trace", "topic", durable=True, internal=True)


def test_the_default_exchange_routes_by_queue_name(channel, queue):
    first, second = queue(), queue()
    send(channel, first, b"1")
    send(channel, second, b"2")
    send(channel, "no-such-queue-at-all", b"3")
    assert get_all(channel, first, 1) == ["1"]
    assert get_all(channel, second, 1) == ["2"]


def test_several_matching_bindings_deliver_once(channel, queue, exchange):
    name, source = queue(), exchange("topic")
    for key in ("a.b", "a.*", "#", "*.b"):
        channel.queue_bind(name, source, key)
    send(channel, "a.b", b"once", source)
    assert get_all(channel, name, 1) == ["once"]


def test_binding_twice_is_one_binding(channel, queue, exchange):
    name, source = queue(), exchange("direct")
    channel.queue_bind(name, source, "k")
    channel.queue_bind(name, source, "k")
    channel.queue_unbind(name, source, "k")
    send(channel, "k", b"m", source)
    assert_empty(channel, name)


def test_arguments_belong_to_the_identity_of_a_binding(channel, queue, exchange):
    name, source = queue(), exchange("direct")
    channel.queue_bind(name, source, "k", arguments={"n": 1})
    channel.queue_bind(name, source, "k", arguments={"n": 2})
    channel.queue_unbind(name, source, "k", arguments={"n": 1})
    send(channel, "k", b"still bound", source)
    assert get_all(channel, name, 1) == ["still bound"]
    channel.queue_unbind(name, source, "k", arguments={"n": 2})
    send(channel, "k", b"m", source)
    assert_empty(channel, name)


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
def test_unbinding_stops_the_flow(channel, queue, exchange, kind):
    name, source = queue(), exchange(kind)
    channel.queue_bind(name, source, "k")
    send(channel, "k", b"1", source)
    channel.queue_unbind(name, source, "k")
    send(channel, "k", b"2", source)
    assert get_all(channel, name, 1) == ["1"]


def test_an_exchange_bound_to_an_exchange_passes_on(channel, queue, exchange):
    source, middle, name = exchange("topic"), exchange("direct"), queue()
    channel.exchange_bind(middle, source, "a.#")
    channel.queue_bind(name, middle, "a.b")
    send(channel, "a.b", b"1", source)
    send(channel, "a.c", b"2", source)
    message = get(channel, name)
    assert (message.text, message.method.exchange, message.method.routing_key) == (
        "1", source, "a.b")
    channel.exchange_unbind(middle, source, "a.#")
    send(channel, "a.b", b"3", source)
    assert_empty(channel, name)


def test_exchanges_bound_in_a_circle_deliver_once(channel, queue, exchange):
    circle = [exchange("fanout") for _ in range(3)]
    name = queue()
    for index, source in enumerate(circle):
        channel.exchange_bind(circle[(index + 1) % 3], source)
        channel.queue_bind(name, source)
    channel.exchange_bind(circle[0], circle[0])
    send(channel, "", b"once", circle[1])
    assert get_all(channel, name, 1) == ["once"]


def test_deleting_an_exchange_deletes_its_bindings(channel, queue, exchange, names):
    name, source, target = queue(), names("x"), exchange("fanout")
    channel.exchange_declare(source, "fanout")
    channel.queue_bind(name, source)
    channel.exchange_bind(target, source)
    channel.exchange_delete(source)
    channel.exchange_declare(source, "fanout")
    send(channel, "", b"m", source)
    assert_empty(channel, name)
    channel.exchange_delete(source, if_unused=True)


def test_a_message_nobody_takes_goes_to_the_alternate(channel, queue, exchange):
    fallback, caught, bound = exchange("fanout"), queue(), queue()
    source = exchange("direct", {"alternate-exchange": fallback})
    channel.queue_bind(caught, fallback)
    channel.queue_bind(bound, source, "known")
    send(channel, "known", b"1", source)
    send(channel, "other", b"2", source)
    assert get_all(channel, bound, 1) == ["1"]
    message = get(channel, caught)
    assert (message.text, message.method.exchange, message.method.routing_key) == (
        "2", source, "other")


def test_alternates_are_followed_along_a_chain_and_a_circle_ends(channel, queue, exchange,
                                                                   names):
    first, second, third = names("x"), names("x"), names("x")
    for name, alternate in ((first, second), (second, third), (third, first)):
        channel.exchange_declare(name, "direct", arguments={"alternate-exchange": alternate})
    name = queue()
    channel.queue_bind(name, third, "k")
    send(channel, "k", b"found", first)
    send(channel, "nowhere", b"lost", first)
    assert get_all(channel, name, 1) == ["found"]


def test_what_the_alternate_takes_is_not_returned(channel, queue, exchange):
    fallback, caught = exchange("fanout"), queue()
    source = exchange("direct", {"alternate-exchange": fallback})
    channel.queue_bind(caught, fallback)
    channel.confirm_delivery()
    send(channel, "k", b"m", source, mandatory=True)
    assert get_all(channel, caught, 1) == ["m"]


def test_an_alternate_that_does_not_exist_drops(channel, exchange, names):
    source = exchange("direct", {"alternate-exchange": names("missing")})
    channel.confirm_delivery()
    send(channel, "k", b"m", source)


def test_an_internal_exchange_is_reached_through_another(channel, queue, exchange):
    source, internal, name = exchange("fanout"), exchange("fanout", internal=True), queue()
    channel.exchange_bind(internal, source)
    channel.queue_bind(name, internal)
    send(channel, "", b"m", source)
    assert get_all(channel, name, 1) == ["m"]


def test_auto_delete_waits_for_the_last_binding_to_go(connection, channel, queue, exchange):
    source, first, second = exchange("direct", auto_delete=True), queue(), queue()
    assert exists(connection, source)
    channel.queue_bind(first, source, "a")
    channel.queue_bind(second, source, "b")
    channel.queue_unbind(first, source, "a")
    assert exists(connection, source)
    channel.queue_unbind(second, source, "b")
    eventually(lambda: not exists(connection, source))


def test_auto_delete_follows_the_deletion_of_the_bound_queue(connection, channel, queue,
                                                             exchange):
    source, name = exchange("fanout", auto_delete=True), queue()
    channel.queue_bind(name, source)
    channel.queue_delete(name)
    eventually(lambda: not exists(connection, source))


def test_auto_delete_counts_exchanges_bound_to_it(connection, channel, exchange):
    source, target = exchange("fanout", auto_delete=True), exchange("fanout")
    channel.exchange_bind(target, source)
    channel.exchange_delete(target)
    eventually(lambda: not exists(connection, source))


def test_being_a_destination_does_not_keep_an_auto_delete_exchange(connection, channel, queue,
                                                                   exchange):
    source, middle, name = exchange("fanout"), exchange("fanout", auto_delete=True), queue()
    channel.exchange_bind(middle, source)
    channel.queue_bind(name, middle)
    channel.queue_unbind(name, middle)
    eventually(lambda: not exists(connection, middle))


@pytest.mark.parametrize("flags", [{}, {"durable": True}, {"auto_delete": True},
                                   {"internal": True}], ids=str)
@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
def test_an_equal_redeclare_succeeds(channel, exchange, kind, flags):
    name = exchange(kind, **flags)
    channel.exchange_declare(name, kind, **flags)


def test_other_arguments_are_not_compared(channel, exchange):
    name = exchange("direct", {"mine": 1})
    channel.exchange_declare(name, "direct", arguments={"mine": 2, "more": "x"})


def test_passive_ignores_type_and_flags(channel, exchange):
    name = exchange("topic")
    channel.exchange_declare(name, "fanout", passive=True, durable=True, auto_delete=True)


def test_type_names_are_case_sensitive(channel, names):
    with pytest.raises(Exception) as caught:
        channel.exchange_declare(names("x"), "Direct")
    assert caught.value.reply_code == expect(rabbitmq=503, polymq=406)


def test_carriage_returns_and_newlines_leave_the_name(channel, names):
    name = names("x")
    channel.exchange_declare(f"{name}\r\n", "direct")
    channel.exchange_declare(name, passive=True)


def test_delete_if_unused_of_an_unused_exchange(connection, channel, exchange):
    name = exchange("direct")
    channel.exchange_delete(name, if_unused=True)
    assert not exists(connection, name)


def test_nowait_declares_are_in_order(raw, names):
    client, source, queue = raw(), names("x"), names()
    client.send(1, "exchange.declare", exchange=source, type="fanout", nowait=True)
    client.send(1, "queue.declare", queue=queue, exclusive=True, nowait=True)
    client.send(1, "queue.bind", queue=queue, exchange=source, nowait=True)
    client.publish(1, "", b"m", exchange=source)
    client.send(1, "basic.get", queue=queue, no_ack=True)
    assert client.expect("basic.get-ok").body == b"m"
    client.send(1, "exchange.bind", destination=source, source="amq.fanout", nowait=True)
    client.send(1, "exchange.unbind", destination=source, source="amq.fanout", nowait=True)
    client.send(1, "exchange.delete", exchange=source, nowait=True)
    client.send(1, "queue.purge", queue=queue, nowait=True)
    client.send(1, "queue.delete", queue=queue, nowait=True)
    client.send(1, "queue.declare", queue=queue, passive=True)
    assert client.expect("channel.close").fields["code"] == 404


@polymq_only("3.10 accepts any number of #")
def test_a_topic_key_with_three_hashes_is_accepted_or_refused_with_406(channel, queue, exchange):
    name, source = queue(), exchange("topic")
    try:
        channel.queue_bind(name, source, "#.a.#.b.#")
    except Exception as error:
        assert error.reply_code == 406
    else:
        send(channel, "x.a.y.b.z", b"m", source)
        assert get_all(channel, name, 1) == ["m"]


def test_a_redeclare_with_another_alternate_is_406(channel, exchange):
    name = exchange("direct", {"alternate-exchange": "one"})
    with channel_error(406, "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for "
                            f"exchange '{name}' in vhost '/': received 'two' but current is "
                            "'one'"):
        channel.exchange_declare(name, "direct", arguments={"alternate-exchange": "two"})
