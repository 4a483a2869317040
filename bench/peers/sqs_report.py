"""The tables of SQS, as Markdown between markers of their own in docs/performance.md."""
import os

import sqs
from loads import median
from report import head, short, table, times

BEGIN = "<!-- bench-peers, SQS: begin (written by `make bench-peers`) -->"
END = "<!-- bench-peers, SQS: end -->"

LABELS = [one.label for one in sqs.CONTESTANTS]


def mark(met):
    return "✓" if met else "✗"


def busy(one):
    """The share of the machine's processor time that server and client took together."""
    return one.rate * (one.server_us + one.client_us) / 1e6 / os.cpu_count()


def ours(kind):
    return [one.label for one in sqs.CONTESTANTS
            if one.label != sqs.REFERENCE and one.kind == kind]


def asked_of_batches(row, medians):
    """Of the better number of shards, in memory and durable."""
    base = medians[sqs.REFERENCE].rate
    memory = max(medians[label].rate for label in ours("in memory")) / base
    durable = max(medians[label].rate for label in ours("durable")) / base
    cpu = min(medians[label].server_us for label in ours("in memory"))
    return (f"{times(row.rate)} {mark(memory >= row.rate)}, durable {times(sqs.DURABLE_RATE)} "
            f"{mark(durable >= sqs.DURABLE_RATE)}; in memory {sqs.CPU_SECONDS} s/M "
            f"{mark(cpu <= sqs.CPU_SECONDS)}")


def asked_of_single(medians):
    best = max(ours("in memory"), key=lambda label: medians[label].rate)
    return (f"{short(sqs.SINGLE_RATE, '/s')} {mark(medians[best].rate >= sqs.SINGLE_RATE)}, p99 "
            f"{sqs.SINGLE_P99_US} µs {mark(medians[best].confirm_p99_us <= sqs.SINGLE_P99_US)}")


def load_rows(found):
    for row in sqs.ROWS:
        if row.name not in found.loads:
            continue
        medians = {label: median(found.loads[row.name][label]) for label in LABELS}
        base = medians[sqs.REFERENCE]
        for label in LABELS:
            one = medians[label]
            reached = "" if label == sqs.REFERENCE else times(one.rate / base.rate)
            cpu = "" if label == sqs.REFERENCE else f"1/{base.server_us / one.server_us:.0f}"
            yield [row.title if label == LABELS[0] else "", label, short(one.rate, "/s"), reached,
                   f"{one.server_us:.3g} (client {one.client_us:.2g})", cpu, f"{busy(one):.0%}",
                   f"{one.confirm_p50_us:.0f} / {one.confirm_p99_us:.0f}",
                   f"{one.p50_us:.0f} / {one.p99_us:.0f}" if one.p50_us else "-"]
        asked = (asked_of_batches(row, medians) if row.rate else asked_of_single(medians))
        yield ["", f"asked: {asked}", "", "", "", "", "", "", ""]


def loads_section(found):
    rows = list(load_rows(found))
    columns = ["workload", "server", "messages", "ratio", "CPU, s/M", "ratio", "machine",
               "send, p50 / p99, µs", "to delivery, µs"]
    return ["#### Throughput", "", table(columns, rows), "",
            "Ratios are those to fauxqs. s/M: seconds of processor time by million messages. "
            "Machine: how much of its processor time server and client took together. Every "
            "durable send and delete is synced before it is answered.", ""] if rows else []


def figures_section(found):
    rows = []
    for name, figure in sqs.FIGURES.items():
        if name not in found.figures:
            continue
        values = {label: found.median(name, label) for label in LABELS}
        asked = "-"
        if figure.bound:
            best = min(values[label] for label in ours("in memory"))
            asked = f"≤ {short(figure.bound, figure.unit)} {mark(best <= figure.bound)}"
        rows.append([figure.title, *(short(values[label], figure.unit) for label in LABELS),
                     asked])
    return ["#### Other figures", "", table(["figure", *LABELS, "asked"], rows), ""] if rows else []


def markdown(raw, found):
    """raw: what report.head() needs; found: sqs.Measured."""
    raw = {**raw, "versions": sqs.versions()}
    return "\n".join([head(raw) + " Each run on a fresh server alone, with no listener but that "
                      "for SQS.", "", *loads_section(found), *figures_section(found)]).rstrip()
