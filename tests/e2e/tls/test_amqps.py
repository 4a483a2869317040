"""AMQP over TLS: pika, and a raw client where a library is too polite."""
import contextlib
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pika
import pytest

from harness import brokers, codec, wire
from harness.certificates import Authority

MIB = 1024 * 1024


@contextlib.contextmanager
def channel_of(server, files=None, **options):
    parameters = pika.ConnectionParameters(
        "localhost", server.tls_port, ssl_options=pika.SSLOptions(server.context(files)),
        **options)
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def test_a_client_that_checks_the_server_publishes_and_consumes(server, eventually):
    with channel_of(server, client_properties={"connection_name": "careful"}) as channel:
        channel.confirm_delivery()
        queue = channel.queue_declare("", exclusive=True).method.queue
        body = os.urandom(5 * MIB)
        channel.basic_publish("", queue, body)
        assert channel.basic_get(queue, auto_ack=True)[2] == body
    line = eventually(lambda: [line for line in server.log_text().splitlines()
                               if "name=careful" in line])[0]
    assert "TLSv1.3 TLS_" in line and "certificate" not in line


def test_a_client_that_does_not_know_the_authority_goes(server, eventually):
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(
            socket.create_connection(("127.0.0.1", server.tls_port)), server_hostname="localhost")
    eventually(lambda: "unknown ca" in server.log_text())


def test_clients_of_all_shards_get_their_messages(server):
    """Twelve clients on three threads, each with what another sent."""
    names = [f"ring-{i}" for i in range(12)]
    failed = []

    def take_part(i):
        try:
            with channel_of(server) as channel:
                channel.queue_declare(names[i])
                channel.queue_declare(names[i - 1])
                for n in range(500):
                    channel.basic_publish("", names[i - 1], str(n).encode())
                messages = channel.consume(names[i], auto_ack=True, inactivity_timeout=20)
                got = [body for _, (_, _, body) in zip(range(500), messages)]
                assert got == [str(n).encode() for n in range(500)]
                channel.cancel()
                channel.queue_delete(names[i])
        except Exception as error:  # told by the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=take_part, args=(i,)) for i in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_large_messages_wait_for_a_consumer_that_does_not_read(server, highest):
    bodies = [os.urandom(4 * MIB + i) for i in range(8)]
    with server.client(highest=highest) as consumer:
        queue = consumer.call(1, "queue.declare", exclusive=True).fields["queue"]
        for body in bodies:
            consumer.publish(1, queue, body)
        consumer.send(1, "basic.consume", queue=queue, no_ack=True)
        time.sleep(0.5)  # it does not read: its socket is full long before
        consumer.expect("basic.consume-ok")
        for body in bodies:
            assert consumer.expect("basic.deliver").body == body
        consumer.close()


def test_many_small_messages_in_both_directions_at_once(server):
    count = 30_000
    digest, heard = hashlib.sha256(), hashlib.sha256()
    with server.client() as publisher, server.client() as consumer:
        publisher.call(1, "confirm.select")
        consumer.call(1, "queue.declare", queue="small", exclusive=True)
        consumer.call(1, "basic.consume", queue="small", no_ack=True)

        def publish():
            for begin in range(0, count, 500):
                piece = b""
                for i in range(begin, begin + 500):
                    body = b"%d" % i
                    digest.update(body)
                    piece += (codec.frame(1, 1, codec.encode_method(
                        "basic.publish", {"routing_key": "small"}))
                        + codec.frame(2, 1, b"\0\x3c\0\0" + len(body).to_bytes(8, "big") + b"\0\0")
                        + codec.frame(3, 1, body))
                publisher.send_bytes(piece)

        thread = threading.Thread(target=publish)
        thread.start()
        for _ in range(count):
            heard.update(consumer.expect("basic.deliver").body)
        thread.join()
        assert heard.digest() == digest.digest()
        confirmed = 0
        while confirmed < count:
            confirmed = publisher.expect("basic.ack").fields["delivery_tag"]


def test_who_asks_without_reading_is_not_read_and_loses_nothing(start):
    server = start({"amqp.output_buffer_limit": "64KiB"})
    body, count = os.urandom(100_000), 400
    with server.client() as client, server.client() as other:
        client.call(1, "queue.declare", queue="q")
        for _ in range(count):
            client.publish(1, "q", body)
        for _ in range(count):
            client.send(1, "basic.get", queue="q", no_ack=True)
        time.sleep(1)
        left = other.call(1, "queue.declare", queue="q", passive=True).fields["message_count"]
        assert left > count // 2, "answers are not made faster than they go"
        for _ in range(count):
            assert client.expect("basic.get-ok").body == body


