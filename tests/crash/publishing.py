"""Publishers with confirms, the publisher of non-durable things, and properties to send."""
import time

from harness import codec

import actors
import body
import topology

PERSISTENT, TRANSIENT = 2, 1


LONGEST_DELAY_MS = 1500


def random_properties(rng, lasting, target, uid):
    """(encoded properties, priority)."""
    values = {"delivery_mode": PERSISTENT if lasting else TRANSIENT}
    headers = {}
    if rng.random() < 0.2:
        headers = {"n": rng.randint(0, 1 << 40), "text": "x" * rng.randint(0, 60)}
    if target.delayed:
        headers["x-delay"] = rng.randint(1, LONGEST_DELAY_MS)
    if target.identified:
        headers["x-deduplication-header"] = str(uid)
    if headers:
        values["headers"] = headers
    if rng.random() < 0.2:
        values["message_id"] = f"m{rng.randint(0, 1 << 30)}"
        values["timestamp"] = rng.randint(0, 1 << 31)
    priority = rng.randint(0, topology.MAX_PRIORITY)
    if rng.random() < 0.5:
        values["priority"] = priority
    return codec.encode_properties(values), values.get("priority", 0)


class Confirming(actors.Actor):
    """Anything that publishes with confirms on channel 1."""

    def __init__(self, world, label):
        super().__init__(world, label)
        self.publisher = next(world.publishers)
        self.sequence = 0
        self.pending = {}       # sequence number: (target, copies), in order
        self.returned = set()

    def start_confirms(self):
        self.session.call(1, "confirm.select")

    def prepare(self, target, lasting=True, mandatory=False, size=None):
        """The bytes of the next message, already in the ledger."""
        self.sequence += 1
        uid = body.uid(self.publisher, self.sequence)
        properties, priority = random_properties(self.rng, lasting, target, uid)
        copies = self.ledger.publish(uid, target.queues, lasting=lasting, priority=priority,
                                     properties=properties)
        self.pending[self.sequence] = (target, copies)
        self.count("sent")
        content = body.make(uid, size or body.random_size(self.rng))
        return self.session.publication(1, target, content, properties, mandatory)

    def on_confirm(self, _channel, tag, multiple, positive):
        if multiple:
            tags = []
            for pending in self.pending:  # in the order they were sent
                if pending > tag:
                    break
                tags.append(pending)
        else:
            tags = [tag]
        for each in tags:
            if each not in self.pending:
                self.ledger.problem("session", f"{self.name}: confirm of {each}, which is not due")
                continue
            _, copies = self.pending.pop(each)
            if positive:
                self.count("confirmed")
                for copy in copies:
                    copy.confirm()
            else:
                self.count("nacked")

    def on_return(self, _channel, content):
        sequence = body.sequence_of(body.read(content))
        target, _ = self.pending.get(sequence, (None, ()))
        if target is None or target.queues:
            self.ledger.problem("binding", f"{self.name}: {target} was returned as unroutable")
        self.returned.add(sequence)

    def wait_confirmed(self, most=0):
        while len(self.pending) > most and not self.over():
            self.session.pump(0.1)


class Publisher(Confirming):
    """Keeps a window of unconfirmed messages full, in bursts, to some targets."""

    def __init__(self, world, label, targets):
        super().__init__(world, label)
        self.targets = self.rng.sample(targets, self.rng.randint(1, len(targets)))
        self.window = self.rng.choice([1, 10, 50, 200, 200])
        self.transient_share = self.rng.choice([0, 0, 0.2]) if targets is topology.TARGETS else 0

    def work(self):
        self.start_confirms()
        while not self.over():
            room = self.window - len(self.pending)
            burst = self.rng.randint(1, max(1, min(room, 40)))
            if room > 0:
                self.session.send_bytes(b"".join(self.next_message() for _ in range(burst)))
            self.pause(0.02 if self.rng.random() < 0.9 else 0.1)
            self.wait_confirmed(self.window - 1)

    def next_message(self):
        target = self.rng.choice(self.targets)
        mandatory = not target.queues or self.rng.random() < 0.3
        lasting = self.rng.random() >= self.transient_share
        return self.prepare(target, lasting, mandatory)


class Volatile(Confirming):
    """Persistent messages to a queue and through an exchange that are not durable: both must be
    gone after a restart, whatever they held."""

    def work(self):
        name = f"volatile.{self.publisher}"
        target = topology.Target(name, "any", ())
        self.ledger.volatile += [("queue", name), ("exchange", name)]
        self.session.call(1, "exchange.declare", exchange=name, type="fanout")
        self.session.call(1, "queue.declare", queue=name)
        self.session.call(1, "queue.bind", exchange=name, queue=name)
        self.start_confirms()
        while not self.over():
            self.session.send_bytes(self.prepare(target, size=40))
            self.pause(0.05)
            self.wait_confirmed(20)


class Sweeper(Confirming):
    """Fills a queue and purges it: what was there before a purge-ok must never come back."""

    target = topology.Target("", topology.SWEPT, (topology.SWEPT,))

    def work(self):
        self.start_confirms()
        while not self.over():
            burst = self.rng.randint(1, 60)
            self.session.send_bytes(b"".join(self.prepare(self.target) for _ in range(burst)))
            if self.rng.random() < 0.7:
                self.wait_confirmed()
            if self.over():
                return
            ended = self.ledger.sweeping(topology.SWEPT)
            sure = [copy for copy in ended if copy.confirmed]
            self.session.call(1, "queue.purge", queue=topology.SWEPT)
            self.ledger.swept(sure)
            self.count("purges")
            time.sleep(self.rng.random() * 0.02)
