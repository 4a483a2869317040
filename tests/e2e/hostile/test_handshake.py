"""Connections that never get to the point."""
import contextlib
import random
import time

import pytest

from harness import codec, wire
from support import (MIB, assert_grew_less, eventually, method, patience, scale, silent_socket,
                     whole_handshake)


def test_a_handshake_byte_by_byte_is_a_handshake(broker):
    with broker().raw() as client:
        for octet in whole_handshake():
            client.send_bytes(bytes([octet]))
        for name in ("connection.start", "connection.tune", "connection.open-ok"):
            client.expect(name)


def test_a_slow_loris_is_cut_off(broker, bystander):
    server = broker({"amqp.handshake_timeout": "1s"})
    watcher = bystander(server)
    started = time.monotonic()
    with server.raw() as client, pytest.raises((wire.Closed, OSError)):
        for octet in whole_handshake() * 4:
            client.send_bytes(bytes([octet]))
            time.sleep(0.02)
    assert 0.9 < time.monotonic() - started < patience(4)
    watcher.was_served()


STEPS = {
    "nothing": b"",
    "half of the protocol header": codec.PROTOCOL_HEADER[:4],
    "the protocol header": codec.PROTOCOL_HEADER,
    "half of start-ok": whole_handshake()[:60],
    "all but open": whole_handshake()[:-30],
}


@pytest.mark.parametrize("step", STEPS)
def test_a_handshake_that_stops_is_ended_in_time(broker, step):
    server = broker({"amqp.handshake_timeout": "500ms"})
    with server.raw() as client:
        client.send_bytes(STEPS[step])
        _, seconds = client.wait_closed(patience(4))
    assert 0.4 < seconds < patience(3)
    assert "handshake timed out" in eventually(
        lambda: server.log_text() if "timed out" in server.log_text() else None)


def test_thousands_of_silent_sockets_are_closed_and_others_served(broker, bystander):
    server = broker({"amqp.handshake_timeout": "2s"})
    watcher = bystander(server)
    descriptors, memory = server.descriptors(), server.memory()
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(silent_socket(server)) for _ in range(scale(3000))]
        for one in silent[::2]:
            one.sendall(codec.PROTOCOL_HEADER)
        eventually(lambda: server.descriptors() >= descriptors + len(silent) // 2)
        print(f"{(server.memory() - memory) / len(silent):.0f} bytes each")
        assert_grew_less(server, memory, len(silent) * 16384)
        server.client().close()
        eventually(lambda: server.descriptors() <= descriptors + 2,
                   message="silent sockets were not closed")
    watcher.was_served()


def test_half_frames_are_waited_for_without_harm(broker, bystander):
    server = broker()
    watcher, memory = bystander(server), server.memory()
    frame = method(1, "queue.declare", queue="half", arguments={"x": "y" * 60000})
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(100)]
        for client in clients:
            client.send_bytes(frame[:-1000])
        time.sleep(0.3)
        assert_grew_less(server, memory, 100 * MIB // 4)
        watcher.was_served()
        for client in clients:
            client.send_bytes(frame[-1000:])
        for client in clients:
            client.expect("queue.declare-ok")


@pytest.mark.parametrize("greeting", [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\0" * 100, b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x01\x00\x00", b"HELO", b"\xff" * 70000],
    ids=["http", "tls", "zeros", "sasl", "amqp1", "smtp", "ones"])
def test_another_protocol_is_told_ours_and_closed(broker, greeting):
    with broker().raw() as client:
        client.send_bytes(greeting)
        assert client.receive_bytes(8) == codec.PROTOCOL_HEADER
        _, seconds = client.wait_closed()
    assert seconds < patience(1)


@pytest.mark.parametrize("size", [9000, 2**20, 2**31, 2**32 - 1])
def test_before_login_frames_are_small(broker, size):
    server = broker()
    memory = server.memory()
    with server.raw() as client:
        client.start()
        client.send_bytes(b"\x01\x00\x00" + size.to_bytes(4, "big") + b"\x00\x0a\x00\x0b" * 10)
        assert client.expect("connection.close").fields["code"] == 501
        client.wait_closed()
    assert_grew_less(server, memory, 4 * MIB)


def nested(levels):
    """A table in a table in a table ..."""
    inner = b""
    for _ in range(levels):
        inner = codec.shortstr("t") + b"F" + codec.longstr(inner)
    return inner


def nested_arrays(levels):
    inner = b""
    for _ in range(levels):
        inner = b"A" + codec.longstr(inner)
    return codec.shortstr("a") + inner


# The encoders are quadratic: as deep as fits into a frame, made once.
DEEP = {"tables": nested(18000), "arrays": nested_arrays(25000)}


@pytest.mark.parametrize("shape", DEEP)
@pytest.mark.parametrize("where", ["arguments", "headers", "binding", "client properties"])
def test_nesting_without_end_harms_nobody(broker, bystander, shape, where):
    server = broker({"amqp.initial_frame_max": "128KiB"})
    watcher, table = bystander(server), DEEP[shape]
    with server.raw() as client:
        if where == "client properties":
            client.start()
            client.send(0, "connection.start-ok", properties=table, mechanism="PLAIN",
                        response="\0guest\0guest", locale="en_US")
        else:
            client.open(channels=[1])
            client.call(1, "exchange.declare", exchange="h", type="headers")
            client.call(1, "queue.declare", queue="q")
            client.call(1, "queue.bind", queue="q", exchange="h", arguments={"x-match": "any"})
        if where == "arguments":
            client.send(1, "queue.declare", queue="deep", arguments=table)
        elif where == "binding":
            client.send(1, "queue.bind", queue="q", exchange="h", arguments=table)
        elif where == "headers":
            client.publish(1, "q", b"m", exchange="h", properties={"headers": table})
            client.publish(1, "q", b"m", properties={"headers": table})
            client.send(1, "basic.get", queue="q")
        answer = client.receive()
        print(str(answer)[:200])
    watcher.was_served()


LENGTHS = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x01\x00\x00"]


@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: length.hex())
@pytest.mark.parametrize("shape", ["table", "string", "array", "inner table"])
def test_a_length_beyond_the_frame_is_an_error(broker, length, shape):
    field = {"table": length + b"\x01xt\x01", "string": b"\0\0\0\x0b\x01xS" + length + b"abcd",
             "array": b"\0\0\0\x0b\x01xA" + length + b"abcd",
             "inner table": b"\0\0\0\x0b\x01xF" + length + b"abcd"}[shape]
    server = broker()
    memory = server.memory()
    with server.client() as client:
        client.send_frame(codec.FRAME_METHOD, 1, b"\x00\x32\x00\x0a\x00\x00\x01q\x00" + field)
        assert client.expect("connection.close").fields["code"] in (501, 502)
    assert_grew_less(server, memory, 4 * MIB)
    server.client().close()


def test_noise_ends_the_connection_that_makes_it(broker, bystander):
    server, chance = broker(), random.Random(4711)
    watcher, descriptors = bystander(server), server.descriptors()
    for _ in range(scale(400)):
        with server.raw() as client:
            noise = chance.randbytes(chance.randrange(1, 300))
            if chance.random() < 0.8:
                noise = (b"\x01\x00" + bytes([chance.randrange(3)]) + len(noise).to_bytes(4, "big")
                         + noise + b"\xce")
            with contextlib.suppress(OSError):
                client.send_bytes(whole_handshake() + method(1, "channel.open") + noise)
    eventually(lambda: server.descriptors() <= descriptors + 1)
    watcher.was_served()
