"""What x-arguments a queue takes and how it refuses the others."""
import pytest

from support import assert_channel_closed, expect, polymq_only

TEN_YEARS = 315360000000

# (queue type, argument, value as (letter, value))
ACCEPTED = [
    ("classic", "x-message-ttl", ("I", 0)),
    ("classic", "x-message-ttl", ("I", 1000)),
    ("classic", "x-message-ttl", ("l", TEN_YEARS)),
    ("classic", "x-message-ttl", ("b", 5)),
    ("classic", "x-message-ttl", ("B", 5)),
    ("classic", "x-message-ttl", ("s", 5)),
    ("classic", "x-message-ttl", ("u", 5)),
    ("classic", "x-message-ttl", ("i", 5)),
    ("classic", "x-expires", ("I", 60000)),
    ("classic", "x-expires", ("l", TEN_YEARS)),
    ("classic", "x-max-length", ("I", 0)),
    ("classic", "x-max-length", ("l", 2**40)),
    ("classic", "x-max-length-bytes", ("I", 1000)),
    ("classic", "x-overflow", ("S", "drop-head")),
    ("classic", "x-overflow", ("S", "reject-publish")),
    ("classic", "x-overflow", ("S", "reject-publish-dlx")),
    ("classic", "x-dead-letter-exchange", ("S", "need-not-exist")),
    ("classic", "x-dead-letter-exchange", ("S", "")),
    ("classic", "x-max-priority", ("B", 255)),
    ("classic", "x-max-priority", ("I", 0)),
    ("classic", "x-single-active-consumer", ("t", True)),
    ("classic", "x-single-active-consumer", ("t", False)),
    ("classic", "x-queue-mode", ("S", "lazy")),
    ("classic", "x-queue-mode", ("S", "default")),
    ("classic", "x-queue-version", ("I", 1)),
    ("classic", "x-queue-version", ("I", 2)),
    ("classic", "x-queue-master-locator", ("S", "client-local")),
    ("classic", "x-queue-type", ("S", "classic")),
    ("classic", "x-nobody-knows-this", ("F", {"a": 1})),
    ("classic", "my-own", ("S", "note")),
    ("quorum", "x-delivery-limit", ("I", 3)),
    ("quorum", "x-message-ttl", ("I", 1000)),
    ("quorum", "x-expires", ("I", 60000)),
    ("quorum", "x-max-length", ("I", 10)),
    ("quorum", "x-max-length-bytes", ("I", 10)),
    ("quorum", "x-overflow", ("S", "reject-publish")),
    ("quorum", "x-dead-letter-exchange", ("S", "dlx")),
    ("quorum", "x-dead-letter-strategy", ("S", "at-most-once")),
    ("quorum", "x-single-active-consumer", ("t", True)),
    ("quorum", "x-quorum-initial-group-size", ("I", 1)),
    ("quorum", "x-max-in-memory-length", ("I", 10)),
    ("quorum", "x-max-in-memory-bytes", ("I", 10)),
    ("quorum", "x-queue-leader-locator", ("S", "client-local")),
]

