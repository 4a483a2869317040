"""Declared things: the checker finds those that are missing and those that should be gone."""
import pytest

import things
from ledger import Ledger
from topology import Queue


class FakeInventory:
    """A broker that has these things, with these bindings."""

    def __init__(self, there, bindings=()):
        self.there = there
        self.bindings = bindings

    def exists(self, kind, name):
        return 0 if (kind, name) in self.there else None

    @staticmethod
    def same_queue(queue):
        return queue.name != "changed"

    def routes(self, *binding):
        return binding in self.bindings


@pytest.fixture
def known():
    ledger = Ledger()
    ledger.things = {("queue", "kept"): True, ("queue", "maybe"): None, ("queue", "deleted"): False,
                     ("exchange", "x"): True, ("binding", "x", "kept", "bound"): True,
                     ("binding", "x", "kept", "unbound"): False}
    for name in ("kept", "maybe", "deleted", "changed"):
        ledger.add_queue(Queue(name))
    return ledger


BASE = {("queue", "kept"), ("exchange", "x")}


@pytest.mark.parametrize("there, wrong", [
    (BASE, []),
    (BASE | {("queue", "maybe")}, []),
    (BASE - {("queue", "kept")}, ["missing"]),
    (BASE - {("exchange", "x")}, ["missing"]),
    (BASE | {("queue", "deleted")}, ["leftover"]),
    (BASE | {("queue", "volatile")}, ["leftover"]),
])
def test_declared_things_are_there_and_deleted_ones_are_not(known, there, wrong):
    known.volatile.append(("queue", "volatile"))
    assert [p.kind for p in things.check_existence(known, FakeInventory(there))] == wrong


def test_a_queue_keeps_its_arguments(known):
    known.things["queue", "changed"] = True
    problems = things.check_existence(known, FakeInventory(BASE | {("queue", "changed")}))
    assert [p.kind for p in problems] == ["arguments"]


@pytest.mark.parametrize("bindings, wrong", [
    ([("x", "kept", "bound")], []),
    ([], ["missing"]),
    ([("x", "kept", "bound"), ("x", "kept", "unbound")], ["leftover"]),
])
def test_bindings_route_as_promised(known, bindings, wrong):
    problems = things.check_bindings(known, FakeInventory(BASE, bindings))
    assert [p.kind for p in problems] == wrong
