"""Where the broker listens, whom it believes and who may come in."""
import os
import socket
import struct
import subprocess
import time

import pytest

from harness import brokers, codec, fixture, process, wire
from support import depth, eventually, patience, publish

ALL = [{"vhost": "*", **fixture.ALL}]
GUEST = {"name": "guest", "password": "guest", "permissions": ALL}


def over(opened):
    """A raw client on a socket that is connected already."""
    client = wire.Client.__new__(wire.Client)
    client.socket, client.timeout, client.frame_max, client._input = opened, 10, 131072, b""
    return client


def unix(path):
    opened = socket.socket(socket.AF_UNIX)
    opened.settimeout(10)
    opened.connect(path)
    return over(opened)


def test_several_listeners_at_a_time(broker):
    second, third = process.free_port(), process.free_port()
    path = f"/tmp/polymq-{os.getpid()}.sock"
    first = process.free_port()
    server = broker_at(broker, first, [f"127.0.0.1:{first}", f"[::1]:{second}", f"*:{third}",
                                       f"unix:{path}"])
    for host, port in (("127.0.0.1", first), ("::1", second), ("127.0.0.1", third),
                       ("::1", third)):
        with wire.Client(port, host) as client:
            client.open(channels=[1])
            client.close()
    with unix(path) as client:  # guest is at home here
        client.open(channels=[1])
        client.call(1, "queue.declare", queue="q")
        client.close()
    with pytest.raises(OSError):
        wire.Client(second, "127.0.0.1")
    server.stop()
    log = server.log_text()
    assert "unix" in log and "[::1]" in log
    assert not os.path.exists(path)


def broker_at(broker, port, listeners, settings=None, **options):
    return broker({**(settings or {}), "amqp.listeners": listeners}, port=port, **options)


def test_a_socket_file_of_a_killed_broker_is_replaced(broker):
    path, port = f"/tmp/polymq-stale-{os.getpid()}.sock", process.free_port()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    broker_at(broker, port, [f"127.0.0.1:{port}", f"unix:{path}"])
    with unix(path) as client:
        client.open()


def test_a_file_in_the_place_of_a_socket_is_not_touched():
    path = f"/tmp/polymq-file-{os.getpid()}"
    with open(path, "w") as out:
        out.write("precious")
    try:
        code, said = fails_to_start([f"unix:{path}"])
        assert code == 1 and path in said and said.count("\n") == 1
        with open(path) as text:
            assert text.read() == "precious"
    finally:
        os.unlink(path)


def fails_to_start(listeners):
    ended = subprocess.run(
        [brokers.PolyMQ.binary(), "--sqs-port", "0",
         "--set", f"amqp.listeners={','.join(listeners)}"],
        capture_output=True, text=True, timeout=patience(10))
    return ended.returncode, ended.stdout + ended.stderr


# PROXY protocol. All of 127.0.0.0/8 is this machine; only 127.0.0.2 is a balancer.

def from_address(server, source):
    opened = socket.create_connection(("127.0.0.1", server.port), 10, (source, 0))
    return over(opened)


def proxy_v2(source, family=0x11, command=0x21, tlvs=b""):
    address = b""
    if family == 0x11:
        address = socket.inet_aton(source) + socket.inet_aton("192.0.2.1")
    elif family == 0x21:
        address = (socket.inet_pton(socket.AF_INET6, source)
                   + socket.inet_pton(socket.AF_INET6, "2001:db8::1"))
    if address:
        address += struct.pack(">HH", 4711, 5672)
    return (b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family])
            + struct.pack(">H", len(address + tlvs)) + address + tlvs)


@pytest.fixture
def balanced(broker):
    return broker({"amqp.proxy_protocol_from": ["127.0.0.2/32"], "amqp.handshake_timeout": "1s"},
                  users=[GUEST, {"name": "far", "password": "far", "permissions": ALL}])


FAR = {
    "v1": (b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 5672\r\n", "203.0.113.7:4711"),
    "v1 ipv6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 5672\r\n", "2001:db8::7"),
    "v2": (proxy_v2("203.0.113.7"), "203.0.113.7:4711"),
    "v2 ipv6": (proxy_v2("2001:db8::7", family=0x21), "2001:db8::7"),
    "v2 with more": (proxy_v2("203.0.113.7", tlvs=b"\x04\0\x05hello"), "203.0.113.7:4711"),
}


