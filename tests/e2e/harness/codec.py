"""AMQP 0-9-1 encoding as RabbitMQ speaks it: field tables, methods and properties, as data."""
import struct
from collections import namedtuple

Method = namedtuple("Method", "channel name fields")

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT = 1, 2, 3, 8
FRAME_END = 0xCE

# name: (class id, method id, "field:type ...")
METHODS = {
    "connection.start": (10, 10, "major:octet minor:octet properties:table mechanisms:longstr "
                                 "locales:longstr"),
    "connection.start-ok": (10, 11, "properties:table mechanism:shortstr response:longstr "
                                    "locale:shortstr"),
    "connection.secure": (10, 20, "challenge:longstr"),
    "connection.secure-ok": (10, 21, "response:longstr"),
    "connection.tune": (10, 30, "channel_max:short frame_max:long heartbeat:short"),
    "connection.tune-ok": (10, 31, "channel_max:short frame_max:long heartbeat:short"),
    "connection.open": (10, 40, "vhost:shortstr capabilities:shortstr insist:bit"),
    "connection.open-ok": (10, 41, "known_hosts:shortstr"),
    "connection.close": (10, 50, "code:short text:shortstr class_id:short method_id:short"),
    "connection.close-ok": (10, 51, ""),
    "connection.blocked": (10, 60, "reason:shortstr"),
    "connection.unblocked": (10, 61, ""),
    "connection.update-secret": (10, 70, "secret:longstr reason:shortstr"),
    "connection.update-secret-ok": (10, 71, ""),
    "channel.open": (20, 10, "out_of_band:shortstr"),
    "channel.open-ok": (20, 11, "channel_id:longstr"),
    "channel.flow": (20, 20, "active:bit"),
    "channel.flow-ok": (20, 21, "active:bit"),
    "channel.close": (20, 40, "code:short text:shortstr class_id:short method_id:short"),
    "channel.close-ok": (20, 41, ""),
    "access.request": (30, 10, "realm:shortstr exclusive:bit passive:bit active:bit write:bit "
                               "read:bit"),
    "access.request-ok": (30, 11, "ticket:short"),
    "exchange.declare": (40, 10, "ticket:short exchange:shortstr type:shortstr passive:bit "
                                 "durable:bit auto_delete:bit internal:bit nowait:bit "
                                 "arguments:table"),
    "exchange.declare-ok": (40, 11, ""),
    "exchange.delete": (40, 20, "ticket:short exchange:shortstr if_unused:bit nowait:bit"),
    "exchange.delete-ok": (40, 21, ""),
    "exchange.bind": (40, 30, "ticket:short destination:shortstr source:shortstr "
                              "routing_key:shortstr nowait:bit arguments:table"),
    "exchange.bind-ok": (40, 31, ""),
    "exchange.unbind": (40, 40, "ticket:short destination:shortstr source:shortstr "
                                "routing_key:shortstr nowait:bit arguments:table"),
    "exchange.unbind-ok": (40, 51, ""),
    "queue.declare": (50, 10, "ticket:short queue:shortstr passive:bit durable:bit exclusive:bit "
                              "auto_delete:bit nowait:bit arguments:table"),
    "queue.declare-ok": (50, 11, "queue:shortstr message_count:long consumer_count:long"),
    "queue.bind": (50, 20, "ticket:short queue:shortstr exchange:shortstr routing_key:shortstr "
                           "nowait:bit arguments:table"),
    "queue.bind-ok": (50, 21, ""),
    "queue.purge": (50, 30, "ticket:short queue:shortstr nowait:bit"),
    "queue.purge-ok": (50, 31, "message_count:long"),
    "queue.delete": (50, 40, "ticket:short queue:shortstr if_unused:bit if_empty:bit nowait:bit"),
    "queue.delete-ok": (50, 41, "message_count:long"),
    "queue.unbind": (50, 50, "ticket:short queue:shortstr exchange:shortstr "
                             "routing_key:shortstr arguments:table"),
    "queue.unbind-ok": (50, 51, ""),
    "basic.qos": (60, 10, "prefetch_size:long prefetch_count:short global_:bit"),
    "basic.qos-ok": (60, 11, ""),
    "basic.consume": (60, 20, "ticket:short queue:shortstr consumer_tag:shortstr no_local:bit "
                              "no_ack:bit exclusive:bit nowait:bit arguments:table"),
    "basic.consume-ok": (60, 21, "consumer_tag:shortstr"),
    "basic.cancel": (60, 30, "consumer_tag:shortstr nowait:bit"),
    "basic.cancel-ok": (60, 31, "consumer_tag:shortstr"),
    "basic.publish": (60, 40, "ticket:short exchange:shortstr routing_key:shortstr mandatory:bit "
                              "immediate:bit"),
    "basic.return": (60, 50, "code:short text:shortstr exchange:shortstr routing_key:shortstr"),
    "basic.deliver": (60, 60, "consumer_tag:shortstr delivery_tag:longlong redelivered:bit "
                              "exchange:shortstr routing_key:shortstr"),
    "basic.get": (60, 70, "ticket:short queue:shortstr no_ack:bit"),
    "basic.get-ok": (60, 71, "delivery_tag:longlong redelivered:bit exchange:shortstr "
                             "routing_key:shortstr message_count:long"),
    "basic.get-empty": (60, 72, "cluster_id:shortstr"),
    "basic.ack": (60, 80, "delivery_tag:longlong multiple:bit"),
    "basic.reject": (60, 90, "delivery_tag:longlong requeue:bit"),
    "basic.recover-async": (60, 100, "requeue:bit"),
    "basic.recover": (60, 110, "requeue:bit"),
    "basic.recover-ok": (60, 111, ""),
    "basic.nack": (60, 120, "delivery_tag:longlong multiple:bit requeue:bit"),
    "confirm.select": (85, 10, "nowait:bit"),
    "confirm.select-ok": (85, 11, ""),
    "tx.select": (90, 10, ""),
    "tx.select-ok": (90, 11, ""),
    "tx.commit": (90, 20, ""),
    "tx.commit-ok": (90, 21, ""),
    "tx.rollback": (90, 30, ""),
    "tx.rollback-ok": (90, 31, ""),
}

