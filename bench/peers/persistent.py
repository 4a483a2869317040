"""The workloads with persistent messages, as data, and how they are run.

Every run has a server of its own, fresh and alone on the machine, its data on a disk: what one
leaves behind to tidy up on the disk must not meet the next one.
"""
import contextlib
import os
import shutil
import statistics
import tempfile
from dataclasses import asdict, dataclass, field
from typing import Callable

import direct
import disk
import loads
import servers
from workloads import Load, Row

QUEUE = "backlog"  # where the messages of a fill lie
SINGLE_CONNECTIONS = 100
LATENCY_RATE = 2000
WARM_SECONDS = 4
PROBE_SECONDS = 2
NEEDED_DISK_BYTES = 10 * disk.GIB


@dataclass(frozen=True)
class Contestant:
    """A server and a kind of queue on it. The counts are those of messages in a run."""

    label: str
    make: Callable  # directory -> server
    fill: int       # filled and drained
    waiting: int    # of which the memory is measured
    queue: tuple = ()  # arguments of polymq perf for its queues
    kind: str = "PolyMQ"


def _rabbitmq(label, kind, argument):
    return Contestant(label, servers.RabbitMQ, fill=200_000, waiting=500_000,
                      queue=("--queue-args", argument), kind=kind)


def _polymq(shards):
    return Contestant(f"PolyMQ, {shards} shard{'s' if shards > 1 else ''}",
                      lambda path: servers.PolyMQ(path, shards, durable=True),
                      fill=2_000_000, waiting=5_000_000)


CONTESTANTS = [
    _rabbitmq("RabbitMQ, classic v1", "classic", "x-queue-version=1"),
    _rabbitmq("RabbitMQ, classic v2", "classic", "x-queue-version=2"),
    _rabbitmq("RabbitMQ, quorum", "quorum", "x-queue-type=quorum"),
    _polymq(1),
    _polymq(2),
]
RESTARTED = 1_000_000  # messages, on every server

ACKNOWLEDGED = "--qos 1000 --multi-ack-every 100"
THROUGH = Load(f"--size 1024 --flag persistent --confirm 1000 {ACKNOWLEDGED}",
               (Row("persistent-1k", "1 KiB, confirm window 1000, manual ack", rate=8, cpu=20),))
FILL = Load(f"fill-drain --size 128 --flag persistent --confirm 1000 {ACKNOWLEDGED}",
            (Row("persistent-fill", "fill, confirm window 1000 (128 B)", rate=25, cpu=40),
             Row("persistent-drain", "then drain, manual ack", rate=20, cpu=30)), timed=False)
SINGLE = Load(f"--producers {SINGLE_CONNECTIONS} --consumers 0 --size 1024 --flag persistent "
              "--confirm 1",
              (Row("persistent-single", f"{SINGLE_CONNECTIONS} connections, each waiting for every "
                   "confirm (1 KiB)", rate=0, cpu=0),))
LATENCY = Load(f"--size 1024 --flag persistent --rate {LATENCY_RATE} --confirm 1000 "
               f"{ACKNOWLEDGED}",
               (Row("persistent-latency", f"{LATENCY_RATE} a second (1 KiB)", rate=0, cpu=10),))
LOADS = [THROUGH, FILL, SINGLE, LATENCY]
ROWS = [row for load in LOADS for row in load.rows]
# Asked for, where it is not a multiple of RabbitMQ.
QUORUM_RATE = 5           # times that of a quorum queue, for the first row
DISK_PART = 0.8           # or this part of the disk's synced sequential writes
SINGLE_PART = 0.7         # of SINGLE_CONNECTIONS in two syncs
LATENCY_SYNCS = {"p50": 1.6, "p99": 2.3}  # times the disk's own


@dataclass(frozen=True)
class Figure:
    """A single number. bound: at most so much, on PolyMQ."""

    title: str
    unit: str
    bound: float


FIGURES = {
    "persistent-memory": Figure("memory with {waiting} waiting (128 B)", "B", 200 * disk.MIB),
    "persistent-restart": Figure("stopped, started with {restarted} waiting: first delivery", "s",
                                 bound=1),
    "persistent-crash": Figure("killed, started with {restarted} waiting: first delivery", "s",
                               bound=0),
}
NAMES = [row.name for row in ROWS] + list(FIGURES)
PROBES = ("sync", "paced", "sequential")


