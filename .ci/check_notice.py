#!/usr/bin/env python3
"""Checks the dependency tables: known licences, NOTICE up to date, every installed package in them."""

import os
import re

import archlib
import gen_notice

# Packages of setup.sh that are tools of any build machine and need no row.
_GENERIC = {"cmake", "ninja-build", "git", "ca-certificates", "pkg-config", "curl", "python3",
            "python3-venv", "python3-numpy"}


def check_notice(root, rows, report):
    path = os.path.join(root, "NOTICE")
    current = archlib.read(path) if os.path.exists(path) else ""
    if current != gen_notice.render(rows):
        report.add(path, 1, "out of date: run .ci/gen_notice.py")


def packages_of_setup(text):
    """(package, line) for each word that setup.sh's packages_of() echoes."""
    found = []
    text = text.replace("\\\n", " \v")  # keep the count of lines
    for match in re.finditer(r"\becho ([^\n;]*?)(?:\s*;;|\n)", text):
        line = text.count("\n", 0, match.start()) + text.count("\v", 0, match.start()) + 1
        found += [(w, line) for w in match[1].replace("\v", " ").split()
                  if re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", w)]
    return found


def check_packages(root, rows, report):
    path = os.path.join(root, "setup.sh")
    if not os.path.exists(path):
        return
    body = archlib.read(path)
    start = body.find("packages_of() {")
    end = body.find("\n}", start)
    if start < 0:
        return
    before = body.count("\n", 0, start)
    named = " ".join(row.cells[-1] for row in rows).replace(",", " ").split()
    for package, line in packages_of_setup(body[start:end]):
        if package not in _GENERIC and package not in named:
            report.add(path, before + line,
                       f"package '{package}' is in no table of {gen_notice.SOURCE}")


def check(root, report):
    path = os.path.join(root, gen_notice.SOURCE)
    if not os.path.exists(path):
        report.add(path, 1, "missing")
        return "nothing"
    rows, problems = gen_notice.read_dependencies(path)
    for line, message in problems:
        report.add(path, line, message)
    if not problems:
        check_notice(root, rows, report)
    check_packages(root, rows, report)
    return f"{len(rows)} dependencies"


if __name__ == "__main__":
    archlib.run("notice", __doc__, check)
