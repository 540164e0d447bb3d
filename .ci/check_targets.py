#!/usr/bin/env python3
"""Checks that every folder of src/ is one CMake target whose DEPS are its line of the layer table."""

import os
import re

import archlib
import layers

_CALL = re.compile(r"\bhadron_library\s*\(([^)]*)\)", re.DOTALL)
_KEYWORDS = {"SOURCES", "DEPS", "LINK", "STRICT_UBSAN"}


def folders_of(root):
    src = os.path.join(root, "src")
    if not os.path.isdir(src):
        return []
    return sorted(n for n in os.listdir(src) if os.path.isdir(os.path.join(src, n)))


def parse_call(text):
    """(folder name, deps, line) of each hadron_library call."""
    text = re.sub(r"#[^\n]*", "", text)
    for match in _CALL.finditer(text):
        words = match[1].split()
        deps, keyword = [], None
        for word in words[1:]:
            if word in _KEYWORDS:
                keyword = word
            elif keyword == "DEPS":
                deps.append(word.removeprefix("hadron::"))
        yield words[0] if words else "", deps, text.count("\n", 0, match.start()) + 1


def has_code(folder):
    return any(archlib.find_files(folder, ("",), (".h", ".cc")))


def check_deps(name, deps, present, path, line, report):
    """DEPS must be the table's line, less the folders that do not exist yet."""
    expected = {d for d in layers.ALLOWED[name] if d in present}
    unknown, lacking = sorted(set(deps) - expected), sorted(expected - set(deps))
    if unknown:
        report.add(path, line, f"'{name}' may not depend on: {' '.join(unknown)}")
    if lacking:
        report.add(path, line, f"'{name}' lacks DEPS of its line in the table: {' '.join(lacking)}")


def check_purpose(folder, path, report):
    """A newcomer asks the folder what it is for: a README.md, or the comment of its build file."""
    readme = os.path.exists(os.path.join(folder, "README.md"))
    if not readme and not archlib.read(path).lstrip().startswith("#"):
        report.add(path, 1, "say in a README.md or in the first comment here what the folder is for")


def check_folder(root, name, present, report):
    folder = os.path.join(root, "src", name)
    path = os.path.join(folder, "CMakeLists.txt")
    if name not in layers.ALLOWED:
        report.add(folder, 1, "this folder is not in the table of .ci/layers.py")
        return
    if not os.path.exists(path):
        report.add(folder, 1, "no CMakeLists.txt")
        return
    calls = [c for c in parse_call(archlib.read(path)) if c[0] == name]
    if not calls:
        report.add(path, 1, f"no hadron_library({name} ... DEPS ...)")
    for _, deps, line in calls:
        check_deps(name, deps, present, path, line, report)
    check_purpose(folder, path, report)


def check(root, report):
    present = [n for n in folders_of(root) if has_code(os.path.join(root, "src", n))]
    for name in present:
        check_folder(root, name, present, report)
    return f"{len(present)} folders of src/"


if __name__ == "__main__":
    archlib.run("targets", __doc__, check)
