"""What the runs share: a broker with a data folder, loads whose progress is seen, samples."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

import disk
import servers
from harness import wire

SAMPLE_SECONDS = 1
SETTLED_SECONDS = 3


class BacklogError(Exception):
    """A run cannot go on; the text says why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def broker(options, needed_bytes):
    """A fresh one, listening, with its data below options.folder; all of it goes afterwards."""
    os.makedirs(options.folder, exist_ok=True)
    disk.require(options.folder, needed_bytes)
    directory = tempfile.mkdtemp(prefix="data-", dir=options.folder)
    server = servers.PolyMQ(directory, options.shards, durable=True, settings=options.settings)
    try:
        server.start_timed()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def perf_command(server, arguments):
    return [servers.binary(), "perf", "run", *map(str, arguments), "--flag", "persistent",
            "--uri", server.uri(), "--json"]


@dataclass
class Phase:
    """A load that has ended, and what the broker paid for it."""

    messages: int
    seconds: float
    rate: float
    cpu_seconds: float
    memory_peak: int  # of the broker, since its start

    @property
    def cpu_by_million(self):
        return self.cpu_seconds / self.messages * 1e6


def perf(server, *arguments):
    """Runs polymq perf to its end; its progress is seen. Counts what was received or confirmed."""
    cpu = server.cpu_seconds()
    done = subprocess.run(perf_command(server, arguments), stdout=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise BacklogError(f"polymq perf {' '.join(map(str, arguments))} failed")
    phase, = json.loads(done.stdout)["phases"]
    counted = "received" if phase["received"] else "confirmed"
    return Phase(messages=phase[counted], seconds=phase["seconds"],
                 rate=phase[f"{counted}_per_second"], cpu_seconds=server.cpu_seconds() - cpu,
                 memory_peak=server.memory_bytes("VmHWM"))


@dataclass
class Sample:
    """At a time of time.monotonic()."""

    time: float
    disk: int
    memory: int
    segments: int
    spares: int  # files kept to be used again, or being made
    cpu_seconds: float


def sample(server):
    names = os.listdir(os.path.join(server.data_dir, "journal"))
    segments = sum(name.endswith(".segment") for name in names)
    return Sample(time=time.monotonic(), disk=disk.usage(server.data_dir),
                  memory=server.memory_bytes(), segments=segments,
                  spares=len(names) - segments, cpu_seconds=server.cpu_seconds())


class Sampler:
    """Takes a sample each second while the block runs."""

    def __init__(self, server):
        self.server = server
        self.samples = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        due = time.monotonic()
        while not self._ended.wait(max(0, due - time.monotonic())):
            self.samples.append(sample(self.server))
            due += SAMPLE_SECONDS

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        if self.server.alive():
            self.samples.append(sample(self.server))

    def most(self, name):
        return max(getattr(one, name) for one in self.samples)


def wait_settled(server, limit_seconds):
    """Until the broker has neither read nor written, nor its folder changed, for some seconds.
    Returns whether that came before the limit."""
    def state():
        io, now = disk.io_of(server.pid), sample(server)
        return io["rchar"], io["write_bytes"], now.disk, now.segments

    deadline = time.monotonic() + limit_seconds
    last, since = None, time.monotonic()
    while time.monotonic() < deadline:
        now = state()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= SETTLED_SECONDS:
            return True
        time.sleep(0.25)
    return False


def start_again(server):
    """Stops it and starts it with nothing of its data in memory, its own or the system's."""
    server.stop()
    disk.forget_cached(server.data_dir)
    server.start_timed()


def purge(server, queues):
    with wire.Client(server.port, timeout=600) as client:
        client.open(channels=(1,))
        for queue in queues:
            client.call(1, "queue.purge", queue=queue)
        client.close()


def print_table(title, columns, rows):
    """Aligned, and Markdown at the same time."""
    cells = [list(map(str, row)) for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(f"\n{title}\n\n" + "\n".join(lines), flush=True)


def sized(amount):
    for limit, unit in ((disk.GIB, "GiB"), (disk.MIB, "MiB"), (disk.KIB, "KiB")):
        if amount >= limit:
            return f"{amount / limit:.2f} {unit}"
    return f"{amount:.0f} B"


def counted(number):
    for limit, letter in ((1e6, " M"), (1e3, " k")):
        if number >= limit:
            return f"{number / limit:.3g}{letter}"
    return f"{number:.3g}"
