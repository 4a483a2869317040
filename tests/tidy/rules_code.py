"""Rules about source files: opening, includes, nothing unused, no notes to self, plain layout."""
import ast
import posixpath
import re

from rules_rooms import INCLUDE
from tree import Problem

ANY_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)')
MAX_COLUMNS = 100
LONG_FILE_LINES = 500
LONG_FUNCTION_LINES = 70
# Taken apart, so that the rule does not report itself.
NOTES_TO_SELF = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
COMMENT = {
    "c++": ("//",), "cmake": ("#",), "python": ('"""', "#"), "shell": ("#",), "make": ("#",),
    "js": ("//", "/*"), "go": ("//", "/*"), "java": ("//", "/*"), "ruby": ("#",),
    "php": ("//", "/*", "#"), "fish": ("#",), "zsh": ("#",),
}
TABS_BELONG = {"make", "go"}
# Laid out as the communities of those languages do it; the client suites are written in them.
WIDE = {None, "markdown", "go", "js", "java", "ruby", "php"}
BLOCK_NOT_FUNCTION = re.compile(
    r"\s*(namespace|class|struct|enum|union|extern|using|typedef|\}|#|//|public:|private:)")


def parent_includes(tree):
    """An include never climbs: `..` would pass by the rooms' own include roots."""
    for path in tree.of("c++"):
        for number, line in enumerate(tree.lines(path), 1):
            match = INCLUDE.match(line)
            if match and ".." in match[1].split("/"):
                yield Problem(path, number, "no `..` in an include")


def purpose(tree):
    """The first line (after #! or <?php) is a comment that says what the file is for."""
    for path in tree.of(*COMMENT):
        lines = tree.lines(path)
        if not tree.text(path).strip() and posixpath.basename(path) == "__init__.py":
            continue
        at = 0
        while at < len(lines) - 1 and re.match(r"#!|<\?php\s*$|#compdef|#autoload", lines[at]):
            at += 1
        starts = [mark for mark in COMMENT[tree.language(path)] if lines[at].startswith(mark)]
        said = re.sub(r"\W", "", lines[at])
        if starts and len(said) < 10 and at + 1 < len(lines):  # the text may begin a line later
            said = re.sub(r"\W", "", lines[at + 1])
        if not starts or len(said) < 10:
            yield Problem(path, at + 1, "the file does not open with a comment on its purpose")


def pragma_once(tree):
    """Headers say so right after their opening comment."""
    for path in tree.of("c++"):
        if not path.endswith(".h"):
            continue
        code = [line for line in tree.lines(path) if line.strip() and not line.startswith("//")]
        if not code or code[0] != "#pragma once":
            yield Problem(path, 1, "#pragma once is not the first line of code")


def own_header_first(tree):
    """x.cc begins with x.h: so it is known that the header compiles alone."""
    paths = set(tree.of("c++"))
    for path in paths:
        header = path[:-2] + "h"
        if not path.endswith(".cc") or header not in paths:
            continue
        first = next(((number, match[1]) for number, line in enumerate(tree.lines(path), 1)
                      if (match := ANY_INCLUDE.match(line))), (1, ""))
        if not first[1] or not header.endswith("/" + first[1]):
            yield Problem(path, first[0], f"does not include {posixpath.basename(header)} first")


def _built_names(tree):
    """[(pattern of a path, words)]: every .cc that a CMakeLists.txt names.

    ${...} in a name stands for any word of that CMakeLists.txt.
    """
    names = []
    for path in tree.paths:
        if posixpath.basename(path) != "CMakeLists.txt":
            continue
        folder = posixpath.dirname(path)
        text = re.sub(r"#.*", "", tree.text(path))
        words = set(re.findall(r"\w+", text))
        for word in re.findall(r"[^\s()\"]+\.cc\b", text):
            word = word.replace("${CMAKE_CURRENT_SOURCE_DIR}/", "")
            word = word.replace("${CMAKE_SOURCE_DIR}/", "/").replace("${PROJECT_SOURCE_DIR}/", "/")
            full = word[1:] if word.startswith("/") else posixpath.normpath(f"{folder}/{word}")
            pieces = re.split(r"\$\{\w+\}", full)
            pattern = r"(\w+)".join(re.escape(piece) for piece in pieces)
            names.append((re.compile(pattern), words))
    return names


def _is_built(path, names):
    for pattern, words in names:
        match = pattern.fullmatch(path)
        if match and words.issuperset(match.groups()):
            return True
    return False


def unreferenced(tree):
    """Every .cc is in a CMakeLists.txt, every header is included by somebody else."""
    built = _built_names(tree)
    included = {}
    for path in tree.of("c++"):
        for line in tree.lines(path):
            match = INCLUDE.match(line) or re.match(r"\s*#\s*include\s*<([^>]+)>", line)
            if match:
                included.setdefault(posixpath.basename(match[1]), []).append((path, match[1]))
    for path in tree.of("c++"):
        if path.endswith(".cc"):
            # Examples are built as their readers build them, by hand.
            if not path.startswith("examples/") and not _is_built(path, built):
                yield Problem(path, 1, "no CMakeLists.txt builds this file")
        elif not any(f"/{path}".endswith(f"/{target}") and user != path
                     for user, target in included.get(posixpath.basename(path), [])):
            yield Problem(path, 1, "nobody includes this header")


def notes_to_self(tree):
    for path in tree.paths:
        for number, line in enumerate(tree.lines(path), 1):
            if NOTES_TO_SELF.search(line):
                yield Problem(path, number, "a note to self: document the limit, or do it")


def layout(tree):
    """Columns, tabs, blanks at the end of lines and of the file."""
    for path in tree.paths:
        if path == "LICENSE" or posixpath.basename(path) == "package-lock.json":
            continue
        if "/corpus/" in path:
            continue
        language, lines = tree.language(path), tree.lines(path)
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS and language not in WIDE and "://" not in line:
                yield Problem(path, number, f"{len(line)} columns; {MAX_COLUMNS} are allowed")
            if "\t" in line and language not in TABS_BELONG and language is not None:
                yield Problem(path, number, "a tab")
            if line != line.rstrip():
                yield Problem(path, number, "blanks at the end of the line")
        text = tree.text(path)
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            yield Problem(path, len(lines), "the file does not end with exactly one newline")


def long_files(tree):
    for path in tree.of(*COMMENT):
        count = len(tree.lines(path)) - 1
        if count > LONG_FILE_LINES:
            yield Problem(path, 1, f"{count} lines")


def _cxx_functions(lines):
    """(first line, lines) of function bodies, by the indentation that clang-format gives them."""
    for indent in ("", "  "):
        for end, line in enumerate(lines):
            if line != indent + "}":
                continue
            begin = end - 1
            while begin >= 0 and not re.match(indent + r"[^\s#]", lines[begin]):
                begin -= 1
            if begin >= 0 and not BLOCK_NOT_FUNCTION.match(lines[begin]):
                yield begin + 1, end - begin + 1


def long_functions(tree):
    for path in tree.of("c++"):
        for begin, count in _cxx_functions(tree.lines(path)):
            if count > LONG_FUNCTION_LINES:
                yield Problem(path, begin, f"a function of {count} lines")
    for path in tree.of("python"):
        for node in ast.walk(ast.parse(tree.text(path))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                count = node.end_lineno - node.lineno + 1
                if count > LONG_FUNCTION_LINES:
                    yield Problem(path, node.lineno, f"a function of {count} lines")


RULES = [parent_includes, purpose, pragma_once, own_header_first, unreferenced,
         notes_to_self, layout]
REPORTS = [long_files, long_functions]
