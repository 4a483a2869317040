"""Frames and content: limits, order, and how broken ones end the connection."""
import struct

import pytest

from harness import codec
from support import assert_connection_closed, eventually, expect, polymq_only

PUBLISH = codec.ids("basic.publish")
NONE = (0, 0)


@pytest.fixture
def target(raw):
    """An open raw client and a queue of its own."""
    client = raw()
    return client, client.call(1, "queue.declare", exclusive=True).fields["queue"]


def test_a_frame_too_large_is_501_and_fatal(target):
    client, queue = target
    client.send_bytes(struct.pack(">BHI", 3, 1, 200000) + b"x" * 2000)
    close = client.expect("connection.close").fields
    assert (close["code"], close["class_id"], close["method_id"]) == (501, 0, 0)
    assert close["text"] == ("FRAME_ERROR - type 3, all octets = <<>>: "
                             "{frame_too_large,200000,131064}")
    client.wait_closed()


def test_a_payload_of_exactly_frame_max_is_tolerated(raw):
    client = raw(frame_max=4096)
    queue = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    body = b"y" * 4096
    client.send(1, "basic.publish", routing_key=queue)
    client.send_header(1, len(body))
    client.send_body(1, body, chunk=4096)
    client.send(1, "basic.get", queue=queue, no_ack=True)
    assert client.expect("basic.get-ok").body == body


def test_a_wrong_frame_end_is_501_and_fatal(target):
    client, _ = target
    client.send_frame(codec.FRAME_METHOD, 1, codec.encode_method("channel.flow",
                                                                 {"active": True}), end=0x41)
    close = client.expect("connection.close").fields
    assert close["code"] == 501
    assert close["text"] == ("FRAME_ERROR - type 1, all octets = <<0,20,0,20,1>>: "
                             "{invalid_frame_end_marker,65}")
    client.wait_closed()


@pytest.mark.parametrize("kind, payload, text", [
    (7, b"abc", 'type 7, all octets = <<"abc">>: unknown_frame'),
    (8, b"abc", 'type 8, all octets = <<"abc">>: unknown_frame'),
], ids=["type-7", "heartbeat-with-payload"])
def test_an_unknown_frame_is_501(target, kind, payload, text):
    client, _ = target
    client.send_frame(kind, 0, payload)
    assert_connection_closed(client, 501, f"FRAME_ERROR - {text}", NONE)


def test_a_heartbeat_on_a_channel_is_505(target):
    client, _ = target
    client.send_frame(8, 1, b"")
    assert_connection_closed(client, 505, "UNEXPECTED_FRAME - type 8, all octets = <<>>", NONE)


@pytest.mark.parametrize("kind", [2, 3], ids=["header", "body"])
def test_content_on_channel_0_is_505(target, kind):
    client, _ = target
    client.send_frame(kind, 0, b"\0" * 14)
    close = client.expect("connection.close").fields
    assert close["code"] == 505
    assert close["text"].startswith(f"UNEXPECTED_FRAME - type {kind}, all octets = ")


def test_a_heartbeat_frame_needs_no_answer(target):
    client, queue = target
    client.send_frame(8, 0, b"")
    client.publish(1, queue, b"still here")
    client.send(1, "basic.get", queue=queue, no_ack=True)
    assert client.expect("basic.get-ok").body == b"still here"


def test_a_header_of_another_class_is_505(target):
    client, queue = target
    client.send(1, "basic.publish", routing_key=queue)
    client.send_header(1, 1, class_id=50)
    assert_connection_closed(
        client, 505, "UNEXPECTED_FRAME - expected content header for class 60, "
                     "got one for class 50 instead", PUBLISH)


def test_a_weight_other_than_zero_is_505(target):
    client, queue = target
    client.send(1, "basic.publish", routing_key=queue)
    client.send_header(1, 1, weight=1)
    close = client.expect("connection.close").fields
    assert close["code"] == 505


@polymq_only("3.10 does not check the announced size")
@pytest.mark.parametrize("size", [536870913, 2**40, 2**63])
def test_a_body_above_512_mib_is_announced_in_vain(target, size):
    client, queue = target
    client.send(1, "basic.publish", routing_key=queue)
    client.send_header(1, size)
    close = client.expect("connection.close").fields
    assert (close["code"], close["text"]) == (
        501, f"FRAME_ERROR - content body size {size} exceeds maximum allowed size 536870912")


@polymq_only("3.10 says nothing until the next method of the channel")
def test_more_body_than_announced_is_501(target):
    client, queue = target
    client.send(1, "basic.publish", routing_key=queue)
    client.send_header(1, 3)
    client.send_frame(codec.FRAME_BODY, 1, b"four")
    close = client.expect("connection.close").fields
    assert (close["code"], close["text"]) == (
        501, "FRAME_ERROR - content body frame exceeds remaining content size")


def test_a_method_where_a_header_belongs_is_505(target):
    client, queue = target
    client.send(1, "basic.publish", routing_key=queue)
    client.send(1, "channel.flow", active=True)
    assert_connection_closed(
        client, 505, "UNEXPECTED_FRAME - expected content header for class 60, "
                     "got non content header frame instead", PUBLISH)


