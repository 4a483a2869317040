"""The checker finds every kind of broken promise, and nothing where none is broken."""
import pytest

import body
import checker
import ledger as ledgers
from inventory import Found, Shelf

PUBLISHER = 7


class Case:
    """A ledger with some history, and the shelves of a broker that keeps every promise."""

    def __init__(self):
        self.ledger = ledgers.Ledger()
        self.sequence = 0

    def publish(self, *queues, confirmed=True, **options):
        self.sequence += 1
        copies = self.ledger.publish(body.uid(PUBLISHER, self.sequence), queues, **options)
        for copy in copies if confirmed else ():
            copy.confirm()
        return copies if len(copies) > 1 else copies[0]

    def shelves(self):
        shelves = {name: Shelf(name) for name in self.ledger.queues}
        for copies in self.ledger.copies.values():
            for copy in copies.values():
                if copy.promised:
                    place(shelves, copy.queue, copy)
        return shelves

    def kinds(self, shelves):
        return sorted({problem.kind for problem in checker.check(self.ledger, shelves)})


def place(shelves, name, copy, **options):
    shelves[name].found.append(Found(copy.uid, **options))
    shelves[name].counted += 1


def take(shelves, name, copy):
    shelf = shelves[name]
    shelf.found = [found for found in shelf.found if found.uid != copy.uid]
    shelf.counted = len(shelf.found)


@pytest.fixture
def case():
    made = Case()
    for _ in range(5):
        made.publish("plain.0")
        made.publish("plain.1", "plain.2")
        made.publish("work")
        made.publish("tx.in")
    return made


def test_kept_promises_are_no_problem(case):
    assert case.kinds(case.shelves()) == []


def test_a_lost_message_is_found(case):
    copy = case.publish("plain.0")
    shelves = case.shelves()
    take(shelves, "plain.0", copy)
    assert case.kinds(shelves) == ["lost"]


def test_one_lost_copy_of_several_is_found(case):
    first, second = case.publish("plain.1", "plain.2")
    shelves = case.shelves()
    take(shelves, "plain.2", second)
    assert [p.text for p in checker.check(case.ledger, shelves)] == [f"plain.2: {second}"]


def test_a_doubled_message_is_found(case):
    copy = case.publish("plain.0")
    shelves = case.shelves()
    place(shelves, "plain.0", copy)
    assert case.kinds(shelves) == ["doubled"]


def test_a_message_in_source_and_dead_letter_queue_is_doubled(case):
    copy = case.publish("work")
    case.ledger.rejecting("work", copy)
    shelves = case.shelves()
    place(shelves, "work.dead", copy)
    assert case.kinds(shelves) == ["doubled"]


@pytest.mark.parametrize("where", ["work", "work.dead"])
def test_a_rejected_message_is_in_either_queue(case, where):
    copy = case.publish("work")
    case.ledger.rejecting("work", copy)
    shelves = case.shelves()
    take(shelves, "work", copy)
    assert case.kinds(shelves) == ["lost"]
    place(shelves, where, copy)
    assert case.kinds(shelves) == []


def test_nobody_rejected_it(case):
    copy = case.publish("work")
    shelves = case.shelves()
    take(shelves, "work", copy)
    place(shelves, "work.dead", copy)
    assert case.kinds(shelves) == ["misplaced"]


def test_a_dead_letter_does_not_go_back(case):
    copy = case.publish("work")
    copy.rejected, copy.place = True, "work.dead"
    assert case.kinds(case.shelves()) == ["resurrected"]


def test_a_wrong_order_is_found(case):
    case.publish("plain.0")
    shelves = case.shelves()
    found = shelves["plain.0"].found
    found[1], found[2] = found[2], found[1]
    assert case.kinds(shelves) == ["order"]


def test_priorities_come_highest_first_and_in_order_within_one(case):
    low, first, second = (case.publish("ranked", priority=n) for n in (1, 4, 4))
    shelves = case.shelves()
    shelf = shelves["ranked"]
    assert case.kinds(shelves) == ["order"]
    shelf.found = [Found(copy.uid) for copy in (first, second, low)]
    assert case.kinds(shelves) == []
    shelf.found = [Found(copy.uid) for copy in (second, first, low)]
    assert case.kinds(shelves) == ["order"]


