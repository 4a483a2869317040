"""What an operator limits, and with which words a client is told."""
import pytest

from harness import fixture
from support import eventually, method

ALL = [{"vhost": "*", **fixture.ALL}]
GUEST = {"name": "guest", "password": "guest", "permissions": ALL}


def user(name, **limits):
    return {"name": name, "password": name, "permissions": ALL, **limits}


def closed(client):
    fields = client.expect("connection.close").fields
    return fields["code"], fields["text"]


def channel_closed(client):
    fields = client.expect("channel.close").fields
    client.send(1, "channel.close-ok")
    client.call(1, "channel.open")
    return fields["code"], fields["text"]


def test_connections_of_the_node(broker):
    server = broker({"server.max_connections": 2})
    with server.client(), server.client() as second:
        assert server.refusal() == ("NOT_ALLOWED - connection refused: node connection limit (2) "
                                    "is reached")
        second.close()
        eventually(lambda: server.refusal() == "accepted")


def test_connections_of_a_vhost(broker):
    server = broker(vhosts=[{"name": "small", "max_connections": 1},
                            {"name": "closed", "max_connections": 0}], users=[GUEST])
    text = ("NOT_ALLOWED - access to vhost '{}' refused for user 'guest': connection limit ({}) "
            "is reached")
    assert server.refusal(vhost="closed") == text.format("closed", 0)
    with server.client(vhost="small") as client:
        assert server.refusal(vhost="small") == text.format("small", 1)
        assert server.refusal() == "accepted"
        client.socket.close()
        eventually(lambda: server.refusal(vhost="small") == "accepted")


def test_connections_of_each_vhost(broker):
    server = broker({"limits.vhost_max_connections": 1}, vhosts=[
        {"name": "usual"}, {"name": "more", "max_connections": -1}], users=[GUEST])
    with server.client(vhost="usual"), server.client(vhost="more"):
        assert "connection limit (1) is reached" in server.refusal(vhost="usual")
        assert server.refusal(vhost="more") == "accepted"


def test_connections_of_a_user(broker):
    server = broker(users=[GUEST, user("one", max_connections=1), user("none", max_connections=0)])
    text = "NOT_ALLOWED - connection refused for user '{}': user connection limit ({}) is reached"
    assert server.refusal(user="none", password="none") == text.format("none", 0)
    with server.client(user="one", password="one") as client:
        assert server.refusal(user="one", password="one") == text.format("one", 1)
        client.close()
        eventually(lambda: server.refusal(user="one", password="one") == "accepted")


def test_channels_of_a_user_over_all_connections(broker):
    server = broker(users=[GUEST, user("few", max_channels=3)])
    login = {"user": "few", "password": "few"}
    with server.client(**login, channels=[1, 2]), server.client(**login) as second:
        second.send(2, "channel.open")
        assert closed(second) == (530, "NOT_ALLOWED - number of channels opened for user 'few' "
                                       "has reached the maximum allowed user limit of 3")
    eventually(lambda: server.refusal(**login, channels=[1, 2, 3]) == "accepted")


def test_channels_of_a_connection_as_negotiated(broker):
    server = broker({"amqp.channel_max": 10})
    with server.client(channel_max=2) as client:
        client.call(65535, "channel.open")  # how many are open counts, not their numbers
        client.send(3, "channel.open")
        assert closed(client) == (530, "NOT_ALLOWED - number of channels opened (2) has reached "
                                       "the negotiated channel_max (2)")
    assert server.refusal(channel_max=11) == (
        "NOT_ALLOWED - negotiated channel_max = 11 is higher than the maximum allowed value (10)")


def test_queues_of_a_vhost(broker):
    server = broker({"limits.vhost_max_queues": 2},
                    vhosts=[{"name": "one", "max_queues": 1}], users=[GUEST])
    for vhost, limit in (("/", 2), ("one", 1)):
        with server.client(vhost=vhost) as client:
            for number in range(limit):
                client.call(1, "queue.declare", queue=f"q{number}")
            client.call(1, "queue.declare", queue="q0")  # is there already
            client.send(1, "queue.declare", queue="over")
            assert channel_closed(client) == (
                406, f"PRECONDITION_FAILED - cannot declare queue 'over': queue limit in vhost "
                     f"'{vhost}' ({limit}) is reached")
            client.call(1, "queue.delete", queue="q0")
            client.call(1, "queue.declare", queue="over")


def test_queues_of_a_vhost_declared_all_at_once(broker):
    server = broker({"limits.vhost_max_queues": 10})
    with server.client() as client:
        client.send_bytes(b"".join(method(1, "queue.declare", queue=f"q{number}")
                                   for number in range(50)))
        for _ in range(10):
            client.expect("queue.declare-ok")
        assert channel_closed(client)[0] == 406
        for number in range(10, 50):
            client.send(1, "queue.declare", queue=f"q{number}", passive=True)
            assert channel_closed(client)[0] == 404


