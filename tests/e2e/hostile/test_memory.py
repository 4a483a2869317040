"""Clients that want the broker's memory."""
import contextlib
import socket
import threading
import time

import pytest

from harness import codec, wire
from support import (MIB, assert_grew_less, depth, eventually, header, method, patience, publish,
                     scale, send_until_stuck, silent_socket, whole_handshake)


def test_announced_bodies_cost_nothing(broker, bystander):
    server = broker()
    watcher, memory = bystander(server), server.memory()
    channels = range(1, 2001)
    with server.client(channels=()) as client:
        client.send_bytes(b"".join(method(channel, "channel.open") for channel in channels))
        for _ in channels:
            client.expect("channel.open-ok")
        # Just below and just above the size up to which the broker may take the word for it.
        client.send_bytes(b"".join(
            method(channel, "basic.publish", routing_key="q")
            + header(channel, 100 * MIB if channel % 2 else 65536) for channel in channels))
        client.send(0, "connection.update-secret", secret="guest", reason="to be answered")
        client.expect("connection.update-secret-ok")
        assert_grew_less(server, memory, 64 * MIB)
    watcher.was_served()


def test_bodies_that_are_never_complete_count_as_memory(broker):
    server = broker({"limits.memory_high_watermark": "64MiB"})
    memory = server.memory()
    with contextlib.ExitStack() as stack:
        piece = b"x" * 100_000
        for _ in range(4):
            client = stack.enter_context(server.client(channels=range(1, 5)))
            data = b"".join(method(channel, "basic.publish", routing_key="q")
                            + header(channel, 100 * MIB) for channel in range(1, 5))
            client.send_bytes(data)
            frames = b"".join(
                b"\x03" + channel.to_bytes(2, "big") + len(piece).to_bytes(4, "big") + piece
                + b"\xce" for channel in range(1, 5))
            sent = send_until_stuck(client, frames, 380 * MIB)
            print(f"{sent / MIB:.0f} MiB taken")
        assert_grew_less(server, memory, 160 * MIB)
    # With the connections their unfinished bodies went, whether they were read or not.
    with server.client() as client:
        client.call(1, "confirm.select")
        client.publish(1, "nowhere", b"m")
        seen = []
        while "basic.ack" not in seen:
            seen.append(client.receive().name)
        print(seen)


def hog(server, queue, no_ack=False, prefetch=0, buffer=4096):
    """A consumer that never reads."""
    opened = silent_socket(server, buffer)
    opened.sendall(whole_handshake() + method(1, "channel.open")
                   + method(1, "basic.qos", prefetch_count=prefetch)
                   + method(1, "basic.consume", queue=queue, no_ack=no_ack, consumer_tag="hog"))
    return opened


