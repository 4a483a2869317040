#!/usr/bin/env python3
"""Breaks every house rule once in a small tree and checks that exactly that is reported."""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rules_code  # noqa: E402  (the path above comes first)
import tidy  # noqa: E402
from tree import Tree  # noqa: E402

CHARTER = "# Room\n\nIt does this\nand knows that\nand nothing else.\n"
RECORD = ("# 1. A choice\nStatus: accepted.\n## Question\nq\n## Choice\nc\n## Why\nw\n"
          "## What we give up\ng\n## Would change our mind\nm\n")
CLEAN = {
    "src/base/CMakeLists.txt": "# base: below all.\npolymq_room(base\n  SOURCES a.cc)\n",
    "src/base/a.h": "// Something that base offers.\n#pragma once\n",
    "src/base/a.cc": '// Something that base offers.\n#include "base/a.h"\n',
    "src/base/README.md": CHARTER,
    "src/engine/CMakeLists.txt":
        "# engine: above.\npolymq_room(engine\n  SOURCES q.cc\n  MAY_USE base)\n",
    "src/engine/q.cc": '// Queues, built on base.\n#include "base/a.h"\n',
    "src/engine/README.md": CHARTER,
    "docs/README.md": "# Index\n\n[one](decisions/0001-a-choice.md#why)\n",
    "docs/decisions/0001-a-choice.md": RECORD,
}


