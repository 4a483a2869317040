"""A disk that is full: publishers wait, consumers go on, and nothing that was confirmed is lost."""
import threading

import pika
import pytest

from harness import wire
from harness.small_disk import NoDisk, SmallDisk
from support import MIB, PATIENCE, depth, eventually, patience
from test_http import Raw, served  # noqa: F401  (served is a fixture)
from test_sqs import QUEUE, answer, call, send

SIZE = 400 * MIB  # of which storage.keep_free are to stay free
BODY = 20_000
WINDOW = 50  # unconfirmed messages of a publisher


@pytest.fixture
def disk():
    try:
        small = SmallDisk(SIZE)
    except NoDisk as reason:
        pytest.skip(f"no disk of one's own may be mounted here: {reason}")
    yield small
    small.close()


@pytest.fixture
def server(disk, served):  # noqa: F811
    """A broker whose data is on that disk, with durable queues: `backlog`, and `q` of SQS."""
    started = served({"server.shards": 2}, arguments=["--data-dir", f"{disk.PATH}/data"],
                     wrapper=disk.enter, tolerated=["the disk is full"])
    with started.client() as client:
        client.call(1, "queue.declare", queue="backlog", durable=True)
    with Raw(started) as client:
        assert answer(client, call("CreateQueue", {"QueueName": "q"}))[0] == 200
    return started


def name_in(body):
    return body.rstrip(b"x").decode().strip()


def kill_and_start(server):
    server.process.kill()
    server.process.wait()
    server.start()


class Publisher:
    """Publishes persistent messages to `backlog`: `count` of them, or for as long as there is a
    broker. Their bodies begin with its name and a number."""

    def __init__(self, server, name, count=None):
        self.client, self.name, self.count = server.client(), name, count
        self.sent, self.confirmed = 0, 0
        self.told = []  # what it was told of being blocked
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self.client.call(1, "confirm.select")
            while self.confirmed != self.count:
                while self.sent < self.confirmed + WINDOW and self.sent != self.count:
                    self.sent += 1
                    body = f"{self.name} {self.sent} ".encode().ljust(BODY, b"x")
                    self.client.publish(1, "backlog", body, properties={"delivery_mode": 2})
                self._note(self.client.receive())
        except wire.Closed:
            pass  # the broker was killed
        except (OSError, wire.WireError, AssertionError) as error:
            self.error = error

    def _note(self, method):
        if method.name == "basic.ack":  # they come in order
            assert method.fields["multiple"] or method.fields["delivery_tag"] == self.confirmed + 1
            self.confirmed = method.fields["delivery_tag"]
        else:
            self.told.append((method.name, method.fields.get("reason")))

    def blocked(self):
        assert self.error is None, f"{self.name}: {self.error!r}"
        return self.told[-1:] == [("connection.blocked", "low on disk")]

    def names(self, count):
        return {f"{self.name} {number}" for number in range(1, count + 1)}

    def join(self):
        self._thread.join(patience(PATIENCE))
        assert self.error is None and not self._thread.is_alive(), f"{self.name}: {self.error!r}"
        self.client.socket.close()


def test_publishers_wait_until_consumers_have_made_room(server):
    publishers = [Publisher(server, name, 5000) for name in "ab"]  # more than the disk holds
    eventually(lambda: all(publisher.blocked() for publisher in publishers))
    connection = pika.BlockingConnection(pika.ConnectionParameters(port=server.port))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=200)
    taken, expected = [], set().union(*(publisher.names(5000) for publisher in publishers))
    for delivery, _, body in channel.consume("backlog", inactivity_timeout=patience(PATIENCE)):
        assert delivery, f"no message came any more after {len(taken)}"
        taken.append(name_in(body))
        if len(taken) % 100 == 0:
            channel.basic_ack(delivery.delivery_tag, multiple=True)
        if len(taken) == len(expected):
            break
    for publisher in publishers:
        publisher.join()
        assert ("connection.unblocked", None) in publisher.told
    assert set(taken) == expected
    channel.cancel()
    assert channel.queue_declare("backlog", passive=True).method.message_count == 0
    connection.close()


def take(client, count):
    """So many messages of `backlog`, all acknowledged for good."""
    client.call(1, "tx.select")
    for _ in range(count):
        client.send(1, "basic.get", queue="backlog")
    got = [client.expect("basic.get-ok") for _ in range(count)]
    client.send(1, "basic.ack", delivery_tag=0, multiple=True)
    client.call(1, "tx.commit")
    return [name_in(each.body) for each in got]


def sends(server):
    """Does SQS take a message?"""
    with Raw(server) as client:
        status, told = answer(client, send("late"))
        if status != 200:
            assert (status, told["__type"].split("#")[1]) == (503, "ServiceUnavailable"), told
        return status == 200


def test_a_broker_that_is_killed_on_a_full_disk_starts_with_all_that_was_confirmed(server, disk):
    with Raw(server) as client:
        assert answer(client, send("early"))[0] == 200
    first = Publisher(server, "first")
    eventually(first.blocked)
    server.process.kill()
    first.join()
    disk.fill(leave=MIB)  # now it is full for everybody
    kill_and_start(server)

    assert not sends(server)
    with Raw(server) as client:
        status, told = answer(client, call("ReceiveMessage", {"QueueUrl": QUEUE}))
        assert [message["Body"] for message in told["Messages"]] == ["early"]
    with server.client() as client:
        taken = take(client, first.confirmed // 2)
    kill_and_start(server)

    second = Publisher(server, "second", 100)
    eventually(second.blocked)
    disk.empty()
    with server.client() as client:
        while second.confirmed < second.count or depth(client, "backlog") != 0:
            taken += take(client, depth(client, "backlog"))
    second.join()
    eventually(lambda: sends(server))
    assert len(taken) == len(set(taken)), "a message came twice"
    confirmed = first.names(first.confirmed) | second.names(second.count)
    assert confirmed - set(taken) == set(), "what was confirmed is lost"
    assert set(taken) - confirmed <= first.names(first.sent)
