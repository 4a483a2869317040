"""FIFO queues: attributes, deduplication, sequence numbers, repeated receives, handles, redrive."""
import hashlib
import json
import time
import uuid

import pika
import pytest

from test_messages import bodies, counts, receive
from test_queues import attributes, code_of


def send(sqs, url, body, group="g", **more):
    return sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, **more)


def message_of(call, **arguments):
    """What is said about a request that is refused, behind its code."""
    with pytest.raises(Exception) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


# --- queues ---------------------------------------------------------------------------------------
def test_a_fifo_queue_tells_its_attributes(sqs, make_fifo):
    url = make_fifo()
    told = attributes(sqs, url, "All")
    assert told["FifoQueue"] == "true"
    assert told["ContentBasedDeduplication"] == "false"
    assert told["DeduplicationScope"] == "queue"
    assert told["FifoThroughputLimit"] == "perQueue"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={
        "ContentBasedDeduplication": "true", "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId"})
    told = attributes(sqs, url, "All")
    assert told["ContentBasedDeduplication"] == "true"
    assert told["DeduplicationScope"] == "messageGroup"
    assert told["FifoThroughputLimit"] == "perMessageGroupId"


def test_name_and_attribute_go_together(sqs, make_queue):
    name = f"q-{uuid.uuid4()}"
    assert code_of(make_queue, name=name + ".fifo") == "InvalidParameterValue"
    assert code_of(make_queue, name=name, FifoQueue="true") == "InvalidParameterValue"
    assert code_of(make_queue, name=name, FifoQueue="false") == "InvalidAttributeName"
    assert code_of(make_queue, name=name + ".fifo", FifoQueue="false") == "InvalidAttributeName"


def test_making_it_again_compares_what_is_given(sqs, make_fifo):
    name = f"q-{uuid.uuid4()}.fifo"
    url = make_fifo(name, ContentBasedDeduplication="true")
    assert make_fifo(name) == url
    assert make_fifo(name, ContentBasedDeduplication="True") == url
    code, text = message_of(make_fifo, name=name, ContentBasedDeduplication="false")
    assert code == "QueueAlreadyExists" and "ContentBasedDeduplication" in text


def test_rules_of_the_attributes(sqs, make_queue, make_fifo):
    standard, fifo = make_queue(), make_fifo()

    def refused(url, **given):
        return code_of(sqs.set_queue_attributes, QueueUrl=url, Attributes=given)

    assert refused(fifo, FifoQueue="false") == "InvalidAttributeValue"
    assert refused(fifo, DeduplicationScope="group") == "InvalidAttributeValue"
    assert refused(fifo, FifoThroughputLimit="perMessageGroupId") == "InvalidAttributeValue"
    assert refused(standard, DeduplicationScope="queue") == "InvalidAttributeName"
    assert refused(standard, FifoThroughputLimit="perQueue") == "InvalidAttributeName"
    assert refused(standard, ContentBasedDeduplication="true") == "InvalidAttributeName"
    assert refused(standard, FifoQueue="true") == "InvalidAttributeName"
    assert attributes(sqs, standard, "FifoQueue", "DeduplicationScope") == {}


def test_dead_letter_queues_are_of_the_same_type(sqs, make_queue, make_fifo):
    def policy(url):
        return json.dumps({"deadLetterTargetArn": attributes(sqs, url, "QueueArn")["QueueArn"],
                           "maxReceiveCount": 1})

    standard, fifo = make_queue(), make_fifo()
    code, text = message_of(make_fifo, RedrivePolicy=policy(standard))
    assert code == "InvalidParameterValue" and "same type" in text
    assert code_of(sqs.set_queue_attributes, QueueUrl=standard,
                   Attributes={"RedrivePolicy": policy(fifo)}) == "InvalidParameterValue"
    make_fifo(RedrivePolicy=policy(fifo))
    make_queue(RedrivePolicy=policy(standard))
    missing = policy(fifo).replace(fifo.rsplit("/", 1)[1], "missing.fifo")
    code, text = message_of(make_fifo, RedrivePolicy=missing)
    assert code == "InvalidParameterValue" and "does not exist" in text


