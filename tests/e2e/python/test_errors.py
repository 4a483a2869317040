"""The catalogue of errors: code, text, class and method ids, and scope."""
import pytest

from harness import codec
from support import (assert_channel_closed, assert_connection_closed, expect, polymq_only)

# Placeholders: {q} an existing queue of this connection, {x} an existing direct exchange,
# {n} a name that does not exist, {l} another connection's exclusive queue.
LOCKED = ("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{l}' in vhost '/'. "
          "It could be originally declared on another connection or the exclusive property value "
          "does not match that of the original declaration.")
NO_QUEUE = "NOT_FOUND - no queue '{n}' in vhost '/'"
NO_EXCHANGE = "NOT_FOUND - no exchange '{n}' in vhost '/'"
DEFAULT = "ACCESS_REFUSED - operation not permitted on the default exchange"
NONE_DECLARED = "NOT_FOUND - no previously declared queue"

CHANNEL_ERRORS = [
    # Missing things.
    ("queue.declare", {"queue": "{n}", "passive": True}, 404, NO_QUEUE),
    ("queue.bind", {"queue": "{n}", "exchange": "{x}"}, 404, NO_QUEUE),
    ("queue.bind", {"queue": "{q}", "exchange": "{n}"}, 404, NO_EXCHANGE),
    ("queue.purge", {"queue": "{n}"}, 404, NO_QUEUE),
    ("basic.get", {"queue": "{n}"}, 404, NO_QUEUE),
    ("basic.consume", {"queue": "{n}"}, 404, NO_QUEUE),
    ("exchange.declare", {"exchange": "{n}", "type": "direct", "passive": True}, 404,
     NO_EXCHANGE),
    ("exchange.bind", {"destination": "{x}", "source": "{n}"}, 404, NO_EXCHANGE),
    ("exchange.bind", {"destination": "{n}", "source": "{x}"}, 404, NO_EXCHANGE),
    # The last queue of the channel, when there is none.
    ("queue.bind", {"queue": "", "exchange": "{x}"}, 404, NONE_DECLARED),
    ("queue.unbind", {"queue": "", "exchange": "{x}"}, 404, NONE_DECLARED),
    ("queue.purge", {"queue": ""}, 404, NONE_DECLARED),
    ("queue.delete", {"queue": ""}, 404, NONE_DECLARED),
    ("basic.get", {"queue": ""}, 404, NONE_DECLARED),
    ("basic.consume", {"queue": ""}, 404, NONE_DECLARED),
    # Names and exchanges that belong to the broker.
    ("queue.declare", {"queue": "amq.mine"}, 403,
     "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"),
    ("exchange.declare", {"exchange": "amq.mine", "type": "direct"}, 403,
     "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"),
    ("exchange.declare", {"exchange": "", "type": "direct", "durable": True}, 403, DEFAULT),
    ("exchange.delete", {"exchange": ""}, 403, DEFAULT),
    ("exchange.delete", {"exchange": "amq.direct"}, 403,
     "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed"),
    ("exchange.bind", {"destination": "", "source": "{x}"}, 403, DEFAULT),
    ("exchange.bind", {"destination": "{x}", "source": ""}, 403, DEFAULT),
    ("exchange.unbind", {"destination": "{x}", "source": ""}, 403, DEFAULT),
    ("queue.bind", {"queue": "{q}", "exchange": ""}, 403, DEFAULT),
    ("queue.unbind", {"queue": "{q}", "exchange": ""}, 403, DEFAULT),
    # Another connection's exclusive queue.
    ("queue.declare", {"queue": "{l}", "exclusive": True}, 405, LOCKED),
    ("queue.declare", {"queue": "{l}"}, 405, LOCKED),
    ("queue.declare", {"queue": "{l}", "passive": True}, 405, LOCKED),
    ("queue.bind", {"queue": "{l}", "exchange": "{x}"}, 405, LOCKED),
    ("queue.purge", {"queue": "{l}"}, 405, LOCKED),
    ("queue.delete", {"queue": "{l}"}, 405, LOCKED),
    ("basic.get", {"queue": "{l}"}, 405, LOCKED),
    ("basic.consume", {"queue": "{l}"}, 405, LOCKED),
    # Redeclared otherwise.
    ("queue.declare", {"queue": "{q}", "exclusive": True, "auto_delete": True}, 406,
     "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue '{q}' in vhost '/': "
     "received 'true' but current is 'false'"),
    ("queue.declare", {"queue": "{q}", "exclusive": True, "arguments": {"x-message-ttl": 1}},
     406, "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{q}' in vhost '/': "
     "received the value '1' of type 'signedint' but current is none"),
    ("exchange.declare", {"exchange": "{x}", "type": "fanout"}, 406,
     "PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{x}' in vhost '/': "
     "received 'fanout' but current is 'direct'"),
    ("exchange.declare", {"exchange": "{x}", "type": "direct", "durable": True}, 406,
     "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange '{x}' in vhost '/': "
     "received 'true' but current is 'false'"),
    ("exchange.declare", {"exchange": "{x}", "type": "direct", "auto_delete": True}, 406,
     "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for exchange '{x}' in vhost '/': "
     "received 'true' but current is 'false'"),
    ("exchange.declare", {"exchange": "{x}", "type": "direct", "internal": True}, 406,
     "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange '{x}' in vhost '/': "
     "received 'true' but current is 'false'"),
    ("exchange.declare", {"exchange": "{x}", "type": "direct",
                          "arguments": {"alternate-exchange": "other"}}, 406,
     "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{x}' in vhost "
     "'/': received the value 'other' of type 'longstr' but current is none"),
    # Settling what was never delivered.
    ("basic.ack", {"delivery_tag": 5}, 406, "PRECONDITION_FAILED - unknown delivery tag 5"),
    ("basic.ack", {"delivery_tag": 0}, 406, "PRECONDITION_FAILED - unknown delivery tag 0"),
    ("basic.ack", {"delivery_tag": 7, "multiple": True}, 406,
     "PRECONDITION_FAILED - unknown delivery tag 7"),
    ("basic.nack", {"delivery_tag": 2**63 - 1}, 406,
     f"PRECONDITION_FAILED - unknown delivery tag {2**63 - 1}"),
    ("basic.nack", {"delivery_tag": 3, "multiple": True, "requeue": True}, 406,
     "PRECONDITION_FAILED - unknown delivery tag 3"),
    ("basic.reject", {"delivery_tag": 1}, 406, "PRECONDITION_FAILED - unknown delivery tag 1"),
    # Transactions without tx.select.
    ("tx.commit", {}, 406, "PRECONDITION_FAILED - channel is not transactional"),
    ("tx.rollback", {}, 406, "PRECONDITION_FAILED - channel is not transactional"),
    ("queue.declare", {"passive": True}, 404, "NOT_FOUND - no queue '' in vhost '/'"),
    # Direct reply-to.
    ("basic.consume", {"queue": "amq.rabbitmq.reply-to"}, 406,
     "PRECONDITION_FAILED - reply consumer cannot acknowledge"),
    ("queue.declare", {"queue": "amq.rabbitmq.reply-to.nobody"}, 404,
     "NOT_FOUND - no queue 'amq.rabbitmq.reply-to.nobody' in vhost '/'"),
]

