"""A raw AMQP 0-9-1 client for what a well-behaved client library cannot say or hides."""
import select
import socket
import struct
import time
from collections import namedtuple

from . import codec

Content = namedtuple("Content", "method raw_properties body")

CAPABILITIES = {
    "authentication_failure_close": True,
    "basic.nack": True,
    "connection.blocked": True,
    "consumer_cancel_notify": True,
    "publisher_confirms": True,
}


class WireError(Exception):
    """The broker answered something else than the caller can go on with."""


class Closed(WireError):
    """The broker closed the socket."""


class Client:
    """One connection. Every receive has a deadline; nothing is sent that was not asked for."""

    def __init__(self, port, host="127.0.0.1", timeout=10):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.frame_max = 131072
        self._input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # Sending

    def send_bytes(self, data):
        self.socket.settimeout(self.timeout)
        self.socket.sendall(data)

    def send_frame(self, kind, channel, payload, end=codec.FRAME_END):
        self.send_bytes(codec.frame(kind, channel, payload, end))

    def send(self, channel, name, **fields):
        self.send_frame(codec.FRAME_METHOD, channel, codec.encode_method(name, fields))

    def send_header(self, channel, body_size, properties=None, class_id=60, weight=0):
        self.send_frame(codec.FRAME_HEADER, channel,
                        struct.pack(">HHQ", class_id, weight, body_size)
                        + codec.encode_properties(properties or {}))

    def send_body(self, channel, body, chunk=None):
        chunk = chunk or self.frame_max - 8
        for start in range(0, len(body), chunk):
            self.send_frame(codec.FRAME_BODY, channel, body[start:start + chunk])

    def publish(self, channel, routing_key, body=b"", exchange="", properties=None, **flags):
        self.send(channel, "basic.publish", exchange=exchange, routing_key=routing_key, **flags)
        self.send_header(channel, len(body), properties)
        self.send_body(channel, body)

    # Receiving

    def _fill(self, size, deadline):
        while len(self._input) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing from the broker in time")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(262144)
            except ConnectionError as error:
                raise Closed(str(error)) from None
            if not data:
                raise Closed("end of stream")
            self._input += data

    def receive_bytes(self, size, timeout=None):
        self._fill(size, time.monotonic() + (timeout or self.timeout))
        data, self._input = self._input[:size], self._input[size:]
        return data

    def receive_frame(self, timeout=None):
        """(type, channel, payload), heartbeats included."""
        deadline = time.monotonic() + (timeout or self.timeout)
        self._fill(7, deadline)
        kind, channel, size = struct.unpack(">BHI", self._input[:7])
        self._fill(8 + size, deadline)
        payload, end = self._input[7:7 + size], self._input[7 + size]
        self._input = self._input[8 + size:]
        if end != codec.FRAME_END:
            raise WireError(f"frame ends with {end:#x}")
        return kind, channel, payload

    def receive(self, timeout=None):
        """The next method, as Method or, when it carries a message, as Content."""
        kind, channel, payload = self.receive_frame(timeout)
        while kind == codec.FRAME_HEARTBEAT:
            kind, channel, payload = self.receive_frame(timeout)
        if kind != codec.FRAME_METHOD:
            raise WireError(f"expected a method, got a frame of type {kind}")
        method = codec.decode_method(channel, payload)
        return self._content(method) if method.name in codec.WITH_CONTENT else method

    def _content(self, method):
        kind, channel, payload = self.receive_frame()
        if (kind, channel) != (codec.FRAME_HEADER, method.channel):
            raise WireError("a content header must follow its method")
        size = struct.unpack(">HHQ", payload[:12])[2]
        body = b""
        while len(body) < size:
            kind, channel, piece = self.receive_frame()
            if (kind, channel) != (codec.FRAME_BODY, method.channel):
                raise WireError("content frames of a channel must not be interleaved")
            body += piece
        return Content(method, payload[12:], body)

    def expect(self, name, timeout=None):
        """The next method, which must be `name`."""
        got = self.receive(timeout)
        method = got.method if isinstance(got, Content) else got
        if method.name != name:
            raise WireError(f"expected {name}, got {method}")
        return got

    def call(self, channel, name, **fields):
        """Sends a method and returns its reply, which must be NAME-ok."""
        self.send(channel, name, **fields)
        return self.expect(f"{name}-ok")

    def silent(self, seconds):
        """True when the broker sends nothing for `seconds`."""
        return not self._input and not select.select([self.socket], [], [], seconds)[0]

    def wait_closed(self, timeout=None):
        """Reads until the broker closes the socket. Returns (names of methods seen, seconds)."""
        started, seen = time.monotonic(), []
        deadline = started + (timeout or self.timeout)
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError("the broker did not close the socket")
                kind, channel, payload = self.receive_frame(left)
                if kind == codec.FRAME_METHOD:
                    seen.append(codec.decode_method(channel, payload))
        except Closed:
            return seen, time.monotonic() - started

    # Handshake

    def start(self, header=codec.PROTOCOL_HEADER):
        """Sends the protocol header, returns connection.start."""
        self.send_bytes(header)
        return self.expect("connection.start")

    def login(self, user="guest", password="guest", mechanism="PLAIN", response=None,
              capabilities=None, properties=None):
        if response is None:
            response = b"\0" + user.encode() + b"\0" + password.encode()
        announced = CAPABILITIES if capabilities is None else capabilities
        self.send(0, "connection.start-ok", mechanism=mechanism, response=response,
                  locale="en_US", properties={"capabilities": announced, **(properties or {})})

    def open(self, user="guest", password="guest", vhost="/", heartbeat=0, frame_max=None,
             channel_max=None, channels=(), **login):
        """A whole handshake; opens the given channels too. Returns connection.start."""
        start = self.start()
        self.login(user, password, **login)
        tune = self.expect("connection.tune").fields
        self.frame_max = tune["frame_max"] if frame_max is None else frame_max
        self.send(0, "connection.tune-ok", frame_max=self.frame_max, heartbeat=heartbeat,
                  channel_max=tune["channel_max"] if channel_max is None else channel_max)
        self.call(0, "connection.open", vhost=vhost)
        for channel in channels:
            self.call(channel, "channel.open")
        return start

    def close(self):
        self.call(0, "connection.close", code=200, text="bye")
