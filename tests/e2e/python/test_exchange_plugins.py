"""Exchange types that RabbitMQ has as plugins."""
import collections
import time

import pytest

from support import assert_empty, eventually, get, get_all, polymq_only, send


def spread(channel, queues):
    """How many messages each queue holds; empties them."""
    counts = []
    for name in queues:
        count = 0
        while channel.basic_get(name, True)[0]:
            count += 1
        counts.append(count)
    return counts


def test_consistent_hash_gives_each_key_one_queue(channel, queue, exchange):
    source, queues = exchange("x-consistent-hash"), [queue() for _ in range(3)]
    for name in queues:
        channel.queue_bind(name, source, "10")
    for _ in range(4):
        for number in range(50):
            send(channel, f"key-{number}", f"{number}".encode(), source)
    homes = collections.defaultdict(set)
    for name in queues:
        while True:
            method, _, body = channel.basic_get(name, True)
            if not method:
                break
            homes[body].add(name)
    assert len(homes) == 50
    assert all(len(home) == 1 for home in homes.values())


def test_consistent_hash_respects_weights(channel, queue, exchange):
    source, light, heavy = exchange("x-consistent-hash"), queue(), queue()
    channel.queue_bind(light, source, "1")
    channel.queue_bind(heavy, source, "20")
    for number in range(400):
        send(channel, f"order-{number}", b"", source)
    few, many = spread(channel, [light, heavy])
    assert few + many == 400
    assert many > 3 * few


def test_consistent_hash_moves_only_the_keys_of_a_queue_that_leaves(channel, queue, exchange):
    source, queues = exchange("x-consistent-hash"), [queue() for _ in range(3)]
    for name in queues:
        channel.queue_bind(name, source, "10")

    def homes():
        found = {}
        for number in range(100):
            send(channel, f"k{number}", f"{number}".encode(), source)
        for name in queues:
            while True:
                method, _, body = channel.basic_get(name, True)
                if not method:
                    break
                found[body] = name
        return found

    before = homes()
    channel.queue_unbind(queues[2], source, "10")
    after = homes()
    assert len(after) == 100
    assert all(after[key] == home for key, home in before.items() if home != queues[2])


@pytest.mark.parametrize("arguments, make", [
    ({"hash-header": "shard"}, lambda n: {"headers": {"shard": f"s{n}"}}),
    ({"hash-property": "message_id"}, lambda n: {"message_id": f"m{n}"}),
    ({"hash-property": "correlation_id"}, lambda n: {"correlation_id": f"c{n}"}),
    ({"hash-property": "timestamp"}, lambda n: {"timestamp": 1700000000 + n}),
], ids=["header", "message-id", "correlation-id", "timestamp"])
def test_consistent_hash_can_hash_something_else(channel, queue, exchange, arguments, make):
    source, queues = exchange("x-consistent-hash", arguments), [queue() for _ in range(2)]
    for name in queues:
        channel.queue_bind(name, source, "10")
    for _ in range(20):
        send(channel, "different", b"", source, **make(1))
    assert sorted(spread(channel, queues)) == [0, 20]
    for number in range(100):
        send(channel, "the same", b"", source, **make(number))
    assert all(count > 0 for count in spread(channel, queues))


def test_consistent_hash_cannot_hash_two_things(channel, names):
    with pytest.raises(Exception) as caught:
        channel.exchange_declare(names("x"), "x-consistent-hash", arguments={
            "hash-header": "h", "hash-property": "message_id"})
    assert caught.value.reply_code == 406
    assert "hash-header and hash-property are mutually exclusive" in caught.value.reply_text


def test_consistent_hash_cannot_hash_any_property(channel, names):
    with pytest.raises(Exception) as caught:
        channel.exchange_declare(names("x"), "x-consistent-hash",
                                 arguments={"hash-property": "app_id"})
    assert caught.value.reply_code == 406


@pytest.mark.parametrize("weight, text", [
    ("abc", "The binding key must be an integer"), ("", "The binding key must be an integer"),
    ("0", "must be greater than 0"), ("-3", "must be greater than 0")])
