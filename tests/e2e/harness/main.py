"""tests/e2e/run: starts a broker, runs the suites against it, sums up."""
import argparse
import io
import os
import shutil
import signal
import sys
import tempfile
import threading

from . import brokers, suites


class Interrupted(Exception):
    """A signal asked the run to end."""


def _interrupt(signum, _frame):
    raise Interrupted(signal.Signals(signum).name)


def parse(argv):
    extra = []
    if "--" in argv:
        split = argv.index("--")
        argv, extra = argv[:split], argv[split + 1:]
    parser = argparse.ArgumentParser(
        prog="tests/e2e/run",
        description="End-to-end tests with real clients. BROKER=polymq (default), rabbitmq or "
                    "fauxqs; POLYMQ names the binary (default build/release/polymq). "
                    "STORE=memory (default) or disk: where PolyMQ keeps its data.",
        epilog="What follows -- goes to every suite's own runner.")
    parser.add_argument("suites", nargs="*", metavar="suite",
                        help=f"of {', '.join(suites.SUITES)}; all when none is named")
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS",
                        help="time limit of one suite (default: %(default)s)")
    parser.add_argument("--lanes", type=int, default=1, metavar="N",
                        help="so many suites at a time, each lane with a broker of its own; "
                             "shows what a suite says when it has ended (default: %(default)s)")
    parser.add_argument("--keep", action="store_true",
                        help="keep the broker's directory (it is kept after a failure anyway)")
    parser.add_argument("--serve", action="store_true",
                        help="run no suite: start the broker, print its address, wait for Ctrl-C")
    options = parser.parse_args(argv)
    unknown = [name for name in options.suites if name not in suites.SUITES]
    if unknown:
        parser.error(f"no suite {', '.join(unknown)}; there are {', '.join(suites.SUITES)}")
    return options, extra


def environment(broker):
    scratch = broker.path("scratch")
    os.makedirs(scratch, exist_ok=True)
    return {
        **os.environ,
        "AMQP_HOST": "127.0.0.1",
        "AMQP_PORT": str(broker.port),
        "AMQP_URL": f"amqp://guest:guest@127.0.0.1:{broker.port}/%2f",
        "SQS_URL": f"http://127.0.0.1:{getattr(broker, 'sqs_port', 0)}",
        "BROKER": broker.name,
        "E2E_TMP": scratch,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Lanes:
    """Suites that are run one after the other in each lane, which has a broker of its own."""

    def __init__(self, lanes, names, extra, limit):
        self.lanes, self.names, self.extra, self.limit = lanes, list(names), extra, limit
        self.outcomes, self.running = [], []
        self.lock = threading.Lock()
        self.stopped = False

    def run(self):
        threads = [threading.Thread(target=self._run_lane, args=[lane]) for lane in self.lanes]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        finally:  # a signal
            with self.lock:
                self.stopped = True
                for suite in self.running:
                    suite.stop()
            for thread in threads:
                thread.join()
        self.outcomes += [suites.Outcome(left, failed=1, note="not run: the broker had died")
                          for left in self.names]
        return self.outcomes

    def _run_lane(self, broker):
        alone = len(self.lanes) == 1
        while True:
            with self.lock:
                if self.stopped or not self.names:
                    return
                name = self.names.pop(0)
                output = sys.stdout if alone else io.StringIO()
                suite = suites.Suite(name, self.extra, environment(broker), self.limit, output)
                self.running.append(suite)
            print(f"=== {name} ({broker.name}, port {broker.port})", file=output, flush=True)
            try:
                outcome = suite.run()
            except Exception as error:  # a thread's would be seen by nobody
                outcome = suites.Outcome(name, failed=1, note=f"it cannot be run: {error!r}")
            if not broker.alive():
                outcome.failed += 1
                outcome.note = "the broker died"
            with self.lock:
                if not alone:
                    print(output.getvalue(), end="")
                print(f"--- {outcome}", flush=True)
                self.running.remove(suite)
                self.outcomes.append(outcome)
            if not broker.alive():
                return


def serve(broker):
    for key in ("AMQP_HOST", "AMQP_PORT", "AMQP_URL", "SQS_URL", "BROKER", "E2E_TMP"):
        print(f"export {key}={environment(broker)[key]}")
    print("# Ctrl-C stops the broker", flush=True)
    while broker.alive():
        signal.sigtimedwait([], 1)


def main(argv):
    options, extra = parse(argv)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _interrupt)
    directory = tempfile.mkdtemp(prefix="polymq-e2e-")
    outcomes, problem = [], None
    lanes = []
    try:
        for number in range(options.lanes):
            own = os.path.join(directory, f"lane-{number + 1}")
            os.mkdir(own)
            lanes.append(brokers.create(os.environ.get("BROKER") or "polymq", own))
            lanes[-1].start()
        if options.serve:
            serve(lanes[0])
        else:
            names = options.suites or lanes[0].suites
            outcomes = Lanes(lanes, names, extra, options.limit).run()
    except brokers.BrokerError as error:
        problem = str(error)
    except Interrupted as signal_name:
        problem = None if options.serve else f"interrupted by {signal_name}"
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        for broker in lanes:
            broker.stop()
    return report(options, lanes, directory, outcomes, problem)


def report(options, lanes, directory, outcomes, problem):
    complaints = [problem] if problem else []
    for broker in lanes:
        if broker.process is not None:
            complaints += broker.complaints()
    for outcome in outcomes:
        print(outcome)
    for complaint in complaints:
        print(f"broker: {complaint}")
    failed = sum(outcome.failed for outcome in outcomes) + len(complaints)
    if failed or options.keep:
        print(f"logs are in {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    if not options.serve:
        passed = sum(outcome.passed for outcome in outcomes)
        skipped = sum(outcome.skipped for outcome in outcomes)
        print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.stdout.flush()
    return 1 if failed else 0