@pytest.mark.parametrize("no_ack", [True, False], ids=["no_ack", "manual ack"])
def test_a_consumer_that_never_reads_has_its_window_and_no_more(broker, bystander, no_ack):
    server = broker()
    watcher = bystander(server)
    count, body = scale(20000), b"x" * 10000
    with server.client() as client:
        client.call(1, "queue.declare", queue="q", arguments={"x-max-length": 500})
        client.call(1, "confirm.select")
        with hog(server, "q", no_ack):
            eventually(lambda: client.call(1, "queue.declare", queue="q", passive=True)
                       .fields["consumer_count"] == 1)
            memory = server.memory()
            for _ in range(count // 100):
                client.send_bytes(publish(1, "q", body) * 100)
                tag = 0
                while tag % 100 or not tag:
                    tag = client.expect("basic.ack").fields["delivery_tag"]
            assert_grew_less(server, memory, 64 * MIB)
            assert depth(client, "q") > 400  # what has no room in the window stays in the queue
        if not no_ack:  # what it held returns, up to the queue's limit
            eventually(lambda: depth(client, "q") == 500)
    watcher.was_served()


def test_a_consumer_that_never_reads_leaves_the_queue_to_others(broker):
    server = broker()
    body, count = b"x" * 1000, 20_000
    with server.client() as client, hog_after(server) as start_hog:
        client.call(1, "queue.declare", queue="q")
        start_hog("q")
        eventually(lambda: client.call(1, "queue.declare", queue="q", passive=True)
                   .fields["consumer_count"] == 1)
        client.call(1, "basic.consume", queue="q", no_ack=True)
        with server.client() as publisher:
            threading.Thread(target=publisher.send_bytes, args=(publish(1, "q", body) * count,),
                             daemon=True).start()
            got = 0
            while got < count * 0.8:
                client.expect("basic.deliver")
                got += 1


@contextlib.contextmanager
def hog_after(server):
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(
            hog(server, *arguments, **options))


def test_replies_to_one_who_never_reads_are_bounded(broker, bystander):
    server = broker()
    watcher = bystander(server)
    with silent_socket(server, 4096) as requester, server.client() as client:
        client.call(1, "queue.declare", queue="requests")
        requester.sendall(whole_handshake() + method(1, "channel.open")
                          + method(1, "basic.consume", queue="amq.rabbitmq.reply-to", no_ack=True)
                          + publish(1, "requests", b"?",
                                    properties={"reply_to": "amq.rabbitmq.reply-to"}))
        eventually(lambda: depth(client, "requests") == 1)
        client.send(1, "basic.get", queue="requests", no_ack=True)
        address = codec.decode_properties(
            client.expect("basic.get-ok").raw_properties)["reply_to"]
        client.call(1, "confirm.select")
        memory = server.memory()
        reply = publish(1, address, b"!" * 100_000)
        for _ in range(scale(3000)):
            client.send_bytes(reply)
            client.expect("basic.ack")
        assert_grew_less(server, memory, 160 * MIB)  # of 300
    watcher.was_served()


def test_a_publisher_that_never_stops_is_blocked_until_there_is_room(broker):
    server = broker({"limits.memory_high_watermark": "32MiB"})
    with server.client() as publisher, server.client() as consumer, server.client() as idle:
        consumer.call(1, "queue.declare", queue="q")
        memory = server.memory()
        message = publish(1, "q", b"x" * 10_000)
        sent = send_until_stuck(publisher, message * 10, 400 * MIB)
        assert sent < 300 * MIB, "it was never blocked"
        assert_grew_less(server, memory, 96 * MIB)
        publisher.expect("connection.blocked")
        stored = depth(consumer, "q")
        assert stored * 10_000 > 30 * MIB
        # Who does not publish is not blocked, and can do everything else.
        idle.call(1, "queue.declare", queue="other")
        assert idle.silent(0.1)
        time.sleep(0.3)
        assert depth(consumer, "q") == stored  # it really stopped
        consumer.call(1, "basic.consume", queue="q", no_ack=True)
        for _ in range(stored):
            consumer.expect("basic.deliver")
        publisher.expect("connection.unblocked")
        # What waited in the sockets arrives now.
        arrived = stored + sum(1 for _ in drain(consumer))
        assert arrived == sent // len(message)


def drain(client, quiet=1.0):
    """Deliveries until none comes for a while."""
    while True:
        try:
            yield client.expect("basic.deliver", timeout=quiet)
        except TimeoutError:
            return


def test_under_the_alarm_new_publishers_are_blocked_at_once(broker):
    server = broker({"limits.memory_high_watermark": "16MiB"})
    with server.client() as first, server.client() as second, server.client() as consumer:
        consumer.call(1, "queue.declare", queue="q")
        send_until_stuck(first, publish(1, "q", b"x" * 100_000), 200 * MIB)
        first.expect("connection.blocked")
        second.publish(1, "q", b"late")
        assert second.expect("connection.blocked").fields["reason"] == "low on memory"
        second.send(1, "queue.declare", queue="later")
        assert second.silent(0.3)
        consumer.call(1, "queue.purge", queue="q")
        second.expect("connection.unblocked")
        second.expect("queue.declare-ok")
        first.expect("connection.unblocked")


def test_a_blocked_publisher_that_goes_away_is_forgotten(broker):
    server = broker({"limits.memory_high_watermark": "16MiB"})
    with server.client() as publisher, server.client() as other:
        other.call(1, "queue.declare", queue="q")
        publisher.call(1, "queue.declare", queue="mine", exclusive=True)
        before = server.descriptors()
        send_until_stuck(publisher, publish(1, "q", b"x" * 100_000), 200 * MIB)
        publisher.expect("connection.blocked")
        publisher.socket.close()
        other.call(1, "queue.purge", queue="q")
        eventually(lambda: server.descriptors() < before)
        other.call(1, "queue.declare", queue="mine")


def test_blocked_publishers_do_not_delay_the_stop(broker):
    server = broker({"limits.memory_high_watermark": "16MiB", "server.shutdown_timeout": "20s"})
    with server.client() as publisher:
        publisher.call(1, "queue.declare", queue="q")
        send_until_stuck(publisher, publish(1, "q", b"x" * 100_000), 200 * MIB)
        publisher.expect("connection.blocked")
        started = time.monotonic()
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        assert publisher.expect("connection.close").fields["code"] == 320
        with contextlib.suppress(OSError):
            publisher.socket.shutdown(socket.SHUT_WR)
            publisher.wait_closed()
        stopper.join()
        assert server.exit_code == 0
        assert time.monotonic() - started < patience(5)


FLOODS = {
    "declares": lambda: method(1, "queue.declare", queue="q", passive=True),
    "gets": lambda: method(1, "basic.get", queue="full", no_ack=False),
    "returns": lambda: publish(1, "nowhere", b"x" * 1000, mandatory=True),
    "confirms": lambda: publish(2, "q", b"x"),
    "qos": lambda: method(1, "basic.qos", prefetch_count=1),
    "consume and cancel": lambda: (method(1, "basic.consume", queue="q", consumer_tag="t")
                                   + method(1, "basic.cancel", consumer_tag="t")),
    "channels": lambda: method(3, "channel.open") + method(3, "channel.close"),
    "access": lambda: method(1, "access.request"),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_requests_without_reading_replies_stop_being_read(broker, bystander, flood):
    server = broker()
    watcher = bystander(server)
    with server.client() as client:
        client.call(1, "queue.declare", queue="q", arguments={"x-max-length": 10})
        client.call(1, "queue.declare", queue="full")
        client.call(1, "confirm.select")
        for _ in range(2000):
            client.publish(1, "full", b"y" * 1000)
        while client.expect("basic.ack").fields["delivery_tag"] < 2000:
            pass
    memory = server.memory()
    with silent_socket(server, 4096) as requester:
        requester.sendall(whole_handshake() + method(1, "channel.open") + method(2, "channel.open")
                          + method(2, "confirm.select"))
        client = wire.Client.__new__(wire.Client)
        client.socket, client.timeout = requester, 10
        sent = send_until_stuck(client, FLOODS[flood]() * 1000, scale(60 * MIB), quiet=0.5)
        print(f"{sent / MIB:.1f} MiB taken")
        assert_grew_less(server, memory, 32 * MIB)
    watcher.was_served()
