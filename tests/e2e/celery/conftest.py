"""A Celery worker process of this run's own, and kombu connections."""
import os
import subprocess
import sys
import time
import uuid

import kombu
import pytest

from harness import process
from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)

HERE = os.path.dirname(os.path.abspath(__file__))
ADDRESS = f"{os.environ.get('AMQP_HOST', '127.0.0.1')}:{os.environ.get('AMQP_PORT', '5672')}"
URL = f"amqp://guest:guest@{ADDRESS}/e2e"

os.environ.setdefault("E2E_CELERY_SUFFIX", uuid.uuid4().hex[:8])
os.environ.setdefault("E2E_CELERY_URL", URL)


@pytest.fixture(scope="session")
def worker(tmp_path_factory):
    """The application, served by a worker with two processes."""
    from application import RANKED, WORK, app

    log = tmp_path_factory.mktemp("worker") / "log"
    with open(log, "w") as out:
        child = process.start(
            [sys.executable, "-m", "celery", "-A", "application", "worker", "-c", "2", "-l",
             "info", "-Q", WORK, "-n", f"work-{os.getpid()}@e2e"],
            cwd=HERE, stdout=out, stderr=subprocess.STDOUT)
    try:
        ready = process.wait_until(lambda: " ready." in log.read_text(),
                                   time.monotonic() + 25, child, interval=0.1)
        assert ready, log.read_text()
        yield app
    finally:
        process.stop(child, 15, whole_group=False)
        with kombu.Connection(URL) as connection:
            channel = connection.default_channel
            for name in (WORK, RANKED):
                channel.queue_delete(name)
                channel.exchange_delete(name)


@pytest.fixture
def connection():
    with kombu.Connection(URL) as connection:
        connection.connect()
        yield connection


@pytest.fixture
def name():
    return f"kombu.{uuid.uuid4().hex[:10]}"


@pytest.fixture
def scratch(tmp_path):
    return str(tmp_path / "notes")