@pytest.mark.parametrize("kind", FAR)
@pytest.mark.parametrize("pieces", [1, 1000])
def test_a_proxied_peer_is_who_the_balancer_says(balanced, kind, pieces):
    header, shown = FAR[kind]
    with from_address(balanced, "127.0.0.2") as client:
        for at in range(0, len(header), -(-len(header) // pieces)):
            client.send_bytes(header[at:at + -(-len(header) // pieces)])
        client.open(user="far", password="far", channels=[1])
        client.close()
    eventually(lambda: shown in balanced.log_text())
    # It is not this machine, so that guest is not welcome.
    with from_address(balanced, "127.0.0.2") as client:
        client.send_bytes(header)
        with pytest.raises(wire.WireError, match="403"):
            client.open()


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", proxy_v2("", family=0, command=0x20),
    b"PROXY TCP4 127.0.0.9 127.0.0.1 4711 5672\r\n"], ids=["unknown", "local", "loopback"])
def test_a_balancer_that_speaks_for_this_machine(balanced, header):
    with from_address(balanced, "127.0.0.2") as client:
        client.send_bytes(header)
        client.open()


@pytest.mark.parametrize("header", [
    codec.PROTOCOL_HEADER, b"PROXY TCP4 1.2.3 4\r\n", b"PROXY " + b"x" * 200,
    b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"\0" * 12, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"])
def test_a_balancer_must_send_a_valid_header(balanced, header):
    with from_address(balanced, "127.0.0.2") as client:
        client.send_bytes(header)
        _, seconds = client.wait_closed()
    assert seconds < patience(0.8)
    eventually(lambda: "no valid PROXY header" in balanced.log_text())


def test_a_balancer_must_not_take_its_time(balanced):
    with from_address(balanced, "127.0.0.2") as client:
        client.send_bytes(b"PROXY TCP4 1.2.3.4")
        _, seconds = client.wait_closed()
    assert 0.8 < seconds < patience(4)


def test_nobody_else_is_believed(balanced):
    with from_address(balanced, "127.0.0.3") as client:
        client.send_bytes(FAR["v1"][0])
        assert client.receive_bytes(8) == codec.PROTOCOL_HEADER
        client.wait_closed()
    with from_address(balanced, "127.0.0.3") as client:
        client.open()
    assert "203.0.113.7" not in balanced.log_text()


def test_a_silent_balancer_does_not_delay_the_stop(broker):
    server = broker({"amqp.proxy_protocol_from": ["127.0.0.2/32"],
                     "server.shutdown_timeout": "12s"})
    with from_address(server, "127.0.0.2"):
        server.client().close()
        started = time.monotonic()
        server.stop()
        assert server.exit_code == 0 and time.monotonic() - started < patience(4)


# Mechanisms

def test_anonymous_when_it_is_configured(broker):
    server = broker({"auth.anonymous_user": "visitor"}, users=[
        GUEST, {"name": "visitor", "permissions": [
            {"vhost": "/", "configure": "^$", "write": "^$", "read": "^public$"}]}])
    with server.raw() as client:
        start = client.open(mechanism="ANONYMOUS", response=b"whoever", channels=[1])
        assert start.fields["mechanisms"].split() == [b"PLAIN", b"AMQPLAIN", b"ANONYMOUS"]
        client.send(1, "queue.declare", queue="q")
        assert client.expect("channel.close").fields["text"] == (
            "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user "
            "'visitor'")
    # Without a password nobody can say to be that user.
    assert "ACCESS_REFUSED" in server.refusal(user="visitor", password="")


def test_a_mechanism_that_is_not_offered(broker):
    server = broker({"auth.mechanisms": ["AMQPLAIN"]}, users=[GUEST],
                    handshake={"mechanism": "AMQPLAIN",
                               "response": codec.table_body({"LOGIN": "guest",
                                                             "PASSWORD": "guest"})})
    assert "unknown authentication mechanism 'PLAIN'" in server.refusal()


def test_a_challenge_and_its_answer(broker):
    server = broker({"auth.mechanisms": ["PLAIN", "RABBIT-CR-DEMO"]})

    def log_in(answer):
        client = server.raw()
        client.start()
        client.login(mechanism="RABBIT-CR-DEMO", response=b"guest")
        assert client.expect("connection.secure").fields["challenge"] == \
            b"Please tell me your password"
        client.send(0, "connection.secure-ok", response=answer)
        return client

    with log_in(b"My password is guest") as client:
        client.expect("connection.tune")
    with log_in(b"My password is wrong") as client:
        assert client.expect("connection.close").fields["code"] == 403
    with log_in(b"Let me in") as client:
        assert client.expect("connection.close").fields["code"] == 502


# Permissions

def test_permissions_come_from_the_users_file(broker):
    server = broker(vhosts=[{"name": "other"}, {"name": "third"}], users=[
        GUEST,
        {"name": "everywhere", "password": "p", "permissions": [{"vhost": "*", **fixture.ALL}]},
        {"name": "narrow", "password": "p", "permissions": [
            {"vhost": "other", "configure": "^own", "write": "", "read": "own$"}]}])
    for vhost in ("/", "other", "third"):
        assert server.refusal(user="everywhere", password="p", vhost=vhost) == "accepted"
    assert server.refusal(user="narrow", password="p") == (
        "NOT_ALLOWED - access to vhost '/' refused for user 'narrow'")
    with server.client(user="narrow", password="p", vhost="other") as client:
        client.call(1, "queue.declare", queue="own")
        client.publish(1, "own", b"m")
        assert client.expect("channel.close").fields["text"] == (
            "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost 'other' refused for "
            "user 'narrow'")
        client.send(1, "channel.close-ok")
        client.call(1, "channel.open")
        client.call(1, "basic.consume", queue="own")


def test_topic_permissions(broker):
    server = broker(users=[GUEST, {
        "name": "meter", "password": "p", "permissions": [{"vhost": "/", **fixture.ALL}],
        "topic_permissions": [{"vhost": "/", "exchange": "amq.topic",
                               "write": "^{username}\\.", "read": "^{username}\\."}]}])
    with server.client(user="meter", password="p") as client:
        client.call(1, "queue.declare", queue="q")
        client.call(1, "queue.bind", queue="q", exchange="amq.topic", routing_key="meter.*")
        client.call(1, "confirm.select")
        client.publish(1, "meter.1", b"mine", exchange="amq.topic")
        client.expect("basic.ack")
        client.publish(1, "other.1", b"not mine", exchange="amq.topic")
        assert client.expect("channel.close").fields["text"] == (
            "ACCESS_REFUSED - write access to topic 'other.1' in exchange 'amq.topic' in vhost "
            "'/' refused for user 'meter'")
        client.send(1, "channel.close-ok")
        client.call(1, "channel.open")
        client.send(1, "queue.bind", queue="q", exchange="amq.topic", routing_key="other.*")
        assert client.expect("channel.close").fields["code"] == 403
    with server.client() as client:
        client.send_bytes(publish(1, "other.1", b"m", exchange="amq.topic"))
        assert depth(client, "q") == 1
