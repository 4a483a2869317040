"""FIFO queues: order in each group, and its lock while one of its messages is out."""
import json
import threading

import pika

from test_fifo import send
from test_messages import bodies, receive
from test_queues import attributes


def fill(sqs, url, *messages):
    """Each is group and number: a1."""
    for message in messages:
        send(sqs, url, message, message[0], MessageDeduplicationId=message)


def delete(sqs, url, *messages):
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_a_group_is_locked_while_one_of_it_is_out(sqs, make_fifo):
    url = make_fifo()
    fill(sqs, url, "a1", "a2", "b1", "b2")
    (first,) = receive(sqs, url, most=1)
    assert first["Body"] == "a1"
    others = receive(sqs, url)
    assert bodies(others) == ["b1", "b2"]
    assert receive(sqs, url, wait=0) == []
    delete(sqs, url, first)
    assert bodies(receive(sqs, url)) == ["a2"]


def test_one_receive_may_have_several_of_a_group_in_order(sqs, make_fifo):
    url = make_fifo()
    fill(sqs, url, "a1", "b1", "a2", "b2", "a3")
    got = bodies(receive(sqs, url))
    assert [body for body in got if body[0] == "a"] == ["a1", "a2", "a3"]
    assert [body for body in got if body[0] == "b"] == ["b1", "b2"]


def test_a_lock_ends_with_visibility_and_order_is_kept(sqs, make_fifo):
    url = make_fifo(VisibilityTimeout=1)
    fill(sqs, url, "a1", "a2", "a3")
    out = receive(sqs, url, most=2)
    assert bodies(out) == ["a1", "a2"]
    delete(sqs, url, out[0])
    assert receive(sqs, url, wait=0) == []
    assert bodies(receive(sqs, url, wait=10)) == ["a2", "a3"]


def test_a_lock_ends_when_visibility_is_set_to_zero(sqs, make_fifo):
    url = make_fifo(VisibilityTimeout=30)
    fill(sqs, url, "a1", "a2")
    (first,) = receive(sqs, url, most=1)
    assert receive(sqs, url, wait=0) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"],
                                  VisibilityTimeout=0)
    assert bodies(receive(sqs, url)) == ["a1", "a2"]


def test_one_in_the_middle_may_be_deleted(sqs, make_fifo):
    url = make_fifo(VisibilityTimeout=2)
    fill(sqs, url, "a1", "a2", "a3")
    out = receive(sqs, url)
    delete(sqs, url, out[1])
    assert bodies(receive(sqs, url, wait=10)) == ["a1", "a3"]


def test_who_waits_is_answered_when_a_group_is_free(sqs, make_fifo):
    url = make_fifo()
    fill(sqs, url, "a1", "a2")
    (first,) = receive(sqs, url, most=1)
    threading.Timer(0.5, delete, (sqs, url, first)).start()
    assert bodies(receive(sqs, url, wait=15)) == ["a2"]


def test_an_attempt_asked_for_again_does_not_open_the_group(sqs, make_fifo):
    url = make_fifo()
    fill(sqs, url, "a1", "a2")
    first = receive(sqs, url, most=1, ReceiveRequestAttemptId="1")
    again = receive(sqs, url, most=10, ReceiveRequestAttemptId="1")
    assert bodies(first) == bodies(again) == ["a1"]
    assert receive(sqs, url, wait=0) == []
    delete(sqs, url, again[0])
    assert bodies(receive(sqs, url)) == ["a2"]


def test_a_dead_letter_sets_its_group_free(sqs, make_fifo):
    dead = make_fifo()
    policy = json.dumps({"deadLetterTargetArn": attributes(sqs, dead, "QueueArn")["QueueArn"],
                         "maxReceiveCount": 1})
    url = make_fifo(VisibilityTimeout=1, RedrivePolicy=policy)
    fill(sqs, url, "a1", "a2")
    assert bodies(receive(sqs, url, most=1)) == ["a1"]
    assert bodies(receive(sqs, url, most=1, wait=10)) == ["a2"]
    assert bodies(receive(sqs, dead, wait=10)) == ["a1"]


def test_what_amqp_publishes_is_in_its_group(sqs, make_fifo, channel):
    url = make_fifo()
    for body in ("a1", "a2"):
        channel.basic_publish("", url.rsplit("/", 1)[1], body, pika.BasicProperties(
            delivery_mode=2, headers={"x-message-group": "a"}))
    fill(sqs, url, "b1")
    assert bodies(receive(sqs, url, most=1)) == ["a1"]
    assert bodies(receive(sqs, url)) == ["b1"]
