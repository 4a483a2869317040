"""The tables of persistent work, as Markdown between markers of their own in
docs/performance.md."""
import statistics

import persistent
from loads import median
from report import fraction, head, short, table, times, verdict

BEGIN = "<!-- bench-peers, persistent: begin (written by `make bench-peers`) -->"
END = "<!-- bench-peers, persistent: end -->"


def of_kind(kind):
    return [one.label for one in persistent.CONTESTANTS if one.kind == kind]


LABELS = [one.label for one in persistent.CONTESTANTS]
OURS = of_kind("PolyMQ")


def best_rate(medians, kind):
    return max(medians[label].rate for label in of_kind(kind))


def least_cpu(medians, kind):
    return min(medians[label].server_us for label in of_kind(kind))


def mark(met):
    return "✓" if met else "✗"


def rate_asked(row, medians, found):
    """What is asked of the rate, and whether the better number of shards reaches it."""
    ours = best_rate(medians, "PolyMQ")
    classic = ours / best_rate(medians, "classic")
    if row.name == "persistent-1k":
        quorum = ours / best_rate(medians, "quorum")
        of_disk = ours * 1024 / found.probe("sequential", "bytes_per_second")
        met = (classic >= row.rate and quorum >= persistent.QUORUM_RATE
               or of_disk >= persistent.DISK_PART)
        return (f"{times(row.rate)}, quorum {times(persistent.QUORUM_RATE)}, or "
                f"{persistent.DISK_PART:.0%} of the disk (is {of_disk:.0%}) {mark(met)}")
    if row.name == "persistent-single":
        least = (persistent.SINGLE_PART * persistent.SINGLE_CONNECTIONS
                 / (2e-6 * found.probe("sync", "p50_us")))
        return f"{short(least, '/s')} {mark(ours >= least)}"
    return verdict(classic, row.rate, times)


def load_rows(found):
    for row in persistent.ROWS:
        if row.name not in found.loads or row in persistent.LATENCY.rows:
            continue
        medians = {label: median(found.loads[row.name][label]) for label in LABELS}
        cells = [row.title]
        for label in LABELS:
            one = medians[label]
            client = " †" if one.client_us > one.server_us else ""
            cells.append(f"{short(one.rate, '/s')}, {one.server_us:.3g} s/M "
                         f"(client {one.client_us:.2g}{client})")
        for kind in ("classic", "quorum"):
            base = best_rate(medians, kind)
            cells.append(" / ".join(times(medians[label].rate / base) for label in OURS))
        cells.append(rate_asked(row, medians, found))
        base = least_cpu(medians, "classic")
        ratios = [base / max(medians[label].server_us, 1e-9) for label in OURS]
        cells += [" / ".join(map(fraction, ratios)), verdict(max(ratios), row.cpu, fraction)]
        yield cells


def loads_section(found):
    rows = list(load_rows(found))
    columns = ["workload", *LABELS, "rate, to classic", "to quorum", "asked", "CPU, to classic",
               "asked"]
    count = {one.kind: short(found.scaled(one.fill)) for one in persistent.CONTESTANTS}
    return ["#### Throughput", "", table(columns, rows), "",
            f"Filled with {count['classic']} messages on RabbitMQ and {count['PolyMQ']} on PolyMQ. "
            "Ratios are those of one shard / two shards to the better of RabbitMQ's classic queues "
            "and to its quorum queue. s/M and †: as above. 100 connections: confirms a second; "
            "asked for is 0.7 × 100 / (2 × the median sync of 4 KiB).", ""] if rows else []


def latency_section(found):
    row, = persistent.LATENCY.rows
    if row.name not in found.loads:
        return []
    medians = {label: median(found.loads[row.name][label]) for label in LABELS}
    rows = [[label, f"{one.confirm_p50_us:.0f}", f"{one.confirm_p99_us:.0f}",
             f"{one.server_us:.3g} (client {one.client_us:.2g})"]
            for label, one in medians.items()]
    cpu = least_cpu(medians, "classic")
    for label in OURS:
        cells = [f"{label}, times the sync"]
        for name, asked in persistent.LATENCY_SYNCS.items():
            ratio = (getattr(medians[label], f"confirm_{name}_us")
                     / found.probe("paced", f"{name}_us"))
            cells.append(f"{ratio:.2f} (asked: {asked}) {mark(ratio <= asked)}")
        rows.append([*cells, verdict(cpu / max(medians[label].server_us, 1e-9), row.cpu,
                                     fraction)])
    return ["#### Confirm latency", "",
            table([row.title, "p50, µs", "p99, µs", "CPU, µs a message"], rows), "",
            f"After {persistent.WARM_SECONDS} s at full speed, so that the journal's files are "
            "made. Compared with the same percentile of the disk's own sync of 4 KiB at that rate, "
            "which counts from when it was due, too (below).", ""]


def figure_rows(found):
    for name, figure in persistent.FIGURES.items():
        if name not in found.figures:
            continue
        values = {label: statistics.median(found.figures[name][label]) for label in LABELS}
        waiting = " / ".join(short(found.scaled(one.waiting))
                             for one in (persistent.CONTESTANTS[0], persistent.CONTESTANTS[-1]))
        title = figure.title.format(waiting=waiting,
                                    restarted=short(found.scaled(persistent.RESTARTED)))
        asked = "-"
        if figure.bound:
            met = min(values[label] for label in OURS) <= figure.bound
            asked = f"≤ {short(figure.bound, figure.unit)} {mark(met)}"
        yield [title, *(short(values[label], figure.unit) for label in LABELS), asked]
    through = persistent.THROUGH.rows[0].name
    if through in found.loads:
        medians = {label: median(found.loads[through][label]) for label in LABELS}
        yield ["bytes written to the disk by byte of body, first row of throughput",
               *(f"{medians[label].written:.2f}" for label in LABELS), "-"]


def figures_section(found):
    rows = list(figure_rows(found))
    return ["#### Other figures", "", table(["figure", *LABELS, "asked"], rows), "",
            "Waiting: RabbitMQ / PolyMQ.", ""] if rows else []


def disk_section(found):
    if not found.probes:
        return []
    titles = {"sync": "4 KiB, one after another",
              "paced": f"4 KiB, {persistent.LATENCY_RATE} a second",
              "sequential": "1 MiB, one after another"}
    rows = [[titles[name], f"{found.probe(name, 'p50_us'):.0f}",
             f"{found.probe(name, 'p99_us'):.0f}",
             short(found.probe(name, "bytes_per_second"), "B/s"),
             f"{found.probe(name, 'cpu_us'):.0f}"] for name in persistent.PROBES]
    return ["#### The disk alone", "",
            table(["write and fdatasync, blocks exist", "p50, µs", "p99, µs", "bytes",
                   "CPU, µs a write"], rows), ""]


def markdown(raw, found):
    """raw: what report.head() needs; found: persistent.Measured."""
    scale = f" Counts of messages times {found.scale:g}." if found.scale != 1 else ""
    return "\n".join([head(raw) + " Each run on a fresh server alone." + scale, "",
                      *loads_section(found), *latency_section(found), *figures_section(found),
                      *disk_section(found)]).rstrip()
