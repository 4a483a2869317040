"""The Celery application that the worker runs and the tests call."""
import os
import signal
import time

from celery import Celery
from kombu import Exchange, Queue

from harness.celery_tasks import append

SUFFIX = os.environ["E2E_CELERY_SUFFIX"]
WORK = f"celery.{SUFFIX}"
RANKED = f"celery.ranked.{SUFFIX}"

app = Celery("e2e", broker=os.environ["E2E_CELERY_URL"], backend="rpc://")
app.conf.update(
    task_default_queue=WORK,
    task_queues=[
        Queue(WORK, Exchange(WORK), routing_key=WORK),
        Queue(RANKED, Exchange(RANKED), routing_key=RANKED,
              queue_arguments={"x-max-priority": 10}),
    ],
    task_routes={"application.note": {"queue": RANKED, "routing_key": RANKED}},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_send_task_events=True,
    task_send_sent_event=True,
    task_track_started=True,
    result_expires=60,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True)
def die_once(self, path):
    """Kills its worker process the first time it runs; the message must come back."""
    append(path, self.request.delivery_info["redelivered"])
    with open(path) as seen:
        if len(seen.readlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@app.task(bind=True)
def progress(self):
    self.update_state(state="HALFWAY", meta={"done": 50})
    time.sleep(0.5)
    return "done"


@app.task
def note(path, text, seconds=0):
    append(path, text)
    time.sleep(seconds)


@app.task(ignore_result=True)
def leave(path, text):
    append(path, text)
