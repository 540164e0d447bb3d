#!/usr/bin/env python3
"""Checks what is written in the tree: no traces of somebody's machine, no forgotten work.

- a path of a home or working directory, which means nothing to anybody else
- a Markdown file named in text that is not in the tree
- a TODO without the number of an issue, FIXME, XXX, commented merge conflicts
- disabled tests; sleeps in C++ tests (use a FakeClock or an event)
"""

import os
import re
import subprocess

import archlib

_BINARY = (".onnx", ".npy", ".npz", ".pb", ".png", ".gz", ".xz", ".ico")
_EXEMPT = ("LICENSE", "NOTICE")

# pattern, message, where it applies (a function of the relative path)
RULES = []


def rule(pattern, message, applies=lambda rel: True):
    RULES.append((re.compile(pattern, re.MULTILINE), message, applies))


def is_cpp_test(rel):
    return rel.startswith("tests/") and rel.endswith((".h", ".cc"))


def is_not_check(rel):
    """The checks and their tests name what they look for."""
    return not rel.startswith((".ci/check_text", "tests/arch/"))


rule(r"(?<![\w.$})*/-])/(?:work|root|home|Users)/[\w.~-]+", "a path of somebody's machine",
     is_not_check)
rule(r"\bTODO\b(?!\(#\d+\))", "TODO without an issue: write TODO(#NUMBER)", is_not_check)
rule(r"\b(?:FIXME|XXX|HACK)\b", "unfinished work: mend it, or TODO(#NUMBER)", is_not_check)
rule(r"^(?:<{7} |>{7} |={7}$)", "merge conflict", is_not_check)
rule(r"\bDISABLED_\w", "a disabled test is no test", is_cpp_test)
rule(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\s*\(",
     "tests do not sleep: use a FakeClock, or wait for the event", is_cpp_test)

_DOCUMENT = re.compile(r"(?<![\w/.:-])((?:[\w.-]+/)*[A-Za-z][\w-]*\.md)\b")
_URL = re.compile(r"https?://\S+")


def listed_files(root):
    """Paths relative to root: what git would commit, or everything where there is no git."""
    command = ["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"]
    if os.path.exists(os.path.join(root, ".git")):
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
        return sorted(f for f in output.split("\0") if f)
    return sorted(os.path.relpath(p, root) for p in archlib.find_files(root, (".",), ("",)))


def check_rules(path, rel, text, report):
    for pattern, message, applies in RULES:
        if applies(rel):
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                report.add(path, line, f"'{match[0].strip()}': {message}")


def check_documents(root, path, rel, text, report):
    """A reader must be able to open every document that is named."""
    if not is_not_check(rel):
        return
    text = _URL.sub("", text)
    for match in _DOCUMENT.finditer(text):
        name = match[1]
        places = (root, os.path.dirname(path), os.path.join(root, "docs"))
        if not any(os.path.exists(os.path.join(place, name)) for place in places):
            report.add(path, text.count("\n", 0, match.start()) + 1,
                       f"'{name}' is named here but not in the tree")


def check(root, report):
    files = [f for f in listed_files(root)
             if not f.endswith(_BINARY) and f not in _EXEMPT
             and os.path.isfile(os.path.join(root, f))]
    for rel in files:
        path = os.path.join(root, rel)
        text = archlib.read(path)
        check_rules(path, rel, text, report)
        check_documents(root, path, rel, text, report)
    return f"{len(files)} files"


if __name__ == "__main__":
    archlib.run("text", __doc__, check)
