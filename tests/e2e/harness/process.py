"""Child processes that never outlive the run: own process groups, deadlines, free ports."""
import os
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(argv, **kwargs):
    """Starts `argv` as leader of its own process group, so that stop() reaches its children."""
    return subprocess.Popen(argv, start_new_session=True, stdin=subprocess.DEVNULL, **kwargs)


def signal_group(process, signum):
    try:
        os.killpg(process.pid, signum)
    except ProcessLookupError:
        pass


def stop(process, grace, whole_group=True):
    """SIGTERM, then SIGKILL for what is left after `grace` seconds. Returns the exit code,
    or None when the process had to be killed."""
    if process.poll() is None:
        if whole_group:
            signal_group(process, signal.SIGTERM)
        else:
            process.terminate()
    try:
        code = process.wait(grace)
    except subprocess.TimeoutExpired:
        code = None
    signal_group(process, signal.SIGKILL)
    process.wait()
    return code


def wait_until(condition, deadline, process=None, interval=0.02):
    """Polls `condition` until it is true. False at the deadline or when `process` has ended."""
    while time.monotonic() < deadline:
        if condition():
            return True
        if process is not None and process.poll() is not None:
            return False
        time.sleep(interval)
    return False