# (queue type, argument, value, rest of the text after "invalid arg 'A' for queue 'Q' in vhost '/'")
REFUSED = [
    ("classic", "x-message-ttl", ("I", -1), ": {value_negative,-1}"),
    ("classic", "x-message-ttl", ("l", TEN_YEARS + 1), f": {{value_too_large,{TEN_YEARS + 1}}}"),
    ("classic", "x-message-ttl", ("S", "1000"), ': "expected integer, got longstr"'),
    ("classic", "x-message-ttl", ("t", True), ': "expected integer, got bool"'),
    ("classic", "x-expires", ("I", 0), ": {value_zero,0}"),
    ("classic", "x-expires", ("I", -5), ": {value_negative,-5}"),
    ("classic", "x-expires", ("l", TEN_YEARS + 1), f": {{value_too_large,{TEN_YEARS + 1}}}"),
    ("classic", "x-expires", ("S", "60000"), ': "expected integer, got longstr"'),
    ("classic", "x-max-length", ("I", -1), ": {value_negative,-1}"),
    ("classic", "x-max-length", ("S", "10"), ': "expected integer, got longstr"'),
    ("classic", "x-max-length-bytes", ("I", -1), ": {value_negative,-1}"),
    ("classic", "x-max-length-bytes", ("S", "10"), ': "expected integer, got longstr"'),
    ("classic", "x-overflow", ("S", "drop-tail"), ": invalid_overflow"),
    ("classic", "x-max-priority", ("I", 256), ": {max_value_exceeded,256}"),
    ("classic", "x-max-priority", ("I", -1), ": {value_negative,-1}"),
    ("classic", "x-max-priority", ("S", "5"), ': "expected integer, got longstr"'),
    ("classic", "x-single-active-consumer", ("S", "yes"), ": {unacceptable_type,longstr}"),
    ("classic", "x-dead-letter-routing-key", ("S", "k"), ": routing_key_but_no_dlx_defined"),
    ("classic", "x-queue-mode", ("S", "wrong"), ': "unsupported queue mode \'wrong\'"'),
    ("classic", "x-queue-version", ("I", 9), ": \"unsupported queue version '9'\""),
    pytest.param("quorum", "x-delivery-limit", ("S", "3"), ': "expected integer, got longstr"',
                 marks=polymq_only("3.10 does not check it")),
    ("quorum", "x-expires", ("I", 0), ": {value_zero,0}"),
    ("quorum", "x-quorum-initial-group-size", ("I", 0), ": {value_zero,0}"),
]

FOREIGN = [
    ("classic", "x-max-age", ("S", "1h")),
    ("classic", "x-stream-max-segment-size-bytes", ("I", 1000)),
    ("classic", "x-delivery-limit", ("I", 5)),
    ("classic", "x-quorum-initial-group-size", ("I", 1)),
    ("quorum", "x-max-age", ("S", "1h")),
    ("quorum", "x-max-priority", ("I", 5)),
    ("quorum", "x-queue-mode", ("S", "lazy")),
]


def row_id(value):
    return value if isinstance(value, str) and len(value) < 50 else str(value)[:40]


def declare(client, kind, name, arguments):
    if kind == "quorum":
        client.send(1, "queue.declare", queue=name, durable=True,
                    arguments={"x-queue-type": "quorum", **arguments})
    else:
        client.send(1, "queue.declare", queue=name, arguments=arguments)


@pytest.mark.parametrize("kind, argument, value", ACCEPTED, ids=row_id)
def test_accepted(raw, names, kind, argument, value):
    client, name = raw(), names()
    for _ in range(2):  # declared, then declared again with the same
        declare(client, kind, name, {argument: value})
        client.expect("queue.declare-ok")


@pytest.mark.parametrize("kind, argument, value, text", REFUSED, ids=row_id)
def test_refused(raw, names, kind, argument, value, text):
    client, name = raw(), names()
    declare(client, kind, name, {argument: value})
    assert_channel_closed(
        client, 1, 406,
        f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{name}' in vhost '/'{text}",
        "queue.declare")
    client.send(1, "queue.declare", queue=name, passive=True)
    assert client.expect("channel.close").fields["code"] == 404


@pytest.mark.parametrize("kind, argument, value", FOREIGN, ids=row_id)
def test_an_argument_of_another_queue_type_is_refused(raw, names, kind, argument, value):
    client, name = raw(), names()
    declare(client, kind, name, {argument: value})
    assert_channel_closed(
        client, 1, 406, f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{name}' in "
                        f"vhost '/' of queue type rabbit_{kind}_queue", "queue.declare")


@pytest.mark.parametrize("value, text", [
    (("I", 5), "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue "
               "'{}' in vhost '/'"),
    (("t", True), "invalid type 'bool' for arg 'x-dead-letter-exchange' in queue "
                  "'{}' in vhost '/'"),
], ids=["int", "bool"])
def test_a_dead_letter_exchange_is_a_string(raw, names, value, text):
    client, name = raw(), names()
    declare(client, "classic", name, {"x-dead-letter-exchange": value})
    assert_channel_closed(client, 1, 406, f"PRECONDITION_FAILED - {text.format(name)}",
                          "queue.declare")


@pytest.mark.parametrize("value", [("S", "no-such-type"), ("I", 1)], ids=str)
def test_an_unknown_queue_type_is_refused(raw, names, value):
    client, name = raw(), names()
    client.send(1, "queue.declare", queue=name, durable=True, arguments={"x-queue-type": value})
    close = client.receive().fields
    assert close["code"] == 406


