"""Rules of minutes, by the real clock: `make e2e-slow` runs these, and nothing else does."""
import json
import os
import subprocess
import threading
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from harness import brokers
from raw import Client, call
from test_fifo import send
from test_messages import bodies, counts, receive
from test_queues import attributes, code_of


def sleep_until(begun, seconds):
    """Until so long after `begun`."""
    time.sleep(max(0, begun + seconds - time.monotonic()))


def waits(call):
    """-> what it returns, and after how many seconds."""
    begun = time.monotonic()
    return call(), time.monotonic() - begun


# --- long polls -----------------------------------------------------------------------------------
@pytest.mark.slow(seconds=60)
def test_a_receive_waits_for_twenty_seconds(sqs, make_queue):
    url = make_queue()
    got, seconds = waits(lambda: receive(sqs, url, wait=20))
    assert got == []
    assert 19.9 <= seconds < 25


@pytest.mark.slow(seconds=60)
def test_a_receive_waits_as_long_as_its_queue_says(sqs, make_queue):
    url = make_queue(ReceiveMessageWaitTimeSeconds=20, DelaySeconds=15)
    sqs.send_message(QueueUrl=url, MessageBody="late")
    got, seconds = waits(lambda: sqs.receive_message(QueueUrl=url)["Messages"])
    assert bodies(got) == ["late"]
    assert 14 <= seconds < 19


@pytest.mark.slow(seconds=60)
def test_a_receive_that_was_given_up_takes_nothing(sqs, make_queue):
    url = make_queue(VisibilityTimeout=600)
    impatient = boto3.client(
        "sqs", endpoint_url=os.environ["SQS_URL"], region_name="us-east-1",
        aws_access_key_id="x", aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}, read_timeout=5))
    for _ in range(3):
        with pytest.raises(ReadTimeoutError):
            impatient.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    sqs.send_message(QueueUrl=url, MessageBody="for who is there")
    assert bodies(receive(sqs, url)) == ["for who is there"]


@pytest.mark.slow(seconds=120)
@pytest.mark.parametrize("is_fifo", [False, True])
def test_while_120000_messages_are_out_only_who_waits_may_receive(sqs, make_queue, make_fifo,
                                                                  is_fifo):
    url = make_fifo() if is_fifo else make_queue()
    subprocess.run([brokers.PolyMQ.binary(), "perf", "--uri", os.environ["AMQP_URL"], "-u",
                    url.rsplit("/", 1)[1], "--predeclared", "-y", "0", "-C", "120005"],
                   check=True, stdout=subprocess.DEVNULL)
    client = Client()
    for _ in range(12_000):
        got = client("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10,
                     VisibilityTimeout=3600)["Messages"]
        assert len(got) == 10
    assert counts(sqs, url) == [5, 120_000, 0]
    if is_fifo:
        assert receive(sqs, url, wait=0) == []
    else:
        assert code_of(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=0) == "OverLimit"
    nothing, seconds = waits(lambda: receive(sqs, url, wait=2))
    assert nothing == [] and seconds >= 1.9
    threading.Timer(1, sqs.delete_message, (), {
        "QueueUrl": url, "ReceiptHandle": got[0]["ReceiptHandle"]}).start()
    assert len(receive(sqs, url, wait=20)) == 1
    assert counts(sqs, url) == [4, 120_000, 0]


# --- leases ---------------------------------------------------------------------------------------
@pytest.mark.slow(seconds=200)
def test_a_visibility_timeout_of_two_minutes(sqs, make_queue):
    url = make_queue(VisibilityTimeout=120)
    sqs.send_message(QueueUrl=url, MessageBody="m")
    begun = time.monotonic()
    assert bodies(receive(sqs, url)) == ["m"]
    sleep_until(begun, 105)
    assert receive(sqs, url, wait=10) == []
    (again,), _ = waits(lambda: receive(sqs, url, wait=20))
    assert 119.9 <= time.monotonic() - begun < 126
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


@pytest.mark.slow(seconds=200)
def test_a_visibility_timeout_that_is_extended_again_and_again(sqs, make_queue):
    url = make_queue(VisibilityTimeout=20)
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (got,) = receive(sqs, url)
    for _ in range(6):
        assert receive(sqs, url, wait=15) == []
        begun = time.monotonic()
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"],
                                      VisibilityTimeout=20)
    assert bodies(receive(sqs, url, wait=20)) == ["m"]
    assert 19.9 <= time.monotonic() - begun < 24


@pytest.mark.slow(seconds=200)
def test_a_group_is_locked_for_as_long_as_a_message_of_it_is_out(sqs, make_fifo):
    url = make_fifo(VisibilityTimeout=90, ContentBasedDeduplication="true")
    for body in ("1", "2"):
        send(sqs, url, body)
    begun = time.monotonic()
    assert bodies(receive(sqs, url, most=1)) == ["1"]
    sleep_until(begun, 75)
    assert receive(sqs, url, wait=10) == []
    assert bodies(receive(sqs, url, wait=20)) == ["1", "2"]
    assert 89.9 <= time.monotonic() - begun < 96


