"""Runs librabbitmq's command line tools against the broker of this run."""
import os
import subprocess
import uuid

import pytest

from harness import process, wire
from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)

HOST = os.environ.get("AMQP_HOST", "127.0.0.1")
PORT = os.environ.get("AMQP_PORT", "5672")
CONNECT = ["--server", HOST, "--port", PORT, "--username", "guest", "--password", "guest"]


class Tools:
    """tools("get", "-q", name) runs amqp-get; the result has returncode, stdout and stderr."""

    def __call__(self, name, *arguments, stdin=b"", connect=CONNECT, vhost="/"):
        return subprocess.run([f"amqp-{name}", *connect, "--vhost", vhost, *arguments],
                              input=stdin, capture_output=True, timeout=20)

    def out(self, *arguments, **options):
        """Standard output of a run that must succeed."""
        result = self(*arguments, **options)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout.decode()

    def start(self, name, *arguments):
        return process.start([f"amqp-{name}", *CONNECT, *arguments],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def tools():
    return Tools()


@pytest.fixture
def client():
    with wire.Client(int(PORT), HOST) as client:
        client.open(channels=[1])
        yield client


@pytest.fixture
def queue(tools):
    """The name of a new queue made with amqp-declare-queue."""
    name = f"tools.{uuid.uuid4().hex[:10]}"
    assert tools.out("declare-queue", "--queue", name).strip() == name
    yield name
    tools("delete-queue", "--queue", name)