def test_a_weight_must_be_a_positive_integer(channel, queue, exchange, weight, text):
    source, name = exchange("x-consistent-hash"), queue()
    with pytest.raises(Exception) as caught:
        channel.queue_bind(name, source, weight)
    assert caught.value.reply_code == 406
    assert text in caught.value.reply_text


def test_consistent_hash_without_bindings_routes_nowhere(channel, exchange):
    source = exchange("x-consistent-hash")
    returned = []
    channel.add_on_return_callback(lambda *args: returned.append(args))
    send(channel, "k", b"m", source, mandatory=True)
    eventually(lambda: channel.connection.process_data_events(0.01) or returned)


def test_random_picks_one_binding(channel, queue, exchange):
    source, queues = exchange("x-random"), [queue() for _ in range(3)]
    for name in queues:
        channel.queue_bind(name, source, "ignored")
    for _ in range(90):
        send(channel, "k", b"", source)
    counts = spread(channel, queues)
    assert sum(counts) == 90
    assert all(count > 0 for count in counts)


def test_recent_history_gives_a_new_queue_the_last_messages(channel, queue, exchange):
    source = exchange("x-recent-history", {"x-recent-history-length": 3})
    for number in range(5):
        send(channel, "k", f"{number}".encode(), source)
    late = queue()
    channel.queue_bind(late, source)
    assert get_all(channel, late, 3) == ["2", "3", "4"]
    send(channel, "k", b"live", source)
    assert get_all(channel, late, 1) == ["live"]


def test_recent_history_keeps_20_by_default(channel, queue, exchange):
    source, late = exchange("x-recent-history"), queue()
    for number in range(25):
        send(channel, "k", f"{number}".encode(), source)
    channel.queue_bind(late, source)
    assert get_all(channel, late, 20) == [str(number) for number in range(5, 25)]


def test_recent_history_does_not_keep_what_says_so(channel, queue, exchange):
    source, late = exchange("x-recent-history"), queue()
    send(channel, "k", b"kept", source)
    send(channel, "k", b"not kept", source, headers={"x-recent-history-no-store": True})
    channel.queue_bind(late, source)
    assert get_all(channel, late, 1) == ["kept"]


@pytest.mark.parametrize("length", [0, -1, "many"], ids=repr)
def test_recent_history_wants_a_positive_length(channel, names, length):
    with pytest.raises(Exception) as caught:
        channel.exchange_declare(names("x"), "x-recent-history",
                                 arguments={"x-recent-history-length": length})
    assert caught.value.reply_code == 406


@polymq_only("the sharding plugin is not enabled")
def test_modulus_hash_is_stable_and_spreads(channel, queue, exchange):
    source, queues = exchange("x-modulus-hash"), [queue() for _ in range(3)]
    for name in queues:
        channel.queue_bind(name, source, "ignored")
    for _ in range(10):
        send(channel, "always the same", b"", source)
    assert sorted(spread(channel, queues)) == [0, 0, 10]
    for number in range(90):
        send(channel, f"key {number}", b"", source)
    counts = spread(channel, queues)
    assert sum(counts) == 90
    assert all(count > 0 for count in counts)


@polymq_only("x-local-random came with RabbitMQ 4.0")
def test_local_random_picks_one_queue(channel, queue, exchange):
    source, queues = exchange("x-local-random"), [queue() for _ in range(2)]
    for name in queues:
        channel.queue_bind(name, source)
    for _ in range(60):
        send(channel, "k", b"", source)
    counts = spread(channel, queues)
    assert sum(counts) == 60
    assert all(count > 0 for count in counts)


DELAYED = polymq_only("the delayed message exchange is not in Debian's package")


@DELAYED
def test_a_delayed_message_arrives_when_it_is_due(channel, queue, exchange):
    source = exchange("x-delayed-message", {"x-delayed-type": "direct"})
    name = queue()
    channel.queue_bind(name, source, "k")
    started = time.monotonic()
    send(channel, "k", b"later", source, headers={"x-delay": 300})
    assert_empty(channel, name)
    message = get(channel, name)
    assert time.monotonic() - started >= 0.29
    assert (message.text, message.headers) == ("later", {"x-delay": -300})


