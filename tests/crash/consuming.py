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
        self.highest = {}                                   # (channel, publisher): last uid
        # Some acks always, of the rest a taste of its own.
        self.tastes = [self.rng.choice([0, 0.05, 0.2]), self.rng.choice([0, 0.1]),
                       self.rng.choice([0, 0.1, 0.4])]
        self.restlessness = self.rng.choice([0, 0, 0.02])

    def channels(self):
        return list(self.queues)

    def work(self):
        for channel in self.queues:
            self.consume(channel)
        while not self.over():
            self.session.pump(0.05)
            if self.lazy:
                self.pause(0.05)
            out = b"".join(self.settle(channel) for channel in self.queues)
            if out:
                self.session.send_bytes(out)
            if self.rng.random() < self.restlessness:
                self.leave(self.rng.choice(list(self.queues)))

    def consume(self, channel):
        prefetch = self.rng.randint(1, 5) if self.lazy else self.rng.choice(
            [1, 5, 20, 50, 100, 200])
        self.session.call(channel, "basic.qos", prefetch_count=prefetch)
        self.session.call(channel, "basic.consume", queue=self.queues[channel])

    def leave(self, channel):
        """Closes a channel with all it holds, which goes back, and begins anew."""
        # What was on its way and never written goes back unmarked, behind what others got.
        self.ledger.left.add(self.queues[channel])
        self.session.call(channel, "channel.close", code=200, text="restless")
        self.held[channel].clear()
        self.session.call(channel, "channel.open")
        self.consume(channel)
        self.count("channels left")

    def on_deliver(self, channel, tag, redelivered, _properties, content):
        queue = self.queues[channel]
        try:
            uid = body.read(content)
        except body.Damaged as error:
            self.ledger.problem("damaged", f"{queue} delivered {error}")
            return
        self.count("delivered")
        copy = self.ledger.find(queue, uid)
        is_new = not redelivered and copy is not None and queue not in copy.seen
        copy = self.ledger.received(queue, uid, redelivered)
        if copy is not None:
            self.held[channel][tag] = copy
        if is_new:
            self.check_order(channel, uid)

    def check_order(self, channel, uid):
        """What never was with anyone comes in the order it was published."""
        queue = self.queues[channel]
        known = self.ledger.queues[queue]
        if not known.ordered or known.prioritized or queue in self.ledger.left:
            return
        key = channel, body.publisher_of(uid)
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


class Getter(actors.Actor):
    """Takes messages one by one with basic.get, and acks some of them."""

    def __init__(self, world, label, queues):
        super().__init__(world, label)
        self.queues = queues

    def work(self):
        while not self.over():
            queue = self.rng.choice(self.queues)
            self.session.send(1, "basic.get", queue=queue)
            reply = self.session.wait_for(1, "basic.get-ok", "basic.get-empty")
            if reply.name == "basic.get-ok":
                self.got(queue, reply.fields)
            self.pause(0.01)

    def got(self, queue, fields):
        try:
            uid = body.read(fields["body"])
        except body.Damaged as error:
            self.ledger.problem("damaged", f"{queue} gave {error}")
            return
        self.count("delivered")
        copy = self.ledger.received(queue, uid, fields["redelivered"])
        if copy is None:
            return
        dice = self.rng.random()
        if dice < 0.5:
            self.ledger.settling(queue, copy)
            self.session.send(1, "basic.ack", delivery_tag=fields["delivery_tag"])
            self.count("acked")
        elif dice < 0.7:
            self.session.send(1, "basic.reject", delivery_tag=fields["delivery_tag"], requeue=True)
            self.count("requeued")