# --- sending --------------------------------------------------------------------------------------
def test_what_a_fifo_queue_wants_to_be_told(sqs, make_queue, make_fifo):
    url = make_fifo()

    def refused(url=url, **given):
        return message_of(sqs.send_message, QueueUrl=url, MessageBody="x", **given)

    code, text = refused(MessageDeduplicationId="d")
    assert code == "MissingParameter" and "MessageGroupId" in text
    code, text = refused(MessageGroupId="g")
    assert code == "InvalidParameterValue" and "ContentBasedDeduplication" in text
    for wrong in ("with blank", "x" * 129, "\u00e4"):
        assert refused(MessageGroupId=wrong, MessageDeduplicationId="d")[0] == \
            "InvalidParameterValue"
        assert refused(MessageGroupId="g", MessageDeduplicationId=wrong)[0] == \
            "InvalidParameterValue"
    code, text = refused(MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=1)
    assert code == "InvalidParameterValue" and "DelaySeconds" in text
    standard = make_queue()
    code, text = refused(standard, MessageDeduplicationId="d")
    assert code == "InvalidParameterValue" and "MessageDeduplicationId" in text
    assert receive(sqs, url, wait=0) == []


def test_a_message_tells_of_its_group_its_id_and_its_number(sqs, make_fifo):
    url = make_fifo()
    sent = send(sqs, url, "x", "group!", MessageDeduplicationId="d~", DelaySeconds=0)
    assert len(sent["SequenceNumber"]) == 20 and sent["SequenceNumber"].isdigit()
    (got,) = receive(sqs, url)
    assert got["MessageId"] == sent["MessageId"]
    assert got["Attributes"]["MessageGroupId"] == "group!"
    assert got["Attributes"]["MessageDeduplicationId"] == "d~"
    assert got["Attributes"]["SequenceNumber"] == sent["SequenceNumber"]


def test_standard_queues_have_no_sequence(sqs, make_queue):
    url = make_queue()
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g")
    assert "SequenceNumber" not in sent
    (got,) = receive(sqs, url)
    assert got["Attributes"]["MessageGroupId"] == "g"
    assert "SequenceNumber" not in got["Attributes"]
    assert "MessageDeduplicationId" not in got["Attributes"]


def test_sequence_numbers_increase_and_batches_keep_their_order(sqs, make_fifo):
    url = make_fifo(ContentBasedDeduplication="true")
    numbers = []
    for batch in range(3):
        answer = sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(i), "MessageBody": f"{batch}-{i}", "MessageGroupId": f"g{i}"}
            for i in range(10)])
        numbers += [one["SequenceNumber"] for one in answer["Successful"]]
    assert numbers == sorted(set(numbers)) and len(numbers) == 30
    got = []
    while len(got) < 30:
        messages = receive(sqs, url, wait=2)
        assert messages, "they are all there"
        got += messages
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    for group in range(10):
        of_group = [m["Body"] for m in got if m["Attributes"]["MessageGroupId"] == f"g{group}"]
        assert of_group == [f"{batch}-{group}" for batch in range(3)]
    assert sorted(m["Attributes"]["SequenceNumber"] for m in got) == numbers


def test_of_a_batch_only_what_is_wrong_fails(sqs, make_fifo):
    url = make_fifo()
    entries = [
        {"Id": "1", "MessageBody": "1", "MessageGroupId": "g", "MessageDeduplicationId": "1"},
        {"Id": "no", "MessageBody": "x", "MessageGroupId": "g"},
        {"Id": "late", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "x",
         "DelaySeconds": 5},
        {"Id": "2", "MessageBody": "2", "MessageGroupId": "g", "MessageDeduplicationId": "2"}]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["1", "2"]
    assert [(one["Id"], one["Code"], one["SenderFault"]) for one in answer["Failed"]] == [
        ("no", "InvalidParameterValue", True), ("late", "InvalidParameterValue", True)]
    assert bodies(receive(sqs, url)) == ["1", "2"]
    del entries[3]["MessageGroupId"]
    code, text = message_of(sqs.send_message_batch, QueueUrl=url, Entries=entries)
    assert code == "InvalidParameterValue" and "MessageGroupId" in text


def test_a_queue_may_delay_all_its_messages(sqs, make_fifo):
    url = make_fifo(DelaySeconds=2, ContentBasedDeduplication="true")
    send(sqs, url, "x", DelaySeconds=0)
    assert receive(sqs, url, wait=0) == []
    assert bodies(receive(sqs, url, wait=10)) == ["x"]


# --- deduplication --------------------------------------------------------------------------------
def test_a_duplicate_is_answered_with_its_original(sqs, make_fifo):
    url = make_fifo()
    first = send(sqs, url, "first", MessageDeduplicationId="a")
    other = send(sqs, url, "other", MessageDeduplicationId="b")
    again = send(sqs, url, "again", "another", MessageDeduplicationId="a")
    assert again["MessageId"] == first["MessageId"] != other["MessageId"]
    assert again["SequenceNumber"] == first["SequenceNumber"] != other["SequenceNumber"]
    assert again["MD5OfMessageBody"] == hashlib.md5(b"again").hexdigest()
    assert bodies(receive(sqs, url)) == ["first", "other"]


