"""One history after the other: load, a kill at a random moment, a restart, a look at everything."""
import collections
import itertools
import os
import random
import shutil
import tempfile
import time

from harness import brokers, wire

import architecture
import checker
import consuming
import inventory
import publishing
import servers
import session
import things
import topology
import transacting
from actors import World
from ledger import Ledger, Problem

TRIM_AT_COPIES = 12_000
POLITE_SHARE = 0.08             # ended by SIGTERM
CRASH_AGAIN_SHARE = 0.12        # killed once more while it recovers
UNSEEN_SHARE = 0.15             # the next load starts without a look
FRESH_SHARE = 0.05              # a new data folder for the next round
GENTLE_SECONDS = 0.5            # for the broker to notice that everybody has left
DUE_SLACK_SECONDS = 0.2
LATE_SECONDS = 3                # what may still be on its way after a restart


class History:
    """A data folder, the broker on it and the ledger of what clients know about it."""

    def __init__(self, options, publishers):
        self.directory = tempfile.mkdtemp(prefix="polymq-crash-", dir=options.scratch)
        self.server = servers.create(options.broker, self.directory, options.extra)
        self.publishers = publishers
        self.ledger = Ledger()
        if not self.server.quorum_queues:
            self.ledger.add_queue(topology.Queue("quorum", ordered=False))

    def begin(self, shards):
        self.ledger.left.clear()
        self.server.shards = shards
        self.server.start()
        with session.Session(self.server.port) as client:
            client.open(channels=[1])
            topology.declare(client, self.ledger.queues.values())
            client.close()

    def end(self, keep):
        self.server.kill()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)


class Round:
    """All that one round does; `problems` is empty when every promise was kept."""

    def __init__(self, history, number, options):
        self.history = history
        self.server = history.server
        self.ledger = history.ledger
        self.number = number
        self.seed = f"{options.seed}:{number}"
        self.rng = random.Random(self.seed)
        self.seconds = options.seconds_per_round * self.rng.uniform(0.2, 1.8)
        self.last = number == options.rounds
        self.gently = options.no_kill
        self.most_shards = options.shards
        self.figures = collections.Counter()
        self.notes = []
        self.problems = []
        self.took = 0.0

    def run(self):
        started = time.monotonic()
        self.load()
        try:
            self.restart()
        except brokers.BrokerError as error:
            self.problems.append(Problem("start", str(error)))
            self.took = time.monotonic() - started
            return False
        if self.last or self.rng.random() >= UNSEEN_SHARE:
            try:
                self.look()
            except (OSError, wire.WireError) as error:
                self.problems.append(Problem("look", f"{error!r}"))
        else:
            self.notes.append("not looked at")
        self.problems += self.ledger.problems
        self.problems += self.log_problems()
        self.ledger.problems.clear()
        self.took = time.monotonic() - started
        return not self.problems

    # Load and kill

    def crew(self, world):
        crew = [publishing.Publisher(world, f"publisher.{n}", topology.TARGETS)
                for n in range(self.rng.randint(2, 4))]
        crew.append(publishing.Publisher(world, "limited", topology.LIMITED_TARGETS))
        for n in range(self.rng.randint(1, 3)):
            queues = self.rng.sample(topology.CONSUMED, self.rng.randint(1, 4))
            crew.append(consuming.Consumer(world, f"consumer.{n}", queues))
        crew.append(consuming.Consumer(world, "lazy", [topology.LAZY], lazy=True))
        crew.append(consuming.Getter(world, "getter", topology.CONSUMED))
        crew += [transacting.Transactor(world, "transactor"),
                 publishing.Volatile(world, "volatile"), publishing.Sweeper(world, "sweeper"),
                 architecture.Architect(world, "architect")]
        return crew

    def load(self):
        world = World(self.server.port, self.ledger, self.history.publishers, self.seed,
                      self.server.quorum_queues)
        crew = self.crew(world)
        for actor in crew:
            actor.start()
        time.sleep(self.seconds)
        self.strike(world)
        self.ledger.killed_at = time.time()
        self.problems += self.log_problems()
        world.over.set()
        for actor in crew:
            actor.join(30)
            if actor.is_alive():
                self.problems.append(Problem("harness", f"{actor.name} did not end"))
            self.figures.update(actor.figures)

    def strike(self, world):
        """Ends the broker while everybody is at work, in one of the ways there are."""
        world.ending = not self.gently
        if self.gently:
            self.notes.append("not killed")
        elif self.rng.random() < POLITE_SHARE:
            self.notes.append("SIGTERM")
            problem = self.server.end_politely()
            if problem:
                self.problems.append(Problem("died", problem))
        else:
            self.notes.append(f"killed after {self.seconds:.2f} s")
            died = self.server.kill()
            if died is not None:
                self.problems.append(Problem("died", f"the broker ended by itself: {died}"))

    def log_problems(self):
        return [Problem("log", line) for line in self.server.bad_lines()]

    # Restart

    def restart(self):
        if self.gently:
            time.sleep(GENTLE_SECONDS)
            self.ledger.volatile.clear()    # they may stay as long as the broker runs
            return
        while self.rng.random() < CRASH_AGAIN_SHARE:
            self.server.shards = self.rng.randint(1, self.most_shards)
            seconds = self.rng.uniform(0.002, 0.15)
            self.notes.append(f"killed {seconds * 1000:.0f} ms into a restart")
            died = self.server.start_and_kill(seconds)
            if died is not None:
                self.problems.append(Problem("died", f"ended by itself when starting: {died}"))
        self.server.shards = self.rng.randint(1, self.most_shards)
        started = time.monotonic()
        self.server.start()
        self.notes.append(f"up in {time.monotonic() - started:.2f} s")

    # Look

    def look(self):
        # What is held comes when it is due, and what a look does not find must not come later.
        due = self.ledger.killed_at + topology.LONGEST_DELAY_MS / 1000 + DUE_SLACK_SECONDS
        time.sleep(max(0, due - time.time()))
        there = inventory.Inventory(self.server.port, self.ledger.queues)
        self.problems += things.check_existence(self.ledger, there)
        there.take([thing[1] for thing, exists in self.ledger.things.items()
                    if thing[0] == "queue" and exists])
        deadline = time.monotonic() + LATE_SECONDS
        problems = checker.check(self.ledger, there.shelves)
        while time.monotonic() < deadline and any(each.kind in ("lost", "torn", "count")
                                                  for each in problems):
            there.listen(0.2)
            problems = checker.check(self.ledger, there.shelves)
        self.problems += problems
        self.figures.update(checker.figures(self.ledger, there.shelves))
        self.problems += things.check_bindings(self.ledger, there)
        checker.carry_on(self.ledger, there.shelves)
        there.close()
        things.forget_absent(self.ledger)
        self.put_back(there.shelves)

    def put_back(self, shelves):
        """All that was taken is ready again; a large history is trimmed by purges."""
        trim = self.ledger.size() > TRIM_AT_COPIES
        with session.Session(self.server.port) as client:
            client.open(channels=[1])
            for name, copies in self.ledger.copies.items():
                queue = self.ledger.queues[name]
                places = [place for place in (name, queue.dead) if place in shelves]
                for place in places:
                    if not queue.moves_by_itself and shelves[place].exists:
                        self.wait_for_count(client, place, len(shelves[place].found))
                if trim and copies:
                    self.trim(client, name, places, not queue.moves_by_itself)
            client.close()
        if trim:
            self.notes.append("trimmed")

    def wait_for_count(self, client, name, expected):
        deadline = time.monotonic() + 10
        while True:
            counted = client.call(1, "queue.declare", queue=name, passive=True)["message_count"]
            if counted == expected:
                return
            if time.monotonic() > deadline:
                self.problems.append(Problem("count", f"{name}: {counted} ready after {expected} "
                                                      "unsettled ones were put back"))
                return
            time.sleep(0.01)

    def trim(self, client, name, places, for_sure):
        ended = self.ledger.sweeping(name)
        for place in places:
            client.call(1, "queue.purge", queue=place)
        if for_sure:
            self.ledger.swept(ended)

    # Report

    def line(self):
        f = self.figures
        return (f"round {self.number} seed {self.seed} shards {self.server.shards} "
                f"[{', '.join(self.notes)}] sent {f['sent']} confirmed {f['confirmed']} "
                f"delivered {f['delivered']} acked {f['acked']} rejected {f['rejected']} "
                f"tx {f['committed']}+{f['rolled back']} changes {f['changes']} | "
                f"found {f['found']}, unconfirmed {f['unconfirmed kept']} kept "
                f"{f['unconfirmed gone']} gone, acks back {f['acks back']} "
                f"(≤ {f['acks back ms']} ms): "
                f"{'ok' if not self.problems else 'FAILED'} {self.took:.1f} s")


