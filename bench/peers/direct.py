"""Memory by connection and queue, measured with a small client that does nothing else."""
import socket
import struct
import threading
import time

from harness import codec, wire

CONNECTIONS = 2000
QUEUES = 5000
SETTLE_SECONDS = 2


def settled_memory(server):
    """Resident bytes once they have stopped to grow."""
    last = server.memory_bytes()
    for _ in range(10):
        time.sleep(SETTLE_SECONDS / 4)
        now = server.memory_bytes()
        if abs(now - last) < 128 * 1024:
            return now
        last = now
    return last


def method(channel, name, **fields):
    return codec.frame(codec.FRAME_METHOD, channel, codec.encode_method(name, fields))


def ids(name):
    class_id, method_id, _ = codec.METHODS[name]
    return struct.pack(">HH", class_id, method_id)


HANDSHAKE = [
    (codec.PROTOCOL_HEADER, ids("connection.start")),
    (method(0, "connection.start-ok", mechanism="PLAIN", response=b"\0guest\0guest",
            locale="en_US", properties={}), ids("connection.tune")),
    (method(0, "connection.tune-ok", frame_max=131072, channel_max=2047, heartbeat=0)
     + method(0, "connection.open", vhost="/"), ids("connection.open-ok")),
]
CLOSE = (method(0, "connection.close", code=200, text="bye"), ids("connection.close-ok"))


def exchange_bytes(link, steps):
    """Sends each step's bytes and reads one frame, which must be the method expected."""
    for data, expected in steps:
        link.sendall(data)
        reply = link.recv(65536)
        while reply and reply[-1] != codec.FRAME_END:
            reply += link.recv(65536)
        if reply[7:11] != expected:
            raise wire.WireError(f"expected {expected.hex()}, got {reply[:40]!r}")


def connect(port):
    link = socket.create_connection(("127.0.0.1", port), 30)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    exchange_bytes(link, HANDSHAKE)
    return link


def queue_memory(server, count=QUEUES):
    """Bytes of the server's memory for a declared queue that nobody uses."""
    before = settled_memory(server)
    names = [f"bench.declare.{number:08d}" for number in range(count)]
    requests = b"".join(method(1, "queue.declare", queue=name, arguments={}) for name in names)
    answer_bytes = len(method(1, "queue.declare-ok", queue=names[0])) * count
    with wire.Client(server.port, timeout=300) as client:
        client.open(channels=(1,))
        sender = threading.Thread(target=client.socket.sendall, args=(requests,), daemon=True)
        sender.start()
        answers = client.receive_bytes(answer_bytes)
        sender.join()
        if answers.count(ids("queue.declare-ok")) != count:
            raise wire.WireError("a declare was refused")
        each = (settled_memory(server) - before) / count
        for name in names:
            client.send(1, "queue.delete", queue=name, nowait=True)
        client.call(1, "queue.declare", queue="bench.last", exclusive=True, arguments={})
        client.close()
    return each


def connection_memory(server, count=CONNECTIONS):
    """Bytes of the server's memory for an open connection that does nothing."""
    before = settled_memory(server)
    links = [connect(server.port) for _ in range(count)]
    each = (settled_memory(server) - before) / count
    for link in links:
        exchange_bytes(link, [CLOSE])
        link.close()
    return each