CONNECTION_ERRORS = [
    ("channel.open", {}, 504, "CHANNEL_ERROR - second 'channel.open' seen"),
    ("channel.flow", {"active": False}, 540, "NOT_IMPLEMENTED - active=false"),
    ("basic.qos", {"prefetch_size": 10}, 540, "NOT_IMPLEMENTED - prefetch_size!=0 (10)"),
    ("basic.recover", {"requeue": False}, 540, "NOT_IMPLEMENTED - requeue=false"),
    ("basic.recover-async", {"requeue": False}, 540, "NOT_IMPLEMENTED - requeue=false"),
    ("basic.get-empty", {}, 503, "COMMAND_INVALID - unimplemented method"),
    ("channel.close-ok", {}, 503, "COMMAND_INVALID - unimplemented method"),
    ("queue.declare-ok", {"queue": "q"}, 503, "COMMAND_INVALID - unimplemented method"),
    ("connection.open", {"vhost": "/"}, 503, "COMMAND_INVALID - unimplemented method"),
    ("connection.close", {"code": 200}, 503, "COMMAND_INVALID - unimplemented method"),
]


@pytest.fixture
def scene(raw, names):
    """An open client and the things the placeholders stand for."""
    client, other = raw(), raw()
    known = {"q": names(), "x": names("x"), "n": names("missing"), "l": names("locked")}
    other.call(1, "queue.declare", queue=known["l"], exclusive=True)
    client.call(1, "queue.declare", queue=known["q"], exclusive=True)
    client.call(1, "exchange.declare", exchange=known["x"], type="direct")
    client.call(1, "channel.close")
    client.call(1, "channel.open")
    return client, known