@pytest.mark.slow(seconds=200)
def test_what_is_received_too_often_goes_to_the_dead_letter_queue(sqs, make_queue):
    dead = make_queue()
    arn = attributes(sqs, dead, "QueueArn")["QueueArn"]
    url = make_queue(VisibilityTimeout=30, RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": arn, "maxReceiveCount": 3}))
    sqs.send_message(QueueUrl=url, MessageBody="m")
    begun = time.monotonic()
    for count in range(1, 4):
        (got,) = receive(sqs, url, wait=20) or receive(sqs, url, wait=20)
        assert got["Attributes"]["ApproximateReceiveCount"] == str(count)
    assert receive(sqs, dead, wait=20) == []
    assert bodies(receive(sqs, dead, wait=20)) == ["m"]
    assert 89.9 <= time.monotonic() - begun < 100


# --- delays, retention ----------------------------------------------------------------------------
@pytest.mark.slow(seconds=120)
def test_a_delay_of_a_minute(sqs, make_queue):
    url = make_queue(VisibilityTimeout=600)
    begun = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=60)
    sqs.send_message(QueueUrl=url, MessageBody="soon")
    assert bodies(receive(sqs, url)) == ["soon"]
    sleep_until(begun, 45)
    assert receive(sqs, url, wait=10) == []
    assert bodies(receive(sqs, url, wait=20)) == ["late"]
    assert 59.9 <= time.monotonic() - begun < 66


@pytest.mark.slow(seconds=150)
def test_a_retention_of_a_minute_ends_in_any_state(sqs, make_queue):
    url = make_queue(MessageRetentionPeriod=60, VisibilityTimeout=600)
    begun = time.monotonic()
    for body, delay in (("1", 0), ("2", 0), ("3", 600)):
        sqs.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay)
    assert bodies(receive(sqs, url, most=1)) == ["1"]
    sleep_until(begun, 50)
    assert counts(sqs, url) == [1, 1, 1]
    sleep_until(begun, 63)
    assert counts(sqs, url) == [0, 0, 0]


# --- five minutes ---------------------------------------------------------------------------------
@pytest.mark.slow(seconds=400)
def test_a_deduplication_id_is_known_for_five_minutes(sqs, make_fifo):
    url = make_fifo()
    begun = time.monotonic()
    first = send(sqs, url, "1", MessageDeduplicationId="d")
    (got,) = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    for seconds in (60, 180, 295):
        sleep_until(begun, seconds)
        same = send(sqs, url, "2", MessageDeduplicationId="d")
        assert same["MessageId"] == first["MessageId"]
        assert same["SequenceNumber"] == first["SequenceNumber"]
    assert receive(sqs, url, wait=1) == []
    sleep_until(begun, 302)
    other = send(sqs, url, "3", MessageDeduplicationId="d")
    assert other["MessageId"] != first["MessageId"]
    assert int(other["SequenceNumber"]) > int(first["SequenceNumber"])
    assert bodies(receive(sqs, url)) == ["3"]
    assert send(sqs, url, "4", MessageDeduplicationId="d")["MessageId"] == other["MessageId"]


@pytest.mark.slow(seconds=400)
def test_an_attempt_to_receive_is_known_for_five_minutes(sqs, make_fifo):
    url = make_fifo(VisibilityTimeout=600, ContentBasedDeduplication="true")
    send(sqs, url, "m")
    begun = time.monotonic()
    (first,) = receive(sqs, url, ReceiveRequestAttemptId="a")
    for seconds in (60, 290):
        sleep_until(begun, seconds)
        (again,) = receive(sqs, url, ReceiveRequestAttemptId="a")
        assert again["ReceiptHandle"] == first["ReceiptHandle"]
        assert again["Attributes"]["ApproximateReceiveCount"] == "1"
    sleep_until(begun, 302)
    assert receive(sqs, url, wait=1, ReceiveRequestAttemptId="a") == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])


# --- move tasks -----------------------------------------------------------------------------------
@pytest.mark.slow(seconds=120)
def test_a_move_task_keeps_to_its_rate(sqs, make_queue):
    source, target = make_queue(), make_queue()
    make_queue(RedrivePolicy=json.dumps({
        "deadLetterTargetArn": attributes(sqs, source, "QueueArn")["QueueArn"],
        "maxReceiveCount": 1}))
    for body in range(40):
        sqs.send_message(QueueUrl=source, MessageBody=str(body))
    begun = time.monotonic()
    call("StartMessageMoveTask", SourceArn=attributes(sqs, source, "QueueArn")["QueueArn"],
         DestinationArn=attributes(sqs, target, "QueueArn")["QueueArn"],
         MaxNumberOfMessagesPerSecond=1)
    sleep_until(begun, 20)
    moved = int(attributes(sqs, target, "ApproximateNumberOfMessages")[
        "ApproximateNumberOfMessages"])
    assert 15 <= moved <= 22
    sleep_until(begun, 45)
    assert attributes(sqs, target, "ApproximateNumberOfMessages") == {
        "ApproximateNumberOfMessages": "40"}
    assert attributes(sqs, source, "ApproximateNumberOfMessages") == {
        "ApproximateNumberOfMessages": "0"}