class TidyTest(unittest.TestCase):
    def tree(self, changes):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for path, text in {**CLEAN, **changes}.items():
            if text is None:
                continue
            full = os.path.join(folder.name, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        return Tree(folder.name)

    def assert_reports(self, changes, *expected):
        found = [str(problem) for problem in tidy.problems(self.tree(changes))]
        self.assertEqual(len(found), len(expected), found)
        for line, text in zip(found, expected):
            self.assertIn(text, line)

    def test_a_clean_tree_has_no_problem(self):
        self.assert_reports({})

    def test_a_room_includes_only_what_it_may_use(self):
        self.assert_reports(
            {"src/engine/q.h": "// A queue's face.\n#pragma once\n",
             "src/engine/q.cc": '// Queues.....\n#include "engine/q.h"\n#include "base/a.h"\n',
             "src/base/a.cc": '// Of base.......\n#include "base/a.h"\n#include "engine/q.h"\n'},
            "src/base/a.cc:3: base may not use engine")

    def test_an_include_names_its_room(self):
        self.assert_reports({"src/base/a.cc": '// Something of base.\n#include "a.h"\n'},
                            'src/base/a.cc:2: "a.h" does not begin with a room')

    def test_test_libs_are_for_tests_only(self):
        room = ("# base: below all.\npolymq_room(base\n  SOURCES a.cc\n  TESTS a_test.cc\n"
                "  TEST_LIBS engine)\n")
        header = "// A queue's face.\n#pragma once\n"
        test = '// Promises of base.\n#include "base/a.h"\n#include "engine/face.h"\n'
        self.assert_reports({"src/base/CMakeLists.txt": room, "src/engine/face.h": header,
                             "src/base/a_test.cc": test})

    def test_rooms_have_no_cycle(self):
        self.assert_reports(
            {"src/base/CMakeLists.txt":
                "# base: below all.\npolymq_room(base\n  SOURCES a.cc\n  MAY_USE engine)\n"},
            "base uses itself", "engine uses itself")

    def test_dialects_do_not_know_each_other(self):
        self.assert_reports(
            {"src/sqs/CMakeLists.txt": "# sqs: a dialect.\npolymq_room(sqs\n  MAY_USE amqp091)\n",
             "src/sqs/README.md": CHARTER},
            "sqs is a dialect and may not know amqp091")

    def test_a_room_has_a_charter(self):
        self.assert_reports({"src/base/README.md": None}, "src/base:1: the room has no README.md")
        self.assert_reports({"src/base/README.md": "# Room\n\nShort.\n"},
                            "a charter of 1 lines in a page of 1")
        long = "# Room\n\n" + "It does this.\n" * 7
        self.assert_reports({"src/base/README.md": long}, "a charter of 7 lines")

    def test_no_include_climbs(self):
        self.assert_reports(
            {"bench/b.cc": '// A benchmark of base.\n#include "../src/base/a.h"\n',
             "bench/CMakeLists.txt": "# Benchmarks.....\nadd_executable(b b.cc)\n"},
            "bench/b.cc:2: no `..` in an include")

    def test_files_open_with_their_purpose(self):
        self.assert_reports({"scripts/x": "#!/bin/sh\nset -e\n"}, "scripts/x:2: the file does not")
        self.assert_reports({"src/base/a.h": "#pragma once\n"}, "src/base/a.h:1: the file does not")
        self.assert_reports({"scripts/x": "#!/bin/sh\n# Does something useful.\nset -e\n"})

    def test_headers_are_included_once(self):
        self.assert_reports({"src/base/a.h": "// Something of base.\nint x();\n"},
                            "src/base/a.h:1: #pragma once")

    def test_a_source_begins_with_its_own_header(self):
        self.assert_reports(
            {"src/base/a.cc": '// Something.....\n#include <string>\n\n#include "base/a.h"\n'},
            "src/base/a.cc:2: does not include a.h first")

    def test_sources_are_built_and_headers_included(self):
        self.assert_reports({"src/base/b.cc": "// Something forgotten.\n"},
                            "src/base/b.cc:1: no CMakeLists.txt builds")
        self.assert_reports({"src/base/b.h": "// Something forgotten.\n#pragma once\n"},
                            "src/base/b.h:1: nobody includes")

    def test_a_source_may_be_named_by_a_variable(self):
        self.assert_reports(
            {"tests/fuzz/CMakeLists.txt":
                "# Fuzz targets.\nadd_executable(${n} ${n}_fuzz.cc)\nfuzz_target(frame)\n",
             "tests/fuzz/frame_fuzz.cc": "// Feeds frames to the parser.\n",
             "tests/fuzz/table_fuzz.cc": "// Feeds tables to the parser.\n"},
            "tests/fuzz/table_fuzz.cc:1: no CMakeLists.txt builds")

    def test_notes_to_self_are_refused(self):
        self.assert_reports({"docs/README.md": CLEAN["docs/README.md"] + "TO" + "DO: more\n"},
                            "docs/README.md:4: a note to self")

    def test_layout(self):
        head = "// Something that base offers.\n#pragma once\n"
        self.assert_reports({"src/base/a.h": head + "// " + "x" * 98 + "\n"}, "101 columns")
        self.assert_reports({"src/base/a.h": head + "\tint x;\n"}, "a.h:3: a tab")
        self.assert_reports({"src/base/a.h": head + "int x; \n"}, "a.h:3: blanks at the end")
        self.assert_reports({"src/base/a.h": head + "int x;"}, "exactly one newline")
        self.assert_reports({"src/base/a.h": head + "int x;\n\n"}, "exactly one newline")

    def test_decisions_are_numbered_without_a_gap_and_in_form(self):
        third = RECORD.replace("# 1.", "# 3.")
        index = CLEAN["docs/README.md"] + "[three](decisions/0003-c.md)\n"
        self.assert_reports({"docs/decisions/0003-c.md": third, "docs/README.md": index},
                            "0003-c.md:1: number 3 where 2 comes next")
        self.assert_reports({"docs/decisions/0001-a-choice.md": RECORD.replace("# 1.", "# 2.")},
                            "does not begin with `# 1. `")
        self.assert_reports(
            {"docs/decisions/0001-a-choice.md": RECORD.replace("## What we give up\ng\n", "")},
            "its sections are not")

    def test_links_and_anchors_resolve(self):
        page = CLEAN["docs/README.md"]
        self.assert_reports({"docs/README.md": page + "[x](none.md)\n"}, "none.md does not exist")
        self.assert_reports({"docs/README.md": page + "[x](decisions/0001-a-choice.md#no)\n"},
                            "has no heading #no")
        self.assert_reports({"docs/README.md": page + "```\n[x](none.md)\n```\n`[x](none.md)`\n"})

    def test_pages_can_be_found(self):
        self.assert_reports({"docs/lost.md": "# Lost\n"}, "docs/lost.md:1: no page links")

    def test_sizes_are_reported_and_do_not_fail(self):
        body = "int f() {\n" + "  g();\n" * 80 + "}\n"
        inside = "class C {\n  void h() {\n" + "    g();\n" * 90 + "  }\n};\n"
        text = '// Something that base offers.\n#include "base/a.h"\n' + body + inside
        tree = self.tree({"src/base/a.cc": text})
        self.assertEqual([str(note) for note in rules_code.long_functions(tree)],
                         ["src/base/a.cc:3: a function of 82 lines",
                          "src/base/a.cc:86: a function of 92 lines"])
        tree = self.tree({"src/base/a.cc": CLEAN["src/base/a.cc"] + "int x;\n" * 499})
        self.assertEqual([str(note) for note in rules_code.long_files(tree)],
                         ["src/base/a.cc:1: 501 lines"])
        self.assertEqual(tidy.problems(tree), [])


if __name__ == "__main__":
    unittest.main()
