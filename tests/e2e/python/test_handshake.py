"""Protocol header, SASL, tune, open: what the broker offers and what it refuses."""
import struct
import time

import pytest

from harness import codec
from support import expect, polymq_only

NOT_SERVED = b"AMQP\x00\x00\x09\x01"
LOGIN_REFUSED = ("ACCESS_REFUSED - Login was refused using authentication mechanism {}. "
                 "For details see the broker logfile.")


@pytest.mark.parametrize("header", [b"AMQP\x00\x00\x09\x01", b"AMQP\x01\x01\x00\x09"],
                         ids=["0-9-1", "0-9"])
def test_a_header_of_0_9_is_served(raw, header):
    start = raw(handshake=False).start(header).fields
    assert (start["major"], start["minor"]) == (0, 9)


@pytest.mark.parametrize("header, answer", [
    (b"AMQP\x00\x00\x09\x02", b"AMQP\x00\x00\x09\x01"),
    (b"AMQP\x09\x09\x09\x09", NOT_SERVED),
    (b"GET / HT", NOT_SERVED),
    (b"garbage!", NOT_SERVED),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01", NOT_SERVED),
], ids=["0-9-2", "9-9-9-9", "http", "garbage", "tls"])
def test_another_header_is_answered_with_a_served_one_and_closed(raw, header, answer):
    client = raw(handshake=False)
    client.send_bytes(header)
    assert client.receive_bytes(8) == answer
    client.wait_closed()


def test_start_names_the_server_and_its_mechanisms(raw):
    start = raw(handshake=False).start().fields
    assert {"PLAIN", "AMQPLAIN"} <= set(start["mechanisms"].decode().split())
    assert start["locales"] == b"en_US"
    for key in ("product", "version", "platform", "copyright", "information", "cluster_name"):
        assert isinstance(start["properties"][key], str), key


def test_anonymous_is_not_offered(raw):
    start = raw(handshake=False).start().fields
    assert "ANONYMOUS" not in start["mechanisms"].decode().split()


@pytest.mark.parametrize("capability", [
    "publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
    "connection.blocked", "consumer_priorities", "authentication_failure_close",
    "per_consumer_qos", "direct_reply_to"])
def test_start_announces_the_capability(raw, capability):
    start = raw(handshake=False).start().fields
    assert start["properties"]["capabilities"][capability] is True


@pytest.mark.parametrize("vhost", ["/", "e2e", "policies"])
def test_a_vhost_opens(raw, vhost):
    raw(vhost=vhost)


def test_amqplain_logs_in(raw):
    raw(mechanism="AMQPLAIN",
        response=codec.table_body({"LOGIN": "guest", "PASSWORD": "guest"}))


def test_the_tune_proposal(raw):
    client = raw(handshake=False)
    client.start()
    client.login()
    assert client.expect("connection.tune").fields == {
        "channel_max": 2047, "frame_max": 131072, "heartbeat": 60}


WRONG_CREDENTIALS = [
    ("PLAIN", b"\0guest\0wrong"),
    ("PLAIN", b"\0no-such-user\0guest"),
    ("PLAIN", b"\0guest\0"),
    ("AMQPLAIN", codec.table_body({"LOGIN": "guest", "PASSWORD": "wrong"})),
]


@pytest.mark.parametrize("mechanism, response", WRONG_CREDENTIALS,
                         ids=["wrong-password", "unknown-user", "no-password", "amqplain"])
def test_wrong_credentials_are_told_to_who_announced_it(raw, mechanism, response):
    client = raw(handshake=False)
    client.start()
    client.login(mechanism=mechanism, response=response)
    close = client.expect("connection.close").fields
    assert close == {"code": 403, "text": LOGIN_REFUSED.format(mechanism),
                     "class_id": 0, "method_id": 0}
    client.wait_closed()


def test_wrong_credentials_only_close_the_socket_of_who_did_not(raw):
    client = raw(handshake=False)
    client.start()
    client.login(password="wrong", capabilities={})
    seen, _ = client.wait_closed()
    assert seen == []


def refused_handshake(client, code, text=None):
    """RabbitMQ 3.10 resets the socket; PolyMQ may tell the reason first."""
    seen, _ = client.wait_closed()
    if expect(rabbitmq=True, polymq=False):
        assert seen == []
    for method in seen:
        assert (method.name, method.fields["code"]) == ("connection.close", code)
        assert text is None or text in method.fields["text"]


@pytest.mark.parametrize("mechanism, response, code", [
    ("NO-SUCH-MECHANISM", b"", 503),
    ("PLAIN", b"no separators", 502),
    ("PLAIN", b"", 502),
    ("AMQPLAIN", b"\x05LOG", 502),
], ids=["mechanism", "plain-without-nul", "plain-empty", "amqplain-truncated"])
def test_a_malformed_login_ends_the_connection(raw, mechanism, response, code):
    client = raw(handshake=False)
    client.start()
    client.login(mechanism=mechanism, response=response)
    seen, _ = client.wait_closed()
    for method in seen:
        assert method.name == "connection.close"
        assert method.fields["code"] in (code, 403, 501)


