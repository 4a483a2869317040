"""A Celery worker of this run's own that takes its tasks from SQS."""
import os
import subprocess
import sys
import tempfile
import time
import uuid

import boto3
import pytest

from harness import process
from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)

HERE = os.path.dirname(os.path.abspath(__file__))

os.environ.setdefault("E2E_CELERY_SUFFIX", uuid.uuid4().hex[:8])
os.environ.setdefault("E2E_CELERY_RESULTS",
                      tempfile.mkdtemp(dir=os.environ.get("E2E_TMP")))


def pytest_collection_modifyitems(items):
    if os.environ.get("BROKER", "polymq") != "polymq":
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no SQS there, or none by Query"))


class Worker:
    """`celery worker` with two processes; it can be started again."""

    def __init__(self, log, queue):
        self.log, self.queue, self.child = log, queue, None

    def start(self):
        with open(self.log, "w") as out:
            self.child = process.start(
                [sys.executable, "-m", "celery", "-A", "application", "worker", "-c", "2", "-l",
                 "info", "-Q", self.queue, "-n", f"{self.queue}-{os.getpid()}@e2e"],
                cwd=HERE, stdout=out, stderr=subprocess.STDOUT)
        ready = process.wait_until(lambda: " ready." in self.log.read_text(),
                                   time.monotonic() + 25, self.child, interval=0.1)
        assert ready, self.log.read_text()

    def ended(self):
        return self.child.poll() is not None

    def stop(self):
        process.stop(self.child, 15, whole_group=False)


@pytest.fixture
def start_worker(tmp_path):
    """start_worker(queue) -> a Worker that is stopped afterwards."""
    started = []

    def start(queue):
        started.append(Worker(tmp_path / f"worker-{len(started)}", queue))
        started[-1].start()
        return started[-1]

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture(scope="session")
def worker(tmp_path_factory):
    """The application, served by a worker."""
    from application import app

    started = Worker(tmp_path_factory.mktemp("worker") / "log", "work")
    started.start()
    yield app
    started.stop()


@pytest.fixture(scope="session")
def sqs():
    return boto3.client("sqs", endpoint_url=os.environ["SQS_URL"], region_name="us-east-1",
                        aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture(scope="session", autouse=True)
def clean(sqs):
    yield
    from application import PREFIX
    for url in sqs.list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def notes(tmp_path):
    return str(tmp_path / "notes")
