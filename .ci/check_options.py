#!/usr/bin/env python3
"""Compares the server's option table with the list of what the command line promises.

The table: src/server/options_table.inc, entries HADRON_OPTION(name, type, default, ...). The list:
tests/data/options_expected.tsv. An option of the table must be in the list, with that default, and
marked as no longer pending; an option of the list must be in the table unless it is pending.
"""

import os
import re

import archlib

TABLE = "src/server/options_table.inc"
EXPECTED = "tests/data/options_expected.tsv"
TREATMENTS = {"KEEP", "ALIAS", "NOOP", "DROP", "OURS"}
_ENTRY = re.compile(r"\bHADRON_OPTION\s*\(")


class Expected:
    """A row of the list."""

    def __init__(self, line, default, treatment, pending):
        self.line = line
        self.default = default
        self.treatment = treatment
        self.pending = pending


def read_expected(path, report):
    rows = {}
    for number, line in enumerate(archlib.read(path).splitlines(), 1):
        if not line.strip() or line.startswith(("#", "name\t")):
            continue
        cells = line.split("\t")
        if len(cells) != 4 or cells[2] not in TREATMENTS or cells[3] not in ("yes", "no"):
            report.add(path, number, "not a row 'name<TAB>default<TAB>treatment<TAB>yes|no'")
        elif cells[0] in rows:
            report.add(path, number, f"'{cells[0]}' stands here twice")
        else:
            rows[cells[0]] = Expected(number, cells[1], cells[2], cells[3] == "yes")
    return rows


# ---- the table -------------------------------------------------------------

def split_arguments(text, start):
    """Top-level arguments of a macro call whose '(' is just before start."""
    arguments, depth, current, index = [], 1, "", start
    while index < len(text) and depth:
        char = text[index]
        if char == '"':
            end = index + 1
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            current += text[index:end + 1]
            index = end + 1
            continue
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 or (depth == 1 and char == ","):
            arguments.append(current.strip())
            current = ""
        else:
            current += char
        index += 1
    return arguments


def plain(argument):
    """An argument as it stands in the list: no quotes, no digit separators; empty is '-'."""
    text = argument.strip()
    if text.startswith('"'):
        text = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', text))
    elif re.match(r"-?\d", text):
        text = re.sub(r"(?<=\d)(?:u?l?l?|f)$", "", text.replace("'", ""), flags=re.IGNORECASE)
    return text if text not in ("", "{}", "std::nullopt") else "-"


def read_table(path):
    """[(name, default, line)]"""
    text = archlib.strip_comments(archlib.read(path))
    entries = []
    for match in _ENTRY.finditer(text):
        if re.search(r"#\s*(define|undef)\s*$", text[:match.start()].split("\n")[-1]):
            continue
        arguments = split_arguments(text, match.end())
        name = plain(arguments[0]).replace("_", "-")
        default = plain(arguments[2]) if len(arguments) > 2 else "-"
        entries.append((name, default, text.count("\n", 0, match.start()) + 1))
    return entries


# ---- comparison ------------------------------------------------------------

def check_entry(path, entry, row, report):
    name, default, line = entry
    if row is None:
        report.add(path, line, f"option '{name}' is not in {EXPECTED}")
    elif row.treatment == "DROP":
        report.add(path, line, f"option '{name}' is to be unknown (DROP in {EXPECTED})")
    elif row.default != default:
        report.add(path, line, f"option '{name}' has the default '{default}', promised is "
                               f"'{row.default}'")


def check_pending(path, rows, present, report):
    for name, row in rows.items():
        if row.treatment == "DROP":
            continue
        if name in present and row.pending:
            report.add(path, row.line, f"option '{name}' exists now: set its pending column to 'no'")
        elif name not in present and not row.pending:
            report.add(path, row.line, f"option '{name}' has gone from {TABLE}")


def check(root, report):
    table, expected = os.path.join(root, TABLE), os.path.join(root, EXPECTED)
    if not os.path.exists(expected):
        report.add(expected, 1, "the list of promised options is missing")
        return "nothing"
    rows = read_expected(expected, report)
    if not os.path.exists(table):
        return f"skipped: {TABLE} does not exist yet; {len(rows)} options promised"
    entries = read_table(table)
    for entry in entries:
        check_entry(table, entry, rows.get(entry[0]), report)
    check_pending(expected, rows, {name for name, _, _ in entries}, report)
    waiting = sorted(n for n, r in rows.items() if r.pending)
    if waiting:
        print(f"  promised, not yet there: {' '.join(waiting)}")
    return f"{len(entries)} options in the table, {len(rows)} promised"


if __name__ == "__main__":
    archlib.run("options", __doc__, check)
