"""The same queues over SQS and AMQP."""
import uuid

import pika
import pytest

from test_messages import bodies, receive


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


def test_a_queue_declared_over_amqp_is_there_for_sqs(sqs, channel):
    name = f"amqp-{uuid.uuid4()}"
    channel.queue_declare(name, durable=True)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    assert url in sqs.list_queues(QueueNamePrefix="amqp-")["QueueUrls"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert channel.basic_get(name, auto_ack=True)[2] == b"x"
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
