"""Sums an lcov file up by room and file; the rooms named must reach 90 % of their lines."""
import os
import sys
from collections import defaultdict

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
GOAL_PERCENT = 90.0


def read(path):
    """{file: {line: hit}} for files below src; a header reached by several ways is one file."""
    lines = defaultdict(dict)
    source = None
    with open(path, encoding="utf-8") as records:
        for record in records:
            kind, _, rest = record.rstrip("\n").partition(":")
            if kind == "SF":
                source = os.path.relpath(os.path.realpath(rest), os.path.join(ROOT, "src"))
            elif kind == "DA" and not source.startswith(".."):
                number, count = rest.split(",")[:2]
                hit = count != "0"
                lines[source][int(number)] = lines[source].get(int(number), False) or hit
    return lines


def percent(hit, total):
    return 100.0 * hit / total if total else 0.0


def report(lines, wanted):
    rooms = defaultdict(lambda: [0, 0])
    for name in sorted(lines):
        hits, total = sum(lines[name].values()), len(lines[name])
        room = name.split(os.sep)[0]
        rooms[room][0] += hits
        rooms[room][1] += total
        if room in wanted:
            print(f"{percent(hits, total):6.1f} %  {hits:5d} of {total:5d}  {name}")
    print()
    for room, (hits, total) in sorted(rooms.items()):
        print(f"{percent(hits, total):6.1f} %  {hits:5d} of {total:5d}  {room}")
    return rooms


def main(argv):
    rooms = report(read(argv[0]), argv[1:])
    below = [room for room in argv[1:] if percent(*rooms[room]) < GOAL_PERCENT]
    for room in below:
        print(f"{room} is below {GOAL_PERCENT:.0f} %")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
