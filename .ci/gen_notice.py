#!/usr/bin/env python3
"""Writes NOTICE from the tables of docs/dependencies.md. An unknown licence stops it."""

import os
import re
import sys

import archlib

SOURCE = "docs/dependencies.md"
COLUMNS = 7

# SPDX identifiers that are compatible with shipping Hadron under Apache-2.0 in the way the section
# says (linked, tests only, data). A new one is added here after reading it.
LICENCES = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC-BY-4.0", "MIT", "PostgreSQL",
    "PSF-2.0", "Zlib", "curl", "libpng-2.0",
    "GPL-3.0-or-later WITH GCC-exception-3.1", "Apache-2.0 WITH LLVM-exception",
}
# Fine for a tool that is run and never shipped.
TOOL_LICENCES = {
    "GPL-2.0-or-later", "GPL-3.0-or-later", "LGPL-2.1-only", "LGPL-3.0-only",
}
TOOL_SECTIONS = {"Tests, checks and benches only", "Making the example models"}

HEAD = """Hadron
Copyright The Hadron Authors

Licensed under the Apache License, Version 2.0; see the file LICENSE.

This file is generated from docs/dependencies.md by .ci/gen_notice.py.
"""


class Dependency:
    """A row of one of the tables."""

    def __init__(self, section, line, cells):
        self.section = section
        self.line = line
        self.name, self.version, self.licence, self.copyright = cells[:4]
        self.cells = cells


def read_dependencies(path):
    """(rows, [(line, message)])"""
    rows, problems, section = [], [], ""
    for number, line in enumerate(archlib.read(path).splitlines(), 1):
        if line.startswith("## "):
            section = line[3:].strip()
        if not line.startswith("|") or re.match(r"\|[-| ]+\|$", line) or line.startswith("| Name"):
            continue
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) != COLUMNS or not all(cells):
            problems.append((number, f"a row has {COLUMNS} filled columns"))
            continue
        rows.append(Dependency(section, number, cells))
    return rows, problems + licence_problems(rows)


def licence_problems(rows):
    problems = []
    for row in rows:
        known = LICENCES | (TOOL_LICENCES if row.section in TOOL_SECTIONS else set())
        parts = re.split(r" (?:AND|OR) ", row.licence)
        for part in parts:
            if part not in known:
                problems.append((row.line, f"{row.name}: unknown licence '{part}' here; read it, "
                                           "then add it to .ci/gen_notice.py"))
    return problems


def render(rows):
    lines, section = [HEAD], None
    for row in rows:
        if row.section != section:
            section = row.section
            lines.append(f"\n{section}\n{'-' * len(section)}\n")
        lines.append(f"{row.name} {row.version}\n    {row.licence}\n    "
                     f"Copyright {row.copyright}\n")
    return "\n".join(lines).rstrip("\n") + "\n"


def main():
    root = archlib.parse_root(__doc__)
    path = os.path.join(root, SOURCE)
    rows, problems = read_dependencies(path)
    for line, message in problems:
        print(f"{SOURCE}:{line}: {message}")
    if problems:
        sys.exit(1)
    with open(os.path.join(root, "NOTICE"), "w", encoding="utf-8") as file:
        file.write(render(rows))
    print(f"NOTICE: {len(rows)} entries")


if __name__ == "__main__":
    main()