WITH_CONTENT = {"basic.publish", "basic.return", "basic.deliver", "basic.get-ok"}

_FIELDS = {name: [tuple(field.split(":")) for field in spec.split()]
           for name, (_, _, spec) in METHODS.items()}
_NAMES = {(class_id, method_id): name for name, (class_id, method_id, _) in METHODS.items()}
_NUMBERS = {"octet": ">B", "short": ">H", "long": ">I", "longlong": ">Q"}

# Field value letters of fixed size.
_FIXED = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "L": ">q",
          "f": ">f", "d": ">d", "T": ">Q"}

PROPERTIES = [("content_type", "shortstr"), ("content_encoding", "shortstr"),
              ("headers", "table"), ("delivery_mode", "octet"), ("priority", "octet"),
              ("correlation_id", "shortstr"), ("reply_to", "shortstr"),
              ("expiration", "shortstr"), ("message_id", "shortstr"),
              ("timestamp", "longlong"), ("type", "shortstr"), ("user_id", "shortstr"),
              ("app_id", "shortstr"), ("cluster_id", "shortstr")]


def ids(name):
    """(class id, method id) of a method."""
    return METHODS[name][:2]


def _bytes(value):
    return value.encode() if isinstance(value, str) else value


def shortstr(value):
    value = _bytes(value)
    return struct.pack(">B", len(value)) + value


def longstr(value):
    value = _bytes(value)
    return struct.pack(">I", len(value)) + value


def field_value(value):
    """Letter and encoding. A pair (letter, value) forces the type; a plain value picks one."""
    if isinstance(value, tuple):
        letter, value = value
    elif isinstance(value, bool):
        letter = "t"
    elif isinstance(value, int):
        letter = "I" if -2**31 <= value < 2**31 else "l"
    else:
        letter = {type(None): "V", float: "d", str: "S", bytes: "x", list: "A",
                  dict: "F"}[type(value)]
    if letter in _FIXED:
        encoded = struct.pack(_FIXED[letter], value)
    elif letter == "t":
        encoded = b"\x01" if value else b"\x00"
    elif letter == "D":
        encoded = struct.pack(">BI", *value)
    elif letter in "Sx":
        encoded = longstr(value)
    elif letter == "A":
        encoded = longstr(b"".join(field_value(item) for item in value))
    elif letter == "F":
        encoded = table(value)
    elif letter == "V":
        encoded = b""
    else:
        raise ValueError(f"no field type {letter}")
    return letter.encode() + encoded


