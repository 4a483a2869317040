"""A client fast enough for load: whole bursts in, callbacks out. Built on the tests' raw client."""
import struct
import time

from harness import codec, wire

_FRAME = struct.Struct(">BHI")
_DELIVER = codec.ids("basic.deliver")
_ACK = codec.ids("basic.ack")
_CLOSED = ("channel.close", "connection.close")
_IDS = struct.Struct(">HH")
_TAG_AND_BITS = struct.Struct(">QB")


class Refused(wire.WireError):
    """The broker closed the channel or the connection."""

    def __init__(self, fields):
        super().__init__(f"{fields['code']} {fields['text']}")
        self.code = fields["code"]


class Session(wire.Client):
    """One connection. `handler` has on_deliver(channel, tag, redelivered, raw_properties, body),
    on_confirm(channel, tag, multiple, positive), on_return(channel, body); all are optional."""

    def __init__(self, port, handler=None, timeout=20):
        super().__init__(port, timeout=timeout)
        self.handler = handler
        self._replies = []
        self._content = None  # (channel, method fields, raw properties, size, pieces, got)

    # Sending

    def publication(self, channel, target, body, properties, mandatory=False):
        """The bytes of one publish; `properties` are encoded already."""
        method = codec.encode_method("basic.publish", {
            "exchange": target.exchange, "routing_key": target.key, "mandatory": mandatory})
        parts = [codec.frame(codec.FRAME_METHOD, channel, method),
                 codec.frame(codec.FRAME_HEADER, channel,
                             struct.pack(">HHQ", 60, 0, len(body)) + properties)]
        chunk = self.frame_max - 8
        parts += [codec.frame(codec.FRAME_BODY, channel, body[start:start + chunk])
                  for start in range(0, len(body), chunk)]
        return b"".join(parts)

    def reopen(self, channel):
        """After Refused: the broker closed this channel, have a new one."""
        self.send(channel, "channel.close-ok")
        self.call(channel, "channel.open")

    @staticmethod
    def method(channel, name, **fields):
        return codec.frame(codec.FRAME_METHOD, channel, codec.encode_method(name, fields))

    # Receiving

    def pump(self, timeout):
        """Handles what is there, waiting up to `timeout` seconds for the first of it."""
        self.socket.settimeout(timeout)
        try:
            data = self.socket.recv(262144)
        except (TimeoutError, BlockingIOError):
            return False
        if not data:
            raise wire.Closed("end of stream")
        self._input += data
        self._take_frames()
        return True

    def call(self, channel, name, **fields):
        """Sends a method and returns the fields of NAME-ok; other things may come first."""
        self.send(channel, name, **fields)
        return self.wait_for(channel, f"{name}-ok")

    def wait_for(self, channel, *names):
        deadline = time.monotonic() + self.timeout
        while True:
            for at, reply in enumerate(self._replies):
                if reply.channel == channel and reply.name in names:
                    del self._replies[at]
                    return reply.fields if len(names) == 1 else reply
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {' or '.join(names)} on channel {channel} in "
                                   f"{self.timeout} s")
            self.pump(left)

    def _take_frames(self):
        data, at, size = self._input, 0, len(self._input)
        try:
            while size - at >= 8:
                kind, channel, length = _FRAME.unpack_from(data, at)
                end = at + 7 + length
                if end >= size:
                    break
                if data[end] != codec.FRAME_END:
                    raise wire.WireError(f"frame ends with {data[end]:#x}")
                payload, at = data[at + 7:end], end + 1
                self._take(kind, channel, payload)
        finally:
            self._input = data[at:]

    def _take(self, kind, channel, payload):
        if kind == codec.FRAME_METHOD:
            self._take_method(channel, payload)
        elif kind == codec.FRAME_HEADER:
            size = struct.unpack_from(">Q", payload, 4)[0]
            self._content[2:] = [payload[12:], size, [], 0]
            self._finish_content()
        elif kind == codec.FRAME_BODY:
            self._content[4].append(payload)
            self._content[5] += len(payload)
            self._finish_content()

    def _take_method(self, channel, payload):
        ids = _IDS.unpack_from(payload)
        if ids == _DELIVER:
            tag, bits = _TAG_AND_BITS.unpack_from(payload, 5 + payload[4])
            self._content = [channel, (tag, bool(bits & 1)), None, None, None, None]
            return
        if ids == _ACK:
            tag, bits = _TAG_AND_BITS.unpack_from(payload, 4)
            self.handler.on_confirm(channel, tag, bool(bits & 1), True)
            return
        method = codec.decode_method(channel, payload)
        if method.name in codec.WITH_CONTENT:
            self._content = [channel, method, None, None, None, None]
        elif method.name == "basic.nack":
            fields = method.fields
            self.handler.on_confirm(channel, fields["delivery_tag"], fields["multiple"], False)
        elif method.name in _CLOSED:
            raise Refused(method.fields)
        elif method.name not in ("connection.blocked", "connection.unblocked"):
            self._replies.append(method)

    def _finish_content(self):
        channel, method, properties, size, pieces, got = self._content
        if got < size:
            return
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._content = None
        if not isinstance(method, codec.Method):
            self.handler.on_deliver(channel, *method, properties, body)
        elif method.name == "basic.return":
            self.handler.on_return(channel, body)
        else:
            method.fields.update(body=body, properties=properties)  # a get-ok
            self._replies.append(method)
