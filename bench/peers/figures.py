"""Single numbers of the comparison: start, memory, declares, connections, request and reply."""
import shutil
import tempfile
from dataclasses import dataclass
from typing import Callable

import direct
import loads
import servers


@dataclass(frozen=True)
class Figure:
    """`ratio`: times better than RabbitMQ, at least. `bound`: at most, whatever RabbitMQ does."""

    title: str
    unit: str
    measure: Callable  # (server, seconds) -> value
    higher: bool = True
    ratio: float = 0
    bound: float = 0
    fresh: bool = False  # measured on servers that have done nothing yet
    relay: bool = False  # also measured on the bare relay, as the most that is possible


def start_seconds(server, _):
    """A second server of the same kind, launched and stopped."""
    folder = tempfile.mkdtemp(prefix="polymq-bench-start-")
    shards = getattr(server, "shards", None)
    other = servers.PolyMQ(folder, shards) if shards else servers.RabbitMQ(folder)
    try:
        return other.start_timed()
    finally:
        other.stop()
        shutil.rmtree(folder, ignore_errors=True)


def rate(arguments):
    """What a workload of `polymq perf` gets done in a second."""
    def measure(server, seconds):
        timed = ["--time", f"{seconds:g}"] if arguments.startswith("rpc") else []
        phase = loads.perf([*arguments.split(), *timed, "--uri", server.uri()],
                           limit_seconds=seconds + 120)["phases"][0]
        return phase["received_per_second"] or phase["sent_per_second"]
    return measure


def setup_under_load(server, seconds):
    """While another client publishes and consumes 5000 messages a second."""
    with servers.background(["perf", "--uri", server.uri(), "--rate", "5000", "--size", "128",
                             "--autoack", "--time", str(seconds + 5)]):
        return rate("declares --count 2000 --exclusive --bind --consume")(server, seconds)


FIGURES = {
    "rpc": Figure("request and reply, 10 clients, a reply queue each", "/s",
                  rate("rpc --clients 10"), ratio=5),
    "rpc-queues": Figure("request and reply, 10 clients, a new reply queue each time", "/s",
                         rate("rpc --clients 10 --queue-per-request"), ratio=5),
    "rpc-direct": Figure("request and reply, 10 clients, direct reply-to", "/s",
                         rate("rpc --clients 10 --direct-reply-to"), ratio=5),
    "setup": Figure("temporary queues declared, bound, consumed from; one after another, under "
                    "load", "/s", setup_under_load, ratio=5),
    "declares": Figure("queues declared, pipelined", "/s",
                       rate("declares --count 5000 --pipelined 1000 --exclusive"), ratio=100),
    "connections": Figure("connections opened and closed, one after another", "/s",
                          rate("connections --count 5000"), ratio=20, relay=True),
    "start": Figure("start to first handshake", "s", start_seconds, higher=False, bound=0.05),
    "idle-memory": Figure("memory of an idle server", "B",
                          lambda server, _: direct.settled_memory(server), higher=False,
                          bound=15e6, fresh=True),
    "connection-memory": Figure("memory of an idle connection", "B",
                                lambda server, _: direct.connection_memory(server),
                                higher=False, bound=6e3, fresh=True),
    "queue-memory": Figure("memory of an empty queue", "B",
                           lambda server, _: direct.queue_memory(server), higher=False,
                           bound=1.5e3, fresh=True),
}
