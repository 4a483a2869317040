"""What the clients know: what they sent, what was promised, what they may have settled.

Clients write here before they send, so that at any moment of a kill the ledger holds everything
the broker can have heard of, and as a promise only what the broker has answered.
"""
import collections
import time

import body
import topology

Problem = collections.namedtuple("Problem", "kind text")

OPEN, COMMITTING, COMMITTED, UNDONE = "open", "committing", "committed", "undone"


class Copy:
    """One message in one queue, or in that queue's dead letter queue."""

    __slots__ = ("uid", "queue", "lasting", "confirmed", "confirmed_at", "maybe_settled",
                 "settled_at", "rejected", "gone", "units", "seen", "place", "priority",
                 "properties")

    def __init__(self, uid, queue, lasting=True, priority=0, properties=None):
        self.uid = uid
        self.queue = queue
        self.lasting = lasting          # persistent: a confirm is a promise
        self.confirmed = False
        self.confirmed_at = None
        self.maybe_settled = False      # an ack, a purge, a delete may have been heard
        self.settled_at = None
        self.rejected = False           # may have become a dead letter
        self.gone = False               # promised to be gone, or never to be
        self.units = []                 # transactions of unknown outcome that ack it
        self.seen = set()               # places from which a client got it
        self.place = queue              # where it was found last
        self.priority = priority
        self.properties = properties

    def confirm(self):
        self.confirmed_at = time.time()
        self.confirmed = True

    def settle(self):
        self.settled_at = time.time()
        self.maybe_settled = True

    @property
    def promised(self):
        """It must be found."""
        return (self.lasting and self.confirmed and not self.maybe_settled and not self.gone
                and not self.units)

    def __repr__(self):
        flags = [name for name in ("lasting", "confirmed", "maybe_settled", "rejected", "gone")
                 if getattr(self, name)]
        return f"{body.text(self.uid)} of {self.queue} ({', '.join(flags)})"


class Unit:
    """A transaction: publishes and acks that take effect together or not at all."""

    def __init__(self):
        self.state = OPEN
        self.publishes = []
        self.acks = []

    def publish(self, copies):
        for copy in copies:
            copy.gone = True            # as long as nobody said commit
        self.publishes += copies

    def committing(self):
        self.state = COMMITTING
        for copy in self.publishes:
            copy.gone = False
        for copy in self.acks:
            copy.units.append(self)

    def committed(self):
        self.state = COMMITTED
        for copy in self.publishes:
            copy.confirm()
        for copy in self.acks:
            copy.units.remove(self)
            copy.gone = True

    def undone(self):
        self.state = UNDONE


class Ledger:
    """One history: everything since the data folder was empty. Actors' threads share it; each
    only adds what is its own, so that single dictionary operations are all it takes."""

    def __init__(self):
        self.queues = dict(topology.QUEUES)
        self.copies = {name: {} for name, queue in self.queues.items() if not queue.dead_of}
        self.highest = {}               # publisher: last sequence number
        self.units = []
        self.things = {}                # ("queue", name) ...: True, False, None = unknown
        self.volatile = []              # things that must not survive: (kind, name)
        self.deleting = set()           # queues whose delete was sent and not answered
        self.left = set()               # queues that a consumer left in this round
        self.problems = []
        self.killed_at = 0.0
        for name in topology.QUEUES:
            self.things["queue", name] = True
        for name in topology.EXCHANGES:
            self.things["exchange", name] = True

    def problem(self, kind, text):
        self.problems.append(Problem(kind, text))

    def add_queue(self, queue):
        self.queues[queue.name] = queue
        self.copies.setdefault(queue.name, {})

    def publish(self, uid, queues, **options):
        """Call before sending; returns the copies to confirm."""
        copies = [Copy(uid, queue, **options) for queue in queues]
        for copy in copies:
            self.copies[copy.queue][uid] = copy
        publisher = body.publisher_of(uid)
        self.highest[publisher] = max(self.highest.get(publisher, 0), body.sequence_of(uid))
        return copies

    def source(self, place):
        """The queue a message in `place` was published to."""
        return self.queues[place].dead_of or place

    def find(self, place, uid):
        return self.copies[self.source(place)].get(uid)

    def was_published(self, uid):
        return body.sequence_of(uid) <= self.highest.get(body.publisher_of(uid), -1)

    def received(self, place, uid, redelivered):
        """A client got the message from `place`, while the broker runs. None if impossible."""
        copy = self.find(place, uid)
        if copy is None:
            kind = "resurrected" if self.was_published(uid) else "invented"
            self.problem(kind, f"{place} delivered {body.text(uid)}")
            return None
        if copy.gone:
            self.problem("resurrected", f"{place} delivered {copy}")
        if place in copy.seen and not redelivered:
            self.problem("mark", f"{place} delivered {copy} again, not marked redelivered")
        copy.seen.add(place)
        return copy

    def settling(self, place, copy):
        """An ack of a message that came from `place` is about to be sent."""
        copy.settle()

    def rejecting(self, place, copy):
        """A reject without requeue is about to be sent."""
        if place == copy.queue and self.queues[place].dead:
            copy.rejected = True
        else:
            copy.settle()

    def sweeping(self, queue):
        """A purge or delete is about to be sent. Returns what its answer will end."""
        ended = [copy for copy in self.copies[queue].values() if not copy.gone]
        for copy in ended:
            copy.settle()
        return ended

    def swept(self, ended):
        for copy in ended:
            copy.gone = True

    def size(self):
        return sum(len(copies) for copies in self.copies.values())
