"""A broker with a data folder that is killed under load: what it has answered holds afterwards."""
import http.client
import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
import uuid

import pytest

from raw import Client, Refused, call

ROUNDS = int(os.environ.get("SQS_CRASH_ROUNDS", "4"))
GROUPS = 5


class Ledger:
    """What clients were told. `sent`, `deleted`: bodies; a body that was asked to be deleted,
    without an answer, may be there or not."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent, self.deleted, self.maybe_deleted = {}, set(), set()
        self.problems = []
        self.ended = threading.Event()

    def must_be_there(self):
        return set(self.sent) - self.deleted - self.maybe_deleted


def until_it_ends(work):
    def run(ledger, *arguments):
        try:
            while not ledger.ended.is_set():
                work(ledger, *arguments)
        except (OSError, http.client.HTTPException):
            pass  # the broker was killed
        except (AssertionError, Refused) as problem:
            ledger.problems.append(problem)
    return run


@until_it_ends
def publish(ledger, client, queue, fifo):
    bodies = [str(uuid.uuid4()) for _ in range(random.randint(1, 10))]
    entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies)]
    if fifo:
        for entry in entries:
            entry.update(MessageGroupId=str(random.randrange(GROUPS)),
                         MessageDeduplicationId=entry["MessageBody"])
    answer = client("SendMessageBatch", QueueUrl=queue, Entries=entries)
    assert len(answer["Successful"]) == len(entries)
    with ledger.lock:
        for told in answer["Successful"]:
            ledger.sent[bodies[int(told["Id"])]] = (told["MessageId"], told.get("SequenceNumber"))


@until_it_ends
def consume(ledger, client, queue):
    got = client("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    messages = got.get("Messages", [])
    if not messages:
        return
    bodies = [message["Body"] for message in messages]
    with ledger.lock:
        again = ledger.deleted.intersection(bodies)
        ledger.maybe_deleted.update(bodies)
    assert not again, "what was deleted came again"
    entries = [{"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
               for i, message in enumerate(messages)]
    answer = client("DeleteMessageBatch", QueueUrl=queue, Entries=entries)
    done = {bodies[int(told["Id"])] for told in answer.get("Successful", [])}
    with ledger.lock:
        ledger.deleted.update(done)
        ledger.maybe_deleted.difference_update(bodies)


def count(client, queue, which):
    name = f"ApproximateNumberOfMessages{which}"
    answer = client("GetQueueAttributes", QueueUrl=queue, AttributeNames=[name])
    return int(answer["Attributes"][name])


def everything(client, queue):
    """Bodies of all that is there, by what each was told when it was sent; they are deleted. What
    is in flight is waited for."""
    found = []
    while True:
        got = client("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1,
                     AttributeNames=["All"]).get("Messages", [])
        if not got and count(client, queue, "") + count(client, queue, "NotVisible") == 0:
            return found
        if not got:
            continue
        found += got
        client("DeleteMessageBatch", QueueUrl=queue, Entries=[
            {"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
            for i, message in enumerate(got)])


def one_round(server, queue, ledger, fifo):
    threads = [threading.Thread(target=publish, args=(ledger, Client(server.sqs_url), queue, fifo))
               for _ in range(3)]
    threads += [threading.Thread(target=consume, args=(ledger, Client(server.sqs_url), queue))
                for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(random.uniform(0.3, 1.5))
    server.process.kill()
    ledger.ended.set()
    for thread in threads:
        thread.join()
    server.process.wait()
    server.start()


@pytest.mark.parametrize("fifo", [False, True])
def test_what_was_answered_holds_after_a_crash(own_broker, fifo):
    server = own_broker({"server.shards": 2}, arguments=["--data-dir", "crashes"])
    attributes = {"VisibilityTimeout": "5", **({"FifoQueue": "true"} if fifo else {})}
    queue = call("CreateQueue", server.sqs_url, QueueName="q.fifo" if fifo else "q",
                 Attributes=attributes)["QueueUrl"]
    for _ in range(ROUNDS):
        ledger = Ledger()
        one_round(server, queue, ledger, fifo)
        assert not ledger.problems
        client = Client(server.sqs_url)
        if fifo:
            again_is_a_duplicate(client, queue, ledger)
        found = everything(client, queue)
        bodies = [message["Body"] for message in found]
        assert len(bodies) == len(set(bodies)), "a message is there twice"
        assert not ledger.deleted.intersection(bodies), "what was deleted came back"
        assert ledger.must_be_there() <= set(bodies), "what was answered with 200 is lost"
        for message in found:
            told = ledger.sent.get(message["Body"])
            attributes = message["Attributes"]
            assert told is None or told == (message["MessageId"], attributes.get("SequenceNumber"))


def again_is_a_duplicate(client, queue, ledger):
    """Deduplication goes on over the restart, also of what was deleted since."""
    for body, told in random.sample(sorted(ledger.sent.items()), min(20, len(ledger.sent))):
        again = client("SendMessage", QueueUrl=queue, MessageBody=body, MessageGroupId="again",
                       MessageDeduplicationId=body)
        assert (again["MessageId"], again["SequenceNumber"]) == told


@pytest.fixture(params=["killed", "stopped"])
def flight(own_broker, request):
    """A broker, and a way to end it and start it again."""
    server = own_broker({"server.shards": 2}, arguments=["--data-dir", "leases"])

    def again():
        if request.param == "killed":
            server.process.kill()
            server.process.wait()
        else:
            server.stop()
        server.start()
        assert await_health(server) <= {(503, "recovering")}

    return server, again


def health(server):
    try:
        with urllib.request.urlopen(server.sqs_url + "/health") as answer:
            return answer.status, json.loads(answer.read())["status"]
    except urllib.error.HTTPError as answer:
        return answer.code, json.loads(answer.read())["status"]


def await_health(server):
    """What it says until it is ready."""
    deadline = time.time() + 30
    said = set()
    while (now := health(server)) != (200, "ok"):
        said.add(now)
        assert time.time() < deadline, "it never gets ready"
    return said


def make(server, messages, **attributes):
    """A queue with these messages, as (body, group)."""
    fifo = attributes.get("FifoQueue") == "true"
    queue = call("CreateQueue", server.sqs_url, QueueName="flight.fifo" if fifo else "flight",
                 Attributes=attributes)["QueueUrl"]
    send(server, queue, messages, fifo)
    return queue


def send(server, queue, messages, fifo=False):
    for body, group in messages:
        more = {"MessageGroupId": group, "MessageDeduplicationId": body} if fifo else {}
        call("SendMessage", server.sqs_url, QueueUrl=queue, MessageBody=body, **more)


def receive(client, queue, most=10, **more):
    got = client("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=most,
                 AttributeNames=["ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp"],
                 **more)
    return {message["Body"]: message for message in got.get("Messages", [])}


def test_what_is_in_flight_stays_so_until_its_time_is_up(flight):
    server, again = flight
    queue = make(server, [(body, "") for body in "1234"], VisibilityTimeout="300")
    client = Client(server.sqs_url)
    before = time.time()
    got = receive(client, queue, 3, VisibilityTimeout=10)
    first, second, third = got["1"], got["2"], got["3"]
    client("ChangeMessageVisibility", QueueUrl=queue, ReceiptHandle=third["ReceiptHandle"],
           VisibilityTimeout=300)
    send(server, queue, [("5", "")])  # what was said before is on the disk when it is
    again()

    client = Client(server.sqs_url)
    assert count(client, queue, "NotVisible") == 3
    got = {}
    while len(got) < 2:
        got.update(receive(client, queue, WaitTimeSeconds=1))
    assert set(got) == {"4", "5"}
    client("DeleteMessage", QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"])
    assert count(client, queue, "NotVisible") == 4
    came = receive(client, queue, WaitTimeSeconds=20)
    assert time.time() > before + 9.9  # every life rounds the clock to milliseconds its own way
    assert set(came) == {"1"}
    assert came["1"]["Attributes"] == {**first["Attributes"], "ApproximateReceiveCount": "2"}
    client("ChangeMessageVisibility", QueueUrl=queue, ReceiptHandle=third["ReceiptHandle"],
           VisibilityTimeout=0)
    assert set(receive(client, queue)) == {"3"}


def test_a_group_stays_locked(flight):
    server, again = flight
    queue = make(server, [("a1", "a"), ("a2", "a"), ("b1", "b")], VisibilityTimeout="300",
                 FifoQueue="true")
    client = Client(server.sqs_url)
    first = receive(client, queue, 1)["a1"]
    send(server, queue, [("b2", "b")], fifo=True)
    again()

    client = Client(server.sqs_url)
    assert list(receive(client, queue, WaitTimeSeconds=5)) in (["b1"], ["b1", "b2"])
    assert count(client, queue, "NotVisible") > 1
    client("DeleteMessage", QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    assert list(receive(client, queue, WaitTimeSeconds=5)) == ["a2"]


def test_a_handle_from_before_deletes_what_waits_on_disk(flight):
    server, again = flight
    queue = make(server, [(body, "") for body in "123"])
    client = Client(server.sqs_url)
    got = receive(client, queue, VisibilityTimeout=1)
    while count(client, queue, "") < 3:
        time.sleep(0.1)
    again()

    client = Client(server.sqs_url)
    for _ in range(2):
        client("DeleteMessage", QueueUrl=queue, ReceiptHandle=got["2"]["ReceiptHandle"])
        assert count(client, queue, "") == 2
    assert set(receive(client, queue, WaitTimeSeconds=5)) == {"1", "3"}


def test_what_ran_out_meanwhile_counts_as_received(flight):
    server, again = flight
    dead = call("CreateQueue", server.sqs_url, QueueName="dead")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead",
                          "maxReceiveCount": 1})
    queue = make(server, [("1", "")], RedrivePolicy=redrive)
    client = Client(server.sqs_url)
    assert set(receive(client, queue, VisibilityTimeout=1)) == {"1"}
    send(server, queue, [("2", "")])
    again()

    client = Client(server.sqs_url)
    assert set(receive(client, dead, WaitTimeSeconds=20)) == {"1"}
    assert set(receive(client, queue, WaitTimeSeconds=5)) == {"2"}
