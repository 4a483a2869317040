"""Tasks that Celery's applications have with each of their brokers."""
from celery import shared_task


def append(path, line):
    with open(path, "a") as out:
        out.write(f"{line}\n")


@shared_task
def add(x, y):
    return x + y


@shared_task
def echo(value):
    return value


@shared_task
def fail(text):
    raise ValueError(text)


@shared_task(bind=True, max_retries=3)
def succeed_at(self, attempt, countdown):
    if self.request.retries < attempt:
        raise self.retry(countdown=countdown)
    return self.request.retries


@shared_task(bind=True, max_retries=2, default_retry_delay=0.1)
def never(self):
    raise self.retry(exc=KeyError("gave up"))
