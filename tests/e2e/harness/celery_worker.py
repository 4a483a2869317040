"""A Celery worker, and what its tasks note in files."""
import os
import subprocess
import sys
import time

from . import process

PATIENCE = 20


E2E = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Worker:
    """`celery worker` of the application in `folder`, for one queue; it can be started again."""

    def __init__(self, folder, log, queue, name, options=("-c", "2")):
        self.folder, self.log, self.child = folder, log, None
        self.command = [sys.executable, "-m", "celery", "-A", "application", "worker", "-l", "info",
                        "-Q", queue, "-n", f"{name}-{os.getpid()}@e2e", *options]

    def start(self):
        with open(self.log, "w") as out:
            self.child = process.start(self.command, cwd=self.folder, stdout=out,
                                       stderr=subprocess.STDOUT,
                                       env={**os.environ, "PYTHONPATH": E2E})
        ready = process.wait_until(lambda: " ready." in self.log.read_text(),
                                   time.monotonic() + 25, self.child, interval=0.1)
        if not ready:
            self.stop()
        assert ready, self.log.read_text()

    def ended(self):
        return self.child.poll() is not None

    def stop(self):
        process.stop(self.child, 15, whole_group=False)


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as text:
        return text.read().split()


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def task(app, name):
    """A task of the application's own, or one that it has with every broker."""
    own = f"application.{name}"
    return app.tasks[own if own in app.tasks else f"harness.celery_tasks.{name}"]
