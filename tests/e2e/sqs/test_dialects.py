"""The same queues over SQS and AMQP."""
import json
import time
import uuid

import pika
import pytest

from harness.process import wait_until
from test_messages import bodies, counts, receive
from test_queues import attributes, code_of


def name_of(url):
    return url.rsplit("/", 1)[1]


def test_what_sqs_sends_amqp_gets(sqs, make_queue, channel):
    url = make_queue()
    sent = sqs.send_message(QueueUrl=url, MessageBody="\u00e4", MessageAttributes={
        "text": {"DataType": "String", "StringValue": "a"},
        "number": {"DataType": "Number", "StringValue": "42"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
    _, properties, body = channel.basic_get(name_of(url), auto_ack=True)
    assert body == "\u00e4".encode()
    assert properties.message_id == sent["MessageId"]
    assert properties.delivery_mode == 2
    assert properties.headers == {"text": "a", "number": 42, "bytes": b"\x00\xff"}


def test_what_amqp_publishes_sqs_receives(sqs, make_queue, channel):
    url = make_queue(VisibilityTimeout=0)
    channel.basic_publish("", name_of(url), "text",
                          pika.BasicProperties(headers={"text": "a", "number": 7}))
    (got,) = receive(sqs, url)
    assert got["Body"] == "text"
    assert got["MessageAttributes"] == {
        "text": {"DataType": "String", "StringValue": "a"},
        "number": {"DataType": "Number", "StringValue": "7"}}
    (again,) = receive(sqs, url)
    assert again["MessageId"] == got["MessageId"]


def test_bytes_that_sqs_cannot_carry_come_as_base64(sqs, make_queue, channel):
    url = make_queue()
    channel.basic_publish("", name_of(url), b"\x00\xff")
    (got,) = receive(sqs, url)
    assert got["Body"] == "AP8="
    assert got["MessageAttributes"]["PolyMQ.Encoding"]["StringValue"] == "base64"


def test_headers_without_an_equal_are_left_out(sqs, make_queue, channel):
    url = make_queue()
    channel.basic_publish("", name_of(url), "x", pika.BasicProperties(headers={
        "list": [1], "table": {"a": 1}, "yes": True, "none": None, "big": 2 ** 40}))
    (got,) = receive(sqs, url)
    assert got["MessageAttributes"] == {
        "big": {"DataType": "Number", "StringValue": str(2 ** 40)}}


def test_the_first_ten_headers_are_told(sqs, make_queue, channel):
    url = make_queue()
    channel.basic_publish("", name_of(url), "x", pika.BasicProperties(headers={
        f"h{i:02}": "x" for i in range(12)}))
    (got,) = receive(sqs, url)
    assert len(got["MessageAttributes"]) == 10


def test_an_empty_body_comes_as_base64(sqs, make_queue, channel):
    url = make_queue()
    channel.basic_publish("", name_of(url), b"")
    (got,) = receive(sqs, url)
    assert got["MessageAttributes"]["PolyMQ.Encoding"]["StringValue"] == "base64"
    assert got.get("Body", "") == ""


def test_messages_without_a_group_lock_nobody(sqs, make_queue, channel):
    url = make_queue(name=f"{uuid.uuid4()}.fifo", FifoQueue="true")
    for body in ("1", "2"):
        channel.basic_publish("", name_of(url), body)
    assert bodies(receive(sqs, url, most=1)) == ["1"]
    (got,) = receive(sqs, url, most=1)
    assert got["Body"] == "2"
    assert "MessageGroupId" not in got["Attributes"]


def test_hand_outs_count_in_both_protocols(sqs, make_queue, channel):
    url = make_queue(VisibilityTimeout=0)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    receive(sqs, url)
    method, _, _ = channel.basic_get(name_of(url))
    assert method.redelivered
    channel.basic_nack(method.delivery_tag)
    (got,) = receive(sqs, url)
    assert got["Attributes"]["ApproximateReceiveCount"] == "3"


def test_a_declaration_with_other_arguments_is_refused(make_queue, channel):
    url = make_queue(DelaySeconds=5)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare(name_of(url), durable=True)
    assert caught.value.reply_code == 406


def test_a_message_that_sqs_redrives_tells_amqp_why(sqs, make_queue, channel):
    dead = make_queue()
    url = make_queue(VisibilityTimeout=0, RedrivePolicy=json.dumps({
        "deadLetterTargetArn": attributes(sqs, dead, "QueueArn")["QueueArn"],
        "maxReceiveCount": 1}))
    sent = sqs.send_message(QueueUrl=url, MessageBody="x")
    receive(sqs, url)
    for _, properties, _ in channel.consume(name_of(dead), inactivity_timeout=10):
        assert properties.message_id == sent["MessageId"]
        (death,) = properties.headers["x-death"]
        assert (death["queue"], death["reason"]) == (name_of(url), "delivery_limit")
        break
    channel.cancel()


def test_such_bytes_are_bytes_again_when_they_are_sent_back(sqs, make_queue, channel):
    url = make_queue()
    channel.basic_publish("", name_of(url), b"\x00\xff", pika.BasicProperties(headers={"a": "1"}))
    (got,) = receive(sqs, url)
    sqs.send_message(QueueUrl=url, MessageBody=got["Body"], MessageAttributes={
        name: {key: value for key, value in attribute.items() if key in ("DataType", "StringValue")}
        for name, attribute in got["MessageAttributes"].items()})
    _, properties, body = channel.basic_get(name_of(url), auto_ack=True)
    assert body == b"\x00\xff"
    assert properties.headers == {"a": "1"}


def test_with_all_headers_too_they_can_be_sent_back(sqs, make_queue, channel):
    url = make_queue()
    channel.basic_publish("", name_of(url), b"\x00\xff", pika.BasicProperties(headers={
        "my header": "x", "aws.x": "x", "a..b": "x", **{f"h{i}": "x" for i in range(10)}}))
    (got,) = receive(sqs, url)
    assert len(got["MessageAttributes"]) == 10
    sqs.send_message(QueueUrl=url, MessageBody=got["Body"],
                     MessageAttributes=got["MessageAttributes"])
    _, properties, body = channel.basic_get(name_of(url), auto_ack=True)
    assert body == b"\x00\xff"
    assert properties.headers == {f"h{i}": "x" for i in range(9)}


def test_a_group_is_a_header_in_both_directions(sqs, make_queue, channel):
    url = make_queue(name=f"{uuid.uuid4()}.fifo", FifoQueue="true")
    sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="g", MessageDeduplicationId="d")
    _, properties, _ = channel.basic_get(name_of(url), auto_ack=True)
    assert properties.headers == {"x-message-group": "g", "x-deduplication-header": "d"}
    channel.basic_publish("", name_of(url), b"2", pika.BasicProperties(headers={
        "x-message-group": "h", "x-deduplication-header": "e"}))
    (got,) = receive(sqs, url)
    assert got["Attributes"]["MessageGroupId"] == "h"
    assert got["Attributes"]["MessageDeduplicationId"] == "e"


def test_a_group_is_locked_for_both_protocols(sqs, make_queue, channel):
    url = make_queue(name=f"{uuid.uuid4()}.fifo", FifoQueue="true")
    for body, group in (("1", "g"), ("2", "g"), ("3", "h")):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group,
                         MessageDeduplicationId=body)
    method, _, body = channel.basic_get(name_of(url))
    assert body == b"1"
    assert bodies(receive(sqs, url)) == ["3"]
    channel.basic_ack(method.delivery_tag)
    assert bodies(receive(sqs, url)) == ["2"]


def test_a_delay_set_over_sqs_counts_for_amqp(sqs, make_queue, channel):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    assert channel.basic_get(name_of(url))[0] is None
    assert attributes(sqs, url, "ApproximateNumberOfMessagesDelayed") == {
        "ApproximateNumberOfMessagesDelayed": "1"}


def test_a_queue_declared_over_amqp_is_there_for_sqs(sqs, channel):
    name = f"amqp-{uuid.uuid4()}"
    channel.queue_declare(name, durable=True)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    assert url in sqs.list_queues(QueueNamePrefix="amqp-")["QueueUrls"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert channel.basic_get(name, auto_ack=True)[2] == b"x"
    channel.queue_delete(name)


def test_a_queue_whose_name_sqs_could_not_say_is_not_there_for_it(sqs, channel):
    name = f"my.queue-{uuid.uuid4()}"
    channel.queue_declare(name, durable=True)
    with pytest.raises(sqs.exceptions.ClientError) as caught:
        sqs.get_queue_url(QueueName=name)
    assert "NonExistentQueue" in str(caught.value)
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name)
    channel.queue_delete(name)


def test_the_arguments_tell_the_kind_whatever_the_name(sqs, channel):
    grouped, standard = f"grouped-{uuid.uuid4()}", f"standard-{uuid.uuid4()}.fifo"
    channel.queue_declare(grouped, durable=True, arguments={"x-message-groups": "exclusive"})
    channel.queue_declare(standard, durable=True)
    for name, kind in ((grouped, {"FifoQueue": "true"}), (standard, {})):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        assert sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url]
        assert attributes(sqs, url, "FifoQueue") == kind
        channel.queue_delete(name)


