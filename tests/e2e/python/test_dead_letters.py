"""Dead lettering: where messages go, and what x-death says."""
import datetime
import time

import pytest
from pika import exceptions

from harness import codec
from support import Consumer, assert_empty, expect, get, get_all, polymq_only, send


@pytest.fixture
def grave(channel, queue, exchange):
    """A dead letter exchange and the queue behind it."""
    source, name = exchange("fanout", prefix="dlx"), queue(prefix="dead")
    channel.queue_bind(name, source)
    return source, name


def kill(channel, name, reason):
    """Makes the next message of the queue die for this reason."""
    if reason == "rejected":
        channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)


CAUSES = [
    ("rejected", {}, {}),
    ("expired", {"x-message-ttl": 50}, {}),
    ("expired", {}, {"expiration": "50"}),
    ("maxlen", {"x-max-length": 0}, {}),
    ("maxlen", {"x-max-length-bytes": 1}, {}),
]


@pytest.mark.parametrize("reason, arguments, props", CAUSES, ids=str)
def test_x_death_tells_the_whole_story(channel, queue, exchange, grave, reason, arguments, props):
    dlx, dead = grave
    source, name = exchange("topic"), queue({"x-dead-letter-exchange": dlx, **arguments})
    channel.queue_bind(name, source, "a.#")
    before = datetime.datetime.utcnow().replace(microsecond=0)
    send(channel, "a.b", b"body", source, headers={"mine": 1}, message_id="m", **props)
    kill(channel, name, reason)
    message = get(channel, dead)
    assert (message.text, message.properties.message_id) == ("body", "m")
    assert (message.method.exchange, message.method.routing_key) == (dlx, "a.b")
    assert message.method.redelivered is False
    assert message.properties.expiration is None
    death, = message.headers["x-death"]
    when = death.pop("time")
    assert before <= when <= datetime.datetime.utcnow() + datetime.timedelta(seconds=1)
    expected = {"count": 1, "reason": reason, "queue": name, "exchange": source,
                "routing-keys": ["a.b"]}
    if "expiration" in props:
        expected["original-expiration"] = props["expiration"]
    assert death == expected
    assert message.headers["mine"] == 1
    for key, value in (("queue", name), ("reason", reason), ("exchange", source)):
        assert message.headers[f"x-first-death-{key}"] == value


@polymq_only("x-last-death came with RabbitMQ 3.13")
def test_x_last_death_names_the_latest(channel, queue, grave):
    dlx, dead = grave
    second = queue({"x-dead-letter-exchange": dlx, "x-message-ttl": 30})
    first = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": second})
    send(channel, first, b"m")
    kill(channel, first, "rejected")
    headers = get(channel, dead).headers
    assert [headers[f"x-first-death-{key}"] for key in ("queue", "reason", "exchange")] == [
        first, "rejected", ""]
    assert [headers[f"x-last-death-{key}"] for key in ("queue", "reason", "exchange")] == [
        second, "expired", ""]


