"""What all load actors share: a thread, a connection, and how each may end."""
import random
import threading
import time
import traceback

from harness import wire

import session


class World:
    """One round's surroundings: where the broker is and when the load is over."""

    def __init__(self, port, ledger, publishers, seed, quorum=True):
        self.port = port
        self.ledger = ledger
        self.publishers = publishers    # an iterator of publisher numbers never used before
        self.seed = seed
        self.quorum = quorum            # may new quorum queues be made?
        self.ending = False             # set before the broker is killed: errors are natural
        self.over = threading.Event()   # set after it


class Actor(threading.Thread):
    """Subclasses implement work(), which runs until the connection breaks or `over` is set."""

    def __init__(self, world, label):
        super().__init__(name=label, daemon=True)
        self.world = world
        self.ledger = world.ledger
        self.rng = random.Random(f"{world.seed}:{label}")
        self.session = None
        self.figures = {}

    def count(self, name, more=1):
        self.figures[name] = self.figures.get(name, 0) + more

    def run(self):
        try:
            with session.Session(self.world.port, self) as self.session:
                self.session.open(channels=self.channels())
                self.work()
        except (OSError, wire.WireError) as error:
            if not self.world.ending:
                self.ledger.problem("session", f"{self.name}: {error!r}")
        except Exception:  # a mistake of this program must not pass as a broken connection
            self.ledger.problem("harness", f"{self.name}: {traceback.format_exc()}")

    @staticmethod
    def channels():
        return [1]

    def over(self):
        return self.world.over.is_set()

    def pause(self, longest):
        """Goes on handling what comes in for up to `longest` seconds."""
        until = time.monotonic() + self.rng.random() * longest
        while not self.over():
            left = until - time.monotonic()
            if left <= 0:
                return
            self.session.pump(max(left, 0.0005))

    def work(self):
        raise NotImplementedError