def test_a_method_where_a_body_belongs_is_505(target):
    client, queue = target
    client.send(1, "basic.publish", routing_key=queue)
    client.send_header(1, 10)
    client.send(1, "channel.flow", active=True)
    assert_connection_closed(
        client, 505, "UNEXPECTED_FRAME - expected content body, got non content body frame "
                     "instead", PUBLISH)


@pytest.mark.parametrize("kind", [2, 3], ids=["header", "body"])
def test_content_without_a_method_is_505(target, kind):
    client, _ = target
    client.send_frame(kind, 1, struct.pack(">HHQH", 60, 0, 0, 0))
    assert_connection_closed(
        client, 505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
        NONE)


def test_content_of_two_channels_may_be_interleaved(raw):
    client = raw(channels=[1, 2])
    queue = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    for channel in (1, 2):
        client.send(channel, "basic.publish", routing_key=queue)
    for channel in (1, 2):
        client.send_header(channel, 6)
    for piece in (b"abc", b"def"):
        for channel in (2, 1):
            client.send_frame(codec.FRAME_BODY, channel, piece)
    for _ in range(2):
        def fetch():
            client.send(1, "basic.get", queue=queue, no_ack=True)
            got = client.receive()
            return got if hasattr(got, "body") else None
        assert eventually(fetch).body == b"abcdef"


def test_empty_body_frames_are_skipped(target):
    client, queue = target
    client.send(1, "basic.publish", routing_key=queue)
    client.send_header(1, 2)
    for piece in (b"", b"a", b"", b"b"):
        client.send_frame(codec.FRAME_BODY, 1, piece)
    client.send(1, "basic.get", queue=queue, no_ack=True)
    assert client.expect("basic.get-ok").body == b"ab"


def test_an_empty_message_has_no_body_frame(target):
    client, queue = target
    client.publish(1, queue)
    client.send(1, "basic.get", queue=queue, no_ack=True)
    assert client.expect("basic.get-ok").body == b""
    client.call(1, "channel.flow", active=True)  # nothing came in between


def test_an_unknown_method_ends_the_connection(target):
    client, _ = target
    client.send_frame(codec.FRAME_METHOD, 1, struct.pack(">HH", 60, 99))
    seen, _ = client.wait_closed()
    assert expect(rabbitmq=[], polymq=[503]) == [method.fields["code"] for method in seen]


def test_an_unknown_field_type_in_a_method_ends_the_connection(target):
    client, _ = target
    bad = codec.shortstr("key") + b"Z" + b"\0\0\0\0"
    client.send(1, "queue.declare", queue="never", arguments=bad)
    seen, _ = client.wait_closed()
    assert expect(rabbitmq=[], polymq=[502]) == [method.fields["code"] for method in seen]


def test_an_unknown_field_type_in_a_header_is_541(target):
    client, queue = target
    table = codec.longstr(codec.shortstr("key") + b"Z\0\0\0\0")
    client.publish(1, queue, b"x", properties=struct.pack(">H", 1 << 13) + table)
    close = client.expect("connection.close").fields
    assert (close["code"], close["class_id"], close["method_id"]) == (541, 0, 0)
    assert close["text"].startswith("INTERNAL_ERROR")


@pytest.mark.parametrize("name, arguments", [
    ("basic.qos", b"\0\0\0\0"),
    ("basic.qos", b"\0\0\0\0\0\1\0extra"),
    ("queue.purge", b"\0\0\x20short"),
    ("tx.select", b"more"),
], ids=["too-short", "too-long", "string-cut", "unexpected"])
def test_an_argument_list_of_the_wrong_length_is_501(target, name, arguments):
    client, _ = target
    client.send_frame(codec.FRAME_METHOD, 1, struct.pack(">HH", *codec.ids(name)) + arguments)
    close = client.expect("connection.close").fields
    assert (close["code"], close["class_id"], close["method_id"]) == (501, *codec.ids(name))
    octets = ",".join(str(octet) for octet in arguments)
    assert close["text"] == f"FRAME_ERROR - cannot decode <<{octets}>>"


@polymq_only("3.10 takes any octets as a name")
def test_a_name_that_is_not_utf8_is_501(target):
    client, _ = target
    client.send(1, "queue.declare", queue=b"\xff\xfe")
    close = client.expect("connection.close").fields
    assert close["code"] == 501
    assert "Malformed UTF-8 in shortstr" in close["text"]


def test_a_large_body_travels_in_many_frames(target):
    client, queue = target
    body = bytes(range(256)) * 4096 * 4  # 4 MiB
    client.publish(1, queue, body)
    client.send(1, "basic.get", queue=queue, no_ack=True)
    assert client.expect("basic.get-ok").body == body


def test_frames_may_arrive_octet_by_octet(target):
    client, queue = target
    data = (codec.frame(1, 1, codec.encode_method("basic.publish", {"routing_key": queue}))
            + codec.frame(2, 1, struct.pack(">HHQH", 60, 0, 5, 0))
            + codec.frame(3, 1, b"hello")
            + codec.frame(1, 1, codec.encode_method("basic.get", {"queue": queue})))
    for octet in data:
        client.send_bytes(bytes([octet]))
    assert client.expect("basic.get-ok").body == b"hello"