def test_an_exclusive_queue_is_not_there_for_sqs_but_its_name_is_taken(sqs, channel):
    name = f"exclusive-{uuid.uuid4()}"
    channel.queue_declare(name, exclusive=True)
    with pytest.raises(sqs.exceptions.ClientError) as caught:
        sqs.get_queue_url(QueueName=name)
    assert "NonExistentQueue" in str(caught.value)
    with pytest.raises(sqs.exceptions.ClientError) as caught:
        sqs.create_queue(QueueName=name)
    assert "QueueAlreadyExists" in str(caught.value)


def test_of_a_batch_only_what_a_full_queue_refused_has_failed(sqs, channel):
    name = f"full-{uuid.uuid4()}"
    channel.queue_declare(name, arguments={"x-max-length": 2, "x-overflow": "reject-publish"})
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": str(i), "MessageBody": str(i)} for i in range(3)])
    assert [one["Id"] for one in answer["Successful"]] == ["0", "1"]
    assert [(one["Id"], one["SenderFault"]) for one in answer["Failed"]] == [("2", False)]
    assert bodies(receive(sqs, url)) == ["0", "1"]
    channel.queue_delete(name)


def test_a_header_whose_name_sqs_cannot_carry_is_left_out(sqs, make_queue, channel):
    url = make_queue()
    channel.basic_publish("", name_of(url), "x",
                          pika.BasicProperties(headers={"good": "1", "\x01": "2"}))
    (got,) = receive(sqs, url)
    assert set(got["MessageAttributes"]) == {"good"}


