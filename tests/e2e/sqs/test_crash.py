"""A broker with a data folder that is killed under load: what it has answered holds afterwards."""
import http.client
import os
import random
import threading
import time
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


def everything(client, queue):
    """Bodies of all that waits, by what each was told when it was sent; they are deleted."""
    found = []
    while True:
        got = client("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0,
                     AttributeNames=["All"]).get("Messages", [])
        if not got:
            return found
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
    attributes = {"VisibilityTimeout": "300", **({"FifoQueue": "true"} if fifo else {})}
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
