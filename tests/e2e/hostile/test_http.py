"""HTTP on the port for SQS: framing, limits, time, many clients, the end."""
import contextlib
import http.client
import os
import socket
import time

import pytest

from harness import process
from support import MIB, PATIENCE, assert_grew_less, eventually, patience, scale

GET = b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture
def served(broker):
    """served({"sqs.key": value}) -> a broker with `http_port`."""
    def start(settings=None, **options):
        port = process.free_port()
        server = broker({"sqs.listeners": [f"127.0.0.1:{port}"], **(settings or {})}, **options)
        server.http_port = port
        return server
    return start


class Raw:
    """A socket, and the responses that come out of it."""

    def __init__(self, server_or_socket):
        if not isinstance(server_or_socket, socket.socket):
            server_or_socket = socket.create_connection(("127.0.0.1", server_or_socket.http_port))
        self.socket = server_or_socket
        self.socket.settimeout(patience(PATIENCE))
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        data = self.socket.recv(65536)
        self.input += data
        return data

    def response(self):
        """(status, fields, body); status None at the end of the stream."""
        while b"\r\n\r\n" not in self.input:
            if not self._fill():
                assert not self.input, f"a torn response: {self.input}"
                return None, {}, b""
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = int(fields.get("content-length", 0))
        while len(self.input) < size:
            assert self._fill(), "the body is torn"
        body, self.input = self.input[:size], self.input[size:]
        return int(first.split(" ")[1]), fields, body

    def status(self):
        return self.response()[0]

    def ended(self):
        return not self.input and self._fill() == b""


def post(body, *fields):
    lines = [b"POST / HTTP/1.1", b"Host: here", *fields]
    if not any(field.lower().startswith(b"transfer-encoding") for field in fields):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# Requests and answers

def test_a_standard_client_keeps_its_connection(served):
    client = http.client.HTTPConnection("127.0.0.1", served().http_port, patience(PATIENCE))
    sockets = set()
    for path, status in (("/health", 200), ("/", 404), ("/health?a=b", 200)) * 20:
        client.request("GET", path)
        answer = client.getresponse()
        body = answer.read()
        assert answer.status == status and answer.getheader("Date").endswith(" GMT")
        assert (b'"status":"ok"' in body) == (status == 200)
        sockets.add(client.sock)
    assert len(sockets) == 1, "it was closed in between"
    client.request("POST", "/q", body=iter([b"some", b"chunks"]), encode_chunked=True,
                   headers={"Transfer-Encoding": "chunked"})
    assert client.getresponse().status == 404
    client.close()


def test_pipelined_requests_are_answered_in_order(served):
    with Raw(served()) as client:
        client.send(b"".join(GET + post(b"x" * i) for i in range(300)))
        for _ in range(300):
            assert client.status() == 200
            assert client.status() == 404


def test_octet_by_octet(served):
    with Raw(served()) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in GET + post(b"5\r\nhello\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"):
            client.send(bytes([octet]))
        assert client.status() == 200
        assert client.status() == 404


def test_a_client_that_waits_for_100_gets_it(served):
    with Raw(served()) as client:
        client.send(post(b"12345", b"Expect: 100-continue")[:-5])
        assert client.status() == 100
        client.send(b"12345" + GET)
        assert client.status() == 404
        assert client.status() == 200


def test_connections_end_as_the_client_wishes(served):
    server = served()
    for request in (b"GET /health HTTP/1.0\r\n\r\n",
                    b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"):
        with Raw(server) as client:
            client.send(request)
            status, fields, _ = client.response()
            assert status == 200 and fields["connection"] == "close"
            assert client.ended()
    with Raw(server) as client:  # only its own side
        client.send(GET + GET + b"GET /hea")
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.status(), client.status()] == [200, 200]
        assert client.ended()


def test_a_page_from_elsewhere_is_refused(served):
    server = served({"sqs.cors_origins": ["https://console.example.com"]})
    for origin, status in ((b"https://console.example.com", 200), (b"http://localhost", 403)):
        with Raw(server) as client:
            client.send(GET[:-2] + b"Origin: " + origin + b"\r\n\r\n")
            got, fields, _ = client.response()
            assert got == status
            assert ("access-control-allow-origin" in fields) == (status == 200)


# Listeners

def test_behind_a_balancer_and_on_a_unix_socket(served):
    path = f"/tmp/polymq-http-{os.getpid()}.sock"
    port = process.free_port()
    server = served({"sqs.listeners": [f"127.0.0.1:{port}", f"unix:{path}"],
                     "sqs.proxy_protocol_from": ["127.0.0.2/32"], "sqs.header_timeout": "1s"})
    local = socket.socket(socket.AF_UNIX)
    local.connect(path)
    with Raw(local) as client:
        client.send(GET)
        assert client.status() == 200
    balancer = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))
    with Raw(balancer) as client:
        client.send(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n" + GET)
        assert client.status() == 200
    silent = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))
    with Raw(silent) as client:
        assert client.ended(), "it does not wait for the header for ever"
    eventually(lambda: "listening for SQS" in server.log_text())


