"""Transactions: acks of one queue and publishes to two others in one commit, or taken back."""
import body
import publishing
import topology
from ledger import Unit

import actors


class Transactor(actors.Actor):
    """Works on one channel in transaction mode, one transaction after the other."""

    def __init__(self, world, label):
        super().__init__(world, label)
        self.publisher = next(world.publishers)
        self.sequence = 0
        self.held = {}

    def work(self):
        self.session.call(1, "tx.select")
        self.session.call(1, "basic.qos", prefetch_count=self.rng.choice([5, 30]))
        self.session.call(1, "basic.consume", queue=topology.TRANSACTION_INPUT)
        while not self.over():
            self.session.pump(0.01)
            self.transaction()
            if self.rng.random() < 0.3:
                self.pause(0.02)

    def on_deliver(self, _channel, tag, redelivered, _properties, content):
        uid = body.read(content)
        copy = self.ledger.received(topology.TRANSACTION_INPUT, uid, redelivered)
        if copy is not None:
            self.held[tag] = copy

    def transaction(self):
        unit, out = Unit(), []
        self.ledger.units.append(unit)
        for _ in range(self.rng.randint(0, 3)):
            for target in topology.TRANSACTION_TARGETS:
                out.append(self.publication(unit, target))
        tags = [tag for tag in self.held if self.rng.random() < 0.8]
        unit.acks = [self.held[tag] for tag in tags]
        out += [self.session.method(1, "basic.ack", delivery_tag=tag) for tag in tags]
        if self.rng.random() < 0.2:
            self.session.send_bytes(b"".join(out))
            self.session.call(1, "tx.rollback")
            unit.undone()
            self.count("rolled back")
            return
        unit.committing()
        out.append(self.session.method(1, "tx.commit"))
        for tag in tags:
            del self.held[tag]
        self.session.send_bytes(b"".join(out))
        self.session.wait_for(1, "tx.commit-ok")
        unit.committed()
        self.count("committed")

    def publication(self, unit, target):
        self.sequence += 1
        uid = body.uid(self.publisher, self.sequence)
        properties, priority = publishing.random_properties(self.rng, True, target, uid)
        unit.publish(self.ledger.publish(uid, target.queues, priority=priority,
                                         properties=properties))
        content = body.make(uid, body.random_size(self.rng))
        return self.session.publication(1, target, content, properties)
