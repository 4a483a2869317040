"""The workloads of the comparison, as data: what `polymq perf` is told, and what is asked for."""
from dataclasses import dataclass

QUEUES = 10


@dataclass(frozen=True)
class Row:
    """A row of the table. Asked for: `rate` times RabbitMQ's rate, one `cpu`-th of its time."""

    name: str
    title: str
    rate: float
    cpu: float


@dataclass(frozen=True)
class Load:
    """One run of `polymq perf`; it measures as many phases as there are rows."""

    arguments: str
    rows: tuple
    timed: bool = True  # else the arguments say when it ends
    fresh: bool = False  # on servers that have done nothing yet, because memory is measured


LOADS = [
    Load("--producers 1 --consumers 1 --size 16 --autoack",
         (Row("small", "transient, auto-ack, 1→1→1 (16 B)", rate=20, cpu=40),)),
    Load("--producers 1 --consumers 1 --size 1024 --autoack",
         (Row("kilobyte", "transient, auto-ack, 1→1→1 (1 KiB)", rate=10, cpu=15),)),
    Load("--producers 1 --consumers 1 --size 128 --qos 1000 --multi-ack-every 100",
         (Row("ack", "manual ack, prefetch 1000, ack every 100 (128 B)", rate=15, cpu=30),)),
    Load(f"fanout --queues {QUEUES} --size 128 --autoack",
         (Row("fanout", f"fan-out to {QUEUES} queues, deliveries (128 B)", rate=15, cpu=40),)),
    Load(f"--producers {QUEUES} --consumers {QUEUES} --size 128 --autoack "
         f"--queue-pattern bench-%d --queue-pattern-to {QUEUES} --auto-delete",
         (Row("many", f"{QUEUES} publishers, queues, consumers (128 B)", rate=12, cpu=25),)),
    Load("fill-drain --messages 1000000 --size 128 --autoack",
         (Row("fill", "fill 1 M with no consumer (128 B)", rate=30, cpu=60),
          Row("drain", "then drain", rate=25, cpu=60)), timed=False, fresh=True),
]

LATENCY = Load("--producers 1 --consumers 1 --size 128 --autoack --rate 5000",
               (Row("latency", "5000 a second (128 B)", rate=0, cpu=10),))
# Asked for above the bare relay, in microseconds.
LATENCY_ABOVE_RELAY_US = {"p50": 30, "p99": 100, "p999": 500}

ROWS = [row for load in LOADS for row in load.rows]
