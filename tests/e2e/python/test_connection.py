"""Connections: closing, heartbeats, channels, and what survives."""
import time

import pytest

from harness import codec
from support import Consumer, connection_error, eventually, get, polymq_only, send


def test_heartbeats_are_sent_every_half_interval(raw):
    client = raw(heartbeat=1)
    started = time.monotonic()
    for _ in range(3):
        assert client.receive_frame(3) == (codec.FRAME_HEARTBEAT, 0, b"")
        client.send_frame(codec.FRAME_HEARTBEAT, 0, b"")
    assert time.monotonic() - started < 6


def test_a_silent_client_is_closed_between_two_and_three_intervals(raw):
    client = raw(heartbeat=1)
    client.call(1, "channel.flow", active=True)
    seen, seconds = client.wait_closed(8)
    assert seen == []
    assert 1.8 < seconds < 4.5


def test_any_traffic_keeps_the_connection(raw):
    client = raw(heartbeat=1)
    deadline = time.monotonic() + 3.6
    while time.monotonic() < deadline:
        client.publish(1, "nowhere", b"m")
        time.sleep(0.2)
    client.call(1, "channel.flow", active=True)


def test_heartbeat_zero_turns_it_off(raw):
    client = raw(heartbeat=0)
    assert client.silent(2.5)
    client.call(1, "channel.flow", active=True)


def test_pika_with_heartbeats_stays_connected(connect):
    connection = connect(heartbeat=1)
    deadline = time.monotonic() + 3.5
    while time.monotonic() < deadline:
        connection.process_data_events(0.1)
    assert connection.is_open
    connection.channel()


def test_close_ok_answers_a_close(raw):
    client = raw()
    client.call(0, "connection.close", code=200, text="done")


def test_the_broker_leaves_closing_the_socket_to_the_client(raw):
    client = raw()
    client.call(0, "connection.close", code=200)
    assert client.silent(0.5)


def test_close_ok_comes_once_and_nothing_after_it(raw):
    client = raw()
    client.send(0, "connection.close", code=200)
    client.send(1, "queue.declare", exclusive=True)
    client.expect("connection.close-ok")
    assert client.silent(0.2)


def test_everything_before_the_close_counts(raw, channel, shared_queue):
    name = shared_queue()
    client = raw()
    for number in range(200):
        client.publish(1, name, b"%d" % number)
    client.close()
    assert [get(channel, name).text for _ in range(200)] == [str(n) for n in range(200)]


def test_after_the_brokers_close_only_close_ok_is_read(raw, channel, shared_queue):
    name = shared_queue()
    client = raw()
    client.send(1, "channel.open")  # a second one
    client.publish(1, name, b"ignored")
    client.expect("connection.close")
    client.publish(1, name, b"ignored too")
    assert client.silent(0.1)
    client.send(0, "connection.close-ok")
    client.wait_closed()
    assert channel.basic_get(name)[0] is None


def test_a_close_crossing_the_brokers_is_answered(raw):
    client = raw()
    client.send_frame(7, 0, b"no such frame type")
    client.send(0, "connection.close", code=200)
    client.expect("connection.close")
    client.expect("connection.close-ok")


def test_a_channel_number_is_free_after_close_ok(raw):
    client = raw()
    for _ in range(50):
        client.call(1, "channel.close", code=200)
        client.call(1, "channel.open")


def test_many_channels_at_once(connection, queue):
    channels = [connection.channel() for _ in range(200)]
    name = queue(on=channels[0])
    for index, channel in enumerate(channels):
        send(channel, name, b"%d" % index)
    eventually(lambda: channels[0].queue_declare(name, passive=True).method.message_count == 200)
    assert {get(channels[0], name).text for _ in range(200)} == {str(n) for n in range(200)}


def test_the_highest_channel_number(raw):
    client = raw(channels=[65535])
    assert client.call(65535, "queue.declare", exclusive=True).channel == 65535


def test_pipelined_channel_opens(raw):
    client = raw(channels=[])
    for number in range(1, 101):
        client.send(number, "channel.open")
    opened = {client.expect("channel.open-ok").channel for _ in range(100)}
    assert opened == set(range(1, 101))


def test_channel_flow_on_is_confirmed(raw):
    assert raw().call(1, "channel.flow", active=True).fields["active"] is True


def test_access_request_is_served_or_refused_like_before(raw):
    client = raw()
    client.send(1, "access.request", realm="/data", active=True, read=True, write=True)
    assert client.receive().fields["ticket"] == 1


def test_the_ticket_is_ignored(raw):
    client = raw()
    client.call(1, "queue.declare", exclusive=True, ticket=4711)


@pytest.mark.parametrize("user", ["guest", "limited"])
def test_update_secret_with_the_password(raw, user):
    client = raw(user=user, password={"guest": "guest"}.get(user, f"{user}-pw"))
    client.send(0, "connection.update-secret", secret=b"another", reason="token")
    reply = client.receive()
    if reply.name == "connection.close":
        assert reply.fields["code"] == 530
        assert "New secret was refused" in reply.fields["text"]
    else:
        assert reply.name == "connection.update-secret-ok"


def test_connection_names_are_taken(connect):
    connection = connect(client_properties={"connection_name": "e2e connection"})
    assert connection.is_open


def test_100_connections_at_once(connect, shared_queue, channel):
    name = shared_queue()
    connections = [connect() for _ in range(100)]
    for index, connection in enumerate(connections):
        send(connection.channel(), name, b"%d" % index)
    assert {get(channel, name).text for _ in range(100)} == {str(n) for n in range(100)}


def test_a_connection_error_closes_every_channel(connect, channel, shared_queue):
    name = shared_queue()
    connection = connect()
    other = connection.channel()
    send(channel, name, b"m")
    Consumer(other, name).wait(1)
    with connection_error(540, "NOT_IMPLEMENTED - prefetch_size!=0 (1)"):
        connection.channel().basic_qos(prefetch_size=1)
    assert not other.is_open
    assert get(channel, name).method.redelivered


def test_garbage_after_the_handshake_ends_only_that_connection(raw):
    healthy, client = raw(), raw()
    client.send_bytes(b"\xff" * 64)
    client.wait_closed()
    healthy.call(1, "channel.flow", active=True)


def test_a_client_that_goes_away_in_the_middle_of_a_frame(raw):
    healthy, client = raw(), raw()
    client.send_bytes(codec.frame(1, 1, codec.encode_method("channel.flow", {}))[:6])
    client.socket.close()
    healthy.call(1, "channel.flow", active=True)


def test_a_message_cut_off_by_the_end_is_never_routed(raw, channel, shared_queue):
    name = shared_queue()
    client = raw()
    client.send(1, "basic.publish", routing_key=name)
    client.send_header(1, 100)
    client.send_body(1, b"half of it")
    client.socket.close()
    time.sleep(0.2)
    assert channel.basic_get(name)[0] is None


@polymq_only("RabbitMQ 3.10 opens about 450 connections a second")
def test_a_thousand_connections_one_after_another(raw):
    for _ in range(1000):
        client = raw(channels=[])
        client.close()
        client.socket.close()


def test_queue_and_consumer_of_a_dead_connection_make_room(raw, names):
    name = names()
    first = raw()
    first.call(1, "queue.declare", queue=name, exclusive=True)
    first.call(1, "basic.consume", queue=name, exclusive=True)
    first.close()
    second = raw()
    reply = second.call(1, "queue.declare", queue=name, exclusive=True)
    assert reply.fields["consumer_count"] == 0