def filled(fields, known):
    return {key: value.format(**known) if isinstance(value, str) else value
            for key, value in fields.items()}


def row_id(row):
    return f"{row[0]}-{row[2]}-" + ",".join(f"{k}={v}" for k, v in row[1].items())


@pytest.mark.parametrize("row", CHANNEL_ERRORS, ids=row_id)
def test_it_closes_the_channel_and_nothing_else(scene, row):
    client, known = scene
    method, fields, code, text = row
    client.send(1, method, **filled(fields, known))
    assert_channel_closed(client, 1, code, text.format(**known), method)


@pytest.mark.parametrize("row", CONNECTION_ERRORS, ids=row_id)
def test_it_closes_the_connection(scene, row):
    client, _ = scene
    method, fields, code, text = row
    client.send(1, method, **fields)
    assert_connection_closed(client, code, text, method)


@pytest.mark.parametrize("method, fields", [
    ("queue.unbind", {"queue": "{n}", "exchange": "{x}"}),
    ("queue.unbind", {"queue": "{q}", "exchange": "{n}"}),
    ("queue.unbind", {"queue": "{q}", "exchange": "{x}", "routing_key": "never bound"}),
    ("exchange.unbind", {"destination": "{n}", "source": "{x}"}),
    ("exchange.unbind", {"destination": "{x}", "source": "{n}"}),
    ("queue.delete", {"queue": "{n}"}),
    ("exchange.delete", {"exchange": "{n}"}),
    ("basic.cancel", {"consumer_tag": "{n}"}),
], ids=str)
def test_removing_what_is_not_there_is_no_error(scene, method, fields):
    client, known = scene
    client.call(1, method, **filled(fields, known))


def test_unbinding_another_connections_queue_is_405(raw, names):
    owner, other = raw(), raw()
    queue = names()
    owner.call(1, "queue.declare", queue=queue, exclusive=True)
    owner.call(1, "queue.bind", queue=queue, exchange="amq.direct", routing_key=queue)
    other.send(1, "queue.unbind", queue=queue, exchange="amq.direct", routing_key=queue)
    assert_channel_closed(other, 1, 405, LOCKED.format(l=queue), "queue.unbind")


PUBLISH_ERRORS = [
    ({"exchange": "{n}", "routing_key": "k"}, {}, 404, NO_EXCHANGE),
    ({"exchange": "amq.rabbitmq.trace", "routing_key": "k"}, {}, 403,
     "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'"),
    ({"routing_key": "{q}"}, {"user_id": "somebody"}, 406,
     "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was "
     "'guest'"),
    ({"routing_key": "{q}"}, {"headers": {"CC": "not-an-array"}}, 406,
     "PRECONDITION_FAILED - invalid message: {{unacceptable_type_in_header,"
     '"CC",longstr}}'),
    ({"routing_key": "{q}"}, {"headers": {"BCC": 5}}, 406,
     "PRECONDITION_FAILED - invalid message: {{unacceptable_type_in_header,"
     '"BCC",signedint}}'),
    ({"routing_key": "{q}"}, {"reply_to": "amq.rabbitmq.reply-to"}, 406,
     "PRECONDITION_FAILED - fast reply consumer does not exist"),
]


@pytest.mark.parametrize("row", PUBLISH_ERRORS,
                         ids=lambda row: f"{row[2]}-{','.join([*row[0].values(), *row[1]])}")
def test_a_publish_that_closes_the_channel(scene, row):
    client, known = scene
    fields, properties, code, text = row
    client.publish(1, body=b"x", properties=properties, **filled(fields, known))
    assert_channel_closed(client, 1, code, text.format(**known), "basic.publish")


