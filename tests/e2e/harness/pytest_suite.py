"""Runs pytest on one suite's folder and ends with the countable summary line."""
import os
import sys

import pytest

E2E = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))


class Counter:
    """Counts each test once: an error in set-up or tear-down makes it a failed one."""

    def __init__(self):
        self.outcomes = {}

    def pytest_runtest_logreport(self, report):
        rank = ["passed", "skipped", "failed"]
        if report.when == "call" or report.outcome != "passed":
            before = self.outcomes.get(report.nodeid, "passed")
            self.outcomes[report.nodeid] = max(before, report.outcome, key=rank.index)

    def count(self, outcome):
        return sum(1 for value in self.outcomes.values() if value == outcome)


def main(folder, argv):
    os.chdir(folder)
    sys.path.insert(0, E2E)
    counter = Counter()
    scratch = os.environ.get("E2E_TMP", "/tmp")
    code = pytest.main(
        ["-p", "no:cacheprovider", "-q", "--tb=short", "--show-capture=stdout",
         "--durations=8", "--durations-min=4",
         "--basetemp", os.path.join(scratch, os.path.basename(folder)), *argv], [counter])
    failed = counter.count("failed")
    if code != 0 and not failed:
        failed = 1  # a broken conftest or an unknown option: pytest said which
    sys.stdout.flush()
    print(f"{counter.count('passed')} passed, {failed} failed, {counter.count('skipped')} skipped")
    return int(code)
