"""Runs one suite under a time limit, shows its output and reads its summary."""
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from . import process

HERE = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
SUITES = ["python", "celery", "node", "go", "java", "ruby", "php", "tools", "examples",
          "sqs", "sqs-cli", "sqs-node", "sqs-go", "sqs-celery", "tls", "hostile", "crash"]
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")


@dataclass
class Outcome:
    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    seconds: float = 0.0

    def __str__(self):
        note = f"  ({self.note})" if self.note else ""
        return (f"{self.name}: {self.passed} passed, {self.failed} failed, "
                f"{self.skipped} skipped in {self.seconds:.1f} s{note}")


class Suite:
    """A folder tests/e2e/NAME whose executable `run` ends with the countable summary line."""

    def __init__(self, name, extra, environment, limit_seconds, output=sys.stdout):
        self.name = name
        self.extra = extra
        self.environment = environment
        self.limit_seconds = limit_seconds
        self.output = output
        self.process = None
        self._timed_out = False

    def run(self):
        program = os.path.join(HERE, self.name, "run")
        outcome = Outcome(self.name)
        if not os.access(program, os.X_OK):
            outcome.failed, outcome.note = 1, f"no executable tests/e2e/{self.name}/run"
            return outcome
        started = time.monotonic()
        self.process = process.start(
            [program, *self.extra], cwd=os.path.join(HERE, self.name), env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        last_line = self._relay()
        code = self.process.wait()
        process.stop(self.process, 0)
        outcome.seconds = time.monotonic() - started
        self._judge(outcome, last_line, code)
        return outcome

    def _relay(self):
        """Copies the suite's output through; returns its last line that is not blank."""
        timer = threading.Timer(self.limit_seconds, self._time_out)
        timer.start()
        last_line = ""
        try:
            for line in self.process.stdout:
                self.output.write(line)
                self.output.flush()
                last_line = line.strip() or last_line
        finally:
            timer.cancel()
        return last_line

    def _time_out(self):
        self._timed_out = True
        self.stop()

    def stop(self):
        if self.process is not None:
            process.stop(self.process, 3)

    def _judge(self, outcome, last_line, code):
        summary = SUMMARY.match(last_line)
        if summary:
            outcome.passed, outcome.failed, outcome.skipped = map(int, summary.groups())
        if self._timed_out:
            problem = f"stopped after {self.limit_seconds:g} s"
        elif not summary:
            problem = f"no summary line, exit code {code}"
        elif code != 0 and outcome.failed == 0:
            problem = f"exit code {code}"
        elif outcome.passed + outcome.failed == 0:
            problem = "no test ran"
        else:
            return
        outcome.failed += 1
        outcome.note = problem
