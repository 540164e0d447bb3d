"""What the architecture checks share: walking the tree, stripping C++, reporting.

A check is a script with one option, --root DIR. It prints 'file:line: message' for each violation
and exits 1, or one line that says what it looked at and exits 0.
"""

import argparse
import os
import re
import sys

_SKIPPED_DIRECTORIES = {"build", "__pycache__", "node_modules"}


class Report:
    """Collects violations of one check and turns them into an exit status."""

    def __init__(self, name, root):
        self.name = name
        self.root = root
        self._lines = []

    def add(self, path, line, message):
        shown = os.path.relpath(path, self.root)
        self._lines.append((shown, line, message))

    def finish(self, looked_at):
        for path, line, message in sorted(set(self._lines)):
            print(f"{path}:{line}: {message}")
        count = len(set(self._lines))
        verdict = f"{count} violation(s)" if count else "ok"
        print(f"{self.name}: {verdict} ({looked_at})")
        return 1 if count else 0


def parse_root(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), ".."))
    return os.path.abspath(parser.parse_args().root)


def run(name, description, check):
    """check(root, report) returns what it looked at."""
    root = parse_root(description)
    report = Report(name, root)
    sys.exit(report.finish(check(root, report)))


def find_files(root, folders, suffixes):
    """Sorted absolute paths below the folders with one of the suffixes; no build products."""
    found = []
    for folder in folders:
        for where, names, files in os.walk(os.path.join(root, folder)):
            names[:] = [n for n in names
                        if n not in _SKIPPED_DIRECTORIES and not n.startswith(".")]
            found += [os.path.join(where, f) for f in files if f.endswith(tuple(suffixes))]
    return sorted(found)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


# ---- C++ -------------------------------------------------------------------

_NOISE = re.compile(
    r'//(?:\\\n|[^\n])*'
    r'|/\*.*?\*/'
    r'|(?:u8|u|U|L)?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])(?:u8|u|U|L)?'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


def _is_comment(text):
    return text.startswith("//") or text.startswith("/*")


def _newlines_of(text):
    return "\n" * text.count("\n")


def strip_comments(text):
    """The text with comments blanked; strings stay, lines keep their numbers."""
    def replace(match):
        return " " + _newlines_of(match[0]) if _is_comment(match[0]) else match[0]
    return _NOISE.sub(replace, text)


def strip_comments_and_strings(text):
    """As strip_comments, and every string or character literal becomes ""."""
    def replace(match):
        kept = " " if _is_comment(match[0]) else '""'
        return kept + _newlines_of(match[0])
    return _NOISE.sub(replace, text)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)


class Include:
    """One #include: where it stands, what it names, and whether in quotes."""

    def __init__(self, line, name, quoted):
        self.line = line
        self.name = name
        self.quoted = quoted


def includes_of(path):
    text = strip_comments(read(path))
    return [Include(text.count("\n", 0, m.start()) + 1, m[1] or m[2], m[1] is not None)
            for m in _INCLUDE.finditer(text)]
