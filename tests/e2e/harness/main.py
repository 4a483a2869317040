"""tests/e2e/run: starts a broker, runs the suites against it, sums up."""
import argparse
import os
import shutil
import signal
import sys
import tempfile

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


def run_suites(broker, names, extra, limit):
    outcomes = []
    for name in names:
        print(f"=== {name} ({broker.name}, port {broker.port})", flush=True)
        suite = suites.Suite(name, extra, environment(broker), limit)
        try:
            outcome = suite.run()
        finally:
            suite.stop()
        outcomes.append(outcome)
        print(f"--- {outcome}", flush=True)
        if not broker.alive():
            outcome.failed += 1
            outcome.note = "the broker died"
            print(f"--- {name}: the broker died; the remaining suites are not run")
            outcomes += [suites.Outcome(left, failed=1, note="not run: the broker had died")
                         for left in names[len(outcomes):]]
            break
    return outcomes


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
    broker = None
    try:
        broker = brokers.create(os.environ.get("BROKER") or "polymq", directory)
        broker.start()
        if options.serve:
            serve(broker)
        else:
            outcomes = run_suites(broker, options.suites or broker.suites, extra, options.limit)
    except brokers.BrokerError as error:
        problem = str(error)
    except Interrupted as signal_name:
        problem = None if options.serve else f"interrupted by {signal_name}"
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        if broker is not None:
            broker.stop()
    return report(options, broker, directory, outcomes, problem)


def report(options, broker, directory, outcomes, problem):
    complaints = [problem] if problem else []
    if broker is not None and broker.process is not None:
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