# Certificates of clients

@pytest.fixture(scope="module")
def strict(start, authority):
    return start({"tls.client_certificates": "required", "tls.ca": authority.certificate})


def test_a_required_certificate_lets_in_and_is_named_in_the_log(strict, authority, eventually):
    with channel_of(strict, authority.issue("worker-7")) as channel:
        channel.queue_declare("", exclusive=True)
    eventually(lambda: "certificate=worker-7" in strict.log_text())


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["none", "foreign"])
def test_without_a_good_one_nobody_gets_in(strict, tmp_path, kind, highest, eventually):
    files = None if kind == "none" else Authority(tmp_path, "another").issue("mallory")
    with pytest.raises((OSError, wire.WireError)):
        with strict.raw(files=files, highest=highest) as client:
            client.start()
    reason = "peer did not return a certificate" if kind == "none" else "certificate verify failed"
    eventually(lambda: reason in strict.log_text())


def test_an_optional_one_may_be_missing_but_not_foreign(start, authority, tmp_path):
    server = start({"tls.client_certificates": "optional", "tls.ca": authority.certificate})
    with server.client() as client:
        client.close()
    with server.client(files=authority.issue("known")) as client:
        client.close()
    with pytest.raises((OSError, wire.WireError)):
        server.client(files=Authority(tmp_path, "another").issue("mallory"))


# Who does not speak TLS as it should

@pytest.fixture(scope="module")
def impatient(start):
    return start({"amqp.handshake_timeout": "1s", "amqp.proxy_protocol_from": ["127.0.0.2/32"]})


HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x55" * 40


@pytest.mark.parametrize("said", [b"", b"\x16", HELLO], ids=["nothing", "an octet", "half a hello"])
def test_a_handshake_that_is_not_finished_is_ended_in_time(impatient, said, eventually):
    with impatient.plain_socket_at_tls() as client:
        client.send_bytes(said)
        _, seconds = client.wait_closed()
    assert seconds > 0.7
    eventually(lambda: "TLS handshake failed" in impatient.log_text()
               and "it took too long" in impatient.log_text())


def test_one_that_is_slow_but_in_time_is_served(server):
    with server.plain_socket_at_tls() as raw:
        def send(octets):
            for octet in octets:
                raw.send_bytes(bytes([octet]))
                time.sleep(0.0005)

        def receive():
            raw._fill(1, time.monotonic() + 10)
            received, raw._input = raw._input, b""
            return received

        tls, incoming, outgoing = server.shake_hands(send, receive)
        tls.write(codec.PROTOCOL_HEADER)
        raw.send_bytes(outgoing.read())
        while True:
            incoming.write(receive())
            with contextlib.suppress(ssl.SSLWantReadError):
                assert tls.read(65536)[:1] == b"\x01"
                break


@pytest.mark.parametrize("said, name", [
    (codec.PROTOCOL_HEADER, "AMQP without TLS"), (b"GET / HTTP/1.1\r\n\r\n", "HTTP without TLS"),
    (b"\xff" * 70_000, "not TLS"), (b"\x16\x03\x01\xff\xff" + b"x" * 70_000, "reason=")],
    ids=["amqp", "http", "noise", "a record too long"])
def test_what_is_no_tls_is_closed_at_once_and_named(start, said, name, eventually):
    server = start()
    with server.plain_socket_at_tls() as client:
        with contextlib.suppress(OSError):
            client.send_bytes(said)
        with contextlib.suppress(wire.WireError, ValueError):
            client.wait_closed()
    eventually(lambda: "TLS handshake failed" in server.log_text() and name in server.log_text())
    with server.client() as client:
        client.close()


def test_tls_on_the_plain_port_is_told_amqp(server):
    with wire.Client(server.port) as client:
        client.send_bytes(HELLO)
        assert client.receive_bytes(8) == codec.PROTOCOL_HEADER