@pytest.mark.parametrize("flags, property_name", [
    ({"durable": False}, "non-durable"),
    ({"durable": True, "exclusive": True}, "exclusive-owner"),
    ({"durable": True, "auto_delete": True}, "auto-delete"),
], ids=["transient", "exclusive", "auto-delete"])
def test_a_quorum_queue_has_no_such_property(raw, names, flags, property_name):
    client, name = raw(), names()
    client.send(1, "queue.declare", queue=name, arguments={"x-queue-type": "quorum"}, **flags)
    assert_channel_closed(
        client, 1, 406, f"PRECONDITION_FAILED - invalid property '{property_name}' for queue "
                        f"'{name}' in vhost '/'", "queue.declare")


def test_a_quorum_queue_needs_a_name(raw):
    client = raw()
    client.send(1, "queue.declare", durable=True, arguments={"x-queue-type": "quorum"})
    close = client.receive().fields
    assert close["code"] == expect(rabbitmq=406, polymq=406)


# Redeclares: (first arguments, second arguments, text or None when it is equal enough)
REDECLARED = [
    ({"x-message-ttl": ("I", 5)}, {"x-message-ttl": ("l", 5)}, None),
    ({"x-message-ttl": ("I", 5)}, {"x-message-ttl": ("B", 5)}, None),
    ({"x-queue-type": ("S", "classic")}, {}, None),
    ({}, {"x-queue-type": ("S", "classic")}, None),
    ({"mine": ("I", 1)}, {"mine": ("I", 2)}, None),
    ({"x-message-ttl": ("I", 5)}, {"x-message-ttl": ("I", 6)},
     "'x-message-ttl' for queue '{}' in vhost '/': received '6' but current is '5'"),
    ({"x-message-ttl": ("I", 5)}, {},
     "'x-message-ttl' for queue '{}' in vhost '/': received none but current is the value '5' of "
     "type 'signedint'"),
    ({}, {"x-expires": ("l", 5000)},
     "'x-expires' for queue '{}' in vhost '/': received the value '5000' of type 'long' but "
     "current is none"),
    ({}, {"x-dead-letter-exchange": ("S", "d")},
     "'x-dead-letter-exchange' for queue '{}' in vhost '/': received the value 'd' of type "
     "'longstr' but current is none"),
    ({"x-max-length": ("I", 5)}, {"x-max-length": ("I", 50)},
     "'x-max-length' for queue '{}' in vhost '/': received '50' but current is '5'"),
    ({"x-overflow": ("S", "drop-head")}, {"x-overflow": ("S", "reject-publish")},
     "'x-overflow' for queue '{}' in vhost '/': received 'reject-publish' but current is "
     "'drop-head'"),
    ({"x-max-priority": ("I", 5)}, {"x-max-priority": ("I", 6)},
     "'x-max-priority' for queue '{}' in vhost '/': received '6' but current is '5'"),
    ({"x-single-active-consumer": ("t", True)}, {},
     "'x-single-active-consumer' for queue '{}' in vhost '/': received none but current is the "
     "value 'true' of type 'bool'"),
]


@pytest.mark.parametrize("first, second, text", REDECLARED, ids=row_id)
def test_a_redeclare_compares_arguments_by_value(raw, names, first, second, text):
    client, name = raw(), names()
    client.call(1, "queue.declare", queue=name, arguments=first)
    client.send(1, "queue.declare", queue=name, arguments=second)
    if text is None:
        client.expect("queue.declare-ok")
    else:
        assert_channel_closed(client, 1, 406, "PRECONDITION_FAILED - inequivalent arg "
                              + text.format(name), "queue.declare")


@pytest.mark.parametrize("argument, value", [
    ("x-delayed-retry-type", ("S", "all")), ("x-delayed-retry-min", ("I", 100)),
    ("x-consumer-timeout", ("I", 60000))])
@polymq_only("arguments of RabbitMQ 4.3")
def test_newer_quorum_arguments_are_accepted(raw, names, argument, value):
    client, name = raw(), names()
    arguments = {argument: value}
    if argument == "x-delayed-retry-type":
        arguments["x-delayed-retry-min"] = ("I", 100)
    declare(client, "quorum", name, arguments)
    client.expect("queue.declare-ok")
