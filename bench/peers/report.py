"""Writes the table of ratios as Markdown between the markers of docs/performance.md."""
import datetime
import os
import platform
import re

import workloads
from loads import median

BEGIN = "<!-- bench-peers: begin (written by `make bench-peers`) -->"
END = "<!-- bench-peers: end -->"


def short(value, unit=""):
    """Three digits that count: 84 k, 6.1 M, 0.27."""
    for limit, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{letter}{unit}"
    return f"{value:.3g}{' ' if unit else ''}{unit}"


def times(value):
    return f"{value:.0f}×" if value >= 10 else f"{value:.1f}×"


def fraction(value):
    return f"1/{value:.0f}" if value >= 1.5 else f"{1 / value if value else 0:.2f}"


def table(columns, rows):
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def verdict(reached, asked, text):
    if not asked:
        return "-"
    return f"{text(asked)} {'✓' if reached >= asked else '✗'}"


def load_rows(results, labels):
    """One row a load: every server's rate and CPU, then ratios of the best against the first."""
    reference, others = labels[0], labels[1:]
    for asked in workloads.ROWS:
        if asked.name not in results:
            continue
        medians = {label: median(results[asked.name][label]) for label in labels}
        base = medians[reference]
        row = [asked.title]
        for label in labels:
            one = medians[label]
            mark = " †" if one.client_us > one.server_us else ""
            row.append(f"{short(one.rate, '/s')}, {one.server_us:.3g} s/M "
                       f"(client {one.client_us:.2g}{mark})")
        rates = [medians[label].rate / base.rate for label in others]
        cpus = [base.server_us / max(medians[label].server_us, 1e-9) for label in others]
        row.append(" / ".join(times(ratio) for ratio in rates))
        row.append(verdict(max(rates), asked.rate, times))
        row.append(" / ".join(fraction(ratio) for ratio in cpus))
        row.append(verdict(max(cpus), asked.cpu, fraction))
        yield row


def loads_section(results, labels):
    columns = ["workload", *labels, "rate, ratio", "asked", "CPU, ratio", "asked"]
    rows = list(load_rows(results, labels))
    return ["### Throughput", "", table(columns, rows), "",
            "Ratios are those of one shard / two shards to RabbitMQ. s/M: seconds of processor "
            "time by million messages. †: the client takes more of it than the broker, so that the "
            "rate is the client's rather than the broker's.", ""] if rows else []


def latency_section(results, labels):
    latency, = workloads.LATENCY.rows
    if latency.name not in results:
        return []
    runs = results[latency.name]
    medians = {label: median(runs[label]) for label in [*labels, "relay"]}
    rows = []
    for label, one in medians.items():
        rows.append([label, *(f"{getattr(one, f'{name}_us'):.0f}" for name in ("p50", "p99",
                                                                             "p999")),
                     f"{one.server_us:.3g} (client {one.client_us:.2g})"])
    for label in labels[1:]:
        row = [f"{label}, above the relay"]
        for name, asked in workloads.LATENCY_ABOVE_RELAY_US.items():
            above = getattr(medians[label], f"{name}_us") - getattr(medians["relay"], f"{name}_us")
            row.append(f"{above:+.0f} (asked: +{asked}) {'✓' if above <= asked else '✗'}")
        cpu = medians[labels[0]].server_us / max(medians[label].server_us, 1e-9)
        rows.append([*row, verdict(cpu, latency.cpu, fraction)])
    columns = [latency.title, "p50, µs", "p99, µs", "p99.9, µs", "CPU, µs a message"]
    return ["### Latency", "", table(columns, rows), ""]


def figure_rows(figures, labels):
    """Rows of single numbers: (title, unit, higher is better, asked ratio or bound, values)."""
    for figure in figures.values():
        values = figure["values"]
        base, others = values[labels[0]], [values[label] for label in labels[1:]]
        if figure["higher"]:
            ratios = [value / base if base else 0 for value in others]
            asked = verdict(max(ratios), figure["ratio"], times)
        else:
            ratios = [base / value if value > 0 else 0 for value in others]
            bound = figure["bound"]
            met = "✓" if min(others) <= bound else "✗"
            asked = f"≤ {short(bound, figure['unit'])} {met}" if bound else "-"
        title = figure["title"]
        if "relay" in values:
            title += f" (the bare relay: {short(values['relay'], figure['unit'])})"
        yield [title, *(short(values[label], figure["unit"]) for label in labels),
               " / ".join(times(ratio) for ratio in ratios), asked]


def figures_section(figures, labels):
    rows = list(figure_rows(figures, labels))
    return ["### Other figures", "",
            table(["figure", *labels, "times better", "asked"], rows), ""] if rows else []


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as cpus:
        for line in cpus:
            if line.startswith("model name"):
                model = line.split(":")[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def head(raw):
    """When and on what it was measured, as a sentence."""
    today = datetime.date.today().isoformat()
    return (f"{today}, on {machine()}: {raw['versions']}. Medians of {raw['repeats']} "
            f"run{'s' if raw['repeats'] > 1 else ''} of {raw['seconds']} s each, client and server "
            "on the same machine.")


def markdown(raw, results):
    labels = raw["labels"]
    return "\n".join([head(raw), "", *loads_section(results, labels),
                      *latency_section(results, labels),
                      *figures_section(raw["figures"], labels)]).rstrip()


def write(path, text, begin=BEGIN, end=END):
    """Replaces what is between the markers; the hand-written rest stays as it is."""
    with open(path, encoding="utf-8") as page:
        old = page.read()
    pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.DOTALL)
    if not pattern.search(old):
        raise SystemExit(f"{path} has no markers for the results")
    new = pattern.sub(lambda _: f"{begin}\n{text}\n{end}", old)
    with open(path, "w", encoding="utf-8") as page:
        page.write(new)
