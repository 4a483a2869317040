"""The servers under comparison, each on loopback with a folder of its own, started as children."""
import contextlib
import os
import resource
import signal
import subprocess
import time

from harness import brokers, process, wire

TICKS = os.sysconf("SC_CLK_TCK")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


class Measured:
    """What a comparison needs to know of a server, mixed into the end-to-end harness's brokers."""

    label = "?"
    reference = False  # the one that the others' ratios refer to

    @property
    def pid(self):
        return self.process.pid

    def uri(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2f"

    def cpu_seconds(self):
        """User and system time of the process so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_bytes(self, line_name="VmRSS"):
        """Resident set of the process; with VmHWM the most that it was so far."""
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(f"{line_name}:"):
                    return int(line.split()[1]) * 1024
        raise brokers.BrokerError(f"{self.label} has no resident memory: has it ended?")

    def start_timed(self):
        """Starts it; returns the seconds from launch to the first finished handshake."""
        started = time.monotonic()
        self._launch()
        while not self._answers():
            if not self.alive() or time.monotonic() - started > self.start_seconds:
                raise brokers.BrokerError(f"{self.label} did not start\n{self._last_words()}")
            time.sleep(0.001)
        return time.monotonic() - started

    def start_to_delivery(self, queue, limit_seconds=600):
        """Starts it on the data it has; returns the seconds from launch until it listened, and
        until a message of the queue came. The message goes back to its queue."""
        started = time.monotonic()
        listening = None
        self._launch()
        while True:
            try:
                with wire.Client(self.port, timeout=limit_seconds) as client:
                    listening = listening or time.monotonic() - started
                    client.open(channels=(1,))
                    first_of(client, queue)
                    delivered = time.monotonic() - started
                    client.close()
                    return listening, delivered
            except (OSError, wire.WireError) as refused:
                if not self.alive() or time.monotonic() - started > limit_seconds:
                    raise brokers.BrokerError(f"{self.label} delivered nothing of {queue}: "
                                              f"{refused}\n{self._last_words()}") from None
            time.sleep(0.001)

    def kill(self):
        """Ends it as a crash would."""
        process.signal_group(self.process, signal.SIGKILL)
        self.process.wait()
        self.stop()

    def pause(self):
        """While another server is measured this one must not even wake up."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def stop(self):
        if self.process is not None and self.alive():
            self.resume()
        super().stop()


def first_of(client, queue):
    """Consumes from the queue until its first message has come, and stops to consume."""
    client.call(1, "basic.qos", prefetch_count=1)
    client.send(1, "basic.consume", queue=queue, consumer_tag="first", arguments={})
    while not isinstance(got := client.receive(), wire.Content):
        if got.name != "basic.consume-ok":
            raise wire.WireError(f"no consumer, but {got}")
    client.call(1, "channel.close", code=200, text="bye")


class RabbitMQ(Measured, brokers.RabbitMQ):
    label = "RabbitMQ"
    reference = True
    plugins = []  # nothing that the workloads do not need
    stop_seconds = 300  # with a backlog

    def _write_files(self):
        with open(self.path("enabled_plugins"), "w", encoding="ascii") as out:
            out.write("[].\n")
        with open(self.path("rabbitmq.conf"), "w", encoding="ascii") as out:
            out.write(f"listeners.tcp.local = 127.0.0.1:{self.port}\nlog.file.level = warning\n")


class PolyMQ(Measured, brokers.PolyMQ):
    """durable: with a data folder, `data` in its directory. settings: KEY=VALUE each."""

    stop_seconds = 60  # what is under way is still written

    def __init__(self, directory, shards, durable=False, settings=()):
        super().__init__(directory)
        self.shards = shards
        self.storage = ["--data-dir", self.data_dir] if durable else ["--in-memory"]
        self.settings = [word for setting in settings for word in ("--set", setting)]
        self.label = f"PolyMQ, {shards} shard{'s' if shards > 1 else ''}"

    @property
    def data_dir(self):
        return self.path("data")

    def _launch(self):
        with open(self.path("broker.out"), "w", encoding="utf-8") as out:
            self.process = process.start(
                [binary(), "server", *self.storage, *self.settings, "--bind", "127.0.0.1",
                 "--amqp-port", str(self.port), "--shards", str(self.shards),
                 "--log-level", "warning", "--management-port", "0", "--metrics-port", "0",
                 "--sqs-port", "0", "--pubsub-port", "0"],
                cwd=self.directory, stdout=out, stderr=subprocess.STDOUT)


def binary():
    path = os.path.abspath(os.environ.get("POLYMQ") or os.path.join(ROOT, "build/release/polymq"))
    if not os.access(path, os.X_OK):
        raise brokers.BrokerError(f"no executable {path}: run `make build`")
    return path


def allow_many_files():
    """Thousands of idle connections: two descriptors each, one here and one in the server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def kinds(folder):
    """Makes the servers to compare, not yet started, each in a new folder below `folder`."""
    made = [RabbitMQ, lambda path: PolyMQ(path, 1), lambda path: PolyMQ(path, 2)]
    servers = []
    for number, make in enumerate(made):
        path = os.path.join(folder, str(number))
        os.makedirs(path)
        servers.append(make(path))
    return servers


class Relay(Measured):
    """Forwards frames from publishers to consumers and does nothing else: the bare minimum."""

    label = "relay"
    start_seconds = 10

    def __init__(self, directory):
        self.directory = directory
        self.port = process.free_port()
        self.process = None

    def start(self):
        with open(os.path.join(self.directory, "relay.out"), "w", encoding="utf-8") as out:
            self.process = process.start([binary(), "perf", "relay", "--port", str(self.port)],
                                         stdout=out, stderr=subprocess.STDOUT)
        time.sleep(0.5)

    def stop(self):
        if self.process is not None:
            process.stop(self.process, 5)


@contextlib.contextmanager
def background(arguments):
    """polymq with these arguments, running while the block does."""
    child = process.start([binary(), *arguments], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield
    finally:
        process.stop(child, 5)