@pytest.mark.parametrize("tune, text", [
    ({"channel_max": 0, "frame_max": 131072},
     "negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)"),
    ({"channel_max": 4096, "frame_max": 131072},
     "negotiated channel_max = 4096 is higher than the maximum allowed value (2047)"),
    ({"channel_max": 2047, "frame_max": 0},
     "negotiated frame_max = 0 (no limit) is higher than the maximum allowed value (131072)"),
    ({"channel_max": 2047, "frame_max": 262144},
     "negotiated frame_max = 262144 is higher than the maximum allowed value (131072)"),
    ({"channel_max": 2047, "frame_max": 1024},
     "negotiated frame_max = 1024 is lower than the minimum allowed value (4096)"),
], ids=["no-channel-limit", "many-channels", "no-frame-limit", "big-frames", "small-frames"])
def test_tune_ok_out_of_bounds_is_refused(raw, tune, text):
    client = raw(handshake=False)
    client.start()
    client.login()
    client.expect("connection.tune")
    client.send(0, "connection.tune-ok", heartbeat=0, **tune)
    refused_handshake(client, 530, text)


@pytest.mark.parametrize("frame_max", [4096, 8192, 131072])
def test_a_smaller_frame_size_is_kept_to(raw, names, frame_max):
    client = raw(frame_max=frame_max)
    queue = client.call(1, "queue.declare", exclusive=True).fields["queue"]
    body = b"x" * 20000
    client.publish(1, queue, body)
    client.send(1, "basic.get", queue=queue, no_ack=True)
    sizes, got = [], 0
    while got < len(body):
        kind, _, payload = client.receive_frame()
        sizes.append(len(payload) + 8)
        got += len(payload) if kind == codec.FRAME_BODY else 0
    assert max(sizes) <= frame_max


def open_vhost(client, vhost, **login):
    client.start()
    client.login(**login)
    client.expect("connection.tune")
    client.send(0, "connection.tune-ok", channel_max=2047, frame_max=131072)
    client.send(0, "connection.open", vhost=vhost)


@pytest.mark.parametrize("user, vhost, text", [
    ("guest", "no-such-vhost", "NOT_ALLOWED - vhost no-such-vhost not found"),
    ("guest", "", "NOT_ALLOWED - vhost  not found"),
    ("nobody", "/", "NOT_ALLOWED - access to vhost '/' refused for user 'nobody'"),
    ("limited", "e2e", "NOT_ALLOWED - access to vhost 'e2e' refused for user 'limited'"),
], ids=["missing", "empty-name", "no-permission", "other-vhost"])
def test_open_of_a_vhost_is_refused(raw, user, vhost, text):
    client = raw(handshake=False)
    password = {"guest": "guest"}.get(user, f"{user}-pw")
    open_vhost(client, vhost, user=user, password=password)
    assert client.expect("connection.close").fields == {
        "code": 530, "text": text, "class_id": 10, "method_id": 40}
    client.send(0, "connection.close-ok")
    client.wait_closed()


def test_channel_methods_before_open_end_the_connection(raw):
    client = raw(handshake=False)
    client.start()
    client.login()
    client.expect("connection.tune")
    client.send(1, "channel.open")
    refused_handshake(client, 505)


def test_start_ok_twice_ends_the_connection(raw):
    client = raw(handshake=False)
    client.start()
    client.login()
    client.expect("connection.tune")
    client.login()
    seen, _ = client.wait_closed()
    assert all(method.name == "connection.close" for method in seen)


def test_a_second_open_is_504(raw):
    client = raw()
    client.send(0, "connection.open", vhost="/")
    close = client.expect("connection.close").fields
    assert close == {"code": 504, "class_id": 10, "method_id": 40, "text":
                     "CHANNEL_ERROR - unexpected method in connection state running"}


def test_a_handshake_that_never_comes_is_given_up(raw):
    client = raw(handshake=False)
    started = time.monotonic()
    client.start()
    seen, _ = client.wait_closed(20)
    assert seen == []
    assert 5 < time.monotonic() - started < 18


def test_half_a_protocol_header_gets_no_answer_yet(raw):
    client = raw(handshake=False)
    client.send_bytes(b"AMQP")
    assert client.silent(0.2)
    client.send_bytes(b"\x00\x00\x09\x01")
    client.expect("connection.start")


def test_the_handshake_survives_any_fragmentation(raw):
    client = raw(handshake=False)
    start_ok = codec.frame(1, 0, codec.encode_method("connection.start-ok", {
        "mechanism": "PLAIN", "response": b"\0guest\0guest", "locale": "en_US"}))
    client.start()
    for position in range(0, len(start_ok), 3):
        client.send_bytes(start_ok[position:position + 3])
    client.expect("connection.tune")


def test_the_rest_of_the_handshake_may_be_pipelined(raw):
    client = raw(handshake=False)
    client.send_bytes(codec.PROTOCOL_HEADER)
    client.login()
    client.send(0, "connection.tune-ok", channel_max=2047, frame_max=131072)
    client.send(0, "connection.open", vhost="/")
    client.send(1, "channel.open")
    for name in ("connection.start", "connection.tune", "connection.open-ok", "channel.open-ok"):
        client.expect(name)


def test_client_properties_of_every_type_are_taken(raw):
    raw(properties={"product": "e2e", "connection_name": "e2e handshake", "n": 1, "f": 1.5,
                    "nested": {"list": [1, "two", None]}, "d": ("D", (2, 314)), "T": ("T", 1)})


@polymq_only("a frame larger than the limit before login resets the socket in 3.10")
def test_a_frame_above_the_limit_before_login_ends_the_connection(raw):
    client = raw(handshake=False)
    client.start()
    client.send_bytes(struct.pack(">BHI", 1, 0, 200000) + b"x" * 1000)
    seen, _ = client.wait_closed()
    assert all(method.name == "connection.close" for method in seen)
