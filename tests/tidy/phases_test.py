#!/usr/bin/env python3
"""Promises of scripts/phases.sh: what breaks is counted, whatever it printed or did not print."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JUNIT = """printf '%s\\n\\t' '<?xml version="1.0"?>' '<testsuite name="x"' 'tests="7"' \\
'failures="{failures}"' 'disabled="1"' 'skipped="2"' 'hostname="">' > "$PHASE_JUNIT" """


class PhasesTest(unittest.TestCase):
    def run_phases(self, script):
        """(last line, exit code) of a script between phase_begin and phase_end."""
        with tempfile.TemporaryDirectory() as folder:
            text = (f". {ROOT}/scripts/phases.sh\nphase_begin {folder}/logs\n{script}\n"
                    "phase_end\n")
            done = subprocess.run(["bash", "-uo", "pipefail", "-c", text], capture_output=True,
                                  text=True, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()[-1], done.returncode

    def assert_counts(self, script, counts, code):
        line = "{} passed, {} failed, {} skipped".format(*counts)
        self.assertEqual(self.run_phases(script), (line, code))

    def test_checks_count_one_each(self):
        self.assert_counts("phase check a true", (1, 0, 0), 0)
        self.assert_counts("phase check a true\nphase check b false", (1, 1, 0), 1)

    def test_steps_count_only_when_they_fail(self):
        self.assert_counts("phase step a true\nphase check b true", (1, 0, 0), 0)
        self.assert_counts("phase step a false\nphase check b true", (1, 1, 0), 1)

    def test_summaries_are_added_up(self):
        self.assert_counts("phase summary a echo '3 passed, 0 failed, 1 skipped'\n"
                           "phase check b true", (4, 0, 1), 0)

    def test_the_last_summary_of_a_phase_counts(self):
        self.assert_counts("phase summary a printf '%s passed, 0 failed, 0 skipped\\n' 3 5",
                           (5, 0, 0), 0)

    def test_no_summary_is_a_failure(self):
        self.assert_counts("phase summary a echo fine\nphase check b true", (1, 1, 0), 1)

    def test_a_summary_line_is_the_whole_line(self):
        self.assert_counts("phase summary a echo 'x: 3 passed, 0 failed, 0 skipped'", (0, 1, 0), 1)

    def test_a_bad_exit_code_is_a_failure_though_nothing_failed(self):
        self.assert_counts("phase summary a sh -c 'echo 3 passed, 0 failed, 0 skipped; exit 7'",
                           (3, 1, 0), 1)

    def test_failures_are_not_counted_twice(self):
        self.assert_counts("phase summary a sh -c 'echo 3 passed, 2 failed, 0 skipped; exit 1'",
                           (3, 2, 0), 1)

    def test_ctest_is_read_from_its_report(self):
        script = "f() { " + JUNIT + "\n}\nphase ctest a f"
        self.assert_counts(script.replace("{failures}", "0"), (4, 0, 3), 0)
        self.assert_counts(script.replace("{failures}", "1"), (3, 1, 3), 1)

    def test_an_old_report_is_not_read_again(self):
        script = ("f() { " + JUNIT.replace("{failures}", "0")
                  + "\n}\nphase ctest a f\nphase ctest b true")
        self.assert_counts(script, (4, 1, 3), 1)

    def test_what_could_not_run_is_a_failure(self):
        self.assert_counts("phase check a true\nphase_missing b 'no binary'", (1, 1, 0), 1)

    def test_nothing_at_all_is_not_success(self):
        self.assert_counts("phase step a true", (0, 0, 0), 1)


if __name__ == "__main__":
    sys.exit(unittest.main())
