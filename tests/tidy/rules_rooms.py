"""Rules about rooms: who may include whom, and the charter each room opens with."""
import re

from tree import Problem

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
ROOM = re.compile(r"polymq_room\s*\(\s*(\w+)(.*?)\)", re.DOTALL)
KEYWORDS = {"SOURCES", "MAY_USE", "LIBS", "TESTS", "TEST_LIBS"}
DIALECTS = {"amqp091", "amqp10", "sqs", "pubsub", "management"}


class Room:
    """What src/NAME/CMakeLists.txt declares: a list of words for each keyword."""

    def __init__(self, name, path, body):
        self.name = name
        self.path = path
        self.lists = {keyword: [] for keyword in KEYWORDS}
        current = None
        for word in re.sub(r"#.*", "", body).split():
            if word in KEYWORDS:
                current = word
            elif current:
                self.lists[current].append(word)

    def may_include(self, path):
        allowed = {self.name, *self.lists["MAY_USE"]}
        if path.endswith("_test.cc"):
            allowed.update(self.lists["TEST_LIBS"])
        return allowed


def rooms(tree):
    found = {}
    for path in tree.below("src", "/CMakeLists.txt"):
        match = ROOM.search(tree.text(path))
        if match:
            found[match[1]] = Room(match[1], path, match[2])
    return found


def folders(tree):
    return sorted({path.split("/")[1] for path in tree.below("src", ".cc", ".h", "CMakeLists.txt")})


def directions(tree):
    """Includes name a room, and only the own one or one that MAY_USE lists."""
    known = rooms(tree)
    for path in tree.below("src", ".cc", ".h"):
        room = known.get(path.split("/")[1])
        for number, line in enumerate(tree.lines(path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match[1].split("/")[0]
            if target not in folders(tree):
                yield Problem(path, number, f'"{match[1]}" does not begin with a room\'s name')
            elif room and target not in room.may_include(path):
                yield Problem(path, number, f"{room.name} may not use {target}: see MAY_USE in "
                                            f"{room.path}")


def cycles(tree):
    """Arrows point down: no room can be reached from itself, and no dialect knows another."""
    known = rooms(tree)
    for name, room in known.items():
        reached, queue = set(), list(room.lists["MAY_USE"])
        while queue:
            below = queue.pop()
            if below not in reached:
                reached.add(below)
                queue += known[below].lists["MAY_USE"] if below in known else []
        if name in reached:
            way = ", ".join(sorted(reached))
            yield Problem(room.path, 1, f"{name} uses itself by way of {way}")
        met = DIALECTS & set(room.lists["MAY_USE"])
        if name in DIALECTS and met:
            yield Problem(room.path, 1, f"{name} is a dialect and may not know {min(met)}")


def charters(tree):
    """Every room has a README.md: an opening paragraph, its charter, and where to start."""
    for room in folders(tree):
        path = f"src/{room}/README.md"
        if path not in tree.paths:
            yield Problem(f"src/{room}", 1, "the room has no README.md")
            continue
        paragraphs = [text for text in re.split(r"\n\s*\n", tree.text(path).strip())
                      if not text.startswith("#")]
        opening = len(paragraphs[0].splitlines()) if paragraphs else 0
        whole = sum(len(text.splitlines()) for text in paragraphs)
        if whole < 3 or opening > 6:
            yield Problem(path, 1, f"a charter of {opening} lines in a page of {whole}; it has at "
                                   "most six, the page at least three")


RULES = [directions, cycles, charters]
