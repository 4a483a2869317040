"""A broker with settings of its own, for tests of what settings do."""
import contextlib
import re
import shutil

from . import fixture
from .brokers import PolyMQ


class OwnBroker(PolyMQ):
    """PolyMQ with settings of its own: {"amqp.channel_max": 5}. `policies` and `users` replace the
    fixture's; both can be replaced again while it runs, for a reload. `queues`: [[sqs.queues]]."""

    def __init__(self, directory, settings, users=None, policies=None, vhosts=None, queues=None,
                 port=None, **options):
        self.users, self.policies, self.vhosts = users, policies or [], vhosts or []
        self.queues = queues or []
        self.settings = {"log.level": "info", **settings}
        super().__init__(directory, **options)
        self.port = port or self.port

    def write_files(self):
        with open(self.path("users.toml"), "w") as out:
            out.write(fixture.polymq_users_toml(self.users))
        values = {
            "amqp.listeners": [f"127.0.0.1:{self.port}"],
            "sqs.port": 0,
            "log.file": self.path("broker.log"),
            "auth.users_file": self.path("users.toml"),
            "server.shutdown_timeout": "5s",
            **self.settings,
        }
        lines = [f"{key} = {fixture._toml_value(value)}" for key, value in values.items()]
        lines += fixture._toml_tables("vhosts", self.vhosts)
        lines += fixture._toml_tables("policies", self.policies)
        lines += fixture._toml_tables("sqs.queues", self.queues)
        with open(self.path("polymq.toml"), "w") as out:
            out.write("\n".join(lines) + "\n")

    def log_text(self):
        with open(self.path("broker.log"), errors="replace") as text:
            return text.read()

    def last_words(self):
        return self._last_words()

    @property
    def sqs_url(self):
        return f"http://127.0.0.1:{self.sqs_port}"

    def intolerable(self, tolerated):
        """complaints() without those that have one of these texts in them."""
        return [line for line in self.complaints()
                if not any(re.search(part, line) for part in tolerated)]


@contextlib.contextmanager
def that_end_well():
    """A list for brokers that were started. At the end they are stopped, and must end with 0 and
    have logged no error but those that their `tolerated` announces; their directories go."""
    started = []
    yield started
    complaints = []
    for server in started:
        server.stop()
        complaints += server.intolerable(server.tolerated)
        if complaints:
            print(server.last_words())
        shutil.rmtree(server.directory, ignore_errors=True)
    assert not complaints, complaints
