"""Many queues filled in turns, so that every segment holds some of each; then one is drained."""
import time

import common
import disk

PATTERN = "interleaved-%03d"
PUSHED = 160_000


def add_options(parser):
    parser.add_argument("--queues", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--messages", type=int, default=20_000,
                        help="in each queue (default: 20000)")
    parser.add_argument("--size", type=int, default=1024, help="of a body (default: 1024)")
    parser.add_argument("--emptied", type=float, default=0.9, metavar="PART",
                        help="of the queues, so that segments become sparse and are compacted "
                        "(default: 0.9)")
    parser.add_argument("--compaction-seconds", type=float, default=300,
                        help="most to wait for the compaction to end (default: 300)")


def drain_one(server, options, number):
    """Reads a queue from a cold start. Returns its row's values."""
    common.start_again(server)
    if not common.wait_settled(server, options.compaction_seconds):
        common.say("the broker did not come to rest after its start")
    disk.forget_cached(server.data_dir)  # what was read together with the indexes
    before = disk.io_of(server.pid)
    phase = common.perf(server, "--producers", 0, "--queue", PATTERN % number, "--cmessages",
                        options.messages, "--qos", 1000, "--multi-ack-every", 100,
                        "--interval", options.interval)
    after = disk.io_of(server.pid)
    own = options.messages * options.size
    asked, fetched = (after[name] - before[name] for name in ("rchar", "read_bytes"))
    return [common.sized(own), f"{common.sized(asked)} ({asked / own:.2f}×)",
            f"{common.sized(fetched)} ({fetched / own:.2f}×)", f"{common.counted(phase.rate)}/s",
            f"{phase.cpu_by_million:.3g} s/M"]


def push(server, options):
    """Writes more than two segments, and empties them: the store looks for what is sparse when a
    segment ends."""
    common.perf(server, "--consumers", 0, "--queue", "pushed", "--pmessages", PUSHED, "--size",
                1024, "--confirm", 1000, "--interval", options.interval)
    common.purge(server, ["pushed"])


def compact(server, options):
    """Empties most queues and waits until what is left has been gathered. Returns table rows."""
    first = max(3, options.queues - round(options.queues * options.emptied) + 1)
    rows = [["queues emptied", f"{options.queues - first + 1} of {options.queues}"]]

    def observe(title, work):
        io, state, started = disk.io_of(server.pid), common.sample(server), time.monotonic()
        work()
        settled = common.wait_settled(server, options.compaction_seconds)
        seconds = time.monotonic() - started - (common.SETTLED_SECONDS if settled else 0)
        now, done = disk.io_of(server.pid), common.sample(server)
        rows.append([title, f"{seconds:.1f} s{'' if settled else ', not at rest then'}, "
                     f"CPU {done.cpu_seconds - state.cpu_seconds:.2f} s, "
                     f"read {common.sized(now['rchar'] - io['rchar'])}, "
                     f"written {common.sized(now['write_bytes'] - io['write_bytes'])}"])
        rows.append(["  disk and segments then", f"{common.sized(done.disk)}, {done.segments}"])

    state = common.sample(server)
    rows.append(["disk and segments before", f"{common.sized(state.disk)}, {state.segments}"])
    emptied = [PATTERN % number for number in range(first, options.queues + 1)]
    observe("emptying, until at rest", lambda: common.purge(server, emptied))
    observe(f"{PUSHED} messages of 1 KiB written and purged, until at rest",
            lambda: push(server, options))
    return rows


def run(options):
    total = options.queues * options.messages * options.size
    with common.broker(options, 3 * total + 2 * disk.GIB) as server:
        common.say(f"filling {options.queues} queues in turns")
        filled = common.perf(server, "--producers", options.queues, "--consumers", 0,
                             "--queue-pattern", PATTERN, "--queue-pattern-to", options.queues,
                             "--pmessages", options.messages, "--size", options.size,
                             "--confirm", 100, "--interval", options.interval)
        common.say("draining one")
        rows = [["before compaction", *drain_one(server, options, 1)]]
        common.say("emptying others, waiting for the compaction")
        compaction = compact(server, options)
        common.say("draining another")
        rows.append(["after compaction", *drain_one(server, options, 2)])
    common.print_table(
        f"{options.queues} queues of {options.messages} messages of {options.size} B, filled at "
        f"{common.counted(filled.rate)}/s; then one is drained from a cold start. The system reads "
        f"ahead up to {common.sized(disk.read_ahead_bytes(options.folder))}",
        ["drained", "queue's bytes", "read calls asked for", "fetched from the disk", "rate",
         "broker CPU"], rows)
    common.print_table("Compaction between the two", ["what", "value"], compaction)