def test_the_types_of_x_death(raw, names):
    client, dead, name = raw(), names("dead"), names()
    client.call(1, "queue.declare", queue=dead, exclusive=True)
    client.call(1, "queue.declare", queue=name, exclusive=True, arguments={
        "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead, "x-max-length": 0})
    client.call(1, "basic.consume", queue=dead, no_ack=True)
    client.publish(1, name, b"m")
    got = client.expect("basic.deliver")
    reader = codec.Reader(got.raw_properties[2:])
    table = dict((key, (letter, value)) for key, letter, value in reader.typed_table())
    assert table["x-death"][0] == "A"
    assert table["x-first-death-queue"] == ("S", name)
    entry = table["x-death"][1][0]
    assert isinstance(entry["count"], int) and entry["routing-keys"] == [name]


def test_a_routing_key_of_its_own(channel, queue):
    dead = queue()
    name = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    send(channel, name, b"m")
    kill(channel, name, "rejected")
    message = get(channel, dead)
    assert (message.method.exchange, message.method.routing_key) == ("", dead)
    assert message.headers["x-death"][0]["routing-keys"] == [name]


def test_without_one_all_original_keys_are_used(channel, queue, exchange):
    source, dlx = exchange("direct"), exchange("direct")
    name = queue({"x-dead-letter-exchange": dlx})
    graves = [queue() for _ in range(3)]
    channel.queue_bind(name, source, "main")
    for key, dead in zip(("main", "copy", "blind"), graves):
        channel.queue_bind(dead, dlx, key)
    send(channel, "main", b"m", source, headers={"CC": ["copy"], "BCC": ["blind"]})
    kill(channel, name, "rejected")
    for dead in graves[:2]:
        message = get(channel, dead)
        assert message.headers["x-death"][0]["routing-keys"] == ["main", "copy"]
        assert message.headers["CC"] == ["copy"]
        assert "BCC" not in message.headers


def test_a_key_override_removes_cc(channel, queue):
    dead = queue()
    name = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    send(channel, name, b"m", headers={"CC": ["elsewhere"]})
    kill(channel, name, "rejected")
    headers = get(channel, dead).headers
    assert "CC" not in headers
    assert headers["x-death"][0]["routing-keys"] == [name, "elsewhere"]


@pytest.mark.parametrize("how", ["missing", "unroutable"])
def test_a_grave_that_is_not_there_drops(channel, queue, exchange, names, how):
    dlx = names("missing") if how == "missing" else exchange("direct")
    name = queue({"x-dead-letter-exchange": dlx})
    send(channel, name, b"m")
    kill(channel, name, "rejected")
    assert_empty(channel, name)
    send(channel, name, b"alive")
    assert get_all(channel, name, 1) == ["alive"]


def test_the_grave_may_be_dug_later(channel, queue, names):
    dlx, dead = names("dlx"), queue()
    name = queue({"x-dead-letter-exchange": dlx})
    channel.exchange_declare(dlx, "fanout")
    channel.queue_bind(dead, dlx)
    send(channel, name, b"m")
    kill(channel, name, "rejected")
    assert get(channel, dead).text == "m"


def test_nack_multiple_dead_letters_all_in_order(channel, queue, grave):
    dlx, dead = grave
    name = queue({"x-dead-letter-exchange": dlx})
    for number in range(5):
        send(channel, name, b"%d" % number)
    messages = [get(channel, name, auto_ack=False) for _ in range(5)]
    channel.basic_nack(messages[3].tag, multiple=True, requeue=False)
    assert [get(channel, dead).text for _ in range(4)] == ["0", "1", "2", "3"]


def test_the_same_death_again_counts_up(channel, queue, grave):
    dlx, dead = grave
    name = queue({"x-dead-letter-exchange": dlx})
    channel.queue_unbind(dead, dlx)
    channel.queue_bind(name, dlx)
    send(channel, name, b"m")
    for count in range(1, 4):
        message = get(channel, name, auto_ack=False)
        deaths = message.headers.get("x-death", [])
        assert [death["count"] for death in deaths] == ([count - 1] if count > 1 else [])
        channel.basic_reject(message.tag, requeue=False)
    death, = get(channel, name).headers["x-death"]
    assert (death["count"], death["exchange"], death["queue"]) == (3, "", name)


def test_the_newest_death_is_in_front(channel, queue, grave):
    dlx, dead = grave
    second = queue({"x-dead-letter-exchange": dlx})
    first = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": second,
                   "x-message-ttl": 30})
    send(channel, first, b"m")
    message = get(channel, second, auto_ack=False)
    assert [death["reason"] for death in message.headers["x-death"]] == ["expired"]
    channel.basic_reject(message.tag, requeue=False)
    deaths = get(channel, dead).headers["x-death"]
    assert [(death["queue"], death["reason"]) for death in deaths] == [
        (second, "rejected"), (first, "expired")]
    assert deaths[0]["routing-keys"] == [second]