def test_a_plain_ack_may_be_forgotten_or_kept(case):
    copy = case.publish("plain.0")
    case.ledger.settling("plain.0", copy)
    shelves = case.shelves()
    assert case.kinds(shelves) == []
    place(shelves, "plain.0", copy)
    assert case.kinds(shelves) == []


def test_what_was_seen_to_be_gone_does_not_come_back(case):
    copy = case.publish("plain.0")
    case.ledger.settling("plain.0", copy)
    checker.carry_on(case.ledger, case.shelves())
    shelves = case.shelves()
    place(shelves, "plain.0", copy)
    assert case.kinds(shelves) == ["resurrected"]


def test_what_was_found_once_is_promised_although_it_was_acked(case):
    copy = case.publish("plain.0", confirmed=False)
    case.ledger.settling("plain.0", copy)
    shelves = case.shelves()
    place(shelves, "plain.0", copy)
    checker.carry_on(case.ledger, shelves)
    assert case.kinds(case.shelves()) == []
    shelves = case.shelves()
    take(shelves, "plain.0", copy)
    assert case.kinds(shelves) == ["lost"]


def test_an_acked_message_after_commit_ok_is_resurrected(case):
    unit, copy = ledgers.Unit(), case.publish("tx.in")
    unit.acks.append(copy)
    unit.committing()
    unit.committed()
    shelves = case.shelves()
    assert case.kinds(shelves) == []
    place(shelves, "tx.in", copy)
    assert case.kinds(shelves) == ["resurrected"]


def test_a_purged_message_is_resurrected_after_purge_ok_only(case):
    copy = case.publish("swept")
    ended = case.ledger.sweeping("swept")
    shelves = case.shelves()
    place(shelves, "swept", copy)
    assert case.kinds(shelves) == []
    case.ledger.swept(ended)
    assert case.kinds(shelves) == ["resurrected"]


def test_an_unanswered_delete_takes_all_or_nothing(case):
    copies = [case.publish("plain.0") for _ in range(3)]
    case.ledger.sweeping("plain.0")
    case.ledger.deleting.add("plain.0")
    shelves = case.shelves()
    shelves["plain.0"].exists = False
    assert case.kinds(shelves) == []
    shelves["plain.0"].exists = True
    place(shelves, "plain.0", copies[0])
    assert case.kinds(shelves) == ["torn"]


def transaction(case, state):
    unit = ledgers.Unit()
    unit.acks.append(case.publish("tx.in"))
    sent = [case.publish(name, confirmed=False) for name in ("tx.out.0", "tx.out.1")]
    unit.publish(sent)
    case.ledger.units.append(unit)
    for step in {"open": (), "committing": ("committing",),
                 "committed": ("committing", "committed"), "undone": ("undone",)}[state]:
        getattr(unit, step)()
    return unit.acks[0], sent


@pytest.mark.parametrize("state", ["open", "undone"])
def test_a_transaction_that_was_not_committed_left_nothing(case, state):
    _, sent = transaction(case, state)
    shelves = case.shelves()
    assert case.kinds(shelves) == []
    place(shelves, "tx.out.0", sent[0])
    assert case.kinds(shelves) == ["resurrected"]


def test_a_committed_transaction_is_there(case):
    _, sent = transaction(case, "committed")
    shelves = case.shelves()
    assert case.kinds(shelves) == []
    take(shelves, "tx.out.1", sent[1])
    assert case.kinds(shelves) == ["lost"]


@pytest.mark.parametrize("there", range(8))
def test_an_unanswered_commit_is_all_or_nothing(case, there):
    acked, sent = transaction(case, "committing")
    shelves = case.shelves()
    take(shelves, "tx.in", acked)
    for bit, (name, copy) in enumerate([("tx.in", acked), ("tx.out.0", sent[0]),
                                        ("tx.out.1", sent[1])]):
        if there >> bit & 1:
            place(shelves, name, copy)
    nothing, everything = 0b001, 0b110
    assert case.kinds(shelves) == ([] if there in (nothing, everything) else ["torn"])


