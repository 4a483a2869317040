"""The queues, exchanges and bindings that every history starts with, as data."""
import os
from dataclasses import dataclass, field

# RabbitMQ has exchanges with state only with plugins.
STATEFUL_EXCHANGES = os.environ.get("BROKER", "polymq") == "polymq"


@dataclass(frozen=True)
class Queue:
    """`dead` names the queue that takes its dead letters, `dead_of` is the way back."""
    name: str
    arguments: dict = field(default_factory=dict)
    dead: str = None
    dead_of: str = None
    limit: int = None
    ttl_seconds: float = None
    ordered: bool = True        # each publisher's messages leave in the order they came
    prioritized: bool = False   # they do so within a priority; higher ones go first
    properties_kept: bool = True
    fed_late: bool = False      # an exchange holds messages for it

    @property
    def moves_by_itself(self):
        """Messages leave it for its dead letter queue although no client says so."""
        return self.dead is not None and (self.limit is not None or self.ttl_seconds is not None)


@dataclass(frozen=True)
class Target:
    """Where a publisher sends, and the queues that must take it."""
    exchange: str
    key: str
    queues: tuple
    delayed: bool = False       # messages ask to be held for a while
    identified: bool = False    # messages have an id of their own for deduplication


DEAD_EXCHANGE = "crash.dead"
TOPIC_EXCHANGE = "crash.topic"
DELAYED_EXCHANGE = "crash.delayed"
IDS_EXCHANGE = "crash.ids"
MAX_PRIORITY = 5


def _dying(name, **options):
    """A queue with a dead letter queue of its own."""
    dead = f"{name}.dead"
    arguments = {"x-dead-letter-exchange": DEAD_EXCHANGE, "x-dead-letter-routing-key": dead,
                 **options.pop("arguments", {})}
    return [Queue(name, arguments, dead=dead, **options),
            Queue(dead, dead_of=name, ordered=False, properties_kept=False)]


QUEUES = {queue.name: queue for queue in [
    Queue("plain.0"),
    Queue("plain.1"),
    Queue("plain.2"),
    Queue("backlog"),
    *_dying("work"),
    *_dying("brief", arguments={"x-message-ttl": 700}, ttl_seconds=0.7),
    Queue("short", {"x-max-length": 150}, limit=150),
    *_dying("narrow", arguments={"x-max-length": 60}, limit=60),
    Queue("ranked", {"x-max-priority": MAX_PRIORITY}, prioritized=True),
    # A redelivery counts, and every restart makes some: no limit may end them.
    Queue("quorum", {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}, ordered=False,
          properties_kept=False),
    Queue("tx.in"),
    Queue("tx.out.0"),
    Queue("tx.out.1"),
    Queue("swept"),
    Queue("later", ordered=False, properties_kept=False, fed_late=True),
    Queue("unique", {"x-message-deduplication": True}),
]}

SEES_IDS = {"x-message-deduplication": True, "x-cache-size": 10_000}

# Type and arguments. Dead letters pass an exchange that looks at ids, though they have none.
EXCHANGES = {DEAD_EXCHANGE: ("direct", SEES_IDS), TOPIC_EXCHANGE: ("topic", {})}
if STATEFUL_EXCHANGES:
    EXCHANGES[DELAYED_EXCHANGE] = "x-delayed-message", {"x-delayed-type": "direct"}
    EXCHANGES[IDS_EXCHANGE] = "direct", SEES_IDS

BINDINGS = [
    (DEAD_EXCHANGE, "work.dead", "work.dead"),
    (DEAD_EXCHANGE, "brief.dead", "brief.dead"),
    (DEAD_EXCHANGE, "narrow.dead", "narrow.dead"),
    (TOPIC_EXCHANGE, "plain.1", "*.a"),
    (TOPIC_EXCHANGE, "plain.2", "t.a"),
    (TOPIC_EXCHANGE, "plain.2", "t.b.#"),
    (TOPIC_EXCHANGE, "backlog", "t.b.*"),
    (TOPIC_EXCHANGE, "work", "#.x"),
]
if STATEFUL_EXCHANGES:
    BINDINGS += [(DELAYED_EXCHANGE, "later", "later"), (IDS_EXCHANGE, "later", "a"),
                 (IDS_EXCHANGE, "unique", "a")]

# Several publishers may send to these.
TARGETS = [Target("", name, (name,)) for name in
           ("plain.0", "plain.1", "plain.2", "backlog", "work", "brief", "ranked", "quorum",
            "tx.in")] + [
    Target(TOPIC_EXCHANGE, "t.a", ("plain.1", "plain.2")),
    Target(TOPIC_EXCHANGE, "t.b.x", ("plain.2", "backlog", "work")),
    Target(TOPIC_EXCHANGE, "t.c", ()),
]
if STATEFUL_EXCHANGES:
    TARGETS += [Target(DELAYED_EXCHANGE, "later", ("later",), delayed=True),
                Target(IDS_EXCHANGE, "a", ("later", "unique"), identified=True)]

# One publisher at a time: what a length limit keeps is known only where the order is.
LIMITED_TARGETS = [Target("", name, (name,)) for name in ("short", "narrow")]

TRANSACTION_INPUT = "tx.in"
TRANSACTION_TARGETS = [Target("", name, (name,)) for name in ("tx.out.0", "tx.out.1")]
SWEPT = "swept"

# What ordinary consumers take from. The others grow until a history is trimmed.
CONSUMED = ["plain.0", "plain.1", "plain.2", "work", "work", "ranked", "quorum", "tx.out.0",
            "brief", "work.dead", "plain.1", "later", "unique"]
LAZY = "backlog"


def declare(session, queues):
    """Declares everything on channel 1; the broker must be empty."""
    for name, (kind, arguments) in EXCHANGES.items():
        session.call(1, "exchange.declare", exchange=name, type=kind, durable=True,
                     arguments=arguments)
    for queue in queues:
        session.call(1, "queue.declare", queue=queue.name, durable=True,
                     arguments=queue.arguments)
    for exchange, queue, key in BINDINGS:
        session.call(1, "queue.bind", exchange=exchange, queue=queue, routing_key=key)
