"""Fixtures: connections that get closed, names that get cleaned up."""
import contextlib
import time

import pika
import pytest

from harness import wire
from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)

pytest.register_assert_rewrite("support")

import support  # noqa: E402  (its assertions are to be rewritten)


class Names:
    """Hands out unique names; afterwards no queue or exchange of such a name is left."""

    def __init__(self):
        self._used = []

    def __call__(self, prefix="q", vhost="/"):
        name = support.unique(prefix)
        self._used.append((vhost, name))
        return name

    def clean(self):
        for vhost in {vhost for vhost, _ in self._used}:
            deadline = time.monotonic() + support.PATIENCE
            while not self._clean_vhost(vhost):
                assert time.monotonic() < deadline, "a queue stays locked"
                time.sleep(0.02)

    def _clean_vhost(self, vhost):
        """False when the broker has not noticed yet that a queue's owner is gone."""
        with support.raw_client() as client:
            client.open(vhost=vhost, channels=[1])
            try:
                for name in [name for of, name in self._used if of == vhost]:
                    client.call(1, "queue.delete", queue=name)
                    client.call(1, "exchange.delete", exchange=name)
            except wire.WireError as error:
                if "RESOURCE_LOCKED" in str(error):
                    return False
                raise
            client.close()
            return True


@pytest.fixture
def names():
    names = Names()
    yield names
    names.clean()


@pytest.fixture
def connect(names):
    """connect(user=..., vhost=...) -> a pika connection, closed after the test."""
    with contextlib.ExitStack() as stack:

        def open_connection(**options):
            connection = pika.BlockingConnection(support.parameters(**options))
            stack.callback(lambda: connection.is_open and connection.close())
            return connection

        yield open_connection


@pytest.fixture
def connection(connect):
    return connect()


@pytest.fixture
def channel(connection):
    return connection.channel()


@pytest.fixture
def queue(channel, names):
    """queue(arguments, flags) -> the name of a new queue, exclusive unless told otherwise."""

    def declare(arguments=None, name=None, exclusive=True, on=None, prefix="q", **flags):
        name = name or names(prefix)
        (on or channel).queue_declare(name, exclusive=exclusive, arguments=arguments, **flags)
        return name

    return declare


@pytest.fixture
def shared_queue(queue):
    """Like queue(), for queues that several connections use."""
    return lambda arguments=None, **flags: queue(arguments, exclusive=False, **flags)


@pytest.fixture
def exchange(channel, names):
    """exchange(type) -> the name of a new exchange."""

    def declare(kind="direct", arguments=None, prefix="x", **flags):
        name = names(prefix)
        channel.exchange_declare(name, kind, arguments=arguments, **flags)
        return name

    return declare


@pytest.fixture
def raw(names):
    """raw(channels=[1], ...) -> an open raw client, its socket closed after the test."""
    with contextlib.ExitStack() as stack:

        def open_client(handshake=True, **options):
            client = stack.enter_context(support.raw_client())
            if handshake:
                client.open(**{"channels": [1], **options})
            return client

        yield open_client