@DELAYED
def test_delayed_messages_come_in_order_of_due_time(channel, queue, exchange):
    source = exchange("x-delayed-message", {"x-delayed-type": "fanout"})
    name = queue()
    channel.queue_bind(name, source)
    for delay in (300, 100, 200):
        send(channel, "", f"{delay}".encode(), source, headers={"x-delay": delay})
    assert get_all(channel, name, 3) == ["100", "200", "300"]


@DELAYED
@pytest.mark.parametrize("headers", [None, {}, {"x-delay": 0}, {"x-delay": -5},
                                     {"x-delay": "soon"}], ids=repr)
def test_without_a_positive_delay_it_routes_at_once(channel, queue, exchange, headers):
    source = exchange("x-delayed-message", {"x-delayed-type": "topic"})
    name = queue()
    channel.queue_bind(name, source, "a.#")
    send(channel, "a.b", b"now", source, headers=headers)
    assert channel.basic_get(name, True)[2] == b"now"


@DELAYED
def test_the_inner_type_decides_when_the_message_is_due(channel, queue, exchange):
    source = exchange("x-delayed-message", {"x-delayed-type": "topic"})
    hit, missed = queue(), queue()
    channel.queue_bind(hit, source, "a.*")
    channel.queue_bind(missed, source, "b.*")
    send(channel, "a.b", b"m", source, headers={"x-delay": 50})
    assert get(channel, hit).text == "m"
    assert_empty(channel, missed)


@DELAYED
def test_a_delayed_message_is_confirmed_when_it_is_held(channel, queue, exchange):
    source = exchange("x-delayed-message", {"x-delayed-type": "direct"})
    channel.confirm_delivery()
    started = time.monotonic()
    send(channel, "k", b"m", source, headers={"x-delay": 60000})
    assert time.monotonic() - started < 5


@DELAYED
@pytest.mark.parametrize("arguments", [
    None, {"x-delayed-type": "no-such-type"}, {"x-delayed-type": "x-delayed-message"},
    {"x-delayed-type": 5}], ids=repr)
def test_the_inner_type_must_be_a_real_one(channel, names, arguments):
    with pytest.raises(Exception) as caught:
        channel.exchange_declare(names("x"), "x-delayed-message", arguments=arguments)
    assert caught.value.reply_code == 406


DEDUPLICATION = polymq_only("message deduplication is not in Debian's package")


@DEDUPLICATION
def test_an_exchange_drops_what_it_has_seen(channel, queue, exchange):
    source = exchange("fanout", {"x-message-deduplication": True, "x-cache-size": 100})
    name = queue()
    channel.queue_bind(name, source)
    for body, key in ((b"1", "a"), (b"2", "a"), (b"3", "b")):
        send(channel, "", body, source, headers={"x-deduplication-header": key})
    send(channel, "", b"no key", source)
    send(channel, "", b"no key", source)
    assert get_all(channel, name, 4) == ["1", "3", "no key", "no key"]


@DEDUPLICATION
def test_an_exchange_forgets_after_the_ttl(channel, queue, exchange):
    source = exchange("fanout", {"x-message-deduplication": True, "x-cache-size": 100,
                                 "x-cache-ttl": 100})
    name = queue()
    channel.queue_bind(name, source)
    send(channel, "", b"1", source, headers={"x-deduplication-header": "a"})
    time.sleep(0.25)
    send(channel, "", b"2", source, headers={"x-deduplication-header": "a"})
    assert get_all(channel, name, 2) == ["1", "2"]


@DEDUPLICATION
def test_a_queue_drops_what_it_still_holds(channel, queue):
    name = queue({"x-message-deduplication": True})
    for body, key in ((b"1", "a"), (b"2", "a"), (b"3", "b")):
        send(channel, name, body, headers={"x-deduplication-header": key})
    assert get_all(channel, name, 2) == ["1", "3"]


def test_a_random_exchange_redeclared_as_another_type_is_406(channel, exchange):
    name = exchange("x-random")
    with pytest.raises(Exception) as caught:
        channel.exchange_declare(name, "direct")
    assert caught.value.reply_code == 406
    assert f"inequivalent arg 'type' for exchange '{name}'" in caught.value.reply_text
