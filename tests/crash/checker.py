"""Compares what is there after a restart with what the clients know. No I/O: easy to prove."""
import collections

import body
from ledger import COMMITTING, Problem

# An expired message may be seen for this long: clocks differ, timers are late.
EXPIRY_SLACK_SECONDS = 3


def check(ledger, shelves):
    """Everything that contradicts a promise, as a list of Problem."""
    problems = []
    for name in ledger.copies:
        problems += _Queue(ledger, shelves, name).check()
    problems += _transactions(ledger, shelves)
    return problems


def _places(ledger, name):
    queue = ledger.queues[name]
    return [name, queue.dead] if queue.dead else [name]


def _present(ledger, shelves, name):
    """{uid: [(place, found)]} of a queue and its dead letter queue."""
    hits = collections.defaultdict(list)
    for place in _places(ledger, name):
        if place in shelves:
            for found in shelves[place].found:
                hits[found.uid].append((place, found))
    return hits


class _Queue:
    """The checks of one queue together with its dead letter queue."""

    def __init__(self, ledger, shelves, name):
        self.ledger = ledger
        self.shelves = shelves
        self.name = name
        self.queue = ledger.queues[name]
        self.copies = ledger.copies[name]
        self.hits = _present(ledger, shelves, name)
        self.problems = []

    def say(self, kind, text):
        self.problems.append(Problem(kind, f"{self.name}: {text}"))

    def check(self):
        for place in _places(self.ledger, self.name):
            if place in self.shelves:
                self.shelf(self.shelves[place])
        for uid, hits in self.hits.items():
            self.message(uid, hits)
        self.missing()
        self.length()
        return self.problems

    # A queue as a whole

    def shelf(self, shelf):
        for what in shelf.damaged:
            self.say("damaged", what)
        self.order(shelf)
        if self.queue.moves_by_itself or self.queue.fed_late:
            return  # a count is old when it is read; the messages themselves are all checked
        if len(shelf.found) + len(shelf.damaged) != shelf.counted:
            self.say("count", f"the broker counted {shelf.counted} in {shelf.name}, "
                              f"{len(shelf.found)} came")
        if shelf.left:
            self.say("count", f"{shelf.left} still counted in {shelf.name} when all had come")

    def order(self, shelf):
        queue = self.ledger.queues[shelf.name]
        if not queue.ordered:
            return
        highest, lowest_priority = {}, None
        for found in shelf.found:
            copy = self.copies.get(found.uid)
            priority = copy.priority if copy and queue.prioritized else 0
            if lowest_priority is not None and priority > lowest_priority:
                self.say("order", f"{body.text(found.uid)} of priority {priority} came after one "
                                  f"of {lowest_priority}")
            lowest_priority = priority
            key = body.publisher_of(found.uid), priority
            if found.uid < highest.get(key, 0):
                self.say("order", f"{body.text(found.uid)} came after "
                                  f"{body.text(highest[key])}")
            highest[key] = max(found.uid, highest.get(key, 0))

    def length(self):
        if self.queue.limit is None or self.name not in self.shelves:
            return
        count = len(self.shelves[self.name].found)
        if count > self.queue.limit:
            self.say("overlong", f"{count} messages, the limit is {self.queue.limit}")

    # One message

    def message(self, uid, hits):
        copy = self.copies.get(uid)
        places = [place for place, _ in hits]
        if copy is None:
            kind = "resurrected" if self.ledger.was_published(uid) else "invented"
            self.say(kind, f"{body.text(uid)} is in {', '.join(places)}")
            return
        if len(hits) > 1:
            self.say("doubled", f"{copy} is in {', '.join(places)}")
        if copy.gone:
            self.say("resurrected", f"{copy} is in {', '.join(places)}")
        for place, found in hits:
            self.hit(copy, place, found)

    def hit(self, copy, place, found):
        if place == self.name and copy.place != place:
            self.say("resurrected", f"{copy} is back from {copy.place}")
        if place != self.name and not (copy.rejected or copy.place == place
                                       or self.queue.moves_by_itself):
            self.say("misplaced", f"{copy} is in {place}, nobody rejected it")
        if place in copy.seen and not found.redelivered:
            self.say("mark", f"{copy} had been delivered and comes unmarked")
        if (self.ledger.queues[place].properties_kept and found.properties is not None
                and copy.properties not in (None, found.properties)):
            self.say("damaged", f"{copy} has other properties: {found.properties!r}, "
                                f"not {copy.properties!r}")
        limit = self.queue.ttl_seconds
        if place == self.name and limit is not None and copy.confirmed_at is not None:
            age = found.at - copy.confirmed_at
            if age > limit + EXPIRY_SLACK_SECONDS:
                self.say("expired", f"{copy} is {age:.1f} s old and still there")

    # What is not there

    def missing(self):
        exempt = self.dropped_by_limit()
        # A delete that was not answered took all or nothing.
        shelf = self.shelves.get(self.name)
        undeleted = self.name in self.ledger.deleting and shelf is not None and shelf.exists
        for uid, copy in self.copies.items():
            if uid in self.hits or uid in exempt:
                continue
            if copy.promised:
                self.say("lost", f"{copy}")
            elif undeleted and copy.confirmed and copy.lasting and not copy.gone:
                self.say("torn", f"{copy} is missing, its queue was not deleted")

    def dropped_by_limit(self):
        """Those that later ones may have pushed out; says what later ones must have."""
        if self.queue.limit is None or self.queue.dead:
            return set()
        may_be_dropped, later, later_for_sure = set(), 0, 0
        for uid in sorted(self.copies, reverse=True):
            copy = self.copies[uid]
            if copy.gone:
                continue
            if later >= self.queue.limit:
                may_be_dropped.add(uid)
            if later_for_sure >= self.queue.limit and uid in self.hits:
                self.say("overlong", f"{copy} is there, {later_for_sure} came after it")
            later += 1
            later_for_sure += copy.promised
        return may_be_dropped