@pytest.mark.parametrize("expiration, reason", [
    ("abc", "no_integer"),
    ("", "no_integer"),
    ("100ms", '{leftover_string,"ms"}'),
    ("1.5", '{leftover_string,".5"}'),
    ("-1", "{value_negative,-1}"),
    ("315360000001", "{value_too_large,315360000001}"),
], ids=["word", "empty", "unit", "fraction", "negative", "over-10-years"])
def test_a_bad_expiration_is_406(scene, expiration, reason):
    client, known = scene
    client.publish(1, known["q"], b"x", properties={"expiration": expiration})
    assert_channel_closed(
        client, 1, 406, f"PRECONDITION_FAILED - invalid expiration '{expiration}': {reason}",
        "basic.publish")


def test_immediate_is_540(scene):
    client, known = scene
    client.publish(1, known["q"], b"x", immediate=True)
    assert_connection_closed(client, 540, "NOT_IMPLEMENTED - immediate=true", "basic.publish")


def test_a_method_on_a_channel_that_is_not_open_is_504(scene):
    client, _ = scene
    client.send(9, "queue.declare", queue="q")
    assert_connection_closed(client, 504, "CHANNEL_ERROR - expected 'channel.open'",
                             "queue.declare")


def test_a_channel_method_on_channel_0_is_504(scene):
    client, _ = scene
    client.send(0, "queue.declare", queue="q")
    assert_connection_closed(
        client, 504, "CHANNEL_ERROR - unexpected method in connection state running",
        "queue.declare")


def test_a_consumer_tag_used_twice_is_530(scene):
    client, known = scene
    client.call(1, "basic.consume", queue=known["q"], consumer_tag="t")
    client.send(1, "basic.consume", queue=known["q"], consumer_tag="t")
    assert_connection_closed(client, 530, "NOT_ALLOWED - attempt to reuse consumer tag 't'",
                             "basic.consume")


def test_the_same_consumer_tag_on_two_channels_is_fine(scene):
    client, known = scene
    client.call(2, "channel.open")
    for channel in (1, 2):
        client.call(channel, "basic.consume", queue=known["q"], consumer_tag="t")


def test_more_channels_than_negotiated_is_530(raw):
    client = raw(channel_max=2, channels=[1, 2])
    client.send(3, "channel.open")
    close = client.expect("connection.close").fields
    assert close["code"] == 530
    assert close["text"] == ("NOT_ALLOWED - number of channels opened (2) has reached the "
                             "negotiated channel_max (2)")


def test_the_channel_limit_counts_channels_not_numbers(raw):
    raw(channel_max=2, channels=[1, 4000])


@pytest.mark.parametrize("first, second, text", [
    ("confirm.select", "tx.select", "cannot switch from confirm to tx mode"),
    ("tx.select", "confirm.select", "cannot switch from tx to confirm mode"),
])
def test_confirm_and_tx_exclude_each_other(scene, first, second, text):
    client, _ = scene
    client.call(1, first)
    client.send(1, second)
    assert_channel_closed(client, 1, 406, f"PRECONDITION_FAILED - {text}", second)


def test_a_second_reply_consumer_is_406(scene):
    client, _ = scene
    client.call(1, "basic.consume", queue="amq.rabbitmq.reply-to", no_ack=True)
    client.send(1, "basic.consume", queue="amq.rabbitmq.reply-to", no_ack=True)
    assert_channel_closed(client, 1, 406, "PRECONDITION_FAILED - reply consumer already set",
                          "basic.consume")


def test_an_unknown_exchange_type(scene, names):
    client, _ = scene
    client.send(1, "exchange.declare", exchange=names("x"), type="no-such-type")
    if expect(rabbitmq=True, polymq=False):
        assert_connection_closed(client, 503, "COMMAND_INVALID - unknown exchange type "
                                 "'no-such-type'", "exchange.declare")
    else:
        close = client.expect("channel.close").fields
        assert close["code"] == 406
        assert "exchange type 'no-such-type'" in close["text"]


@pytest.mark.parametrize("flags, text", [
    ({"if_unused": True}, "queue '{q}' in vhost '/' in use"),
    ({"if_empty": True}, "queue '{q}' in vhost '/' not empty"),
], ids=["if-unused", "if-empty"])
def test_deleting_a_queue_that_is_needed_is_406(scene, flags, text):
    client, known = scene
    client.publish(1, known["q"], b"x")
    client.call(1, "basic.qos", prefetch_count=1)
    if "if_unused" in flags:
        client.call(1, "basic.consume", queue=known["q"])
        client.expect("basic.deliver")
    client.send(1, "queue.delete", queue=known["q"], **flags)
    assert_channel_closed(client, 1, 406,
                          "PRECONDITION_FAILED - " + text.format(**known), "queue.delete")