@dataclass
class Measured:
    """Everything of a run of the comparison, by label (a probe: by name), a value each repeat."""

    loads: dict = field(default_factory=dict)    # row's name: label: [loads.Result]
    figures: dict = field(default_factory=dict)  # name: label: [number]
    probes: dict = field(default_factory=dict)   # name: [disk.SyncTimes]
    scale: float = 1

    def as_data(self):
        return {"loads": loads.as_data(self.loads), "figures": self.figures, "scale": self.scale,
                "probes": {name: [asdict(one) for one in some]
                           for name, some in self.probes.items()}}

    def scaled(self, messages):
        return max(1000, round(messages * self.scale))

    def probe(self, name, value):
        return statistics.median(getattr(one, value) for one in self.probes[name])


class Comparison:
    """Runs what is named in options; prints by `progress` what it finds."""

    def __init__(self, options, folder, progress):
        self.options = options
        self.folder = folder
        self.progress = progress
        self.found = Measured(scale=options.scale)

    def run(self):
        disk.require(self.folder, NEEDED_DISK_BYTES * min(1, self.options.scale))
        for _ in range(self.options.repeats):
            for load in LOADS:
                if self._wanted(*(row.name for row in load.rows)):
                    self._probe()  # close to what it is compared with
                    for contestant in CONTESTANTS:
                        self._load(load, contestant)
            for contestant in CONTESTANTS:
                if self._wanted("persistent-memory"):
                    self._memory(contestant)
                if self._wanted("persistent-restart", "persistent-crash"):
                    self._restart(contestant)
        return self.found

    def _wanted(self, *names):
        return any(name in self.options.names for name in names)

    def _probe(self):
        seconds = min(PROBE_SECONDS, self.options.seconds)
        for name, size, rate in (("sync", 4096, 0), ("paced", 4096, LATENCY_RATE),
                                 ("sequential", disk.MIB, 0)):
            times = disk.sync_times(self.folder, size, seconds, rate)
            self.found.probes.setdefault(name, []).append(times)
            self.progress(f"disk, {name}: p50 {times.p50_us:.0f} µs, p99 {times.p99_us:.0f} µs, "
                          f"{times.bytes_per_second / 1e6:.0f} MB/s")

    @contextlib.contextmanager
    def _server(self, contestant):
        directory = tempfile.mkdtemp(dir=self.folder)
        server = contestant.make(directory)
        try:
            server.start_timed()
            yield server
        finally:
            server.stop()
            shutil.rmtree(directory, ignore_errors=True)

    def _load(self, load, contestant):
        more = list(contestant.queue)
        if load is FILL:
            more += ["--messages", str(self.found.scaled(contestant.fill))]
        with self._server(contestant) as server:
            if load is LATENCY:  # not of a server that has just been installed
                loads.run(THROUGH, server, min(WARM_SECONDS, self.options.seconds), more)
            before = disk.io_of(server.pid)["write_bytes"]
            results = loads.run(load, server, self.options.seconds, more)
            written = disk.io_of(server.pid)["write_bytes"] - before
        for name, result in results.items():
            if load is THROUGH:
                result.written = written / (result.rate * self.options.seconds * 1024)
            self.found.loads.setdefault(name, {}).setdefault(contestant.label, []).append(result)
            self.progress(f"{name}: {contestant.label}: {result.rate:,.0f}/s, "
                          f"{result.server_us:.3f} s/M, client {result.client_us:.3f} s/M, "
                          f"confirms p50 {result.confirm_p50_us:.0f} µs, "
                          f"p99 {result.confirm_p99_us:.0f} µs")

    def _fill(self, server, contestant, messages):
        loads.perf(["run", "--consumers", "0", "--pmessages", str(messages), "--size", "128",
                    "--flag", "persistent", "--confirm", "1000", "--queue", QUEUE,
                    *contestant.queue, "--uri", server.uri()], limit_seconds=1800)

    def _figure(self, name, contestant, value):
        self.found.figures.setdefault(name, {}).setdefault(contestant.label, []).append(value)
        self.progress(f"{name}: {contestant.label}: {value:,.6g} {FIGURES[name].unit}")

    def _memory(self, contestant):
        with self._server(contestant) as server:
            self._fill(server, contestant, self.found.scaled(contestant.waiting))
            self._figure("persistent-memory", contestant, direct.settled_memory(server))

    def _restart(self, contestant):
        with self._server(contestant) as server:
            self._fill(server, contestant, self.found.scaled(RESTARTED))
            server.stop()
            self._figure("persistent-restart", contestant, server.start_to_delivery(QUEUE)[1])
            server.kill()
            self._figure("persistent-crash", contestant, server.start_to_delivery(QUEUE)[1])


def run(options, progress):
    """Measures in a new folder below options.folder, which is removed afterwards."""
    os.makedirs(options.folder, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="data-", dir=options.folder)
    try:
        return Comparison(options, folder, progress).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
