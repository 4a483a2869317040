"""Properties and headers pass through unchanged, octet by octet."""
import datetime
import decimal

import pytest

from harness import codec
from support import get, polymq_only, properties, send

EVERYTHING = {
    "content_type": "application/json", "content_encoding": "gzip", "delivery_mode": 2,
    "priority": 7, "correlation_id": "c-1", "reply_to": "answers", "expiration": "60000",
    "message_id": "m-1", "timestamp": 1700000000, "type": "order.created", "user_id": "guest",
    "app_id": "e2e", "cluster_id": "reserved"}

FIELDS = [
    ("t", True), ("t", False), ("b", -128), ("b", 127), ("B", 255), ("s", -32768), ("u", 65535),
    ("I", -2**31), ("I", 2**31 - 1), ("i", 2**32 - 1), ("l", -2**63), ("l", 2**63 - 1),
    ("f", 1.5), ("d", 3.141592653589793), ("d", -0.0), ("d", 1e308), ("D", (2, 31415)),
    ("S", ""), ("S", "text"), ("S", "ünïcødé ✓"), ("S", b"\xff\x00\xfe not utf-8"),
    ("S", "x" * 70000), ("x", b"\x00\x01\x02"), ("A", []), ("A", [("I", 1), ("S", "two"), None]),
    ("A", [[[("I", 1)]]]), ("T", 0), ("T", 2**40), ("F", {}),
    ("F", {"a": {"b": {"c": ("b", 1)}}}), ("V", None),
]


@pytest.fixture
def round_trip(raw):
    """Publishes raw properties, returns the raw properties that a get hands out."""
    client = raw()
    name = client.call(1, "queue.declare", exclusive=True).fields["queue"]

    def run(encoded):
        client.publish(1, name, b"body", properties=encoded)
        client.send(1, "basic.get", queue=name, no_ack=True)
        return client.expect("basic.get-ok").raw_properties

    return run


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_each_property_alone(round_trip, name):
    encoded = codec.encode_properties({name: EVERYTHING[name]})
    assert round_trip(encoded) == encoded


def test_no_property_at_all(round_trip):
    assert round_trip(b"\0\0") == b"\0\0"


def test_every_property_together(round_trip):
    encoded = codec.encode_properties({**EVERYTHING, "headers": {"h": "x"}})
    assert round_trip(encoded) == encoded


@pytest.mark.parametrize("letter, value", FIELDS, ids=lambda value: str(value)[:20])
def test_a_header_of_each_type(round_trip, letter, value):
    encoded = codec.encode_properties({"headers": [("key", (letter, value))]})
    assert round_trip(encoded) == encoded


def test_an_empty_header_table(round_trip):
    encoded = codec.encode_properties({"headers": {}})
    assert round_trip(encoded) == encoded


def test_header_order_and_duplicates_stay(round_trip):
    encoded = codec.encode_properties({"headers": [("z", 1), ("a", 2), ("z", 3), ("", 4)]})
    assert round_trip(encoded) == encoded


def test_many_headers(round_trip):
    encoded = codec.encode_properties({"headers": {f"key-{n}": f"value {n}" for n in range(1000)}})
    assert round_trip(encoded) == encoded


def test_deep_tables(round_trip):
    value = {"leaf": ("I", 1)}
    for _ in range(30):
        value = {"inner": value}
    encoded = codec.encode_properties({"headers": value})
    assert round_trip(encoded) == encoded


@polymq_only("3.10 refuses it: 406 invalid message: {delivery_mode_unknown,N}")
@pytest.mark.parametrize("mode", [0, 3, 255])
def test_an_odd_delivery_mode_stays(round_trip, mode):
    encoded = codec.encode_properties({"delivery_mode": mode})
    assert round_trip(encoded) == encoded


def test_a_header_that_nearly_fills_a_frame(round_trip):
    encoded = codec.encode_properties({"headers": {"big": "x" * 130000}})
    assert round_trip(encoded) == encoded


@pytest.mark.parametrize("way", ["consume", "return", "requeue"])
def test_they_pass_unchanged_by_every_way_out(raw, names, way):
    client, name = raw(), names()
    kept = {key: value for key, value in EVERYTHING.items() if key != "expiration"}
    encoded = codec.encode_properties({**kept, "headers": [("n", ("s", 5)), ("l", [1, "x"])]})
    client.call(1, "queue.declare", queue=name, exclusive=True)
    if way == "return":
        client.publish(1, "no such queue", b"m", properties=encoded, mandatory=True)
        got = client.expect("basic.return")
    elif way == "consume":
        client.publish(1, name, b"m", properties=encoded)
        client.call(1, "basic.consume", queue=name)
        got = client.expect("basic.deliver")
    else:
        client.publish(1, name, b"m", properties=encoded)
        client.send(1, "basic.get", queue=name)
        client.expect("basic.get-ok")
        client.send(1, "basic.reject", delivery_tag=1, requeue=True)
        client.send(1, "basic.get", queue=name)
        got = client.expect("basic.get-ok")
    assert got.raw_properties == encoded


def test_pika_reads_back_what_it_wrote(channel, queue):
    name = queue()
    when = datetime.datetime(2024, 5, 17, 12, 30, 15)
    headers = {"s": "text", "i": 7, "l": 2**40, "n": -5, "t": True, "none": None, "when": when,
               "list": [1, "two", False], "table": {"deep": {"er": 1}},
               "price": decimal.Decimal("12.34")}
    send(channel, name, b"m", headers=headers, content_type="text/plain", timestamp=1700000000)
    message = get(channel, name)
    assert message.headers == headers
    assert message.properties == properties(headers=headers, content_type="text/plain",
                                            timestamp=1700000000)


def test_a_dead_lettered_message_keeps_its_other_properties(channel, queue):
    dead = queue()
    name = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    kept = {key: value for key, value in EVERYTHING.items() if key != "expiration"}
    send(channel, name, b"m", headers={"mine": 1}, expiration="60000", **kept)
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    message = get(channel, dead)
    assert message.headers["mine"] == 1
    for key, value in kept.items():
        assert getattr(message.properties, key) == value
    assert message.properties.expiration is None
