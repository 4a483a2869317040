"""What a broker holds after a restart: everything there is, looked at and put back."""
import time
from dataclasses import dataclass, field

from harness import codec

import body
import session as sessions
import topology

PATIENCE = 10


@dataclass
class Found:
    """A message in a queue. `properties` as encoded on the wire."""
    uid: int
    redelivered: bool = True
    properties: bytes = None
    at: float = 0.0


@dataclass
class Shelf:
    """One queue: `counted` by the broker before it was emptied, `left` ready afterwards."""
    name: str
    exists: bool = True
    counted: int = 0
    found: list = field(default_factory=list)
    damaged: list = field(default_factory=list)
    left: int = 0


class Inventory:
    """Takes every message out of every queue without settling any. close() puts them back."""

    def __init__(self, port, queues):
        self.port = port
        self.queues = queues
        self.session = sessions.Session(port, self)
        self.session.open(channels=[1])
        self.shelves = {}
        self.by_channel = {}
        self.returned = []
        self.confirmed = False

    # Things

    def exists(self, kind, name, **fields):
        """A passive declare, answered with the queue's ready messages, or None."""
        try:
            reply = self.session.call(1, f"{kind}.declare", **{kind: name}, passive=True, **fields)
        except sessions.Refused as refused:
            if refused.code != 404:
                raise
            self.session.reopen(1)
            return None
        return reply.get("message_count", 0)

    def same_queue(self, queue):
        """Does an existing queue still have the arguments it was declared with?"""
        try:
            self.session.call(1, "queue.declare", queue=queue.name, durable=True,
                              arguments=queue.arguments)
        except sessions.Refused:
            self.session.reopen(1)
            return False
        return True

    def routes(self, exchange, queue, key):
        """Sends a probe that nobody keeps. Call after all messages are taken."""
        self.returned.clear()
        content = b"probe"
        self.session.call(1, "confirm.select")
        self.session.send_bytes(self.session.publication(
            1, topology.Target(exchange, key, ()), content, codec.encode_properties({}), True))
        self.confirmed = False
        self._until(lambda: self.confirmed, "the confirm of a probe")
        if self.returned:
            return False
        shelf = self.shelves[queue]
        self._until(lambda: content in shelf.damaged, f"a probe in {queue}")
        shelf.damaged.remove(content)
        return True

    def _until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come")
            self.session.pump(0.1)

    # Messages

    def take(self, names):
        """Empties these queues; their dead letter queues after those that feed them."""
        queues = [self.queues[name] for name in names]
        for queue in sorted(queues, key=lambda each: each.dead_of is not None):
            count = self.exists("queue", queue.name)
            shelf = self.shelves[queue.name] = Shelf(queue.name, count is not None, count or 0)
            if not shelf.exists:
                continue
            channel = len(self.by_channel) + 2
            self.by_channel[channel] = shelf
            self.session.call(channel, "channel.open")
            try:
                self.session.call(channel, "basic.consume", queue=queue.name)
            except TimeoutError as error:
                raise TimeoutError(f"{queue.name}: {error}") from None
        self.wait(PATIENCE)
        for shelf in self.by_channel.values():
            shelf.left = self.exists("queue", shelf.name) or 0

    def wait(self, seconds):
        """Goes on until as many came as were counted, or the time is up."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if all(len(shelf.found) + len(shelf.damaged) >= shelf.counted
                   for shelf in self.by_channel.values()):
                return
            self.session.pump(0.05)

    def listen(self, seconds):
        """For late ones."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.session.pump(0.02)

    def on_deliver(self, channel, tag, redelivered, properties, content):
        shelf = self.by_channel[channel]
        if content == b"probe":
            shelf.damaged.append(content)
            # A probe is nobody's message: it goes away at once.
            self.session.send(channel, "basic.ack", delivery_tag=tag)
            return
        try:
            uid = body.read(content)
        except body.Damaged as error:
            shelf.damaged.append(str(error))
            return
        shelf.found.append(Found(uid, redelivered, properties, time.time()))

    def on_return(self, _channel, content):
        self.returned.append(content)

    def on_confirm(self, _channel, _tag, _multiple, _positive):
        self.confirmed = True

    def close(self):
        """Puts everything back."""
        self.session.close()
        self.session.socket.close()
