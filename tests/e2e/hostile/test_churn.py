"""Very many of everything, and what is left of it."""
import contextlib
import socket
import threading
import time

from support import (MIB, assert_grew_less, depth, eventually, method, patience, publish, scale,
                     silent_socket, whole_handshake)


def read_until(opened, ending):
    got = b""
    while not got.endswith(ending):
        piece = opened.recv(65536)
        assert piece, f"closed after {got[-200:]}"
        got += piece


OPEN_OK = method(0, "connection.open-ok")
CLOSE = method(0, "connection.close", code=200, text="bye")
CLOSE_OK = method(0, "connection.close-ok")


def open_and_close(server, count, politely):
    handshake = whole_handshake()
    with contextlib.ExitStack() as stack:
        batch = [stack.enter_context(silent_socket(server)) for _ in range(count)]
        for opened in batch:
            opened.sendall(handshake)
        for opened in batch:
            read_until(opened, OPEN_OK)
        if politely:
            for opened in batch:
                opened.sendall(CLOSE)
            for opened in batch:
                read_until(opened, CLOSE_OK)


def test_ten_thousand_connections_leave_nothing_behind(broker, bystander):
    server = broker({"log.level": "warning"})
    open_and_close(server, 500, True)  # what is kept for reuse is there now
    watcher = bystander(server)
    descriptors, memory = server.descriptors(), server.memory()
    for turn in range(scale(10_000) // 250):
        open_and_close(server, 250, politely=turn % 2 == 0)
    eventually(lambda: server.descriptors() <= descriptors)
    assert_grew_less(server, memory, 16 * MIB)
    watcher.was_served()


def test_connections_reset_at_any_point_leave_nothing_behind(broker, bystander):
    server = broker()
    watcher, descriptors = bystander(server), server.descriptors()
    conversation = (whole_handshake() + method(1, "channel.open")
                    + method(1, "queue.declare", queue="mine", exclusive=True)
                    + method(1, "basic.consume", queue="mine")
                    + publish(1, "mine", b"x" * 100) * 3)
    step = 37 if scale(100) == 100 else 200
    for cut in range(1, len(conversation), step):
        with silent_socket(server) as opened:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            opened.sendall(conversation[:cut])
    eventually(lambda: server.descriptors() <= descriptors)
    with server.client() as client:  # no exclusive queue is left
        client.send(1, "queue.declare", queue="mine", passive=True)
        assert client.expect("channel.close").fields["code"] == 404
    watcher.was_served()


def test_channels_up_to_the_limit_and_one_more(broker):
    server = broker()
    with server.client(channels=()) as client:
        client.send_bytes(b"".join(method(number, "channel.open") for number in range(1, 2049)))
        for _ in range(2047):
            client.expect("channel.open-ok")
        assert client.expect("connection.close").fields == {
            "code": 530, "class_id": 0, "method_id": 0,
            "text": "NOT_ALLOWED - number of channels opened (2047) has reached the negotiated "
                    "channel_max (2047)"}


def test_channels_opened_and_closed_without_end(broker, bystander):
    server = broker()
    watcher = bystander(server)
    with server.client(channels=()) as client:
        memory = server.memory()
        pair = method(7, "channel.open") + method(7, "channel.close")
        count = scale(50_000)
        threading.Thread(target=client.send_bytes, args=(pair * count,), daemon=True).start()
        for _ in range(count):
            client.expect("channel.open-ok")
            client.expect("channel.close-ok")
        # What passes through has a size, which does not depend on how much it is.
        assert_grew_less(server, memory, 20 * MIB)
    watcher.was_served()


def test_errors_on_channels_without_end(broker, bystander):
    server = broker()
    watcher = bystander(server)
    with server.client(channels=()) as client:
        memory = server.memory()
        turn = (method(7, "channel.open") + method(7, "basic.ack", delivery_tag=99)
                + method(7, "basic.ack", delivery_tag=100) + method(7, "channel.close-ok"))
        count = scale(20_000)
        threading.Thread(target=client.send_bytes, args=(turn * count,), daemon=True).start()
        for _ in range(count):
            client.expect("channel.open-ok")
            closed = client.expect("channel.close").fields
            assert (closed["code"], closed["text"]) == (
                406, "PRECONDITION_FAILED - unknown delivery tag 99")
        assert_grew_less(server, memory, 8 * MIB)
    assert server.log_text().count("unknown delivery tag") < 100, "every one was logged"
    watcher.was_served()


def test_acknowledgements_without_end(broker, bystander):
    server = broker()
    watcher = bystander(server)
    with server.client() as client:
        count = scale(500_000)
        client.send_bytes(method(1, "basic.ack", delivery_tag=0, multiple=True) * count
                          + method(1, "basic.recover", requeue=True))
        client.expect("basic.recover-ok")
        client.send_bytes(method(1, "basic.nack", delivery_tag=5) * count)
        assert client.expect("channel.close").fields["code"] == 406
        client.send(1, "channel.close-ok")
        client.call(1, "channel.open")
    watcher.was_served()


def test_consumers_that_come_and_go_on_one_channel(broker, bystander):
    server = broker()
    watcher = bystander(server)
    with server.client() as client:
        client.call(1, "queue.declare", queue="q")
        turn = (method(1, "basic.consume", queue="q", consumer_tag="t" * 100)
                + method(1, "basic.cancel", consumer_tag="t" * 100))
        count = scale(50_000)
        memory = server.memory()
        threading.Thread(target=client.send_bytes, args=(turn * count,), daemon=True).start()
        for _ in range(count):
            client.expect("basic.consume-ok")
            client.expect("basic.cancel-ok")
        assert_grew_less(server, memory, 8 * MIB)
    watcher.was_served()


def test_a_hundred_thousand_queues_come_and_go(broker, bystander):
    server = broker()
    watcher, count = bystander(server), scale(100_000)
    names = [f"queue-{number}" for number in range(count)]
    with server.client() as client:
        memory = server.memory()
        client.send_bytes(b"".join(method(1, "queue.declare", queue=name, nowait=True)
                                   for name in names))
        client.call(1, "queue.declare", queue=names[-1], passive=True)
        each = (server.memory() - memory) / count
        print(f"{each:.0f} bytes a queue")
        client.send_bytes(b"".join(method(1, "queue.delete", queue=name, nowait=True)
                                   for name in names))
        client.send(1, "queue.declare", queue=names[-1], passive=True)
        assert client.expect("channel.close", timeout=patience(20)).fields["code"] == 404
        assert_grew_less(server, memory, 64 * MIB)
    watcher.was_served()


def fill(client, queue, count, body=b"x" * 100, properties=None):
    client.call(1, "queue.declare", queue=queue)
    # Others shall be served meanwhile, by this process, too.
    piece = publish(1, queue, body, properties=properties) * 1000
    for _ in range(count // 1000):
        client.send_bytes(piece)
    eventually(lambda: depth(client, queue) >= count)


def test_a_million_messages_purged_and_deleted(broker, bystander):
    server = broker()
    count = scale(1_000_000)
    with server.client() as client:
        memory = server.memory()
        fill(client, "q", count)
        print(f"{(server.memory() - memory) / count:.0f} bytes a message")
        watcher = bystander(server)
        started = time.monotonic()
        assert client.call(1, "queue.purge", queue="q").fields["message_count"] == count
        print(f"purged in {time.monotonic() - started:.2f} s")
        fill(client, "q", count)
        started = time.monotonic()
        assert client.call(1, "queue.delete", queue="q").fields["message_count"] == count
        print(f"deleted in {time.monotonic() - started:.2f} s")
        watcher.was_served()
        again = server.memory()
        fill(client, "q", count)
        assert_grew_less(server, again, 64 * MIB)  # what was free was used


def test_very_many_messages_expire_together(broker, bystander):
    server = broker()
    count = scale(300_000)
    with server.client() as client:
        client.call(1, "queue.declare", queue="dead")
        client.call(1, "queue.declare", queue="brief", arguments={
            "x-message-ttl": 3000 if scale(10) == 10 else 15000})
        client.call(1, "queue.declare", queue="mixed")
        watcher = bystander(server)
        for _ in range(count // 1000):
            client.send_bytes(publish(1, "brief", b"x" * 50) * 1000)
        for number in range(count // 1000):
            client.send_bytes(publish(1, "mixed", b"x" * 50, properties={
                "expiration": str(2000 + number)}) * 1000)
        assert depth(client, "brief") > 0
        eventually(lambda: depth(client, "brief") == 0)
        eventually(lambda: depth(client, "mixed") == 0)
        watcher.was_served()


def test_thousands_of_consumers_share_one_queue(broker, bystander):
    server = broker()
    watcher = bystander(server)
    consumers = scale(5000)
    with server.client() as client, server.client() as publisher:
        client.call(1, "queue.declare", queue="q")
        client.call(1, "basic.qos", prefetch_count=1)
        client.send_bytes(b"".join(
            method(1, "basic.consume", queue="q", consumer_tag=str(number), nowait=True)
            for number in range(consumers)))
        declared = client.call(1, "queue.declare", queue="q", passive=True)
        assert declared.fields["consumer_count"] == consumers
        publisher.send_bytes(publish(1, "q", b"x") * (consumers + 100))
        tags = [client.expect("basic.deliver").method.fields["consumer_tag"]
                for _ in range(consumers)]
        assert len(set(tags)) == consumers  # each has one
        assert depth(client, "q") == 100
        client.send(1, "basic.ack", delivery_tag=100, multiple=True)
        for _ in range(100):
            client.expect("basic.deliver")
        client.call(1, "channel.close", code=200)
        client.call(1, "channel.open")
        assert depth(client, "q") == consumers
    watcher.was_served()


def test_one_message_in_very_many_queues(broker, bystander):
    server = broker()
    watcher, count = bystander(server), scale(5000)
    with server.client() as client:
        client.call(1, "exchange.declare", exchange="f", type="fanout")
        client.send_bytes(b"".join(
            method(1, "queue.declare", queue=f"f{number}", exclusive=True, nowait=True)
            + method(1, "queue.bind", queue=f"f{number}", exchange="f", nowait=True)
            for number in range(count)))
        client.call(1, "confirm.select")
        memory = server.memory()
        for _ in range(20):
            client.publish(1, "", b"x" * 50_000, exchange="f")
        confirmed = 0
        while confirmed < 20:
            confirmed = client.expect("basic.ack").fields["delivery_tag"]
        assert depth(client, f"f{count - 1}") == 20
        assert_grew_less(server, memory, 64 * MIB)  # the body is there once a shard
    watcher.was_served()


def test_exchanges_bound_in_circles(broker, bystander):
    server = broker()
    watcher = bystander(server)
    with server.client() as client:
        client.call(1, "queue.declare", queue="q")
        ring = [f"ring-{number}" for number in range(100)]
        for name in ring:
            client.send(1, "exchange.declare", exchange=name, type="fanout", nowait=True)
        for source in ring[:40]:
            for destination in ring[:40]:
                client.send(1, "exchange.bind", source=source, destination=destination,
                            nowait=True)
        client.call(1, "queue.bind", queue="q", exchange=ring[39])
        for _ in range(100):
            client.publish(1, "", b"m", exchange=ring[0])
        eventually(lambda: depth(client, "q") == 100)
    watcher.was_served()


def test_requests_with_the_largest_names_and_arguments(broker, bystander):
    server = broker()
    watcher = bystander(server)
    long_text = "n" * 255
    with server.client() as client:
        client.call(1, "queue.declare", queue=long_text,
                    arguments={f"key-{number}": "v" * 50 for number in range(1500)})
        client.call(1, "exchange.declare", exchange=long_text, type="topic")
        client.call(1, "queue.bind", queue=long_text, exchange=long_text,
                    routing_key=".".join("#" * 128))
        for _ in range(50):
            client.publish(1, ".".join("a" * 128), b"m", exchange=long_text)
        eventually(lambda: depth(client, long_text) == 50)
    watcher.was_served()


def test_a_pattern_of_hashes_is_not_a_trap(broker, bystander):
    server = broker()
    watcher = bystander(server)
    with server.client() as client:
        client.call(1, "exchange.declare", exchange="t", type="topic")
        client.call(1, "queue.declare", queue="q")
        for count in range(1, 60):
            client.call(1, "queue.bind", queue="q", exchange="t",
                        routing_key="#.a." * count + "z")
        client.call(1, "confirm.select")
        for _ in range(20):
            client.publish(1, ".".join("a" * 127), b"m", exchange="t")
        confirmed = 0
        while confirmed < 20:
            confirmed = client.expect("basic.ack").fields["delivery_tag"]
    watcher.was_served()