def test_consumers_of_a_channel(broker):
    server = broker({"amqp.max_consumers_per_channel": 2})
    with server.client() as client:
        client.call(1, "queue.declare", queue="q")
        for tag in ("a", "b"):
            client.call(1, "basic.consume", queue="q", consumer_tag=tag)
        client.call(1, "basic.cancel", consumer_tag="a")
        client.call(1, "basic.consume", queue="q", consumer_tag="c")
        client.send(1, "basic.consume", queue="q", consumer_tag="d")
        assert closed(client) == (
            530, "NOT_ALLOWED - reached maximum (2) of consumers per channel")


def test_size_of_a_message(broker):
    server = broker({"amqp.max_message_size": "1MiB"})
    with server.client() as client:
        client.call(1, "queue.declare", queue="q")
        client.publish(1, "q", b"x" * 2**20)
        client.publish(1, "q", b"x" * (2**20 + 1))
        assert channel_closed(client) == (
            406, "PRECONDITION_FAILED - message size 1048577 is larger than configured max size "
                 "1048576")
        client.send(1, "basic.get", queue="q")
        assert len(client.expect("basic.get-ok").body) == 2**20


def test_size_of_headers(broker):
    server = broker({"amqp.max_header_size": "1KiB"})
    with server.client() as client:
        client.call(1, "queue.declare", queue="q")
        client.publish(1, "q", b"m", properties={"headers": {"x": "y" * 900}})
        client.publish(1, "q", b"m", properties={"headers": {"x": "y" * 1100}})
        assert closed(client)[0] == 501
    server.client().close()


@pytest.mark.parametrize("vhost", ["", "nowhere", "x" * 255])
def test_a_vhost_that_is_not_there(broker, vhost):
    text = f"NOT_ALLOWED - vhost {vhost} not found"
    assert broker().refusal(vhost=vhost) == (text if len(text) <= 255 else text[:252] + "...")


def test_limits_survive_connections_that_break(broker):
    server = broker({"server.max_connections": 3}, users=[GUEST, user("u", max_channels=2)])
    for _ in range(50):
        with server.client(user="u", password="u", channels=[1, 2]) as client:
            client.send(1, "queue.declare", queue="", exclusive=True)
        eventually(lambda: server.refusal(user="u", password="u", channels=[1, 2]) == "accepted")


def test_declarations_under_way_keep_their_order(broker):
    """All sent at once: the answers are those of one after another."""
    with broker().client() as client:
        client.send_bytes(b"".join([
            method(1, "queue.declare", queue="q", nowait=True),
            method(1, "queue.declare", queue="q", passive=True),
            method(1, "exchange.declare", exchange="x", type="topic"),
            method(1, "exchange.declare", exchange="x", passive=True),
            method(1, "queue.bind", queue="q", exchange="x", routing_key="#"),
            method(1, "queue.declare", queue="q"),
            method(1, "queue.delete", queue="q"),
            method(1, "queue.declare", queue="q", durable=True),
            method(1, "queue.declare", queue="q", durable=False)]))
        for name in ("queue.declare-ok", "exchange.declare-ok", "exchange.declare-ok",
                     "queue.bind-ok", "queue.declare-ok", "queue.delete-ok", "queue.declare-ok"):
            client.expect(name)
        assert channel_closed(client) == (
            406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': "
                 "received 'false' but current is 'true'")


def test_a_refusal_among_pipelined_declarations_ends_the_channel_there(broker):
    """Answered is what came before it, and what comes after it is not done."""
    refused = {
        "by the engine": method(1, "queue.declare", queue="q", durable=True),
        "before the engine": method(1, "queue.declare", queue="amq.mine"),
    }
    for number, declaration in enumerate(refused.values()):
        with broker().client() as client:
            client.send_bytes(b"".join([
                method(1, "queue.declare", queue="q"),
                method(1, "exchange.declare", exchange="x", type="topic"),
                declaration,
                method(1, "queue.declare", queue="after")]))
            client.expect("queue.declare-ok")
            client.expect("exchange.declare-ok")
            assert channel_closed(client)[0] == (406, 403)[number]
            client.send(1, "queue.declare", queue="after", passive=True)
            assert channel_closed(client)[0] == 404


def test_exchanges_of_a_vhost(broker):
    server = broker({"limits.vhost_max_exchanges": 9})  # eight are predeclared
    with server.client() as client:
        client.call(1, "exchange.declare", exchange="x", type="topic")
        client.call(1, "exchange.declare", exchange="x", type="topic")
        client.send(1, "exchange.declare", exchange="over", type="topic")
        assert channel_closed(client) == (
            406, "PRECONDITION_FAILED - cannot declare exchange 'over' in vhost '/': exchange "
                 "limit of 9 is reached")
