"""A dozen real rounds keep every promise; a broker that keeps nothing is found out."""
import argparse
import os

import pytest

import rounds
import servers
from harness import brokers

pytestmark = pytest.mark.skipif(os.environ.get("BROKER", "polymq") != "polymq",
                                reason="these rounds are PolyMQ's")


def options(tmp_path, count, extra=()):
    return argparse.Namespace(
        rounds=count, seed="e2e", seconds_per_round=0.6, shards=3, keep=False, max_failures=1,
        no_kill=False, tolerate=set(servers.known_gaps("polymq")),
        extra=list(extra), scratch=str(tmp_path), broker="polymq")


def test_what_was_promised_survives_being_killed(tmp_path):
    lines = []
    failed = rounds.run(options(tmp_path, 12), lines.append)
    print("\n".join(lines))
    assert failed == 0


def test_a_broker_that_keeps_nothing_is_found_out(tmp_path):
    lines = []
    assert rounds.run(options(tmp_path, 2, ["--in-memory"]), lines.append) == 1
    assert any(line.startswith("  missing:") for line in lines)
    assert any(line.startswith("  lost:") for line in lines)


def test_a_broker_that_does_not_start_is_said_so(tmp_path):
    server = servers.create("polymq", str(tmp_path), ["--no-such-option"])
    with pytest.raises(brokers.BrokerError):
        server.start()
