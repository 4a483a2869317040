"""Policies that the broker was started with, in vhost "policies"."""
import time

import pytest

from support import (assert_empty, eventually_depth, get, get_all, properties, send, unique)


@pytest.fixture
def channel(connect):
    return connect(vhost="policies").channel()


def declare(channel, prefix, arguments=None, **flags):
    return channel.queue_declare(unique(prefix), exclusive=True, arguments=arguments,
                                 **flags).method.queue


def fill(channel, queue, count):
    for number in range(count):
        send(channel, queue, b"%d" % number)


def test_a_policy_gives_a_ttl(channel):
    dead = declare(channel, "dead")
    name = declare(channel, "ttl", {"x-dead-letter-exchange": "",
                                    "x-dead-letter-routing-key": dead})
    started = time.monotonic()
    send(channel, name, b"m")
    assert get(channel, dead).headers["x-death"][0]["reason"] == "expired"
    assert time.monotonic() - started >= 0.19


@pytest.mark.parametrize("argument", [60000, 30])
def test_the_smaller_of_argument_and_policy_counts(channel, argument):
    name = declare(channel, "ttl", {"x-message-ttl": argument})
    started = time.monotonic()
    send(channel, name, b"m")
    eventually_depth(channel, name, 0)
    assert time.monotonic() - started < 5


def test_a_policy_gives_a_length(channel):
    name = declare(channel, "maxlen")
    fill(channel, name, 5)
    assert get_all(channel, name, 3) == ["2", "3", "4"]


@pytest.mark.parametrize("argument, kept", [(2, 2), (10, 3)])
def test_the_smaller_length_counts(channel, argument, kept):
    name = declare(channel, "maxlen", {"x-max-length": argument})
    fill(channel, name, 5)
    assert len(get_all(channel, name, kept)) == kept


def test_a_policy_gives_a_dead_letter_exchange(channel):
    dead = declare(channel, "dead")
    channel.exchange_declare("dlx.exchange", "direct")
    name = declare(channel, "dlx")
    channel.queue_bind(dead, "dlx.exchange", name)
    send(channel, name, b"m")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    assert get(channel, dead).headers["x-death"][0]["queue"] == name


def test_an_argument_wins_over_the_policys_dead_letter_exchange(channel):
    dead = declare(channel, "dead")
    name = declare(channel, "dlx", {"x-dead-letter-exchange": "",
                                    "x-dead-letter-routing-key": dead})
    send(channel, name, b"m")
    channel.basic_reject(get(channel, name, auto_ack=False).tag, requeue=False)
    assert get(channel, dead).text == "m"


@pytest.fixture
def alternate(channel):
    """A queue behind the alternate exchange that the policy names, with one key."""
    key, caught = unique("k"), declare(channel, "caught")
    channel.exchange_declare("ae.alternate", "direct")
    channel.queue_bind(caught, "ae.alternate", key)
    return key, caught


def test_a_policy_gives_an_alternate_exchange(channel, names, alternate):
    key, caught = alternate
    source = names("ae", vhost="policies")
    channel.exchange_declare(source, "direct")
    send(channel, key, b"m", source)
    assert get(channel, caught).text == "m"


def test_an_argument_wins_over_the_policys_alternate_exchange(channel, names, alternate):
    key, caught = alternate
    source, fallback = names("ae", vhost="policies"), names("other", vhost="policies")
    mine = declare(channel, "mine")
    channel.exchange_declare(fallback, "fanout")
    channel.queue_bind(mine, fallback)
    channel.exchange_declare(source, "direct", arguments={"alternate-exchange": fallback})
    send(channel, key, b"m", source)
    assert get(channel, mine).text == "m"
    assert_empty(channel, caught)


def test_the_higher_priority_wins(channel):
    name = declare(channel, "prio")
    fill(channel, name, 4)
    assert get_all(channel, name, 1) == ["3"]


def test_an_operator_policy_limits_the_users(channel):
    name = declare(channel, "op")
    fill(channel, name, 5)
    assert get_all(channel, name, 2) == ["3", "4"]


def test_an_operator_policy_limits_an_argument(channel):
    name = declare(channel, "op", {"x-max-length": 100})
    fill(channel, name, 5)
    assert get_all(channel, name, 2) == ["3", "4"]


def test_other_names_have_no_policy(channel):
    for prefix in ("other", "xttl", "my.maxlen"):
        name = declare(channel, prefix)
        fill(channel, name, 5)
        assert len(get_all(channel, name, 5)) == 5


def test_other_vhosts_have_no_policy(connect):
    channel = connect(vhost="e2e").channel()
    name = declare(channel, "maxlen")
    fill(channel, name, 5)
    assert len(get_all(channel, name, 5)) == 5


def test_a_quorum_queue_has_policies_too(channel, names):
    name = names("maxlen", vhost="policies")
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    channel.confirm_delivery()
    fill(channel, name, 5)
    assert get_all(channel, name, 3) == ["2", "3", "4"]


def test_a_policy_is_no_argument_for_equivalence(channel):
    name = declare(channel, "maxlen")
    channel.queue_declare(name, exclusive=True)
    channel.basic_publish("", name, b"m", properties(message_id="1"))
    assert get(channel, name).properties.message_id == "1"
