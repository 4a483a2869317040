"""A Celery worker of this run's own that takes its tasks from SQS."""
import os
import tempfile
import uuid

import boto3
import pytest

from harness.celery_worker import Worker
from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)

HERE = os.path.dirname(os.path.abspath(__file__))

os.environ.setdefault("E2E_CELERY_SUFFIX", uuid.uuid4().hex[:8])
os.environ.setdefault("E2E_CELERY_RESULTS",
                      tempfile.mkdtemp(dir=os.environ.get("E2E_TMP")))


def pytest_collection_modifyitems(items):
    if os.environ.get("BROKER", "polymq") != "polymq":
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no SQS there, or none by Query"))


@pytest.fixture
def start_worker(tmp_path):
    """start_worker(queue) -> a Worker that is stopped afterwards."""
    started = []

    def start(queue):
        started.append(Worker(HERE, tmp_path / f"worker-{len(started)}", queue, queue))
        started[-1].start()
        return started[-1]

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture(scope="session")
def worker(tmp_path_factory):
    """The application, served by a worker."""
    from application import app

    started = Worker(HERE, tmp_path_factory.mktemp("worker") / "log", "work", "work")
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
