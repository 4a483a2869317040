"""Runs `polymq perf` against a server; reads what it measured and the processor time of both."""
import json
import os
import statistics
import subprocess
from dataclasses import asdict, dataclass, fields

import servers


class LoadError(Exception):
    """polymq perf failed; the text is what it said."""


@dataclass
class Result:
    """One run. Rates are messages a second, times microseconds, memory bytes; 0 is not measured."""

    rate: float = 0
    server_us: float = 0  # processor time by message
    client_us: float = 0
    p50_us: float = 0
    p99_us: float = 0
    p999_us: float = 0
    confirm_p50_us: float = 0
    confirm_p99_us: float = 0
    memory_bytes: float = 0  # grown by message; means something in a fill only
    written: float = 0  # bytes sent to the disk by byte of body
    load_average: float = 0  # of the machine in the minute before


def median(results):
    return Result(**{field.name: statistics.median(getattr(result, field.name)
                                                   for result in results)
                     for field in fields(Result)})


def perf(arguments, limit_seconds):
    """Runs polymq perf and returns the object that it prints."""
    command = [servers.binary(), "perf", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_seconds,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise LoadError(f"{' '.join(command)}\nexit code {done.returncode}\n"
                        f"{done.stderr[-2000:]}{done.stdout[-2000:]}")
    return json.loads(done.stdout)


def result_of(phase):
    """Everything is by message delivered (where none is consumed: confirmed, or else sent).

    A publisher may be far ahead of a slow broker: what it has sent and nobody received is no work
    done, and the broker's time goes into the deliveries, too.
    """
    counted = next((name for name in ("received", "confirmed") if phase[name]), "sent")
    messages = phase[counted]
    if messages == 0:
        raise LoadError(f"not one message: {json.dumps(phase)}")
    server, latency, confirms = phase["server"], phase["latency"], phase["confirm_latency"]
    grown = server["resident_bytes_after"] - server["resident_bytes_before"]
    return Result(
        rate=phase[f"{counted}_per_second"],
        server_us=1e6 * server["cpu_seconds"] / messages,
        client_us=1e6 * phase["client_cpu_seconds"] / messages,
        p50_us=latency["p50_us"], p99_us=latency["p99_us"], p999_us=latency["p999_us"],
        confirm_p50_us=confirms["p50_us"], confirm_p99_us=confirms["p99_us"],
        memory_bytes=grown / messages, load_average=os.getloadavg()[0])


def run(load, server, seconds, more=()):
    """One run of a load against a server: {row's name: Result}, one for each phase.

    more: arguments that only this server gets.
    """
    arguments = [*load.arguments.split(), *more, "--uri", server.uri(),
                 "--server-pid", str(server.pid)]
    if load.timed:
        arguments += ["--time", f"{seconds:g}"]
    phases = perf(arguments, limit_seconds=seconds + 600)["phases"]
    if len(phases) != len(load.rows):
        raise LoadError(f"{load.arguments}: {len(phases)} phases instead of {len(load.rows)}")
    return {row.name: result_of(phase) for row, phase in zip(load.rows, phases)}


def as_data(results):
    """{name: {label: [Result]}} as plain values, for the raw results file."""
    return {name: {label: [asdict(result) for result in runs] for label, runs in by_label.items()}
            for name, by_label in results.items()}
