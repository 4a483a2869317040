"""A pytest fixture that fails a test which hangs, with the place where it hangs."""
import signal

import pytest

SECONDS = 30


@pytest.fixture(autouse=True)
def time_limit(request):
    slow = request.node.get_closest_marker("slow")
    seconds = slow.kwargs["seconds"] if slow else SECONDS

    def expired(_signum, _frame):
        signal.alarm(5)  # should cleaning up hang as well
        pytest.fail(f"the test took more than {seconds} s", pytrace=True)

    signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
