"""The workloads of the comparison, as data: what `polymq perf` is told, and what is asked for."""
from dataclasses import dataclass

QUEUES = 10
FILL_MESSAGES = 1_000_000


@dataclass(frozen=True)
class Load:
    """One run of `polymq perf` with the targets that its row of the table has.

    `rate` and `cpu` are ratios to RabbitMQ: at least so many times the rate, at most one
    `cpu`-th of the processor time by message. `seconds` is 0 if the options bound it.
    """

    name: str
    title: str
    options: str
    rate: float = 0
    cpu: float = 0
    timed: bool = True
    keeps_queue: bool = False  # the next load goes on with what this one left in its queue


MANY = f"--queue-pattern bench-%d --queue-pattern-from 1 --queue-pattern-to {QUEUES}"

LOADS = [
    Load("small", "transient, auto-ack, 1→1→1 (16 B)",
         "--producers 1 --consumers 1 --size 16 --autoack", rate=20, cpu=40),
    Load("kilobyte", "transient, auto-ack, 1→1→1 (1 KiB)",
         "--producers 1 --consumers 1 --size 1024 --autoack", rate=10, cpu=15),
    Load("ack", "manual ack, prefetch 1000, ack every 100 (128 B)",
         "--producers 1 --consumers 1 --size 128 --qos 1000 --multi-ack-every 100",
         rate=15, cpu=30),
    Load("fanout", f"fan-out to {QUEUES} queues, deliveries (128 B)",
         f"--producers 1 --consumers {QUEUES} --size 128 --autoack --type fanout "
         f"--exchange bench {MANY}", rate=15, cpu=40),
    Load("many", f"{QUEUES} publishers, queues and consumers (128 B)",
         f"--producers {QUEUES} --consumers {QUEUES} --size 128 --autoack {MANY}",
         rate=12, cpu=25),
    Load("fill", "fill 1 M with no consumer (128 B)",
         f"--producers 1 --consumers 0 --size 128 --pmessages {FILL_MESSAGES} "
         "--queue bench-fill --auto-delete false", rate=30, cpu=60, timed=False, keeps_queue=True),
    Load("drain", "drain them, auto-ack",
         f"--producers 0 --consumers 1 --cmessages {FILL_MESSAGES} --autoack "
         "--queue bench-fill --auto-delete false", rate=25, cpu=60, timed=False),
]

LATENCY = Load("latency", "5000 a second (128 B)",
               "--producers 1 --consumers 1 --size 128 --autoack --rate 5000", cpu=10)
# Asked for above the bare relay, in microseconds.
LATENCY_ABOVE_RELAY_US = {"p50": 30, "p99": 100, "p999": 500}
