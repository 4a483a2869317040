"""Celery as its users use it: calls, retries, chains, groups, events, remote control."""
import contextlib
import os
import pathlib
import socket
import time

import pytest
from celery import chain, group
from celery.exceptions import TaskRevokedError

from harness.celery_worker import PATIENCE, Worker, eventually, lines, task


def test_a_call_returns_its_result(worker):
    assert task(worker, "add").delay(2, 3).get(timeout=PATIENCE) == 5


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "ünïcødé", [1, [2, {"three": None}]],
                                   "x" * 300000], ids=lambda value: str(value)[:12])
def test_values_go_there_and_back(worker, value):
    assert task(worker, "echo").delay(value).get(timeout=PATIENCE) == value


def test_many_calls_each_get_their_own_result(worker):
    results = [task(worker, "echo").delay(number) for number in range(50)]
    assert [result.get(timeout=PATIENCE) for result in results] == list(range(50))


def test_a_failure_reaches_the_caller(worker):
    result = task(worker, "fail").delay("no luck")
    with pytest.raises(ValueError, match="no luck"):
        result.get(timeout=PATIENCE)
    assert result.state == "FAILURE"


def test_a_retry_with_a_countdown_succeeds(worker):
    started = time.monotonic()
    assert task(worker, "succeed_at").delay(2, 0.2).get(timeout=PATIENCE) == 2
    assert time.monotonic() - started >= 0.4


def test_retries_run_out(worker):
    with pytest.raises(KeyError):
        task(worker, "never").delay().get(timeout=PATIENCE)


def test_a_countdown_delays(worker):
    started = time.monotonic()
    result = task(worker, "add").apply_async((1, 1), countdown=0.6)
    assert result.get(timeout=PATIENCE) == 2
    assert time.monotonic() - started >= 0.55


def test_delayed_tasks_do_not_hold_up_others(worker):
    late = [task(worker, "echo").apply_async((number,), countdown=3) for number in range(6)]
    started = time.monotonic()
    assert task(worker, "add").delay(4, 4).get(timeout=PATIENCE) == 8
    assert time.monotonic() - started < 2.5
    assert [result.get(timeout=PATIENCE) for result in late] == list(range(6))


def test_an_expired_task_is_not_run(worker):
    result = task(worker, "echo").apply_async((1,), countdown=0.5, expires=0.1)
    with pytest.raises(TaskRevokedError):
        result.get(timeout=PATIENCE)


def test_a_chain_hands_on_results(worker):
    add = task(worker, "add")
    assert chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=PATIENCE) == 10


def test_a_group_gathers_results(worker):
    add = task(worker, "add")
    result = group(add.s(number, number) for number in range(10))()
    assert result.get(timeout=PATIENCE) == [2 * number for number in range(10)]


def test_a_chain_of_groups_members_in_turn(worker):
    add, total = task(worker, "add"), task(worker, "total")
    partial = group(add.s(1, 1), add.s(2, 2))().get(timeout=PATIENCE)
    assert total.delay(partial).get(timeout=PATIENCE) == 6


def test_a_link_is_called_with_the_result(worker, scratch):
    leave = task(worker, "leave")
    task(worker, "add").apply_async((1, 2), link=leave.si(scratch, "linked"))
    eventually(lambda: lines(scratch) == ["linked"])


def test_a_link_error_is_called_after_a_failure(worker, scratch):
    leave = task(worker, "leave")
    task(worker, "fail").apply_async(("x",), link_error=leave.si(scratch, "failed"))
    eventually(lambda: lines(scratch) == ["failed"])


def test_states_on_the_way_are_seen(worker):
    result = task(worker, "progress").delay()
    states = []

    def on_message(body):
        if body["task_id"] == result.id:
            states.append(body["status"])

    assert result.get(timeout=PATIENCE, on_message=on_message) == "done"
    assert states == ["STARTED", "HALFWAY", "SUCCESS"]


def test_a_task_whose_process_dies_is_delivered_again(worker, scratch):
    assert task(worker, "die_once").delay(scratch).get(timeout=PATIENCE) == "survived"
    assert lines(scratch) == ["False", "True"]


def test_higher_priorities_run_first(worker, scratch):
    from application import RANKED
    note = task(worker, "note")
    with worker.connection_for_write() as connection:
        worker.amqp.queues[RANKED](connection.default_channel).declare()
    for text, priority in (("low", 1), ("high", 9), ("middle", 5), ("higher", 10)):
        note.apply_async((scratch, text), priority=priority)
    ranked = Worker(os.path.dirname(os.path.abspath(__file__)), pathlib.Path(f"{scratch}.log"),
                    RANKED, "ranked", ("-c", "1", "-P", "solo", "--without-gossip",
                                       "--without-mingle"))
    ranked.start()
    try:
        eventually(lambda: len(lines(scratch)) == 4)
    finally:
        ranked.stop()
    assert lines(scratch) == ["higher", "high", "middle", "low"]


def test_remote_control_reaches_the_worker(worker):
    answers = worker.control.inspect(timeout=2).ping()
    assert any(answer == {"ok": "pong"} for answer in answers.values())


def test_inspect_sees_queues_and_tasks(worker):
    from application import WORK
    name = f"work-{os.getpid()}@e2e"
    inspect = worker.control.inspect([name], timeout=2)
    assert [queue["name"] for queue in inspect.active_queues()[name]] == [WORK]
    assert "application.total" in inspect.registered()[name]


def test_a_revoked_task_is_not_run(worker, scratch):
    result = task(worker, "leave").apply_async((scratch, "must not happen"), countdown=1)
    worker.control.revoke(result.id, reply=True, timeout=2)
    time.sleep(1.5)
    assert lines(scratch) == []


def test_a_consumer_is_added_at_run_time(worker, scratch):
    name = f"work-{os.getpid()}@e2e"
    extra = f"extra.{os.getpid()}"
    reply = worker.control.add_consumer(extra, destination=[name], reply=True, timeout=2)
    assert "ok" in reply[0][name]
    task(worker, "leave").apply_async((scratch, "extra"), queue=extra)
    eventually(lambda: lines(scratch) == ["extra"])
    worker.control.cancel_consumer(extra, destination=[name], reply=True, timeout=2)
    with worker.connection_for_write() as connection:
        connection.default_channel.queue_delete(extra)
        connection.default_channel.exchange_delete(extra)


def test_events_tell_about_a_task(worker):
    seen = {}
    with worker.connection_for_read() as connection:
        receiver = worker.events.Receiver(
            connection, handlers={"*": lambda event: seen.setdefault(event["type"], event)})
        with receiver.consumer_context() as (draining, _, _):
            result = task(worker, "add").delay(1, 1)
            deadline = time.monotonic() + PATIENCE
            while "task-succeeded" not in seen:
                assert time.monotonic() < deadline
                with contextlib.suppress(socket.timeout):
                    draining.drain_events(timeout=0.5)
    assert result.get(timeout=PATIENCE) == 2
    assert {"task-sent", "task-received", "task-started", "task-succeeded"} <= set(seen)
