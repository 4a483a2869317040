"""Fixtures: brokers with a configuration of their own, which must end in good order."""
import os
import tempfile

import pytest

from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)
from harness.own_broker import that_end_well

pytest.register_assert_rewrite("support")

import support  # noqa: E402  (its assertions are to be rewritten)


def pytest_collection_modifyitems(items):
    if os.environ.get("BROKER", "polymq") != "polymq":
        for item in items:
            item.add_marker(pytest.mark.skip(reason="PolyMQ only: brokers set up in its own way"))


@pytest.fixture
def broker(request):
    """broker({"key": value}, ...) -> a running support.Server. Afterwards it must end with 0, and
    must have logged no error but those that `tolerated` (parts of the lines) announces."""
    with that_end_well() as servers:
        def start(settings=None, tolerated=(), **options):
            directory = tempfile.mkdtemp(prefix="polymq-hostile-")
            server = support.Server(directory, settings or {}, **options)
            server.tolerated = tolerated
            servers.append(server)
            server.start()
            return server

        yield start


@pytest.fixture
def bystander():
    """bystander(server) -> a support.Bystander: somebody who only wants to be served."""
    watchers = []

    def start(server):
        watchers.append(support.Bystander(server))
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.stop()
