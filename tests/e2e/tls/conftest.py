"""Fixtures: an authority with its certificates, and brokers that speak TLS."""
import os
import ssl
import tempfile
import time

import pytest

from harness import process, wire
from harness.certificates import Authority
from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)
from harness.own_broker import OwnBroker, that_end_well


def pytest_collection_modifyitems(items):
    if os.environ.get("BROKER", "polymq") != "polymq":
        for item in items:
            item.add_marker(pytest.mark.skip(reason="PolyMQ only: brokers set up in its own way"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server_files(authority):
    return authority.issue("server")


class Server(OwnBroker):
    """Speaks AMQP and SQS over TLS, and AMQP in plain for whoever looks on."""

    def __init__(self, directory, authority, files, settings, **options):
        self.authority = authority
        self.tls_port, self.sqs_tls_port = process.free_port(), process.free_port()
        super().__init__(directory, {
            "tls.certificate": files[0],
            "tls.key": files[1],
            "amqp.tls_listeners": [f"127.0.0.1:{self.tls_port}"],
            "sqs.tls_listeners": [f"127.0.0.1:{self.sqs_tls_port}"],
            **settings}, **options)

    def context(self, files=None, highest=None):
        """What a careful client has; `files`: its own certificate and key."""
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if files:
            context.load_cert_chain(*files)
        if highest:
            context.maximum_version = highest
        return context

    def raw(self, **options):
        """A raw client over TLS that has not said anything yet."""
        client = wire.Client(self.tls_port)
        client.socket = self.context(**options).wrap_socket(
            client.socket, server_hostname="localhost", suppress_ragged_eofs=False)
        return client

    def client(self, **options):
        client = self.raw(**options)
        client.open(channels=[1])
        return client

    def shake_hands(self, send, receive):
        """Over what these two do with bytes -> the TLS object, and what is between it and them."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                tls.do_handshake()
                return tls, incoming, outgoing
            except ssl.SSLWantReadError:
                send(outgoing.read())
                incoming.write(receive())

    def plain_socket_at_tls(self):
        """A raw client that speaks no TLS on the port for it."""
        return wire.Client(self.tls_port)


@pytest.fixture(scope="module")
def start(authority, server_files):
    """start({"key": value}, ...) -> a running Server. At the end it must end with 0, and must have
    logged no error but those that `tolerated` announces."""
    with that_end_well() as servers:
        def begin(settings=None, tolerated=(), files=None, **options):
            directory = tempfile.mkdtemp(prefix="polymq-tls-")
            server = Server(directory, authority, files or server_files, settings or {}, **options)
            server.tolerated = tolerated
            servers.append(server)
            server.start()
            return server

        yield begin


@pytest.fixture(scope="module")
def server(start):
    """One with nothing special, for all tests of a file."""
    return start({"server.shards": 3})


@pytest.fixture
def eventually():
    def wait(condition, seconds=20):
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)
        return result
    return wait
