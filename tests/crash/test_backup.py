"""Backups of a broker under load: each is a whole, and neither the broker nor its copies feel the
other."""
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import servers
from harness import wire

pytestmark = pytest.mark.skipif(os.environ.get("BROKER", "polymq") != "polymq",
                                reason="backups are PolyMQ's")

PERSISTENT = {"delivery_mode": 2}
PADDING = b" " * 3000   # some megabytes in all: more than a segment
WINDOW = 20
TOKENS = 40
RING = ["ring.0", "ring.1", "ring.2"]
SMALL_SEGMENTS = ["--set", "storage.segment_size=1MiB"]


def connect(port):
    client = wire.Client(port, timeout=30)
    client.open(channels=[1])
    return client


def declare(client, queue):
    client.call(1, "queue.declare", queue=queue, durable=True)


class Load(threading.Thread):
    """Works in steps until it is told to end; what a step finds wrong is told by join."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client = connect(port)
        self.over = threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.over.is_set():
                self.step()
            self.client.close()
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def end(self):
        self.over.set()
        self.join(30)
        assert not self.is_alive() and self.failure is None, self.failure


class Publisher(Load):
    """Fills a queue with numbers; `confirmed` of them are confirmed."""

    def __init__(self, port, queue):
        super().__init__(port)
        self.queue = queue
        self.sent = self.confirmed = 0
        declare(self.client, queue)
        self.client.call(1, "confirm.select")

    def step(self):
        for _ in range(WINDOW):
            self.sent += 1
            self.client.publish(1, self.queue, str(self.sent).encode() + PADDING,
                                properties=PERSISTENT)
        while self.confirmed < self.sent:
            self.confirmed = self.client.expect("basic.ack").fields["delivery_tag"]


class Drainer(Publisher):
    """Takes out again what it puts in, so that segments die and are used again."""

    def step(self):
        super().step()
        for _ in range(WINDOW):
            self.client.send(1, "basic.get", queue=self.queue, no_ack=True)
            self.client.expect("basic.get-ok")


class Mover(Load):
    """Moves tokens around a ring of queues, each in a transaction: none is ever in two or none."""

    def __init__(self, port):
        super().__init__(port)
        for queue in RING:
            declare(self.client, queue)
        self.client.call(1, "tx.select")
        for token in range(TOKENS):
            self.client.publish(1, RING[0], str(token).encode(), properties=PERSISTENT)
        self.client.call(1, "tx.commit")
        self.at = self.moves = 0

    def step(self):
        source, target = RING[self.at], RING[(self.at + 1) % len(RING)]
        for _ in range(TOKENS):
            self.client.send(1, "basic.get", queue=source)
            token = self.client.expect("basic.get-ok")
            self.client.publish(1, target, token.body, properties=PERSISTENT)
            self.client.send(1, "basic.ack",
                             delivery_tag=token.method.fields["delivery_tag"])
            self.client.call(1, "tx.commit")
            self.moves += 1
        self.at = (self.at + 1) % len(RING)


class Architect(Load):
    """Declares queues with a message each, and deletes every other one."""

    def __init__(self, port):
        super().__init__(port)
        self.client.call(1, "confirm.select")
        self.made = 0
        self.there = []

    def step(self):
        queue = f"brief.{self.made}"
        declare(self.client, queue)
        self.client.publish(1, queue, queue.encode(), properties=PERSISTENT)
        self.client.expect("basic.ack")
        if self.made % 2:
            self.client.call(1, "queue.delete", queue=queue)
        else:
            self.there.append(queue)
        self.made += 1


def polymq(*arguments):
    done = subprocess.run([servers.PolyMQ.binary(), *arguments], capture_output=True, text=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def back_up(data, copy):
    code, said = polymq("backup", copy, "--data-dir", data)
    assert code == 0, said
    return said


def bodies(client, queue):
    """All messages of a queue, in order."""
    count = client.call(1, "queue.declare", queue=queue, passive=True).fields["message_count"]
    found = []
    for _ in range(count):
        client.send(1, "basic.get", queue=queue, no_ack=True)
        found.append(client.expect("basic.get-ok").body)
    client.send(1, "basic.get", queue=queue, no_ack=True)
    client.expect("basic.get-empty")
    return found


@pytest.fixture(name="server")
def start_server(tmp_path):
    server = servers.create("polymq", str(tmp_path / "node"), SMALL_SEGMENTS)
    os.mkdir(server.directory)
    server.shards = 2
    server.start()
    yield server
    server.kill()


def start_copy(tmp_path, copy):
    """A broker whose data folder is the copy."""
    directory = tmp_path / f"restored-{os.path.basename(copy)}"
    directory.mkdir()
    os.symlink(copy, directory / "data")
    server = servers.create("polymq", str(directory), SMALL_SEGMENTS)
    server.start()
    return server


def check_copy(server, asked):
    """Everything that was promised when the backup was asked for is there, and nothing twice."""
    with connect(server.port) as client:
        for queue, confirmed in asked["confirmed"].items():
            numbers = [int(body) for body in bodies(client, queue)]
            assert len(numbers) >= confirmed
            assert numbers == list(range(1, len(numbers) + 1))
        tokens = [int(body) for queue in RING for body in bodies(client, queue)]
        assert sorted(tokens) == list(range(TOKENS))
        for queue in asked["there"]:
            assert bodies(client, queue) == [queue.encode()]
        client.close()


def test_backups_under_load_are_whole_and_leave_the_broker_alone(server, tmp_path):
    publishers = [Publisher(server.port, f"kept.{i}") for i in range(2)]
    mover, architect = Mover(server.port), Architect(server.port)
    loads = [*publishers, mover, architect, Drainer(server.port, "passing")]
    for load in loads:
        load.start()
    copies = []
    for number in range(3):
        time.sleep(0.7)
        asked = {"confirmed": {p.queue: p.confirmed for p in publishers},
                 "there": list(architect.there)}
        assert all(asked["confirmed"].values()) and asked["there"] and mover.moves
        copy = str(tmp_path / f"copy{number}")
        assert "all of them shared" in back_up(server.path("data"), copy)
        copies.append((copy, asked))
    time.sleep(0.7)   # segments that the copies share die meanwhile
    for load in loads:
        load.end()
    assert server.kill() is None, "it ran until then"

    for copy, asked in copies:
        code, said = polymq("store", "check", copy)
        assert code == 0, said
        restored = start_copy(tmp_path, copy)
        try:
            check_copy(restored, asked)
            assert restored.end_politely() is None
            assert restored.bad_lines() == []
        finally:
            restored.kill()

    server.start()   # after all that was done to its copies
    check_copy(server, {"confirmed": {p.queue: p.confirmed for p in publishers},
                        "there": architect.there})
    assert server.end_politely() is None
    assert server.bad_lines() == []


def test_what_cannot_be_done_is_said_and_leaves_nothing(server, tmp_path):
    data = server.path("data")
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").write_text("data")
    for target, reason in ((str(full), "exists and is not an empty folder"),
                           (os.path.join(data, "copy"), "lies in the data folder"),
                           (str(tmp_path / "no" / "such"), "No such file or directory")):
        code, said = polymq("backup", target, "--data-dir", data)
        assert code == 1 and reason in said, said
    before = sorted(os.listdir(tmp_path))
    assert before == ["full", "node"]
    code, said = polymq("backup", str(tmp_path / "copy"), "--data-dir", str(tmp_path / "none"))
    assert code == 1 and "is no data folder" in said, said
    code, said = polymq("backup", str(tmp_path / "copy"))
    assert code == 2 and "--data-dir" in said, said
    assert sorted(os.listdir(tmp_path)) == before
    assert server.alive()


def test_a_folder_without_a_node_is_copied_too(server, tmp_path):
    with connect(server.port) as client:
        declare(client, "orders")
        client.call(1, "confirm.select")
        client.publish(1, "orders", b"1", properties=PERSISTENT)
        client.expect("basic.ack")
    server.kill()   # its socket is left behind
    copy = str(tmp_path / "copy")
    back_up(server.path("data"), copy)
    restored = start_copy(tmp_path, copy)
    try:
        with connect(restored.port) as client:
            assert bodies(client, "orders") == [b"1"]
    finally:
        restored.kill()


def test_a_backup_that_nobody_waits_for_is_given_up(server, tmp_path):
    # The node sees the end of the connection, or has made it by then: never half of it.
    for number in range(10):
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(server.path("data", "control"))
            asker.sendall(f"backup {tmp_path}/copy{number}\n".encode())
    deadline = time.monotonic() + 10
    while polymq("backup", str(tmp_path / "last"), "--data-dir", server.path("data"))[0] != 0:
        assert time.monotonic() < deadline
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".partial")]
    process = server.process
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(10) == 0
    assert not os.path.exists(server.path("data", "control"))
