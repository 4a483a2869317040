"""The Celery application that the worker runs and the tests call, with SQS as its broker."""
import os
import signal
import time
from urllib.parse import urlparse

from celery import Celery

from harness.celery_tasks import append

VISIBILITY = 4  # seconds after which a message that is not deleted comes back
PREFIX = f"celery-{os.environ['E2E_CELERY_SUFFIX']}-"
there = urlparse(os.environ["SQS_URL"])

app = Celery("e2e", broker=f"sqs://key:secret@{there.hostname}:{there.port}",
             backend=f"file://{os.environ['E2E_CELERY_RESULTS']}")
app.conf.update(
    broker_transport_options={
        "region": "us-east-1", "is_secure": False, "queue_name_prefix": PREFIX,
        "visibility_timeout": VISIBILITY, "wait_time_seconds": 5},
    task_default_queue="work",
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,  # needs fanout, which SQS has not
    worker_hijack_root_logger=False,
)


@app.task
def note(path, line):
    append(path, line)


@app.task
def kill_worker_once(path):
    """Takes the whole worker down the first time it runs; nobody deletes the message then."""
    append(path, time.time())
    with open(path) as seen:
        if len(seen.readlines()) == 1:
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
    return "survived"
