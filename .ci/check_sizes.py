#!/usr/bin/env python3
"""Checks the hard limits on sizes and prints how the targets stand."""

import os
import re

import archlib
import functions

PRODUCT = ("src", "clients", "bench")
CPP = (".h", ".cc")

FILE_LINES = {".h": 600, ".cc": 600, ".inc": 600, ".cl": 800, ".clh": 800}
FUNCTION_LINES = 70
LONG_FUNCTION = 50
LONG_SHARE = 0.01
COMPLEXITY = 15
PARAMETERS = 6
NESTING = 4
CONDITIONALS_PER_1000 = 3.0
# Density means nothing in a tree of a few hundred lines.
CONDITIONALS_FROM_LINES = 1000

# (file, what) -> reason. 'what' is "lines" for a file, or the name of a function. A waiver that is
# not needed any more fails the check.
WAIVERS = {
}


class Waivers:
    def __init__(self, root):
        self._root = root
        self._used = set()

    def cover(self, path, what):
        key = (os.path.relpath(path, self._root), what)
        if key in WAIVERS:
            self._used.add(key)
        return key in WAIVERS

    def report_unused(self, report):
        for path, what in WAIVERS:
            exists = os.path.exists(os.path.join(self._root, path))
            if exists and (path, what) not in self._used:
                report.add(os.path.join(self._root, path), 1,
                           f"the waiver for '{what}' in .ci/check_sizes.py is not needed: remove it")


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


# ---- files -----------------------------------------------------------------

def check_file_lines(path, lines, waivers, report):
    limit = FILE_LINES[os.path.splitext(path)[1]]
    if lines > limit and not waivers.cover(path, "lines"):
        report.add(path, limit, f"file has {lines} lines (limit {limit})")


def line_counts(root):
    folders = PRODUCT + ("tests", "kernels")
    return {path: archlib.read(path).count("\n")
            for path in archlib.find_files(root, folders, tuple(FILE_LINES))}


# ---- functions -------------------------------------------------------------

def check_function(path, function, product, waivers, report):
    limits = [(function.lines, FUNCTION_LINES, "lines")]
    if product:
        limits += [(function.complexity, COMPLEXITY, "decision points + 1"),
                   (function.parameters, PARAMETERS, "parameters"),
                   (function.nesting, NESTING, "levels of nesting")]
    for value, limit, what in limits:
        if value > limit and not waivers.cover(path, function.name):
            report.add(path, function.line,
                       f"{function.name}: {value} {what} (limit {limit})")


def check_functions(root, waivers, report):
    """Returns the product's functions with their paths."""
    found = []
    for path in archlib.find_files(root, PRODUCT + ("tests",), CPP):
        product = not os.path.relpath(path, root).startswith("tests")
        for function in functions.functions_of(path):
            check_function(path, function, product, waivers, report)
            if product:
                found.append((path, function))
    return found


def check_long_share(found, report):
    """At most one in a hundred may be longer than LONG_FUNCTION (and always one)."""
    long = sorted((f for f in found if f[1].lines > LONG_FUNCTION), key=lambda f: -f[1].lines)
    allowed = max(1, int(len(found) * LONG_SHARE))
    for path, function in long[allowed:]:
        report.add(path, function.line,
                   f"{function.name}: {function.lines} lines; more than {allowed} functions of "
                   f"{len(found)} are above {LONG_FUNCTION}")


# ---- preprocessor and budget -----------------------------------------------

_CONDITIONAL = re.compile(r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif)\b", re.MULTILINE)


def conditionals(path):
    text = archlib.strip_comments(archlib.read(path))
    return [text.count("\n", 0, m.start()) + 1 for m in _CONDITIONAL.finditer(text)]


def check_conditionals(paths, lines, report):
    where = [(path, line) for path in paths for line in conditionals(path)]
    density = 1000.0 * len(where) / max(lines, 1)
    if lines >= CONDITIONALS_FROM_LINES and density > CONDITIONALS_PER_1000:
        for path, line in where:
            report.add(path, line, f"#if: {density:.1f} per 1000 lines "
                                   f"(limit {CONDITIONALS_PER_1000})")
    return density


def read_budget(root):
    path = os.path.join(root, ".ci", "line_budget.txt")
    rows = {}
    if os.path.exists(path):
        for number, line in enumerate(archlib.read(path).splitlines(), 1):
            words = line.split("#")[0].split()
            if len(words) == 2:
                rows[words[0]] = (int(words[1]), number)
    return path, rows


def check_budget(root, counts, report):
    path, rows = read_budget(root)
    if not rows:
        return
    used = {}
    for file, lines in counts.items():
        parts = os.path.relpath(file, root).split(os.sep)
        if parts[0] == "src" and len(parts) > 2:
            used[parts[1]] = used.get(parts[1], 0) + lines
    for folder, lines in used.items():
        budget, number = rows.get(folder, (0, 1))
        if lines > budget:
            report.add(path, number, f"src/{folder} has {lines} lines (budget {budget})")
    total, number = rows.get("total", (0, 1))
    granted = sum(b for name, (b, _) in rows.items() if name != "total")
    if granted > total:
        report.add(path, number, f"the folders' budgets add up to {granted} (total {total})")


# ---- what the targets say --------------------------------------------------

def comment_share(paths):
    """Comment lines per 100 code lines."""
    comments = code = 0
    for path in paths:
        text = archlib.read(path)
        for line, bare in zip(text.split("\n"), archlib.strip_comments(text).split("\n")):
            comments += bool(line.strip()) and not bare.strip()
            code += bool(bare.strip())
    return 100.0 * comments / max(code, 1)


def print_targets(root, counts, found, density):
    sizes = [n for path, n in counts.items() if path.startswith(os.path.join(root, "src"))]
    measured = [f for _, f in found]

    def spread(values):
        return f"{quantile(values, 0.5)} / {quantile(values, 0.95)} / {max(values, default=0)}"

    headers = archlib.find_files(root, ("src",), (".h",))
    sources = archlib.find_files(root, ("src",), (".cc",))
    tests = sum(n for p, n in counts.items() if p.startswith(os.path.join(root, "tests")))
    print("  median / p95 / max         now                 target")
    print(f"  lines of a file            {spread(sizes):18}  100 / 350 / 600")
    print(f"  lines of a function        {spread([f.lines for f in measured]):18}  8 / 35 / 70")
    print(f"  decision points + 1        {spread([f.complexity for f in measured]):18}  - / 7 / 15")
    print(f"  parameters                 {spread([f.parameters for f in measured]):18}  - / 4 / 6")
    print(f"  nesting                    {spread([f.nesting for f in measured]):18}  - / 2 / 4")
    print(f"  #if per 1000 lines         {density:<18.1f}  1.5 (limit 3)")
    print(f"  comments per 100 lines     headers {comment_share(headers):.0f}, sources "
          f"{comment_share(sources):.0f}   35-70, 5-20")
    print(f"  test lines per src line    {tests / max(sum(sizes), 1):<18.2f}  1.0")


def check(root, report):
    waivers = Waivers(root)
    counts = line_counts(root)
    for path, lines in counts.items():
        check_file_lines(path, lines, waivers, report)
    found = check_functions(root, waivers, report)
    check_long_share(found, report)
    src = archlib.find_files(root, ("src",), CPP)
    lines = sum(counts[path] for path in src)
    density = check_conditionals(src, lines, report)
    check_budget(root, counts, report)
    waivers.report_unused(report)
    print_targets(root, counts, found, density)
    return f"{len(found)} functions, {lines} lines in src/"


if __name__ == "__main__":
    archlib.run("sizes", __doc__, check)
