"""Consumers that settle in all ways there are: one by one, many at once, back, away, or not."""
import body

import actors


class Consumer(actors.Actor):
    """One connection that consumes from some queues, a channel each."""

    def __init__(self, world, label, queues, lazy=False):
        super().__init__(world, label)
        self.lazy = lazy
        self.queues = dict(enumerate(queues, 1))            # channel: queue
        self.held = {channel: {} for channel in self.queues}  # tag: copy, in order
        self.highest = {}                                   # (queue, publisher): last uid
        # Some acks always, of the rest a taste of its own.
        self.tastes = [self.rng.choice([0, 0.05, 0.2]), self.rng.choice([0, 0.1]),
                       self.rng.choice([0, 0.1, 0.4])]

    def channels(self):
        return list(self.queues)

    def work(self):
        for channel, queue in self.queues.items():
            prefetch = self.rng.randint(1, 5) if self.lazy else self.rng.choice(
                [1, 5, 20, 50, 100, 200])
            self.session.call(channel, "basic.qos", prefetch_count=prefetch)
            self.session.call(channel, "basic.consume", queue=queue, consumer_tag=f"c{channel}")
        while not self.over():
            self.session.pump(0.05)
            if self.lazy:
                self.pause(0.05)
            out = b"".join(self.settle(channel) for channel in self.queues)
            if out:
                self.session.send_bytes(out)

    def on_deliver(self, channel, tag, redelivered, _properties, content):
        queue = self.queues[channel]
        try:
            uid = body.read(content)
        except body.Damaged as error:
            self.ledger.problem("damaged", f"{queue} delivered {error}")
            return
        self.count("delivered")
        self.check_order(queue, uid, redelivered)
        copy = self.ledger.received(queue, uid, redelivered)
        if copy is not None:
            self.held[channel][tag] = copy

    def check_order(self, queue, uid, redelivered):
        """What never was with anyone comes in the order it was published."""
        known = self.ledger.queues[queue]
        if redelivered or not known.ordered or known.prioritized:
            return
        key = queue, body.publisher_of(uid)
        if uid < self.highest.get(key, 0):
            self.ledger.problem("order", f"{queue} delivered {body.text(uid)} after "
                                         f"{body.text(self.highest[key])}")
        self.highest[key] = uid

    def settle(self, channel):
        """The bytes that settle some of what is held."""
        held, queue, out = self.held[channel], self.queues[channel], []
        nack, reject, hold = self.tastes
        while held and self.rng.random() >= hold:
            tags = list(held)
            dice = self.rng.random()
            if dice < nack:
                count = self.rng.randint(1, min(len(tags), 10))
                self._requeue(channel, held, tags[:count], out)
            elif dice < nack + reject:
                tag = self.rng.choice(tags)
                self.ledger.rejecting(queue, held.pop(tag))
                out.append(self.session.method(channel, "basic.reject", delivery_tag=tag))
                self.count("rejected")
            elif dice < 0.7:
                count = self.rng.randint(1, len(tags))
                self._ack(channel, held, tags[:count], True, out)
            else:
                self._ack(channel, held, [self.rng.choice(tags)], False, out)
        return b"".join(out)

    def _ack(self, channel, held, tags, multiple, out):
        for tag in tags:
            self.ledger.settling(self.queues[channel], held.pop(tag))
        out.append(self.session.method(channel, "basic.ack", delivery_tag=tags[-1],
                                       multiple=multiple))
        self.count("acked", len(tags))

    def _requeue(self, channel, held, tags, out):
        for tag in tags:
            del held[tag]
        out.append(self.session.method(channel, "basic.nack", delivery_tag=tags[-1],
                                       multiple=True, requeue=True))
        self.count("requeued", len(tags))