def table_body(pairs):
    pairs = pairs.items() if isinstance(pairs, dict) else pairs
    return b"".join(shortstr(name) + field_value(value) for name, value in pairs)


def table(pairs):
    return longstr(pairs if isinstance(pairs, bytes) else table_body(pairs))


class Reader:
    """Takes values off the front of a byte string."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise ValueError("truncated")
        piece = self.data[self.at:self.at + size]
        self.at += size
        return piece

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def shortstr(self):
        return self.take(self.number(">B")).decode()

    def longstr(self):
        return self.take(self.number(">I"))

    def typed_table(self):
        """[(name, letter, value)] in the order of the wire."""
        inner, found = Reader(self.longstr()), []
        while inner.at < len(inner.data):
            name = inner.shortstr()
            found.append((name, *inner.typed_value()))
        return found

    def table(self):
        return {name: value for name, _, value in self.typed_table()}

    def typed_value(self):
        letter = chr(self.number(">B"))
        if letter in _FIXED:
            return letter, self.number(_FIXED[letter])
        if letter == "t":
            return letter, self.number(">B") != 0
        if letter == "D":
            return letter, (self.number(">B"), self.number(">I"))
        if letter == "S":
            raw = self.longstr()
            try:
                return letter, raw.decode()
            except UnicodeDecodeError:
                return letter, raw
        if letter == "x":
            return letter, self.longstr()
        if letter == "A":
            inner, items = Reader(self.longstr()), []
            while inner.at < len(inner.data):
                items.append(inner.typed_value()[1])
            return letter, items
        if letter == "F":
            return letter, self.table()
        if letter == "V":
            return letter, None
        raise ValueError(f"no field type {letter}")


def encode_arguments(name, fields):
    """The arguments of a method; a field that is not given is zero, empty or false."""
    out, bits, bit_count = b"", 0, 0
    known = {field for field, _ in _FIELDS[name]}
    if not set(fields) <= known:
        raise TypeError(f"{name} has no field {', '.join(sorted(set(fields) - known))}")
    for field, kind in _FIELDS[name]:
        if kind == "bit":
            bits |= bool(fields.get(field)) << bit_count
            bit_count += 1
            continue
        if bit_count:
            out, bits, bit_count = out + struct.pack(">B", bits), 0, 0
        if kind in _NUMBERS:
            out += struct.pack(_NUMBERS[kind], fields.get(field, 0))
        elif kind == "table":
            out += table(fields.get(field, {}))
        else:
            out += (shortstr if kind == "shortstr" else longstr)(fields.get(field, ""))
    return out + (struct.pack(">B", bits) if bit_count else b"")


def encode_method(name, fields):
    return struct.pack(">HH", *ids(name)) + encode_arguments(name, fields)


def decode_method(channel, payload):
    reader = Reader(payload)
    name = _NAMES[reader.number(">H"), reader.number(">H")]
    fields, bits, bit_count = {}, 0, 0
    for field, kind in _FIELDS[name]:
        if kind == "bit":
            if bit_count == 0:
                bits = reader.number(">B")
            fields[field] = bool(bits >> bit_count & 1)
            bit_count += 1
            continue
        bit_count = 0
        if kind in _NUMBERS:
            fields[field] = reader.number(_NUMBERS[kind])
        else:
            fields[field] = getattr(reader, kind)()
    return Method(channel, name, fields)


def encode_properties(properties):
    """Flags and values. Bytes are taken as already encoded."""
    if isinstance(properties, bytes):
        return properties
    flags, out = 0, b""
    for position, (name, kind) in enumerate(PROPERTIES):
        if name not in properties:
            continue
        flags |= 1 << (15 - position)
        value = properties[name]
        if kind in _NUMBERS:
            out += struct.pack(_NUMBERS[kind], value)
        else:
            out += table(value) if kind == "table" else shortstr(value)
    return struct.pack(">H", flags) + out


def decode_properties(raw):
    reader, found = Reader(raw), {}
    flags = reader.number(">H")
    for position, (name, kind) in enumerate(PROPERTIES):
        if flags >> (15 - position) & 1:
            found[name] = (reader.number(_NUMBERS[kind]) if kind in _NUMBERS
                           else getattr(reader, kind)())
    return found


def frame(kind, channel, payload, end=FRAME_END):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + bytes([end])
