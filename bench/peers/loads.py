"""Runs `polymq perf` against a server; reads what it measured and the processor time of both."""
import json
import os
import resource
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
    memory_bytes: float = 0  # by message, in a fill
    load_average: float = 0  # of the machine in the minute before


def median(results):
    return Result(**{field.name: statistics.median(getattr(result, field.name)
                                                   for result in results)
                     for field in fields(Result)})


def _child_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def perf(arguments, limit_seconds):
    """Runs polymq perf with its JSON output; returns the object it printed last."""
    command = [servers.binary(), "perf", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_seconds,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise LoadError(f"{' '.join(command)}\nexit code {done.returncode}\n"
                        f"{done.stderr[-2000:]}{done.stdout[-2000:]}")
    return json.loads(done.stdout)


def run(load, server, seconds):
    """One run of a load against a server."""
    arguments = ["--uri", server.uri(), *load.options.split()]
    if load.timed:
        arguments += ["--time", str(seconds)]
    memory, load_average = server.memory_bytes(), os.getloadavg()[0]
    server_cpu, client_cpu = server.cpu_seconds(), _child_seconds()
    report = perf(arguments, limit_seconds=seconds + 300)
    server_cpu = server.cpu_seconds() - server_cpu
    client_cpu = _child_seconds() - client_cpu
    messages = report["received"]["messages"] or report["sent"]["messages"]
    if messages == 0:
        raise LoadError(f"{load.name} on {server.label}: not one message")
    result = Result(rate=(report["received"]["rate"] or report["sent"]["rate"]),
                    server_us=1e6 * server_cpu / messages, client_us=1e6 * client_cpu / messages,
                    load_average=load_average)
    latency = report.get("latency_us") or {}
    for name in ("p50", "p99", "p999"):
        setattr(result, f"{name}_us", latency.get(name, 0))
    if load.keeps_queue:
        result.memory_bytes = (server.memory_bytes() - memory) / messages
    return result


def as_data(results):
    """{name: {label: [Result]}} as plain values, for the raw results file."""
    return {name: {label: [asdict(result) for result in runs] for label, runs in by_label.items()}
            for name, by_label in results.items()}