def describe(problems, most_each=3):
    """The problems by class and queue, with some examples each."""
    groups = collections.defaultdict(list)
    for problem in problems:
        groups[subject(problem)].append(problem)
    lines = []
    for what, group in groups.items():
        lines += [f"  {each.kind}: {each.text}" for each in group[:most_each]]
        if len(group) > most_each:
            lines.append(f"  {what}: {len(group) - most_each} more")
    return lines


def subject(problem):
    """CLASS:WHAT, where what is mostly a queue."""
    return f"{problem.kind}:{problem.text.split()[0].rstrip(':')}"


def is_tolerated(problem, options):
    return problem.kind in options.tolerate or subject(problem) in options.tolerate


def run(options, say=print):
    """Runs all rounds; returns how many failed. A failed round's folder is kept."""
    publishers = itertools.count(1)
    history, failed, tolerated = None, 0, collections.Counter()
    plan = random.Random(f"{options.seed}:plan")
    try:
        for number in range(1, options.rounds + 1):
            if history is None:
                history = History(options, publishers)
                history.begin(plan.randint(1, options.shards))
                say(f"new history in {history.directory}")
            each = Round(history, number, options)
            each.run()
            tolerated.update(subject(p) for p in each.problems if is_tolerated(p, options))
            each.problems = [p for p in each.problems if not is_tolerated(p, options)]
            say(each.line())
            for line in describe(each.problems):
                say(line)
            if each.problems:
                failed += 1
                history.server.kill()
                say(f"  data folder and log: {history.directory}")
                history = None
                if failed >= options.max_failures:
                    say(f"stopped after {failed} failed rounds")
                    break
            elif plan.random() < FRESH_SHARE:
                history.end(options.keep)
                history = None
    finally:
        if history is not None:
            history.end(options.keep)
    for kind, count in tolerated.items():
        say(f"tolerated {kind}: {count}")
    return failed


def scratch_folder():
    return os.environ.get("E2E_TMP") or tempfile.gettempdir()
