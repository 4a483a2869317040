"""A pytest fixture that fails a test which hangs, with the place where it hangs."""
import signal

import pytest

SECONDS = 30


def _expired(_signum, _frame):
    signal.alarm(5)  # should cleaning up hang as well
    pytest.fail(f"the test took more than {SECONDS} s", pytrace=True)


@pytest.fixture(autouse=True)
def time_limit():
    signal.signal(signal.SIGALRM, _expired)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