def test_a_balancers_header_comes_ahead_of_tls(impatient, eventually):
    opened = socket.create_connection(("127.0.0.1", impatient.tls_port), 10, ("127.0.0.2", 0))
    opened.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 5671\r\n")
    client = wire.Client.__new__(wire.Client)
    client.timeout, client.frame_max, client._input = 10, 131072, b""
    client.socket = impatient.context().wrap_socket(opened, server_hostname="localhost")
    with client, pytest.raises(wire.WireError, match="403"):
        client.open()  # guest is no longer on this machine
    eventually(lambda: "203.0.113.7:4711" in impatient.log_text())


# The end

def test_the_end_is_told_as_tls_has_it(start):
    server = start()
    with server.client() as client, server.client() as leaving:
        leaving.close()
        leaving.socket.close()
        os.kill(server.process.pid, signal.SIGTERM)
        assert client.expect("connection.close").fields["code"] == 320
        client.send(0, "connection.close-ok")
        with pytest.raises(wire.Closed, match="end of stream"):  # a cut would be an SSLEOFError
            client.receive_frame()


def test_a_client_that_vanishes_is_noticed(server):
    with server.client() as client:
        client.call(1, "queue.declare", queue="held")
        client.publish(1, "held", b"m")
        with server.client() as other:
            other.call(1, "basic.consume", queue="held")
            assert other.expect("basic.deliver").body == b"m"
        deadline = time.monotonic() + 20
        while client.call(1, "queue.declare", queue="held",
                          passive=True).fields["message_count"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        client.call(1, "queue.delete", queue="held")


# Operation

def s_client(server, *arguments, port=None, said=b""):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port or server.tls_port}",
         "-servername", "localhost", "-CAfile", server.authority.certificate,
         "-verify_return_error", *arguments], input=said, capture_output=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


def test_openssls_own_client(server):
    code, text = s_client(server, "-tls1_3", "-brief")
    assert code == 0 and b"Verification: OK" in text and b"TLSv1.3" in text
    code, text = s_client(server, "-tls1_2", "-reconnect")
    assert code == 0 and text.count(b"Reused, TLSv1.2") == 5
    code, text = s_client(server, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    assert code != 0
    code, text = s_client(server, "-alpn", "h2,http/1.1", port=server.sqs_tls_port)
    assert code == 0 and b"ALPN protocol: http/1.1" in text
    code, text = s_client(server, "-alpn", "h2", port=server.sqs_tls_port)
    assert code != 0 and b"no application protocol" in text


def serial(server):
    with server.raw() as client:
        return client.socket.getpeercert()["serialNumber"]


def test_new_certificates_are_taken_on_a_reload(start, authority, tmp_path, eventually):
    files = [str(tmp_path / "own.pem"), str(tmp_path / "own.key")]

    def install(name):
        for ours, made in zip(files, authority.issue(name)):
            os.replace(made, ours)

    def reload():
        before = server.log_text().count("reading the configuration again")
        os.kill(server.process.pid, signal.SIGHUP)
        eventually(lambda: server.log_text().count("reading the configuration again") > before)

    install("first")
    server = start(files=files, tolerated=["the configuration was not reloaded"])
    before = serial(server)
    with server.client() as client:
        install("second")
        reload()
        after = eventually(lambda: serial(server) != before and serial(server))
        with open(files[1], "w") as out:
            out.write("nonsense")
        reload()
        eventually(lambda: f"tls.key: {files[1]}: " in server.log_text())
        assert serial(server) == after
        client.call(1, "queue.declare", queue="", exclusive=True)


def test_a_start_that_cannot_be_says_why(server_files, tmp_path):
    certificate, key = server_files
    other = Authority(tmp_path, "another").issue("other")[1]
    for settings, parts in [
            ({"tls.certificate": certificate, "tls.key": str(tmp_path / "none")},
             ["tls.key", str(tmp_path / "none"), "No such file"]),
            ({"tls.certificate": certificate, "tls.key": other},
             ["tls.key", other, "is not the key of the certificate"]),
            ({"tls.certificate": certificate}, ["tls.certificate", "needs tls.key"])]:
        arguments = [f"--set={name}={value}" for name, value in settings.items()]
        for command in (["server", "--amqp-port=0", "--sqs-port=0", "--amqp-tls-port=0",
                         "--sqs-tls-port=0"], ["config", "check"]):
            done = subprocess.run([brokers.PolyMQ.binary(), *command, *arguments],
                                  capture_output=True, text=True, timeout=20)
            assert done.returncode != 0
            said = done.stdout + done.stderr
            assert any(all(part in line for part in parts) for line in said.splitlines()), said
