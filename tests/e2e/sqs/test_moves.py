"""Tasks that move messages out of dead-letter queues: where to, how fast, and after a crash."""
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from raw import Refused, call
from test_messages import receive
from test_permissions import arn_of, redrive_to
from test_queues import attributes


def waiting(sqs, url):
    found = attributes(sqs, url, "ApproximateNumberOfMessages")
    return int(found["ApproximateNumberOfMessages"])


def await_status(arn, status, url=None):
    for _ in range(200):
        (task,) = call("ListMessageMoveTasks", url, SourceArn=arn)["Results"]
        if task["Status"] == status:
            return task
        time.sleep(0.05)
    pytest.fail(f"it stays {task['Status']}")


@pytest.fixture
def dead(make_queue):
    return make_queue()


@pytest.fixture
def live(sqs, make_queue, dead):
    return make_queue(RedrivePolicy=redrive_to(arn_of(sqs, dead), 1), VisibilityTimeout=0)


def let_die(sqs, live, dead, bodies):
    before = waiting(sqs, dead)
    for body in bodies:
        sqs.send_message(QueueUrl=live, MessageBody=body)
    while waiting(sqs, dead) < before + len(bodies):
        receive(sqs, live)


def test_a_task_brings_messages_back_to_where_they_died(sqs, make_queue, live, dead):
    other = make_queue(RedrivePolicy=redrive_to(arn_of(sqs, dead), 1), VisibilityTimeout=0)
    let_die(sqs, live, dead, ["1", "2"])
    let_die(sqs, other, dead, ["3"])
    (before,) = sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0)["Messages"]
    arn = arn_of(sqs, dead)
    handle = call("StartMessageMoveTask", SourceArn=arn)["TaskHandle"]
    assert handle
    task = await_status(arn, "COMPLETED")
    assert task["ApproximateNumberOfMessagesMoved"] == 3
    assert task["ApproximateNumberOfMessagesToMove"] == 3
    assert task["SourceArn"] == arn
    assert abs(task["StartedTimestamp"] / 1000 - time.time()) < 60
    assert "TaskHandle" not in task and "DestinationArn" not in task
    assert (waiting(sqs, live), waiting(sqs, other), waiting(sqs, dead)) == (2, 1, 0)
    (after,) = sqs.receive_message(QueueUrl=live, AttributeNames=["All"])["Messages"]
    assert after["Body"] == before["Body"]
    assert after["MessageId"] != before["MessageId"], "it is a new message"
    assert after["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_task_may_have_a_destination_and_a_rate_and_be_cancelled(sqs, make_queue, live, dead):
    let_die(sqs, live, dead, [str(number) for number in range(20)])
    arn, target = arn_of(sqs, dead), make_queue()
    handle = call("StartMessageMoveTask", SourceArn=arn, DestinationArn=arn_of(sqs, target),
                  MaxNumberOfMessagesPerSecond=2)["TaskHandle"]
    with pytest.raises(Refused, match="InvalidParameterValue.*: There is already a task running"):
        call("StartMessageMoveTask", SourceArn=arn)
    task = await_status(arn, "RUNNING")
    assert task["TaskHandle"] == handle
    assert task["DestinationArn"] == arn_of(sqs, target)
    assert task["MaxNumberOfMessagesPerSecond"] == 2
    assert call("CancelMessageMoveTask",
                TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] < 20
    task = await_status(arn, "CANCELLED")
    assert waiting(sqs, target) == task["ApproximateNumberOfMessagesMoved"] > 0
    assert waiting(sqs, target) + waiting(sqs, dead) == 20
    with pytest.raises(Refused, match="ResourceNotFoundException: Task does not exist"):
        call("CancelMessageMoveTask", TaskHandle=handle)
    call("StartMessageMoveTask", SourceArn=arn, DestinationArn=arn_of(sqs, target))
    await_status(arn, "COMPLETED")
    tasks = call("ListMessageMoveTasks", SourceArn=arn, MaxResults=10)["Results"]
    assert [each["Status"] for each in tasks] == ["COMPLETED", "CANCELLED"], "the newest first"


def test_a_message_that_was_not_dead_lettered_makes_a_task_fail(sqs, live, dead):
    sqs.send_message(QueueUrl=dead, MessageBody="by hand")
    arn = arn_of(sqs, dead)
    call("StartMessageMoveTask", SourceArn=arn)
    assert await_status(arn, "FAILED")["FailureReason"] == "CouldNotDetermineMessageSource"
    assert waiting(sqs, dead) == 1


def test_a_queue_that_is_gone_makes_a_task_fail(sqs, make_queue, live, dead):
    gone = make_queue(RedrivePolicy=redrive_to(arn_of(sqs, dead), 1), VisibilityTimeout=0)
    let_die(sqs, gone, dead, ["1"])
    sqs.delete_queue(QueueUrl=gone)
    arn = arn_of(sqs, dead)
    call("StartMessageMoveTask", SourceArn=arn)
    task = await_status(arn, "FAILED")
    assert task["FailureReason"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert waiting(sqs, dead) == 1


def test_what_cannot_be_done_is_refused(sqs, make_queue, live, dead):
    arn = arn_of(sqs, dead)
    nowhere = arn + "-nowhere"
    with pytest.raises(Refused, match="ResourceNotFoundException.*SourceArn"):
        call("StartMessageMoveTask", SourceArn=nowhere)
    with pytest.raises(Refused, match="ResourceNotFoundException.*DestinationArn"):
        call("StartMessageMoveTask", SourceArn=arn, DestinationArn=nowhere)
    with pytest.raises(Refused, match="InvalidParameterValue.*: Source queue must be configured"):
        call("StartMessageMoveTask", SourceArn=arn_of(sqs, live))
    with pytest.raises(Refused, match="InvalidParameterValue.*same queue"):
        call("StartMessageMoveTask", SourceArn=arn, DestinationArn=arn)
    with pytest.raises(Refused, match="InvalidParameterValue"):
        call("StartMessageMoveTask", SourceArn=arn, MaxNumberOfMessagesPerSecond=501)
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        call("ListMessageMoveTasks", SourceArn=nowhere)
    for handle in ("nonsense", "e30=", "bnVsbA=="):
        with pytest.raises(Refused, match="InvalidParameterValue.*TaskHandle is invalid"):
            call("CancelMessageMoveTask", TaskHandle=handle)
    assert call("ListMessageMoveTasks", SourceArn=arn).get("Results", []) == []


def test_a_loop_of_dead_letter_queues_loses_nothing(sqs, make_queue):
    a, b = make_queue(VisibilityTimeout=0), make_queue(VisibilityTimeout=0)
    for source, target in ((a, b), (b, a)):
        sqs.set_queue_attributes(QueueUrl=source, Attributes={
            "RedrivePolicy": redrive_to(arn_of(sqs, target), 1)})
    sqs.send_message(QueueUrl=a, MessageBody="round and round")
    for url in (a, b, a, b):
        (got,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        assert got["Body"] == "round and round"
    arn = arn_of(sqs, a)
    for _ in range(200):
        if waiting(sqs, a) == 1:
            break
        receive(sqs, b)
    call("StartMessageMoveTask", SourceArn=arn)
    await_status(arn, "COMPLETED")
    assert waiting(sqs, a) + waiting(sqs, b) == 1


def test_messages_stay_when_their_dead_letter_queue_is_gone(sqs, live, dead):
    sqs.send_message(QueueUrl=live, MessageBody="kept")
    sqs.delete_queue(QueueUrl=dead)
    for _ in range(5):
        assert [got["Body"] for got in receive(sqs, live)] == ["kept"]


def test_a_cancelled_task_does_not_go_on_after_a_crash(own_broker):
    server = own_broker(arguments=["--data-dir", "moves"])
    url = server.sqs_url
    dead = call("CreateQueue", url, QueueName="dead")["QueueUrl"]
    call("CreateQueue", url, QueueName="to")
    arn = "arn:aws:sqs:us-east-1:000000000000:dead"
    call("CreateQueue", url, QueueName="live", Attributes={"RedrivePolicy": redrive_to(arn, 1)})
    for number in range(10):
        call("SendMessage", url, QueueUrl=dead, MessageBody=str(number))
    handle = call("StartMessageMoveTask", url, SourceArn=arn, MaxNumberOfMessagesPerSecond=1,
                  DestinationArn=arn.replace("dead", "to"))["TaskHandle"]
    moved = call("CancelMessageMoveTask", url,
                 TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    server.process.kill()
    server.process.wait()
    server.start()
    task = await_status(arn, "CANCELLED", url)
    assert task["ApproximateNumberOfMessagesMoved"] == moved


def test_of_many_starts_at_once_one_is_done(sqs, make_queue, live, dead):
    let_die(sqs, live, dead, [str(number) for number in range(5)])
    arn = arn_of(sqs, dead)
    with ThreadPoolExecutor(12) as pool:
        starts = [pool.submit(call, "StartMessageMoveTask", SourceArn=arn,
                              MaxNumberOfMessagesPerSecond=1) for _ in range(12)]
        refused = [start.exception() for start in starts if start.exception()]
    assert len(refused) == 11
    assert all("There is already a task running" in str(each) for each in refused)


def test_a_task_goes_on_after_a_crash(own_broker):
    server = own_broker(arguments=["--data-dir", "moves"])
    url = server.sqs_url
    dead = call("CreateQueue", url, QueueName="dead")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:dead"
    live = call("CreateQueue", url, QueueName="live", Attributes={
        "RedrivePolicy": redrive_to(arn, 1), "VisibilityTimeout": "0"})["QueueUrl"]
    for number in range(30):
        call("SendMessage", url, QueueUrl=live, MessageBody=str(number))
    while call("ReceiveMessage", url, QueueUrl=live, MaxNumberOfMessages=10).get("Messages"):
        pass
    call("StartMessageMoveTask", url, SourceArn=arn, MaxNumberOfMessagesPerSecond=10)
    time.sleep(0.5)
    server.process.kill()
    server.process.wait()
    server.start()
    task = await_status(arn, "COMPLETED", url)
    assert task["ApproximateNumberOfMessagesMoved"] == 30
    counts = [call("GetQueueAttributes", url, QueueUrl=queue,
                   AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"]
              for queue in (live, dead)]
    assert counts == ["30", "0"]
