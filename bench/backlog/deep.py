"""One queue, very deep: filled, the broker started again, drained."""
import time

import common
import disk

QUEUE = "backlog"
# A message's record, with its head (docs/journal-format.md), and what a segment keeps free for
# settlements: an upper bound, to know beforehand whether the disk is large enough.
RECORD_BYTES = 80
SEGMENT_SHARE = 0.75


def add_options(parser):
    parser.add_argument("--messages", type=int, default=100_000_000,
                        help="how many (default: 100 million)")
    parser.add_argument("--size", type=int, default=16, help="of a body in bytes (default: 16)")
    parser.add_argument("--window", type=int, default=1000,
                        help="most messages unconfirmed at once (default: 1000)")
    parser.add_argument("--crash", action="store_true",
                        help="kill -9 before the start, rather than an orderly stop")


def needed_bytes(options):
    return options.messages * (RECORD_BYTES + options.size) / SEGMENT_SHARE + disk.GIB


def step(name, phase, most_disk, disk_after):
    """A row of the table; said at once, too, because what follows takes long."""
    row = [name, f"{phase.seconds:.1f} s", f"{common.counted(phase.rate)}/s",
           f"{phase.cpu_by_million:.3g} s/M", common.sized(phase.memory_peak),
           common.sized(most_disk), common.sized(disk_after)]
    common.say("  ".join(row))
    return row


def restart(server, options):
    """[what, value] rows."""
    before = time.monotonic()
    if options.crash:
        server.kill()
    else:
        server.stop()
    stopped = time.monotonic() - before
    disk.forget_cached(server.data_dir)
    listening, delivered = server.start_to_delivery(QUEUE)
    io = disk.io_of(server.pid)
    return [["killed" if options.crash else "stopped, in", f"{stopped:.2f} s"],
            ["from launch until it listened", f"{listening:.3f} s"],
            ["from launch to the first message", f"{delivered:.3f} s"],
            ["CPU until then", f"{server.cpu_seconds():.2f} s"],
            ["read until then", common.sized(io["rchar"])],
            ["memory then, most until then",
             f"{common.sized(server.memory_bytes())}, "
             f"{common.sized(server.memory_bytes('VmHWM'))}"]]


def run(options):
    with common.broker(options, needed_bytes(options)) as server:
        empty = common.sample(server)
        common.say(f"filling with {options.messages} messages of {options.size} B")
        with common.Sampler(server) as samples:
            filled = common.perf(server, "--consumers", 0, "--queue", QUEUE, "--pmessages",
                                 options.messages, "--size", options.size, "--confirm",
                                 options.window, "--interval", options.interval)
        full = common.sample(server)
        rows = [step("fill", filled, samples.most("disk"), full.disk)]
        waiting_memory = full.memory
        common.say("starting again")
        started = restart(server, options)
        common.say("draining")
        with common.Sampler(server) as samples:
            drained = common.perf(server, "--producers", 0, "--queue", QUEUE, "--cmessages",
                                  options.messages, "--qos", 1000, "--multi-ack-every", 100,
                                  "--interval", options.interval)
        common.wait_settled(server, 30)
        rows.append(step("drain", drained, samples.most("disk"), common.sample(server).disk))
    by_message = (full.disk - empty.disk) / options.messages
    common.print_table(
        f"{common.counted(options.messages)} messages of {options.size} B, "
        f"{common.sized(options.messages * options.size)} of bodies",
        ["step", "time", "rate", "broker CPU", "memory, most", "disk, most", "disk at the end"],
        rows)
    common.print_table("Waiting and started again", ["what", "value"],
                       [["memory with all waiting", common.sized(waiting_memory)],
                        ["disk by message", f"{by_message:.1f} B"], *started])
