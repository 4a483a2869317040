"""Message bodies that name themselves: who sent them, which one it is, and a checksum over all."""
import random
import struct
import zlib

HEAD = struct.Struct(">HII")  # publisher, sequence number, checksum
SMALLEST = HEAD.size
LARGEST = 100_000

_PADDING = random.Random("padding").randbytes(2 * LARGEST)


class Damaged(Exception):
    """A body that no publisher of ours ever sent."""


def uid(publisher, sequence):
    return publisher << 32 | sequence


def publisher_of(name):
    return name >> 32


def sequence_of(name):
    return name & 0xFFFFFFFF


def text(name):
    return f"{publisher_of(name)}/{sequence_of(name)}"


def _checksum(publisher, sequence, padding):
    return zlib.crc32(padding, zlib.crc32(struct.pack(">HII", publisher, sequence, len(padding))))


def make(name, size):
    """The body of message `name`, of `size` bytes (at least SMALLEST)."""
    publisher, sequence = publisher_of(name), sequence_of(name)
    start = sequence * 37 % LARGEST
    padding = _PADDING[start:start + size - SMALLEST]
    return HEAD.pack(publisher, sequence, _checksum(publisher, sequence, padding)) + padding


def read(body):
    """The name of the message; Damaged if a single bit of it is not as it was sent."""
    if len(body) < SMALLEST:
        raise Damaged(f"{len(body)} bytes: {body!r}")
    publisher, sequence, checksum = HEAD.unpack_from(body)
    if checksum != _checksum(publisher, sequence, body[SMALLEST:]):
        raise Damaged(f"{len(body)} bytes, claims to be {publisher}/{sequence}")
    return uid(publisher, sequence)


def random_size(rng):
    """Mostly small, now and then more than a frame or a journal chunk likes."""
    kind = rng.random()
    if kind < 0.80:
        return rng.randint(SMALLEST, 300)
    if kind < 0.97:
        return rng.randint(300, 6_000)
    return rng.randint(6_000, LARGEST)
