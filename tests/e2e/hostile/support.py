"""Brokers of one's own, floods of bytes made beforehand, and what they do to a broker's memory."""
import functools
import mmap
import os
import re
import resource
import socket
import struct
import threading
import time

from harness import brokers, codec, wire
from harness.own_broker import OwnBroker

PATIENCE = 20
MIB = 1024 * 1024
SERVED_WITHIN = 2.0  # seconds that nobody else's doing may add to an answer

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@functools.lru_cache(maxsize=None)
def sanitized():
    """Is the binary one with sanitizers, which cost time and memory?"""
    with open(brokers.PolyMQ.binary(), "rb") as binary, \
            mmap.mmap(binary.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(name) >= 0 for name in (b"__asan_init", b"__tsan_init"))


def scale(count):
    """So much work as this binary does in bearable time."""
    return count // 10 if sanitized() else count


def patience(seconds):
    return seconds * 5 if sanitized() else seconds


class Server(OwnBroker):
    """`handshake`: what a client must say to be let in."""

    def __init__(self, directory, settings, handshake=None, **options):
        super().__init__(directory, settings, **options)
        self.handshake = handshake or {}

    def _answers(self):
        try:
            with wire.Client(self.port, timeout=5) as client:
                client.open(**self.handshake)
                client.close()
            return True
        except (OSError, wire.WireError):
            return False

    def client(self, **handshake):
        """A raw client with a channel open."""
        client = wire.Client(self.port, timeout=patience(PATIENCE))
        client.open(**{"channels": [1], **handshake})
        return client

    def raw(self):
        """A raw client that has not said anything yet."""
        return wire.Client(self.port, timeout=patience(PATIENCE))

    def refusal(self, **handshake):
        """The text with which the broker ends a handshake."""
        with self.raw() as client:
            try:
                client.open(**handshake)
            except wire.WireError as error:
                found = re.search(r"'text': '(.*?)', 'class_id'|'text': \"(.*?)\", 'class_id'",
                                  str(error))
                return (found.group(1) or found.group(2)) if found else str(error)
        return "accepted"

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm") as status:
            return int(status.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def assert_grew_less(server, before, limit):
    """A sanitizer's own memory says nothing about the broker's."""
    grown = server.memory() - before
    if not sanitized():
        assert grown < limit, f"{grown / MIB:.0f} MiB more than before"


def eventually(condition, timeout=PATIENCE, message="it never came true"):
    deadline = time.monotonic() + patience(timeout)
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, message
        time.sleep(0.02)


class Bystander:
    """Publishes to a queue of its own with confirms and gets it back, again and again."""

    def __init__(self, server):
        self.client = server.client()
        self.client.call(1, "confirm.select")
        self.queue = self.client.call(1, "queue.declare", exclusive=True).fields["queue"]
        self.rounds, self.worst, self.error = 0, 0.0, None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._ending.is_set():
                started = time.monotonic()
                self.client.publish(1, self.queue, b"ping")
                self.client.expect("basic.ack")
                self.client.send(1, "basic.get", queue=self.queue, no_ack=True)
                assert self.client.expect("basic.get-ok").body == b"ping"
                self.rounds += 1
                self.worst = max(self.worst, time.monotonic() - started)
                self._ending.wait(0.005)
        except (OSError, wire.WireError, AssertionError) as error:
            self.error = error

    def stop(self):
        self._ending.set()
        self._thread.join(patience(PATIENCE))
        self.client.socket.close()

    def was_served(self, within=SERVED_WITHIN):
        """It went on all the time, and nothing took long."""
        self.stop()
        print(f"bystander: {self.rounds} rounds, worst {self.worst * 1000:.0f} ms")
        assert self.error is None, f"the bystander: {self.error!r}"
        assert self.rounds > 0
        assert self.worst < patience(within)


def method(channel, name, **fields):
    return codec.frame(codec.FRAME_METHOD, channel, codec.encode_method(name, fields))


def header(channel, size, properties=None):
    return codec.frame(codec.FRAME_HEADER, channel, struct.pack(">HHQ", 60, 0, size)
                       + codec.encode_properties(properties or {}))


def publish(channel, routing_key, body=b"", exchange="", properties=None, mandatory=False):
    """The bytes of one message, for floods; the body must fit one frame."""
    frames = method(channel, "basic.publish", exchange=exchange, routing_key=routing_key,
                    mandatory=mandatory) + header(channel, len(body), properties)
    return frames + (codec.frame(codec.FRAME_BODY, channel, body) if body else b"")


def whole_handshake(user="guest", password="guest", vhost="/", channel_max=2047):
    """All that a client says until its connection is open, in one piece."""
    return (codec.PROTOCOL_HEADER
            + method(0, "connection.start-ok", mechanism="PLAIN", locale="en_US",
                     response=f"\0{user}\0{password}", properties={})
            + method(0, "connection.tune-ok", channel_max=channel_max, frame_max=131072)
            + method(0, "connection.open", vhost=vhost))


def send_until_stuck(client, data, limit, quiet=1.0):
    """Sends `data` again and again until the broker takes no more for `quiet` seconds, or `limit`
    bytes are sent. Returns how many bytes went out; the last piece may be cut."""
    sent, at = 0, 0
    client.socket.setblocking(False)
    view = memoryview(data)
    last = time.monotonic()
    while sent < limit and time.monotonic() - last < quiet:
        try:
            count = client.socket.send(view[at:at + 262144])
        except BlockingIOError:
            time.sleep(0.005)
            continue
        at = (at + count) % len(data)
        sent += count
        last = time.monotonic()
    client.socket.settimeout(client.timeout)
    return sent


def silent_socket(server, receive_buffer=None):
    """A socket that will not be read."""
    opened = socket.socket()
    if receive_buffer:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    opened.settimeout(patience(PATIENCE))
    opened.connect(("127.0.0.1", server.port))
    return opened


def depth(client, queue, channel=1):
    return client.call(channel, "queue.declare", queue=queue,
                       passive=True).fields["message_count"]
