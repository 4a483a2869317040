"""Fair queues: groups on standard queues, of which none makes the others wait."""
import uuid

import pika

from test_fifo import send
from test_messages import bodies, receive
from test_queues import attributes


def fill(sqs, url, group, count, first=1):
    """a1, a2, ... of group a."""
    numbers = list(range(first, first + count))
    for start in range(0, count, 10):
        answer = sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(number), "MessageBody": f"{group}{number}", "MessageGroupId": group}
            for number in numbers[start:start + 10]])
        assert len(answer["Successful"]) == len(numbers[start:start + 10])


def delete(sqs, url, messages):
    entries = [{"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
               for i, message in enumerate(messages)]
    assert "Failed" not in sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def test_two_tenants_do_not_wait_for_one_that_floods(sqs, make_queue):
    url = make_queue()
    fill(sqs, url, "a", 300)
    out = [receive(sqs, url) for _ in range(4)]
    assert all(message["Body"][0] == "a" for batch in out for message in batch)
    fill(sqs, url, "b", 3)
    fill(sqs, url, "c", 2)
    order, sent_more = [], False
    while out:
        delete(sqs, url, out.pop(0))
        batch = receive(sqs, url, wait=0)
        if batch:
            out.append(batch)
        order += bodies(batch)
        if len(order) > 150 and not sent_more:
            sent_more, place = True, len(order)
            fill(sqs, url, "b", 1, first=4)
    assert sorted(order[:5]) == ["b1", "b2", "b3", "c1", "c2"]
    assert order[place] == "b4"
    assert len(order) == len(set(order)) == 300 - 40 + 6


def test_messages_without_a_group_are_quiet(sqs, make_queue):
    url = make_queue()
    fill(sqs, url, "a", 50)
    for _ in range(3):
        receive(sqs, url)
    sqs.send_message(QueueUrl=url, MessageBody="alone")
    assert bodies(receive(sqs, url))[0] == "alone"


def test_the_group_is_told_and_nothing_is_locked(sqs, make_queue):
    url = make_queue()
    fill(sqs, url, "a", 2)
    for body in ["a1", "a2"]:
        (message,) = receive(sqs, url, most=1)
        assert message["Body"] == body
        assert message["Attributes"]["MessageGroupId"] == "a"


def test_a_fair_queue_of_amqp_is_a_standard_queue(sqs, channel):
    name = f"fair-{uuid.uuid4()}"
    channel.queue_declare(name, durable=True, arguments={"x-message-groups": "fair"})
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    assert attributes(sqs, url, "FifoQueue") == {}
    try:
        for number in range(1, 41):
            channel.basic_publish("", name, f"a{number}".encode(),
                                  pika.BasicProperties(headers={"x-message-group": "a"}))
        for _ in range(3):
            assert len(receive(sqs, url)) == 10
        send(sqs, url, "b1", "b")
        assert bodies(receive(sqs, url))[0] == "b1"
    finally:
        channel.queue_delete(name)


def test_a_queue_with_priorities_keeps_them(sqs, channel):
    name = f"priorities-{uuid.uuid4()}"
    channel.queue_declare(name, durable=True, arguments={"x-max-priority": 5})
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    try:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "50"})
        for priority in (1, 3):
            channel.basic_publish("", name, str(priority).encode(),
                                  pika.BasicProperties(priority=priority))
        assert bodies(receive(sqs, url)) == ["3", "1"]
    finally:
        channel.queue_delete(name)
