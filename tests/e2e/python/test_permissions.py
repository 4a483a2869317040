"""Permissions, seen by user "limited": ^limited, amq.default and amq.topic."""
import pytest

from support import (assert_channel_closed, assert_empty, expect, get, polymq_only, raw_client,
                     send)

LIMITED = {"user": "limited", "password": "limited-pw"}

# {own}: a name the user may do anything with. {q} {x}: existing, not the user's.
REFUSED = [
    ("queue.declare", {"queue": "{n}"}, "configure", "queue '{n}'"),
    ("queue.declare", {"queue": "{q}"}, "configure", "queue '{q}'"),
    ("queue.delete", {"queue": "{q}"}, "configure", "queue '{q}'"),
    ("queue.purge", {"queue": "{q}"}, "read", "queue '{q}'"),
    ("basic.get", {"queue": "{q}"}, "read", "queue '{q}'"),
    ("basic.consume", {"queue": "{q}"}, "read", "queue '{q}'"),
    ("queue.bind", {"queue": "{q}", "exchange": "amq.topic"}, "write", "queue '{q}'"),
    ("queue.bind", {"queue": "{own}", "exchange": "{x}"}, "read", "exchange '{x}'"),
    ("queue.unbind", {"queue": "{q}", "exchange": "amq.topic"}, "write", "queue '{q}'"),
    ("queue.unbind", {"queue": "{own}", "exchange": "{x}"}, "read", "exchange '{x}'"),
    ("exchange.declare", {"exchange": "{n}", "type": "direct"}, "configure", "exchange '{n}'"),
    ("exchange.declare", {"exchange": "{x}", "type": "direct"}, "configure", "exchange '{x}'"),
    ("exchange.delete", {"exchange": "{x}"}, "configure", "exchange '{x}'"),
    ("exchange.bind", {"destination": "{x}", "source": "amq.topic"}, "write", "exchange '{x}'"),
    ("exchange.bind", {"destination": "amq.topic", "source": "{x}"}, "read", "exchange '{x}'"),
    ("queue.declare", {"queue": "{own}2", "arguments": {"x-dead-letter-exchange": "{x}"}},
     "write", "exchange '{x}'"),
    ("exchange.declare", {"exchange": "{own}2", "type": "direct",
                          "arguments": {"alternate-exchange": "{x}"}},
     "write", "exchange '{x}'"),
]


@pytest.fixture
def scene(raw, names):
    """The user's raw client and the names of the table above; the user's queue exists."""
    owner, client = raw(), raw(**LIMITED)
    known = {"q": names(), "x": names("x"), "n": names("n"), "own": names("limited")}
    owner.call(1, "queue.declare", queue=known["q"])
    owner.call(1, "exchange.declare", exchange=known["x"], type="direct")
    client.call(1, "queue.declare", queue=known["own"])
    return client, known


def filled(value, known):
    if isinstance(value, dict):
        return {key: filled(each, known) for key, each in value.items()}
    return value.format(**known)


def refusal(verb, what):
    access = expect(rabbitmq="access", polymq=f"{verb} access")
    return f"ACCESS_REFUSED - {access} to {what} in vhost '/' refused for user 'limited'"


@pytest.mark.parametrize("method, fields, verb, what", REFUSED,
                         ids=lambda value: str(value)[:50])
def test_refused(scene, method, fields, verb, what):
    client, known = scene
    client.send(1, method, **filled(fields, known))
    assert_channel_closed(client, 1, 403, refusal(verb, what.format(**known)), method)


def test_publishing_is_refused(scene):
    client, known = scene
    client.publish(1, "k", b"m", exchange=known["x"])
    assert_channel_closed(client, 1, 403, refusal("write", f"exchange '{known['x']}'"),
                          "basic.publish")


def test_a_server_named_queue_is_refused(scene):
    client, _ = scene
    client.send(1, "queue.declare", exclusive=True)
    close = client.expect("channel.close").fields
    assert close["code"] == 403
    assert "access to queue 'amq.gen-" in close["text"]


def test_everything_is_allowed_with_own_names(connect, names):
    channel = connect(**LIMITED).channel()
    queue, exchange = names("limited"), names("limited.x")
    channel.queue_declare(queue)
    channel.exchange_declare(exchange, "fanout", arguments={"alternate-exchange": "limited.ae"})
    channel.queue_bind(queue, exchange)
    channel.exchange_bind(exchange, "amq.topic", "#")
    channel.exchange_unbind(exchange, "amq.topic", "#")
    send(channel, "", b"m", exchange)
    assert get(channel, queue).text == "m"
    channel.queue_bind(queue, "amq.topic", queue)
    send(channel, queue, b"n", "amq.topic")
    assert get(channel, queue).text == "n"
    channel.queue_purge(queue)
    channel.queue_unbind(queue, exchange)
    channel.queue_delete(queue)
    channel.exchange_delete(exchange)


def test_the_default_exchange_is_checked_as_amq_default(connect, channel, shared_queue):
    name = shared_queue()
    send(connect(**LIMITED).channel(), name, b"m")
    assert get(channel, name).text == "m"


def test_a_refused_mandatory_publish_reaches_nobody(scene, channel, names):
    client, known = scene
    channel.queue_bind(known["q"], known["x"], "k")
    client.publish(1, "k", b"m", exchange=known["x"])
    assert client.expect("channel.close").fields["code"] == 403
    assert_empty(channel, known["q"])


def test_a_passive_declare_of_an_own_name(scene):
    client, known = scene
    client.call(1, "queue.declare", queue=known["own"], passive=True)


@polymq_only("3.10 asks for no permission")
def test_a_passive_declare_needs_some_permission(scene):
    client, known = scene
    client.send(1, "queue.declare", queue=known["q"], passive=True)
    assert client.expect("channel.close").fields["code"] == 403


def test_permission_is_checked_before_existence(raw):
    client = raw(**LIMITED)
    client.send(1, "basic.get", queue="no such queue")
    assert client.expect("channel.close").fields["code"] == 403


def test_the_user_of_another_vhost_is_refused_there():
    with raw_client() as client:
        client.start()
        client.login("limited", "limited-pw")
        client.expect("connection.tune")
        client.send(0, "connection.tune-ok", channel_max=10, frame_max=131072)
        client.send(0, "connection.open", vhost="policies")
        assert client.expect("connection.close").fields["code"] == 530