def test_unconfirmed_messages_come_at_most_once(case):
    copy = case.publish("plain.0", confirmed=False)
    shelves = case.shelves()
    assert case.kinds(shelves) == []
    place(shelves, "plain.0", copy)
    assert case.kinds(shelves) == []
    place(shelves, "plain.0", copy)
    assert case.kinds(shelves) == ["doubled"]


def test_transient_messages_may_be_gone(case):
    case.publish("plain.0", lasting=False)
    assert case.kinds(case.shelves()) == []


def test_a_delivered_message_comes_back_marked(case):
    copy = case.publish("plain.0")
    case.ledger.received("plain.0", copy.uid, False)
    shelves = case.shelves()
    assert case.kinds(shelves) == []
    shelves["plain.0"].found[-1].redelivered = False
    assert case.kinds(shelves) == ["mark"]


def test_a_message_nobody_sent_is_found(case):
    shelves = case.shelves()
    shelves["plain.0"].found.append(Found(body.uid(PUBLISHER, 10_000)))
    shelves["plain.0"].counted += 1
    assert case.kinds(shelves) == ["invented"]


def test_a_message_in_the_wrong_queue_is_found(case):
    copy = case.publish("plain.0")
    shelves = case.shelves()
    place(shelves, "plain.1", copy)
    assert case.kinds(shelves) == ["resurrected"]


def test_damage_is_found(case):
    case.publish("plain.0", properties=b"\x10\x00\x02")
    shelves = case.shelves()
    shelves["plain.0"].found[-1].properties = b"\x10\x00\x01"
    assert case.kinds(shelves) == ["damaged"]
    shelves = case.shelves()
    shelves["plain.1"].damaged.append("a body")
    shelves["plain.1"].counted += 1
    assert case.kinds(shelves) == ["damaged"]


def test_a_wrong_count_is_found(case):
    shelves = case.shelves()
    shelves["plain.0"].counted += 1
    assert case.kinds(shelves) == ["count"]
    shelves = case.shelves()
    shelves["plain.0"].left = 1
    assert case.kinds(shelves) == ["count"]


def test_a_limit_drops_the_oldest_and_only_them(case):
    limit = case.ledger.queues["short"].limit
    copies = [case.publish("short") for _ in range(limit + 10)]
    shelves = case.shelves()
    for copy in copies[:10]:
        take(shelves, "short", copy)
    assert case.kinds(shelves) == []
    take(shelves, "short", copies[10])
    assert case.kinds(shelves) == ["lost"]
    place(shelves, "short", copies[10])
    place(shelves, "short", copies[9])
    assert "overlong" in case.kinds(shelves)


def test_an_expired_message_is_not_there(case):
    copy = case.publish("brief")
    shelves = case.shelves()
    shelves["brief"].found[0].at = copy.confirmed_at + 1
    assert case.kinds(shelves) == []
    shelves["brief"].found[0].at = copy.confirmed_at + 60
    assert case.kinds(shelves) == ["expired"]


def test_deliveries_while_it_runs_are_checked_too(case):
    copy = case.publish("plain.0")
    case.ledger.received("plain.0", copy.uid, False)
    case.ledger.received("plain.0", copy.uid, False)
    case.ledger.received("plain.0", body.uid(PUBLISHER, 10_000), False)
    copy.gone = True
    case.ledger.received("plain.0", copy.uid, True)
    assert [p.kind for p in case.ledger.problems] == ["mark", "invented", "resurrected"]


def test_a_body_tells_its_name_and_any_damage():
    name = body.uid(3, 4)
    for size in (body.SMALLEST, 200, body.LARGEST):
        content = body.make(name, size)
        assert len(content) == size and body.read(content) == name
        for damaged in (content[:-1], content + b"x", b"\xff" + content[1:]):
            with pytest.raises(body.Damaged):
                body.read(damaged)
