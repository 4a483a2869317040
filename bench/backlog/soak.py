"""Steady work for a time: does the disk or the memory grow, is another queue ever held up?

One load publishes and consumes. A part of it goes to a bounded queue instead, which forgets each
message only when many others came after it: what lives on in old segments, so that there is
something to compact. A third, quiet queue is watched from outside: its confirms, second by second.
"""
import contextlib
import csv
import json
import os
import re
import subprocess
import threading
import time
from dataclasses import dataclass, field

import common
import disk
from harness import process

STALL_MS = 50          # the most that p99.9 of the quiet queue's confirms may be
GROWTH = 1.1           # the most that the last quarter may take, by what the second one took,
SLACK = {"disk": 128 * disk.MIB, "memory": 8 * disk.MIB}  # and above it: two segments, a few pages
KEPT_SHARE = 0.02      # of the rate, into the bounded queue
KEPT_SECONDS = 30      # that a message stays there
ROWS = 30              # of the printed table, about

LINE = re.compile(r"confirm latency .*p99\.9 ([\d.]+) (µs|ms|s), max ([\d.]+) (µs|ms|s)")
ELAPSED = re.compile(r"^ *[\d.]+ s:")
MILLISECONDS = {"µs": 1e-3, "ms": 1, "s": 1e3}


def add_options(parser):
    parser.add_argument("--seconds", type=float, default=600, help="to measure (default: 600)")
    parser.add_argument("--warm", type=float, default=60,
                        help="seconds before that (default: 60; the bounded queue fills in "
                        f"{KEPT_SECONDS})")
    parser.add_argument("--rate", type=float, default=10_000,
                        help="messages a second (default: 10000)")
    parser.add_argument("--size", type=int, default=1024, help="of a body (default: 1024)")
    parser.add_argument("--queues", type=int, default=4,
                        help="of the load, each with a producer and a consumer (default: 4)")
    parser.add_argument("--quiet-rate", type=float, default=1000,
                        help="messages of 128 B a second in the quiet queue (default: 1000)")


@dataclass
class Quiet:
    """What a line of progress said: p99.9 and maximum of the confirms of about a second, in ms.
    Infinite when nothing was confirmed in it."""

    time: float
    p999_ms: float
    max_ms: float


@dataclass
class Watched:
    """The quiet queue's publisher, its lines read as they come."""

    child: subprocess.Popen
    seconds: list = field(default_factory=list)
    said: list = field(default_factory=list)

    def read(self):
        for line in self.child.stderr:
            if not ELAPSED.match(line):
                self.said.append(line)
                continue
            found = LINE.search(line)
            p999, most = (float(found[1]) * MILLISECONDS[found[2]],
                          float(found[3]) * MILLISECONDS[found[4]]) if found else (
                              float("inf"), float("inf"))
            self.seconds.append(Quiet(time.monotonic(), p999, most))