def test_two_reasons_in_one_queue_are_two_entries(channel, queue, grave):
    dlx, dead = grave
    name = queue({"x-dead-letter-exchange": dlx, "x-message-ttl": 1000})
    channel.queue_unbind(dead, dlx)
    channel.queue_bind(name, dlx)
    send(channel, name, b"m")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    channel.queue_declare(name, passive=True)
    channel.queue_unbind(name, dlx)
    channel.queue_bind(dead, dlx)
    deaths = get(channel, dead).headers["x-death"]
    assert [(death["reason"], death["count"]) for death in deaths] == [
        ("expired", 1), ("rejected", 1)]


def test_a_cycle_without_a_rejection_ends(channel, queue):
    """The message expires in a queue that dead-letters to itself: dropped, not forever."""
    name = queue({"x-message-ttl": 50, "x-dead-letter-exchange": ""})
    send(channel, name, b"m")
    time.sleep(0.4)
    assert_empty(channel, name)


def test_a_cycle_of_two_queues_ends(channel, queue, names):
    first, second = names(), names()
    for name, target in ((first, second), (second, first)):
        queue({"x-message-ttl": 40, "x-dead-letter-exchange": "",
               "x-dead-letter-routing-key": target}, name=name)
    send(channel, first, b"m")
    time.sleep(0.4)
    assert_empty(channel, first)
    assert_empty(channel, second)


def test_a_cycle_with_a_rejection_goes_on(channel, queue, names):
    """Retry with a delay: rejected to a waiting queue, expired back to work."""
    work, wait = names("work"), names("wait")
    queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait}, name=work)
    queue({"x-message-ttl": 30, "x-dead-letter-exchange": "",
           "x-dead-letter-routing-key": work}, name=wait)
    send(channel, work, b"m")
    for attempt in range(4):
        message = get(channel, work, auto_ack=False)
        counts = {death["queue"]: death["count"] for death in message.headers.get("x-death", [])}
        assert counts == ({work: attempt, wait: attempt} if attempt else {})
        channel.basic_reject(message.tag, requeue=False)


def test_the_ttl_of_the_next_queue_starts_again(channel, queue):
    last = queue()
    middle = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": last,
                    "x-message-ttl": 100})
    first = queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": middle})
    started = time.monotonic()
    send(channel, first, b"m", expiration="100")
    get(channel, last)
    assert time.monotonic() - started >= 0.19


def test_a_dead_letter_reaches_a_consumer(channel, queue, grave):
    dlx, dead = grave
    consumer = Consumer(channel, dead, auto_ack=True)
    name = queue({"x-dead-letter-exchange": dlx, "x-max-length": 2})
    for number in range(5):
        send(channel, name, b"%d" % number)
    consumer.wait(3)
    assert consumer.texts == ["0", "1", "2"]


def test_a_dead_letter_of_a_confirmed_publish_is_acked(channel, queue):
    name = queue({"x-max-length": 1, "x-dead-letter-exchange": "",
                  "x-dead-letter-routing-key": "nobody"})
    channel.confirm_delivery()
    for _ in range(3):
        send(channel, name, b"m")


def test_a_clients_own_x_death(channel, queue, grave):
    dlx, dead = grave
    name = queue({"x-dead-letter-exchange": dlx})
    forged = [{"queue": name, "reason": "rejected", "count": 41, "exchange": "",
               "routing-keys": [name], "time": datetime.datetime(2020, 1, 1)}]
    send(channel, name, b"m", headers={"x-death": forged})
    kill(channel, name, "rejected")
    death = get(channel, dead).headers["x-death"][0]
    assert death["count"] == expect(rabbitmq=42, polymq=1)


def test_redeclaring_with_another_grave_is_406(channel, queue):
    name = queue({"x-dead-letter-exchange": "a"})
    with pytest.raises(exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare(name, exclusive=True, arguments={"x-dead-letter-exchange": "b"})
    assert caught.value.reply_code == 406