def test_deleting_an_exchange_with_bindings_if_unused_is_406(scene):
    client, known = scene
    client.call(1, "queue.bind", queue=known["q"], exchange=known["x"], routing_key="k")
    client.send(1, "exchange.delete", exchange=known["x"], if_unused=True)
    assert_channel_closed(
        client, 1, 406, f"PRECONDITION_FAILED - exchange '{known['x']}' in vhost '/' in use",
        "exchange.delete")


def test_publishing_to_an_internal_exchange_is_403(scene, names):
    client, _ = scene
    internal = names("internal")
    client.call(1, "exchange.declare", exchange=internal, type="fanout", internal=True)
    client.publish(1, "k", b"x", exchange=internal)
    assert_channel_closed(
        client, 1, 403,
        f"ACCESS_REFUSED - cannot publish to internal exchange '{internal}' in vhost '/'",
        "basic.publish")


def test_an_exclusive_consumer_refuses_others(scene):
    client, known = scene
    client.call(1, "basic.consume", queue=known["q"], exclusive=True)
    client.call(2, "channel.open")
    client.send(2, "basic.consume", queue=known["q"])
    assert_channel_closed(
        client, 2, 403, f"ACCESS_REFUSED - queue '{known['q']}' in vhost '/' in exclusive use",
        "basic.consume")


def test_an_exclusive_consumer_is_refused_beside_others(scene):
    client, known = scene
    client.call(1, "basic.consume", queue=known["q"])
    client.call(2, "channel.open")
    client.send(2, "basic.consume", queue=known["q"], exclusive=True)
    assert_channel_closed(
        client, 2, 403, f"ACCESS_REFUSED - queue '{known['q']}' in vhost '/' in exclusive use",
        "basic.consume")


@pytest.mark.parametrize("method", ["queue.bind", "queue.unbind"])
@polymq_only("3.10 answers 404, the name is no queue to it")
def test_a_reply_queue_cannot_be_bound(scene, method):
    client, known = scene
    client.send(1, method, queue="amq.rabbitmq.reply-to.x", exchange=known["x"], routing_key="k")
    assert_channel_closed(
        client, 1, 403,
        "ACCESS_REFUSED - cannot bind or unbind to a volatile (direct reply-to) queue", method)


def test_after_channel_close_everything_until_close_ok_is_dropped(scene):
    client, known = scene
    client.send(1, "queue.declare", queue=known["n"], passive=True)
    client.publish(1, known["q"], b"lost")
    client.send(1, "basic.ack", delivery_tag=99)
    client.send(1, "queue.purge", queue=known["n"])
    client.expect("channel.close")
    client.publish(1, known["q"], b"lost too")
    client.send(1, "channel.close-ok")
    client.call(1, "channel.open")
    client.send(1, "basic.get", queue=known["q"], no_ack=True)
    client.expect("basic.get-empty")


def test_channel_close_crossing_the_brokers_is_answered(scene):
    client, known = scene
    client.send(1, "queue.declare", queue=known["n"], passive=True)
    client.send(1, "channel.close", code=200)
    client.expect("channel.close")
    client.expect("channel.close-ok")
    client.send(1, "channel.close-ok")
    client.call(1, "channel.open")


def test_a_long_text_is_cut_to_255_octets(scene):
    client, _ = scene
    client.send(1, "queue.declare", queue="n" * 250, passive=True)
    close = client.expect("channel.close").fields
    assert close["code"] == 404
    assert len(close["text"]) == 255
    assert close["text"].startswith("NOT_FOUND - no queue 'nnn")


def test_other_channels_survive_a_channel_error(scene):
    client, known = scene
    client.call(2, "channel.open")
    client.call(2, "basic.consume", queue=known["q"], no_ack=True)
    client.send(1, "queue.declare", queue=known["n"], passive=True)
    assert_channel_closed(client, 1, 404, NO_QUEUE.format(**known), "queue.declare")
    client.publish(1, known["q"], b"for channel 2")
    got = client.expect("basic.deliver")
    assert (got.method.channel, got.body) == (2, b"for channel 2")


def test_the_ids_of_every_method_are_known_to_the_codec():
    assert codec.ids("exchange.unbind-ok") == (40, 51)
