"""Rules about documentation: decision records in their form, links and anchors that resolve."""
import posixpath
import re

from tree import Problem

RECORD = re.compile(r"docs/decisions/(\d{4})-[a-z0-9-]+\.md")
SECTIONS = ["## Question", "## Choice", "## Why", "## What we give up",
            "## Would change our mind"]
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"#{1,6}\s+(.*)")


def decisions(tree):
    """docs/decisions/NNNN-title.md from 0001 on, each `# N. Title`, `Status:`, five sections."""
    expected = 1
    for path in tree.below("docs/decisions", ".md"):
        if path.endswith("/README.md"):
            continue
        match = RECORD.fullmatch(path)
        if not match:
            yield Problem(path, 1, "decision records are named NNNN-some-title.md")
            continue
        number = int(match[1])
        if number != expected:
            yield Problem(path, 1, f"number {number} where {expected} comes next")
        expected = number + 1
        lines = tree.lines(path)
        if not lines[0].startswith(f"# {number}. "):
            yield Problem(path, 1, f"the title does not begin with `# {number}. `")
        if not any(line.startswith("Status: ") for line in lines[1:4]):
            yield Problem(path, 2, "no `Status:` below the title")
        headings = [line for line in lines if line.startswith("## ")]
        if headings != SECTIONS:
            yield Problem(path, 1, f"its sections are not {', '.join(SECTIONS)}")


def _prose(tree, path):
    """Lines with their number, without code blocks and code spans."""
    fenced = False
    for number, line in enumerate(tree.lines(path), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(tree, path):
    """Heading anchors as GitHub makes them: lower case, blanks to hyphens, punctuation dropped."""
    found = set()
    for _, line in _prose(tree, path):
        match = HEADING.match(line)
        if match:
            slug = re.sub(r"[^\w\- ]", "", match[1].strip().lower()).replace(" ", "-")
            unique, count = slug, 0
            while unique in found:
                count += 1
                unique = f"{slug}-{count}"
            found.add(unique)
        found.update(re.findall(r'<a (?:id|name)="([^"]+)"', line))
    return found


def links(tree):
    """Relative links name something that exists; an anchor names a heading there."""
    for path in tree.of("markdown"):
        for number, line in _prose(tree, path):
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                full = path
                if name:
                    full = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
                if not tree.exists(full):
                    yield Problem(path, number, f"{target} does not exist")
                elif anchor and full in tree.paths and anchor not in anchors(tree, full):
                    yield Problem(path, number, f"{full} has no heading #{anchor}")


def orphans(tree):
    """Every page below docs is linked from another page, so that a reader can find it."""
    linked = set()
    for path in tree.of("markdown"):
        for _, line in _prose(tree, path):
            for target in LINK.findall(line):
                name = target.partition("#")[0]
                full = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
                if name and full != path:
                    linked.add(full)
    for path in tree.below("docs", ".md"):
        if path != "docs/README.md" and path not in linked:
            yield Problem(path, 1, "no page links to this one; docs/README.md is the index")


RULES = [decisions, links, orphans]