def test_of_a_batch_duplicates_succeed(sqs, make_fifo):
    url = make_fifo()
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": str(i), "MessageBody": str(i), "MessageGroupId": "g",
         "MessageDeduplicationId": "same"} for i in range(3)])
    assert len({one["MessageId"] for one in answer["Successful"]}) == 1
    assert len({one["SequenceNumber"] for one in answer["Successful"]}) == 1
    assert bodies(receive(sqs, url)) == ["0"]


def test_deleting_and_purging_leave_the_ids(sqs, make_fifo):
    url = make_fifo()
    first = send(sqs, url, "1", MessageDeduplicationId="a")
    (got,) = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert send(sqs, url, "2", MessageDeduplicationId="a")["MessageId"] == first["MessageId"]
    sqs.purge_queue(QueueUrl=url)
    assert send(sqs, url, "3", MessageDeduplicationId="a")["MessageId"] == first["MessageId"]
    assert receive(sqs, url, wait=0) == []


def test_deduplication_by_content_looks_at_the_body_only(sqs, make_fifo):
    url = make_fifo(ContentBasedDeduplication="true")
    first = send(sqs, url, "same", MessageAttributes={
        "a": {"DataType": "String", "StringValue": "1"}})
    again = send(sqs, url, "same")
    explicit = send(sqs, url, "same", MessageDeduplicationId="other")
    assert again["MessageId"] == first["MessageId"] != explicit["MessageId"]
    got = receive(sqs, url)
    assert [one["Attributes"]["MessageDeduplicationId"] for one in got] == [
        hashlib.sha256(b"same").hexdigest(), "other"]


def test_deduplication_by_content_can_be_switched_in_use(sqs, make_fifo):
    url = make_fifo()
    assert code_of(send, sqs=sqs, url=url, body="x") == "InvalidParameterValue"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"ContentBasedDeduplication": "true"})
    assert send(sqs, url, "x")["MessageId"] == send(sqs, url, "x")["MessageId"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"ContentBasedDeduplication": "false"})
    assert code_of(send, sqs=sqs, url=url, body="x") == "InvalidParameterValue"


def test_ids_are_unique_in_the_queue_or_in_the_group(sqs, make_fifo):
    url = make_fifo()
    assert send(sqs, url, "1", "g", MessageDeduplicationId="a")["MessageId"] == \
        send(sqs, url, "2", "h", MessageDeduplicationId="a")["MessageId"]
    url = make_fifo(DeduplicationScope="messageGroup")
    first = send(sqs, url, "1", "g", MessageDeduplicationId="a")
    other = send(sqs, url, "2", "h", MessageDeduplicationId="a")
    again = send(sqs, url, "3", "g", MessageDeduplicationId="a")
    assert again["MessageId"] == first["MessageId"] != other["MessageId"]
    assert sorted(bodies(receive(sqs, url))) == ["1", "2"]


# --- receiving ------------------------------------------------------------------------------------
def test_who_asks_again_under_the_same_attempt_gets_the_same(sqs, make_fifo):
    url = make_fifo(ContentBasedDeduplication="true", VisibilityTimeout=30)
    for group in "ab":
        send(sqs, url, group, group)
    first = receive(sqs, url, ReceiveRequestAttemptId="1")
    again = receive(sqs, url, ReceiveRequestAttemptId="1")
    assert [(m["Body"], m["MessageId"]) for m in again] == \
        [(m["Body"], m["MessageId"]) for m in first]
    assert bodies(first) == ["a", "b"]
    assert [m["Attributes"]["ApproximateReceiveCount"] for m in again] == ["1", "1"]
    assert receive(sqs, url, wait=0, ReceiveRequestAttemptId="2") == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again[0]["ReceiptHandle"])
    assert receive(sqs, url, wait=0, ReceiveRequestAttemptId="1") == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[1]["ReceiptHandle"])
    assert attributes(sqs, url, "ApproximateNumberOfMessagesNotVisible") == {
        "ApproximateNumberOfMessagesNotVisible": "0"}


def test_an_attempt_puts_visibility_off(sqs, make_fifo):
    url = make_fifo(ContentBasedDeduplication="true", VisibilityTimeout=2)
    send(sqs, url, "x")
    assert bodies(receive(sqs, url, ReceiveRequestAttemptId="1")) == ["x"]
    time.sleep(1)
    (got,) = receive(sqs, url, VisibilityTimeout=20, ReceiveRequestAttemptId="1")
    assert receive(sqs, url, wait=3) == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])