@contextlib.contextmanager
def running(server, *arguments, stdout=subprocess.DEVNULL):
    """The load, its lines on stderr for the caller to read."""
    child = process.start(common.perf_command(server, arguments), stdout=stdout,
                          stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        process.stop(child, 10)


def loads(server, options):
    """The commands of all that runs beside the quiet publisher: [arguments]."""
    kept_rate = max(1, options.rate * KEPT_SHARE)
    through = ["--producers", options.queues, "--consumers", options.queues, "--queue-pattern",
               "soak-%d", "--queue-pattern-to", options.queues, "--rate",
               (options.rate - kept_rate) / options.queues, "--size", options.size,
               "--confirm", 1000, "--qos", 1000, "--multi-ack-every", 100]
    kept = ["--consumers", 0, "--queue", "soak-kept", "--queue-args",
            f"x-max-length={round(kept_rate * KEPT_SECONDS)}", "--rate", kept_rate,
            "--size", options.size, "--confirm", 1000]
    quiet_reader = ["--producers", 0, "--queue", "soak-quiet", "--autoack"]
    no_progress = ["--interval", 3600]  # nobody would read it
    return [arguments + no_progress for arguments in (through, kept, quiet_reader)]


def watch(server, options):
    """Publishes to the quiet queue for options.seconds. Returns (Watched, its summary)."""
    arguments = ["--consumers", 0, "--queue", "soak-quiet", "--rate", options.quiet_rate,
                 "--size", 128, "--confirm", 1_000_000, "--interval", 1,
                 "--time", options.seconds]
    with running(server, *arguments, stdout=subprocess.PIPE) as child:
        watched = Watched(child)
        reader = threading.Thread(target=watched.read, daemon=True)
        reader.start()
        summary = child.stdout.read()
        reader.join()
        if child.wait() != 0:
            raise common.BacklogError("the quiet publisher: " + "".join(watched.said).strip())
    return watched, json.loads(summary)["phases"][0]["confirm_latency"]


def check_running(children):
    for child in children:
        if child.poll() is not None:
            raise common.BacklogError(f"a load ended with {child.returncode}: "
                                      f"{' '.join(child.args)}\n{child.stderr.read()}")


def measured(options):
    with common.broker(options, 20 * disk.GIB) as server, contextlib.ExitStack() as stack:
        children = [stack.enter_context(running(server, *arguments))
                    for arguments in loads(server, options)]
        common.say(f"warming for {options.warm:g} s")
        time.sleep(options.warm)
        check_running(children)
        common.say(f"measuring for {options.seconds:g} s")
        with common.Sampler(server) as samples:
            watched, latency = watch(server, options)
        check_running(children)
    return samples.samples, watched.seconds, latency


def write_seconds(options, samples, quiet):
    path = os.path.join(options.folder, "soak.csv")
    with open(path, "w", encoding="ascii", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["second", "disk_bytes", "segments", "spare_files", "memory_bytes",
                       "cpu_seconds", "quiet_p999_ms", "quiet_max_ms"])
        for one in samples:
            near = min(quiet, key=lambda line, at=one.time: abs(line.time - at))
            rows.writerow([f"{one.time - samples[0].time:.1f}", one.disk, one.segments, one.spares,
                           one.memory, f"{one.cpu_seconds:.2f}", f"{near.p999_ms:.3f}",
                           f"{near.max_ms:.3f}"])
    return path


def spans(samples, quiet):
    """Rows of the table: what was highest in each of some equal stretches of time."""
    begin, end = samples[0].time, samples[-1].time
    length = max(1, (end - begin) / ROWS)
    for number in range(int((end - begin) / length)):
        since = begin + number * length
        inside = [one for one in samples if since <= one.time < since + length]
        lines = [line for line in quiet if since <= line.time < since + length]
        if len(inside) < 1:
            continue
        used = inside[-1].cpu_seconds - inside[0].cpu_seconds
        cpu = f"{used / (inside[-1].time - inside[0].time):.0%}" if len(inside) > 1 else "-"
        yield [f"{since - begin:.0f} s", common.sized(max(one.disk for one in inside)),
               max(one.segments for one in inside), max(one.spares for one in inside),
               common.sized(max(one.memory for one in inside)), cpu,
               f"{max(line.p999_ms for line in lines):.2f} ms" if lines else "-",
               f"{max(line.max_ms for line in lines):.2f} ms" if lines else "-"]


def growth_row(title, name, samples):
    quarter = len(samples) // 4
    early, late = (max(getattr(one, name) for one in part)
                   for part in (samples[quarter:2 * quarter], samples[-quarter:]))
    met = late <= early * GROWTH + SLACK[name]
    return [title, f"{common.sized(early)}, {common.sized(late)}",
            f"≤ {GROWTH:g}× + {common.sized(SLACK[name])}",
            f"{late / early:.2f}× {'✓' if met else '✗'}"]


def verdicts(samples, quiet, latency):
    p999, over = latency["p999_us"] / 1000, sum(one.p999_ms > STALL_MS for one in quiet)
    yield ["quiet queue: publish to confirm, p50, p99, p99.9, most",
           ", ".join(f"{latency[name] / 1000:.2f}"
                     for name in ("p50_us", "p99_us", "p999_us", "max_us")) + " ms",
           f"p99.9 ≤ {STALL_MS} ms", "✓" if p999 <= STALL_MS else "✗"]
    yield [f"seconds whose own p99.9 was above {STALL_MS} ms", f"{over} of {len(quiet)}", "-", "-"]
    if len(samples) >= 8:
        yield growth_row("disk, most in the 2nd and the 4th quarter", "disk", samples)
        yield growth_row("memory, most in the 2nd and the 4th quarter", "memory", samples)


def run(options):
    samples, quiet, latency = measured(options)
    if not quiet:
        raise common.BacklogError("not one line of the quiet queue: measure for some seconds")
    path = write_seconds(options, samples, quiet)
    common.print_table(
        f"{options.rate:g} messages of {options.size} B a second, for {options.seconds:g} s "
        "(the highest of each stretch)",
        ["from", "disk", "segments", "spare files", "memory", "broker CPU", "quiet p99.9 of 1 s",
         "quiet, most"], spans(samples, quiet))
    common.print_table("Steady?", ["what", "measured", "asked", "reached"],
                       verdicts(samples, quiet, latency))
    common.say(f"every second: {path}")
