#!/usr/bin/env python3
"""Checks the house rules over a checkout: tidy.py [ROOT]; exit code 1 if one is broken."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rules_code  # noqa: E402  (the path above comes first)
import rules_docs  # noqa: E402
import rules_rooms  # noqa: E402
from tree import Tree  # noqa: E402

RULES = rules_rooms.RULES + rules_code.RULES + rules_docs.RULES
REPORTS = rules_code.REPORTS


def problems(tree):
    return [problem for rule in RULES for problem in rule(tree)]


def main(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    tree = Tree(os.path.abspath(argv[0]) if argv else os.path.dirname(os.path.dirname(here)))
    for report in REPORTS:
        for note in report(tree):
            print(f"{note} (reported only)")
    found = problems(tree)
    for problem in found:
        print(problem)
    print(f"{len(tree.paths)} files, {len(RULES)} rules, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
