"""Brokers that keep a data folder, are killed, and start again on it."""
import os
import signal
import subprocess

from harness import brokers, process


class _Killable:
    """Adds to a broker of the end-to-end tests how this program ends it."""

    starts = 0
    gaps = []   # classes of problems that are known and documented
    quorum_queues = True

    def kill(self):
        """SIGKILL to all that belongs to it; no last word, no last write."""
        died = self.process.poll()
        process.signal_group(self.process, signal.SIGKILL)
        self.process.wait()
        return died

    def start_and_kill(self, seconds):
        """A crash while it starts, that is, while it recovers."""
        self._prepare()
        self._launch()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        return self.kill()

    def start(self):
        self._prepare()
        super().start()

    def end_politely(self):
        """SIGTERM. Returns what is wrong with how it ended, or None."""
        code = process.stop(self.process, self.stop_seconds, whole_group=False)
        self.kill()
        return None if code == 0 else f"exit code {code} after SIGTERM"

    def _prepare(self):
        """Keeps the former run's log: the next start writes a new one."""
        for path in self._output_files():
            if os.path.exists(path):
                os.replace(path, f"{path}.{self.starts}")
        self.starts += 1
        self.port = process.free_port()


class PolyMQ(_Killable, brokers.PolyMQ):
    """Starts with `--data-dir data`, its number of shards and what else is asked for."""

    def __init__(self, directory, extra=()):
        super().__init__(directory)
        self.extra = list(extra)
        self.shards = 1

    def _launch(self):
        self.arguments = ["--data-dir", self.path("data"), "--shards", str(self.shards),
                          *self.extra]
        super()._launch()

    def bad_lines(self):
        """What it logged at level error and above, and sanitizer reports."""
        self.exit_code = 0
        return self.complaints()


class RabbitMQ(_Killable, brokers.RabbitMQ):
    """Not what is tested: it shows that the checks themselves hold elsewhere too."""

    # RabbitMQ says that dead letters and transactions are not safe in a crash; 3.10 deletes a
    # queue's messages before the queue, and does not mark each message of a long queue that was
    # delivered and put back.
    gaps = ["lost:work", "lost:brief", "lost:narrow", "doubled:work", "doubled:brief",
            "doubled:narrow", "resurrected:tx.in", "torn", "mark"]
    quorum_queues = False   # killed soon after their declare-ok they do not answer again
    shards = 0

    def __init__(self, directory, extra=()):
        super().__init__(directory)
        if extra:
            raise brokers.BrokerError("arguments after -- are PolyMQ's")

    def kill(self):
        died = super().kill()
        if self.epmd is not None:
            process.stop(self.epmd, 5)
        return died

    @staticmethod
    def bad_lines():
        return []


_KINDS = {"polymq": PolyMQ, "rabbitmq": RabbitMQ}


def create(name, directory, extra):
    if name not in _KINDS:
        raise brokers.BrokerError(f"BROKER={name}: it is one of {', '.join(sorted(_KINDS))}")
    return _KINDS[name](directory, extra)


def known_gaps(name):
    return _KINDS[name].gaps if name in _KINDS else []
