"""The architect: declares, binds, fills, unbinds, deletes and redeclares durable things."""
import topology
from topology import Queue, Target

import publishing

KINDS = [
    {},
    {"arguments": {"x-max-length": 100_000}},
    {"arguments": {"x-max-priority": topology.MAX_PRIORITY}, "prioritized": True},
]
QUORUM = {"arguments": {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000},
          "ordered": False, "properties_kept": False}
MOST_QUEUES = 12
MOST_EXCHANGES = 4
MOST_BINDINGS = 30


class Architect(publishing.Confirming):
    """The only one to touch what it makes, one step after the other: each answer is a promise
    about a known state. Things are (kind, name) and ("binding", exchange, queue, key)."""

    def __init__(self, world, label):
        super().__init__(world, label)
        self.made = 0
        self.kinds = KINDS + [QUORUM] * world.quorum

    def work(self):
        self.start_confirms()
        steps = [self.make_queue, self.make_exchange, self.bind, self.bind, self.fill, self.fill,
                 self.unbind, self.delete_queue, self.remake_queue, self.delete_exchange]
        while not self.over():
            self.rng.choice(steps)()
            self.wait_confirmed(30)
            self.pause(0.01)

    # What there is

    def known(self, kind, state):
        """Own things in this state, oldest first."""
        main = topology.QUEUES if kind == "queue" else topology.EXCHANGES
        return [thing for thing, is_there in list(self.ledger.things.items())
                if thing[0] == kind and is_there is state and thing[1] not in main]

    def pick(self, kind, state=True):
        found = self.known(kind, state)
        return self.rng.choice(found) if found else None

    def change(self, thing, there, name, **fields):
        """One change: unknown while it is under way, known once it is answered."""
        self.ledger.things[thing] = None
        self.session.call(1, name, **fields)
        self.ledger.things[thing] = there
        self.count("changes")

    def fresh_name(self, kind):
        self.made += 1
        return f"{kind}.{self.publisher}.{self.made}"

    # Steps

    def make_queue(self):
        if len(self.known("queue", True)) < MOST_QUEUES:
            self.declare_queue(self.fresh_name("made"))

    def remake_queue(self):
        thing = self.pick("queue", False)
        if thing and len(self.known("queue", True)) < MOST_QUEUES:
            self.declare_queue(thing[1])

    def declare_queue(self, name):
        queue = Queue(name, **self.rng.choice(self.kinds))
        self.ledger.add_queue(queue)
        self.change(("queue", name), True, "queue.declare", queue=name, durable=True,
                    arguments=queue.arguments)
        if self.rng.random() < 0.7:
            self.fill_queue(name)

    def make_exchange(self):
        if len(self.known("exchange", True)) < MOST_EXCHANGES:
            name = self.fresh_name("exchange")
            self.change(("exchange", name), True, "exchange.declare", exchange=name, durable=True,
                        type=self.rng.choice(["direct", "topic"]))

    def bind(self):
        exchange, queue = self.pick("exchange"), self.pick("queue")
        if exchange and queue and len(self.known("binding", True)) < MOST_BINDINGS:
            # No two bindings of an exchange share a key: a probe by the key meets just one queue.
            key = self.fresh_name("key")
            self.change(("binding", exchange[1], queue[1], key), True, "queue.bind",
                        exchange=exchange[1], queue=queue[1], routing_key=key)

    def unbind(self):
        thing = self.pick("binding")
        if thing:
            _, exchange, queue, key = thing
            self.change(thing, False, "queue.unbind", exchange=exchange, queue=queue,
                        routing_key=key)

    def fill(self):
        thing = self.pick("queue")
        if thing:
            self.fill_queue(thing[1])

    def fill_queue(self, name):
        target = Target("", name, (name,))
        for _ in range(self.rng.randint(1, 10)):
            self.session.send_bytes(self.prepare(target, mandatory=True,
                                                 size=self.rng.randint(10, 500)))

    def delete_queue(self):
        thing = self.pick("queue")
        if thing and self.rng.random() < 0.7:
            self.wait_confirmed()
            name = thing[1]
            ended = self.ledger.sweeping(name)
            self.ledger.deleting.add(name)
            self.delete(thing, 2, "queue.delete", queue=name)
            self.ledger.swept(ended)
            self.ledger.deleting.discard(name)

    def delete_exchange(self):
        thing = self.pick("exchange")
        if thing and self.rng.random() < 0.3:
            self.delete(thing, 1, "exchange.delete", exchange=thing[1])

    def delete(self, thing, end, method, **fields):
        """The bindings of a thing go with it; `end` is where they name it."""
        bindings = [each for each in self.known("binding", True) if each[end] == thing[1]]
        for each in bindings:
            self.ledger.things[each] = None
        self.change(thing, False, method, **fields)
        for each in bindings:
            self.ledger.things[each] = False