def _transactions(ledger, shelves):
    """Those whose commit was not answered happened as a whole or not at all."""
    problems, present = [], {}

    def is_there(copy):
        if copy.queue not in present:
            present[copy.queue] = _present(ledger, shelves, copy.queue)
        return copy.uid in present[copy.queue]

    for unit in ledger.units:
        if unit.state != COMMITTING:
            continue
        happened, did_not = [], []
        for copy in unit.publishes:
            if is_there(copy):
                happened.append(f"{copy} is there")
            elif not copy.maybe_settled and not copy.units:
                did_not.append(f"{copy} is not there")
        for copy in unit.acks:
            if is_there(copy):
                did_not.append(f"{copy}, acked, is there")
            elif (copy.confirmed and copy.lasting and not copy.maybe_settled
                  and not copy.gone and copy.units == [unit]):
                happened.append(f"{copy}, acked, is not there")
        if happened and did_not:
            problems.append(Problem("torn", f"half a transaction: {happened[0]}, but "
                                            f"{did_not[0]} ({len(happened)}:{len(did_not)})"))
    return problems


def figures(ledger, shelves):
    """What became of what nobody promised, for the line of a round."""
    counts = collections.Counter()
    counts["acks back ms"] = 0
    for name, copies in ledger.copies.items():
        hits = _present(ledger, shelves, name)
        for uid, copy in copies.items():
            if uid in hits:
                counts["found"] += 1
                counts["unconfirmed kept"] += not copy.confirmed
                if copy.maybe_settled:
                    counts["acks back"] += 1
                    age = (ledger.killed_at - copy.settled_at) * 1000
                    counts["acks back ms"] = max(counts["acks back ms"], int(age))
            else:
                counts["unconfirmed gone"] += not copy.confirmed and not copy.gone
    return counts


def carry_on(ledger, shelves):
    """The ledger of the same history after it was looked at: what was found is there for sure,
    whatever its acks; what was not found must never come back."""
    for name, copies in ledger.copies.items():
        hits = _present(ledger, shelves, name)
        kept = {}
        for uid, places in hits.items():
            copy = copies.get(uid)
            if copy is None:
                continue
            copy.place = places[0][0]
            copy.confirmed, copy.maybe_settled, copy.gone, copy.units = True, False, False, []
            copy.seen.update(place for place, _ in places)
            kept[uid] = copy
        ledger.copies[name] = kept
    ledger.units.clear()
    ledger.deleting.clear()
