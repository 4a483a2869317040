"""Messages of standard queues: sending, receiving, deleting, leases, delays, redrive."""
import hashlib
import http.client
import json
import os
import threading
import time
import urllib.parse

import pytest
from botocore.exceptions import ClientError

import raw
from test_queues import attributes, code_of


def receive(sqs, url, most=10, wait=5, **more):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, WaitTimeSeconds=wait,
                               AttributeNames=["All"], MessageAttributeNames=["All"],
                               **more).get("Messages", [])


def bodies(messages):
    return [message["Body"] for message in messages]


def counts(sqs, url):
    """How many messages are visible, out, and delayed."""
    told = attributes(sqs, url, "All")
    return [int(told[f"ApproximateNumberOfMessages{what}"])
            for what in ("", "NotVisible", "Delayed")]


def test_a_message_is_sent_received_and_deleted(sqs, make_queue):
    url = make_queue()
    body = "text with <tags> & \"quotes\", \u00e4\u00f6\U0001F600,\r\n\ttabs"
    sent = sqs.send_message(QueueUrl=url, MessageBody=body)
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    (got,) = receive(sqs, url)
    assert got["Body"] == body
    assert got["MessageId"] == sent["MessageId"]
    assert got["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    assert got["Attributes"]["SenderId"] == "x"
    assert abs(int(got["Attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert attributes(sqs, url, "ApproximateNumberOfMessagesNotVisible") == {
        "ApproximateNumberOfMessagesNotVisible": "0"}


def test_attributes_come_back_and_only_those_asked_for(sqs, make_queue):
    url = make_queue(VisibilityTimeout=0)
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes={
        "text": {"DataType": "String.label", "StringValue": "a"},
        "number": {"DataType": "Number", "StringValue": "4.50"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
    (got,) = receive(sqs, url)
    assert got["MessageAttributes"]["text"] == {"DataType": "String.label", "StringValue": "a"}
    assert got["MessageAttributes"]["number"]["StringValue"] == "4.50"
    assert got["MessageAttributes"]["bytes"]["BinaryValue"] == b"\x00\xff"
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    for asked, names in (([], set()), (["other.*"], set()), (["num.*", "text"],
                                                              {"number", "text"})):
        (got,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=asked,
                                     WaitTimeSeconds=2)["Messages"]
        assert set(got.get("MessageAttributes", {})) == names
        assert ("MD5OfMessageAttributes" in got) == bool(names)


def test_a_batch_may_fail_in_parts(sqs, make_queue):
    url = make_queue(MaximumMessageSize=1024)
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": "good", "MessageBody": "1"},
        {"Id": "large", "MessageBody": "x" * 1025},
        {"Id": "also", "MessageBody": "2"}])
    assert [one["Id"] for one in answer["Successful"]] == ["good", "also"]
    assert [(one["Id"], one["Code"], one["SenderFault"]) for one in answer["Failed"]] == [
        ("large", "InvalidParameterValue", True)]
    messages = receive(sqs, url)
    assert bodies(messages) == ["1", "2"]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=[
        {"Id": "a", "ReceiptHandle": messages[0]["ReceiptHandle"]},
        {"Id": "b", "ReceiptHandle": "nonsense"}])
    assert [one["Id"] for one in answer["Successful"]] == ["a"]
    assert [one["Code"] for one in answer["Failed"]] == ["ReceiptHandleIsInvalid"]


@pytest.mark.parametrize("entries, code", [
    ([{"Id": str(i), "MessageBody": "x"} for i in range(11)],
     "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
    ([{"Id": "a", "MessageBody": "x"}] * 2, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    ([{"Id": "a b", "MessageBody": "x"}], "AWS.SimpleQueueService.InvalidBatchEntryId"),
    ([{"Id": str(i), "MessageBody": "x" * 600_000} for i in range(2)],
     "AWS.SimpleQueueService.BatchRequestTooLong"),
])
def test_batches_that_are_none_are_refused(sqs, make_queue, entries, code):
    assert code_of(sqs.send_message_batch, QueueUrl=make_queue(), Entries=entries) == code


def test_a_batch_whose_entries_are_legal_may_be_too_long(sqs, make_queue):
    entries = [{"Id": str(i), "MessageBody": "x" * 2 ** 20} for i in range(10)]
    assert code_of(sqs.send_message_batch, QueueUrl=make_queue(), Entries=entries) \
        == "AWS.SimpleQueueService.BatchRequestTooLong"


def test_an_entry_that_says_no_timeout_fails_by_itself(sqs, make_queue):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (got,) = receive(sqs, url)
    answer = raw.call("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=[
        {"Id": "a", "ReceiptHandle": got["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "b", "ReceiptHandle": got["ReceiptHandle"]}])
    assert answer["Successful"] == [{"Id": "a"}]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] \
        == [("b", "InvalidParameterValue")]


def test_a_request_to_receive_is_not_long(make_queue):
    url = make_queue()
    assert raw.call("ReceiveMessage", QueueUrl=url, Nonsense="x" * 60_000) == {}
    with pytest.raises(raw.Refused, match="InvalidParameterValue.*65536 bytes"):
        raw.call("ReceiveMessage", QueueUrl=url, Nonsense="x" * 70_000)


def test_what_is_not_deleted_comes_again(sqs, make_queue):
    url = make_queue(VisibilityTimeout=1)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (first,) = receive(sqs, url)
    assert receive(sqs, url, wait=0) == []
    (second,) = receive(sqs, url, wait=5)
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateFirstReceiveTimestamp"] == \
        first["Attributes"]["ApproximateFirstReceiveTimestamp"]


def test_visibility_can_be_changed(sqs, make_queue):
    url = make_queue(VisibilityTimeout=1)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (got,) = receive(sqs, url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"],
                                  VisibilityTimeout=30)
    assert receive(sqs, url, wait=2) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"],
                                  VisibilityTimeout=0)
    (again,) = receive(sqs, url, wait=0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert code_of(sqs.change_message_visibility, QueueUrl=url, VisibilityTimeout=1,
                   ReceiptHandle=again["ReceiptHandle"]) == "InvalidParameterValue"


def test_who_waits_is_answered_when_something_is_sent(sqs, make_queue):
    url = make_queue()
    threading.Timer(0.5, lambda: sqs.send_message(QueueUrl=url, MessageBody="x")).start()
    started = time.monotonic()
    assert bodies(receive(sqs, url, wait=20)) == ["x"]
    assert time.monotonic() - started < 15


def test_a_client_that_goes_away_while_it_waits_takes_no_message_with_it(sqs, make_queue):
    url = make_queue()
    for _ in range(5):
        there = urllib.parse.urlparse(os.environ["SQS_URL"])
        connection = http.client.HTTPConnection(there.hostname, there.port)
        connection.request("POST", urllib.parse.urlparse(url).path,
                           "Action=ReceiveMessage&WaitTimeSeconds=20",
                           {"Content-Type": "application/x-www-form-urlencoded"})
        connection.close()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (got,) = receive(sqs, url, wait=5)
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_trace_header_that_is_no_text_is_left_out(sqs, make_queue):
    url = make_queue()
    there = urllib.parse.urlparse(os.environ["SQS_URL"])
    for trace, told in ((b"Root=1-5759e988", True), (b"Root=\xff\xfe", False)):
        connection = http.client.HTTPConnection(there.hostname, there.port)
        connection.request("POST", urllib.parse.urlparse(url).path,
                           "Action=SendMessage&MessageBody=x",
                           {"Content-Type": "application/x-www-form-urlencoded",
                            "X-Amzn-Trace-Id": trace})
        assert connection.getresponse().status == 200
        connection.close()
        (got,) = receive(sqs, url)
        assert ("AWSTraceHeader" in got["Attributes"]) == told


def test_delays(sqs, make_queue):
    url = make_queue(DelaySeconds=2)
    sqs.send_message(QueueUrl=url, MessageBody="later")
    sqs.send_message(QueueUrl=url, MessageBody="now", DelaySeconds=0)
    assert attributes(sqs, url, "ApproximateNumberOfMessagesDelayed") == {
        "ApproximateNumberOfMessagesDelayed": "1"}
    assert bodies(receive(sqs, url, wait=0)) == ["now"]
    assert bodies(receive(sqs, url, wait=10)) == ["later"]


def test_what_fails_too_often_goes_to_the_dead_letter_queue(sqs, make_queue):
    dead = make_queue()
    arn = attributes(sqs, dead, "QueueArn")["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
    url = make_queue(VisibilityTimeout=0, RedrivePolicy=policy)
    assert attributes(sqs, url, "RedrivePolicy")["RedrivePolicy"] == policy
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert bodies(receive(sqs, url)) == ["poison"]
    assert bodies(receive(sqs, url)) == ["poison"]
    (got,) = receive(sqs, dead)
    assert got["MessageId"] == sent["MessageId"]
    assert got["Attributes"]["DeadLetterQueueSourceArn"] == \
        attributes(sqs, url, "QueueArn")["QueueArn"]
    assert receive(sqs, url, wait=0) == []


def test_a_purge_leaves_nothing(sqs, make_queue):
    url = make_queue()
    for delay in (0, 0, 5):
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=delay)
    receive(sqs, url, most=1)
    sqs.purge_queue(QueueUrl=url)
    assert counts(sqs, url) == [0, 0, 0]


def test_wrong_requests_are_refused(sqs, make_queue):
    url = make_queue()
    assert code_of(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11) \
        == "InvalidParameterValue"
    assert code_of(sqs.send_message, QueueUrl=url, MessageBody="\x01") \
        == "InvalidMessageContents"
    assert code_of(sqs.delete_message, QueueUrl=url, ReceiptHandle="x") \
        == "ReceiptHandleIsInvalid"
    other = make_queue()
    sqs.send_message(QueueUrl=other, MessageBody="x")
    (got,) = receive(sqs, other)
    assert code_of(sqs.delete_message, QueueUrl=url, ReceiptHandle=got["ReceiptHandle"]) \
        == "ReceiptHandleIsInvalid"
    with pytest.raises(ClientError):
        sqs.send_message(QueueUrl=url + "x", MessageBody="x")


def test_many_clients_share_a_queue(sqs, make_queue):
    url = make_queue()
    total = 200
    for batch in range(0, total, 10):
        sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(i), "MessageBody": str(batch + i)} for i in range(10)])
    seen, lock = [], threading.Lock()

    def work():
        while True:
            messages = receive(sqs, url, wait=1)
            if not messages:
                return
            with lock:
                seen.extend(bodies(messages))
            sqs.delete_message_batch(QueueUrl=url, Entries=[
                {"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
                for i, message in enumerate(messages)])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(map(int, seen)) == list(range(total))
