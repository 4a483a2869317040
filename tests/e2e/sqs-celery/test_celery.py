"""Celery over SQS as its users use it: calls, retries, countdowns, workers that die."""
import time

import pytest
from celery import chain, group

from harness.celery_worker import PATIENCE, eventually, lines, task


def counts(sqs, queue):
    """How many messages of a queue wait, are out, and are delayed."""
    from application import PREFIX
    url = sqs.get_queue_url(QueueName=PREFIX + queue)["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return [int(told[f"ApproximateNumberOfMessages{what}"])
            for what in ("", "NotVisible", "Delayed")]


@pytest.mark.parametrize("value", [None, 7, 1.5, "\u00fcn\u00efc\u00f8d\u00e9 \U0001F600",
                                   [1, [2, {"three": None}]], "x" * 300000],
                         ids=lambda value: str(value)[:12])
def test_values_go_there_and_back(worker, value):
    assert task(worker, "echo").delay(value).get(timeout=PATIENCE) == value


def test_many_calls_each_get_their_own_result(worker):
    results = [task(worker, "echo").delay(number) for number in range(30)]
    assert [result.get(timeout=PATIENCE) for result in results] == list(range(30))


def test_a_failure_reaches_the_caller(worker):
    with pytest.raises(ValueError, match="no luck"):
        task(worker, "fail").delay("no luck").get(timeout=PATIENCE)


def test_a_retry_with_a_countdown_succeeds(worker):
    assert task(worker, "succeed_at").delay(2, 0.2).get(timeout=PATIENCE) == 2


def test_retries_run_out(worker):
    with pytest.raises(KeyError):
        task(worker, "never").delay().get(timeout=PATIENCE)


def test_a_countdown_delays_and_the_task_runs_once(worker, notes):
    started = time.monotonic()
    task(worker, "note").apply_async((notes, "late"), countdown=1.5)
    task(worker, "note").delay(notes, "early")
    eventually(lambda: len(lines(notes)) == 2)
    assert time.monotonic() - started >= 1.4
    assert lines(notes) == ["early", "late"]


def test_a_countdown_beyond_the_visibility_timeout_runs_nevertheless(worker, notes):
    from application import VISIBILITY
    task(worker, "note").apply_async((notes, "late"), countdown=VISIBILITY + 1)
    eventually(lambda: "late" in lines(notes))


def test_a_chain_and_a_group(worker):
    add = task(worker, "add")
    assert chain(add.s(1, 2), add.s(3))().get(timeout=PATIENCE) == 6
    assert group(add.s(n, n) for n in range(5))().get(timeout=PATIENCE) == [0, 2, 4, 6, 8]


def test_what_has_run_is_deleted(worker, sqs):
    assert task(worker, "add").delay(1, 1).get(timeout=PATIENCE) == 2
    # Tasks with a countdown that other tests left come back until they are run.
    eventually(lambda: counts(sqs, "work") == [0, 0, 0])


def test_tasks_wait_for_a_worker(start_worker, sqs, notes):
    from application import note
    for n in range(3):
        note.apply_async((notes, n), queue="later")
    assert counts(sqs, "later") == [3, 0, 0]
    start_worker("later")
    eventually(lambda: sorted(lines(notes)) == ["0", "1", "2"])
    eventually(lambda: counts(sqs, "later") == [0, 0, 0])


def test_a_task_whose_worker_dies_comes_back_by_its_visibility_timeout(start_worker, notes):
    from application import VISIBILITY, kill_worker_once
    first = start_worker("deadly")
    result = kill_worker_once.apply_async((notes,), queue="deadly")
    eventually(first.ended)
    start_worker("deadly")
    assert result.get(timeout=PATIENCE) == "survived"
    died, survived = map(float, lines(notes))
    assert survived - died > VISIBILITY - 1