def test_whoever_speaks_something_else_is_told(served, bystander):
    server = served()
    watcher = bystander(server)
    for hello in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"AMQP\0\0\x09\x01",
                  b"\0" * 100, b"\r\r", b"GET / HTTP/1.1\nHost: a\n\n"):
        with Raw(server) as client:
            client.send(hello)
            assert client.status() == 400
            assert client.ended()
    watcher.was_served()


# Size and time

def test_what_is_too_large_is_refused_before_it_comes(served):
    server = served({"sqs.max_body_size": "1MiB", "sqs.max_header_size": "4KiB"})
    cases = ((b"GET /" + b"a" * 10000, 414),
             (GET[:-2] + b"A: " + b"a" * 5000, 431),
             (GET[:-2] + b"a: b\r\n" * 500, 431),
             (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413),
             (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
              b"Content-Length: 99999999999\r\n\r\n", 413),
             (post(b"100001\r\n", b"Transfer-Encoding: chunked"), 413),
             (b"POST / HTTP/1.0\r\n\r\n", 411))
    for request, status in cases:
        with Raw(server) as client:
            client.send(request)
            got, fields, body = client.response()
            assert got == status and fields["connection"] == "close" and body.endswith(b".\n")
    with Raw(server) as client:
        client.send(post(b"x" * MIB))
        assert client.status() == 404, "exactly as much is allowed"


def test_a_client_in_the_middle_of_an_upload_reads_the_refusal(served):
    server = served({"sqs.max_body_size": "64KiB"})
    for _ in range(5):
        with Raw(server) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n")
            for _ in range(20):
                client.send(b"x" * 65536)
            assert client.status() == 413


def test_slow_requests_are_given_up(served):
    server = served({"sqs.header_timeout": "1s", "sqs.body_timeout": "2s",
                     "sqs.idle_timeout": "3s"})
    with contextlib.ExitStack() as stack:
        header, body, idle = (stack.enter_context(Raw(server)) for _ in range(3))
        idle.send(GET)
        assert idle.status() == 200
        header.send(GET[:20])
        body.send(post(b"x" * 100)[:-90])
        began = time.monotonic()
        for octet in b"x" * 5:
            body.send(bytes([octet]))
            time.sleep(0.1)
        assert header.status() == 408
        assert time.monotonic() - began < patience(3)
        assert body.status() == 408
        assert idle.ended(), "without a word"
        assert 2.5 < time.monotonic() - began < patience(8)


def test_a_client_that_does_not_read_cannot_fill_the_memory(served, bystander):
    server = served()
    watcher = bystander(server)
    before = server.memory()
    with Raw(server) as client:
        client.socket.settimeout(1)
        flood, sent = GET * 2000, 0
        with contextlib.suppress(TimeoutError):
            while sent < 100 * MIB:
                sent += client.socket.send(flood)
        assert sent < 100 * MIB
        assert_grew_less(server, before, 20 * MIB)
    watcher.was_served()


# Many clients

def test_many_idle_connections_cost_little(served, bystander):
    server = served()
    watcher = bystander(server)
    count = scale(2000)
    before = server.memory()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Raw(server)) for _ in range(count)]
        for client in clients:
            client.send(GET)
        for client in clients:
            assert client.status() == 200
        assert_grew_less(server, before, count * 8192)
        for client in clients[::50]:
            client.send(GET)
            assert client.status() == 200
    eventually(lambda: server.descriptors() < 100, message="sockets are left")
    watcher.was_served()


def test_connections_over_http_count(served):
    server = served({"server.max_connections": 3})
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Raw(server)) for _ in range(3)]
        for client in clients:
            client.send(GET)
            assert client.status() == 200
        assert "node connection limit (3)" in server.refusal()
        with Raw(server) as one_more:
            one_more.send(GET)
            status, fields, _ = one_more.response()
            assert status == 503 and fields["connection"] == "close"
            assert one_more.ended()
    eventually(lambda: server.refusal() == "accepted")


# The end

def test_shutdown_closes_in_good_order(served):
    server = served({"server.shutdown_timeout": "10s"})
    with contextlib.ExitStack() as stack:
        idle, partial, fresh = (stack.enter_context(Raw(server)) for _ in range(3))
        idle.send(GET)
        assert idle.status() == 200
        partial.send(post(b"12345")[:-2])
        fresh.send(b"")
        began = time.monotonic()
        server.process.terminate()
        for client in (idle, partial, fresh):
            with contextlib.suppress(ConnectionResetError):
                assert client.status() is None
        assert server.process.wait(patience(10)) == 0
        assert time.monotonic() - began < patience(5)