def test_attempts_are_for_fifo_queues(sqs, make_queue, make_fifo):
    code, text = message_of(sqs.receive_message, QueueUrl=make_queue(),
                            ReceiveRequestAttemptId="1")
    assert code == "InvalidParameterValue" and "ReceiveRequestAttemptId" in text
    assert code_of(sqs.receive_message, QueueUrl=make_fifo(),
                   ReceiveRequestAttemptId="with blank") == "InvalidParameterValue"


def test_an_expired_handle_deletes_nothing(sqs, make_fifo):
    url = make_fifo(ContentBasedDeduplication="true", VisibilityTimeout=1)
    send(sqs, url, "x")
    (first,) = receive(sqs, url)
    (second,) = receive(sqs, url, wait=10, VisibilityTimeout=30)
    handle = first["ReceiptHandle"]
    code, text = message_of(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle)
    assert code == "InvalidParameterValue" and "The receipt handle has expired" in text
    assert code_of(sqs.change_message_visibility, QueueUrl=url, ReceiptHandle=handle,
                   VisibilityTimeout=10) == "AWS.SimpleQueueService.MessageNotInflight"
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=[
        {"Id": "old", "ReceiptHandle": handle},
        {"Id": "new", "ReceiptHandle": second["ReceiptHandle"]}])
    assert [one["Id"] for one in answer["Successful"]] == ["new"]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] == [
        ("old", "InvalidParameterValue")]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])


# --- redrive --------------------------------------------------------------------------------------
def test_a_dead_letter_keeps_its_group_and_is_known_by_its_message_id(sqs, make_fifo):
    dead = make_fifo()
    policy = json.dumps({"deadLetterTargetArn": attributes(sqs, dead, "QueueArn")["QueueArn"],
                         "maxReceiveCount": 1})
    url = make_fifo(VisibilityTimeout=0, RedrivePolicy=policy)
    sent = send(sqs, url, "poison", "g", MessageDeduplicationId="d")
    assert bodies(receive(sqs, url)) == ["poison"]
    (got,) = receive(sqs, dead)
    assert got["MessageId"] == sent["MessageId"]
    assert got["Attributes"]["MessageGroupId"] == "g"
    assert got["Attributes"]["MessageDeduplicationId"] == sent["MessageId"]
    assert got["Attributes"]["DeadLetterQueueSourceArn"] == \
        attributes(sqs, url, "QueueArn")["QueueArn"]
    assert len(got["Attributes"]["SequenceNumber"]) == 20
    again = send(sqs, url, "poison", "g", MessageDeduplicationId="d")
    assert again["MessageId"] == sent["MessageId"], "the queue still knows it"


# --- delays ---------------------------------------------------------------------------------------
def test_a_new_delay_counts_for_what_is_delayed_already(sqs, make_fifo):
    url = make_fifo(ContentBasedDeduplication="true", DelaySeconds=900)
    for body in ("1", "2"):
        send(sqs, url, body)
    assert receive(sqs, url, wait=0) == []
    assert counts(sqs, url) == [0, 0, 2]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0"})
    assert bodies(receive(sqs, url)) == ["1", "2"]
    assert counts(sqs, url) == [0, 2, 0]


# --- AMQP -----------------------------------------------------------------------------------------
def test_what_amqp_publishes_has_a_place_in_a_fifo_queue(sqs, make_fifo, channel):
    url = make_fifo()
    name = url.rsplit("/", 1)[1]
    for body, headers in (
            ("1", {"x-message-group": "g", "x-deduplication-header": "a", "own": "x"}),
            ("2", {"x-message-group": "g", "x-deduplication-header": "a"}),
            ("3", {}), ("3", {})):
        channel.basic_publish("", name, body, pika.BasicProperties(
            delivery_mode=2, headers=headers))
    again = send(sqs, url, "4", MessageDeduplicationId="a")
    got = receive(sqs, url)
    assert bodies(got) == ["1", "3", "3"]
    assert again["MessageId"] == got[0]["MessageId"]
    assert again["SequenceNumber"] == got[0]["Attributes"]["SequenceNumber"]
    assert got[0]["Attributes"]["MessageGroupId"] == "g"
    assert got[0]["Attributes"]["MessageDeduplicationId"] == "a"
    assert set(got[0]["MessageAttributes"]) == {"own"}
    assert "MessageGroupId" not in got[1]["Attributes"]
    numbers = [one["Attributes"]["SequenceNumber"] for one in got]
    assert numbers == sorted(set(numbers))


def test_amqp_sees_group_and_id_as_headers(sqs, make_fifo, channel):
    url = make_fifo()
    send(sqs, url, "x", "g", MessageDeduplicationId="d")
    _, properties, body = channel.basic_get(url.rsplit("/", 1)[1], auto_ack=True)
    assert body == b"x"
    assert properties.headers == {"x-message-group": "g", "x-deduplication-header": "d"}