def test_a_single_active_consumer_has_the_queue_for_itself(sqs, channel):
    name = f"sac-{uuid.uuid4()}"
    channel.queue_declare(name, arguments={"x-single-active-consumer": True})
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert bodies(receive(sqs, url, wait=0)) == []
    assert channel.basic_get(name, auto_ack=True)[2] == b"x"
    channel.queue_delete(name)


def test_what_amqp_declared_stays_when_sqs_changes_the_queue(sqs, channel):
    name = f"declared-{uuid.uuid4()}"
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "elsewhere",
                 "x-message-retention": 7200000}
    channel.queue_declare(name, durable=True, arguments=arguments)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"a": "1"})
    channel.queue_declare(name, durable=True, arguments=arguments)
    assert attributes(sqs, url, "MessageRetentionPeriod") == {"MessageRetentionPeriod": "7200"}
    channel.queue_delete(name)


def test_a_message_goes_in_time_though_it_is_out_or_delayed(sqs, channel):
    name = f"brief-{uuid.uuid4()}"
    channel.queue_declare(name, arguments={"x-message-retention": 3000})
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="out")
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=900)
    (got,) = receive(sqs, url, VisibilityTimeout=600)
    assert wait_until(lambda: counts(sqs, url) == [0, 0, 0], time.monotonic() + 20)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert code_of(sqs.change_message_visibility, QueueUrl=url, VisibilityTimeout=10,
                   ReceiptHandle=got["ReceiptHandle"]) == "InvalidParameterValue"
    channel.queue_delete(name)
