"""A Celery worker process of this run's own, and kombu connections."""
import os
import uuid

import kombu
import pytest

from harness.celery_worker import Worker
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

    started = Worker(HERE, tmp_path_factory.mktemp("worker") / "log", WORK, "work")
    started.start()
    try:
        yield app
    finally:
        started.stop()
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
