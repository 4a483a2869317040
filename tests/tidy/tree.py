"""The files that a tidy rule looks at, with their text read once."""
import os
import posixpath
import subprocess
from dataclasses import dataclass

NOT_OURS = {".git", "build", "node_modules", "__pycache__", ".cache"}
BINARY = (".png", ".jpg", ".ico", ".gz", ".jar", ".woff2", ".pem", ".der")
BY_ENDING = {
    ".cc": "c++", ".h": "c++", ".cmake": "cmake", ".py": "python", ".sh": "shell", ".js": "js",
    ".mjs": "js", ".go": "go", ".java": "java", ".rb": "ruby", ".php": "php", ".md": "markdown",
    ".bash": "shell", ".fish": "fish", ".toml": "toml", ".yml": "yaml", ".yaml": "yaml",
}
BY_NAME = {"CMakeLists.txt": "cmake", "Makefile": "make", "_polymq": "zsh"}
BY_INTERPRETER = {
    "sh": "shell", "bash": "shell", "python3": "python", "node": "js", "ruby": "ruby", "php": "php",
}


@dataclass(frozen=True)
class Problem:
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


def _listed_by_git(root):
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"],
        cwd=root, capture_output=True, check=True).stdout
    return {path for path in listing.decode().split("\0") if path}


def _found_in_folders(root):
    found = set()
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name not in NOT_OURS]
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root)
            found.add(path.replace(os.sep, "/"))
    return found


class Tree:
    """Text files of a checkout (or of any folder), as sorted paths relative to its root."""

    def __init__(self, root):
        self.root = root
        git = os.path.exists(os.path.join(root, ".git"))
        paths = _listed_by_git(root) if git else _found_in_folders(root)
        self._texts = {}
        self.paths = sorted(path for path in paths if self._read(path))

    def _read(self, path):
        full = os.path.join(self.root, path)
        if path.endswith(BINARY) or os.path.islink(full) or not os.path.isfile(full):
            return False
        with open(full, "rb") as file:
            data = file.read()
        if b"\0" in data:
            return False
        self._texts[path] = data.decode("utf-8", errors="replace")
        return True

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))

    def text(self, path):
        return self._texts[path]

    def lines(self, path):
        return self._texts[path].split("\n")

    def language(self, path):
        """The kind of a file by ending, name or first line; None for plain data."""
        name = posixpath.basename(path)
        if name in BY_NAME:
            return BY_NAME[name]
        ending = posixpath.splitext(name)[1]
        if ending:
            return BY_ENDING.get(ending)
        first = self.lines(path)[0]
        if not first.startswith("#!"):
            return None
        return BY_INTERPRETER.get(posixpath.basename(first.split()[-1]))

    def of(self, *languages):
        return [path for path in self.paths if self.language(path) in languages]

    def below(self, folder, *endings):
        return [path for path in self.paths
                if path.startswith(folder + "/") and path.endswith(endings)]
