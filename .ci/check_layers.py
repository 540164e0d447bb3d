#!/usr/bin/env python3
"""Checks every #include against the layer table (layers.py) and looks for include cycles."""

import os
import re

import archlib
import layers

_SUFFIXES = (".h", ".cc", ".inc")


class File:
    """A source file: its path from the root, its tree and its folder of src/, if any."""

    def __init__(self, root, path):
        self.path = path
        self.rel = os.path.relpath(path, root).replace(os.sep, "/")
        parts = self.rel.split("/")
        self.tree = parts[0]
        self.folder = parts[1] if self.tree == "src" and len(parts) > 2 else None
        self.is_header = self.rel.endswith((".h", ".inc"))
        self.includes = archlib.includes_of(path)


def folder_of_include(name):
    """The folder of src/ that a quoted include names, or None."""
    first = name.split("/", 1)[0]
    return first if "/" in name and first in layers.ALLOWED else None


def is_private(name):
    return name.count("/") > 1 and name not in layers.PUBLIC_TABLES


def allowed_folders(file):
    """Folders this file may include, or None for all of them."""
    if file.folder is not None:
        return layers.ALLOWED.get(file.folder, []) + [file.folder]
    for tree, folders in layers.CLIENTS.items():
        if file.rel.startswith(tree + "/"):
            return folders
    return None if file.tree in layers.FREE_TREES else []


def check_folder(file, include, target, report):
    allowed = allowed_folders(file)
    if allowed is None:
        return
    wiring = re.match(layers.WIRING, file.rel) and re.match(layers.FACTORY, include.name)
    if target not in allowed:
        where = file.folder or os.path.dirname(file.rel)
        report.add(file.path, include.line,
                   f"'{where}' may not include '{include.name}'; allowed: "
                   f"{' '.join(f for f in allowed if f != file.folder) or 'nothing'}")
    elif is_private(include.name) and target != file.folder and not wiring:
        report.add(file.path, include.line,
                   f"'{include.name}' is private to '{target}': headers of sub-folders are")


def check_unknown_quoted(root, file, include, report):
    """A quoted include that names no folder of src/: a neighbour, or a mistake."""
    name = include.name
    if ".." in name.split("/"):
        report.add(file.path, include.line, f"'{name}': include by folder, not by '..'")
        return
    if file.tree == "src":
        tree = name.split("/", 1)[0]
        if tree in ("clients", "bench", "tests"):
            report.add(file.path, include.line, f"src/ may not include '{name}'")
        elif file.folder is not None:
            report.add(file.path, include.line,
                       f"'{name}' names no folder of the layer table: write \"folder/file.h\", or "
                       "<...> for a library")
    elif file.tree == "clients":
        check_client_neighbour(root, file, include, report)


def check_client_neighbour(root, file, include, report):
    """cli and load share nothing but clients/cpp."""
    own = "/".join(file.rel.split("/")[:2])
    for other in layers.CLIENTS:
        inside = os.path.exists(os.path.join(root, "clients", include.name))
        target = "clients/" + "/".join(include.name.split("/")[:1])
        if inside and target == other and other not in (own, "clients/cpp"):
            report.add(file.path, include.line, f"'{own}' may not include '{include.name}'")


def within(rel, prefixes):
    return any(rel == p or (p.endswith("/") and rel.startswith(p)) for p in prefixes.split())


def library_of(name):
    for library, (pattern, prefixes) in layers.LIBRARIES.items():
        if re.match(pattern, name):
            return library, prefixes
    return None, ""


def is_own(include):
    return include.name.endswith(".h") or "/" in include.name


def check_library(file, include, report):
    """Returns True when the include names a library of the table or of the platform."""
    library, prefixes = library_of(include.name)
    if library is None:
        if include.quoted:
            return False
        if is_own(include) and not re.match(layers.PLATFORM, include.name):
            if file.tree not in layers.FREE_TREES and not is_client_header(file, include):
                report.add(file.path, include.line,
                           f"<{include.name}> belongs to no library of the table in .ci/layers.py")
        return True
    if file.tree not in layers.FREE_TREES and not within(file.rel, prefixes):
        report.add(file.path, include.line,
                   f"'{include.name}' ({library}) may only be included in: "
                   f"{prefixes or 'tests/ bench/'}")
    check_cost(file, include, report)
    return True


def is_client_header(file, include):
    return file.tree == "clients" and include.name.startswith("hadron/")


def check_cost(file, include, report):
    if file.tree != "src":
        return
    for library, pattern in layers.SOURCES_ONLY.items():
        if file.is_header and re.match(pattern, include.name):
            report.add(file.path, include.line,
                       f"'{include.name}': {library} is for .cc files only (compile time)")
    if re.match(layers.ASIO, include.name) and not re.match(layers.ASIO_HEADERS, file.rel):
        report.add(file.path, include.line, f"'{include.name}': include \"net/asio.h\" instead")


def check_client_api(file, report):
    """The client library's public headers see the standard library and each other only."""
    if not (file.rel.startswith("clients/cpp/include/") and file.is_header):
        return
    for include in file.includes:
        if is_own(include) and not include.name.startswith("hadron/"):
            report.add(file.path, include.line,
                       f"'{include.name}': public client headers use the standard library only")


def check_file(root, file, report):
    if file.tree == "src" and file.folder and file.folder not in layers.ALLOWED:
        report.add(file.path, 1, f"folder src/{file.folder} is not in the table of .ci/layers.py")
        return
    check_client_api(file, report)
    for include in file.includes:
        if check_library(file, include, report):
            continue
        target = folder_of_include(include.name)
        if target is not None:
            check_folder(file, include, target, report)
        else:
            check_unknown_quoted(root, file, include, report)


# ---- cycles ----------------------------------------------------------------

def component(rel):
    """A header and its source are one component."""
    return os.path.splitext(rel)[0]


def resolve(file, name, known):
    """The component of an included file of this repository, or None."""
    here = os.path.dirname(file.rel)
    for candidate in (f"src/{name}", f"{here}/{name}", name, f"clients/{name}",
                      f"tests/{name}", f"clients/cpp/include/{name}"):
        if candidate in known:
            return component(os.path.normpath(candidate))
    return None


def include_edges(files):
    """component -> {component it includes: (path, line)}"""
    known = {file.rel for file in files}
    edges = {component(file.rel): {} for file in files}
    for file in files:
        own = component(file.rel)
        for include in file.includes:
            target = resolve(file, include.name, known)
            if target is not None and target != own:
                edges[own].setdefault(target, (file.path, include.line))
    return edges


def find_cycle(edges):
    """One cycle as a list of components, or None. Depth first, without recursion."""
    done = set()
    for start in sorted(edges):
        path, stack = [], [(start, iter(sorted(edges[start])))]
        while stack:
            node, targets = stack[-1]
            if not path or path[-1] != node:
                path.append(node)
            step = next((t for t in targets if t in edges and t not in done), None)
            if step is None:
                done.add(node)
                stack.pop()
                path.pop()
            elif step in path:
                return path[path.index(step):] + [step]
            elif step not in done:
                stack.append((step, iter(sorted(edges[step]))))
    return None


def check_cycles(files, report):
    """Reports cycles one after the other, cutting each where it was found."""
    edges = include_edges(files)
    cycle = find_cycle(edges)
    while cycle is not None:
        path, line = edges[cycle[-2]].pop(cycle[-1])
        report.add(path, line, "include cycle: " + " -> ".join(cycle))
        cycle = find_cycle(edges)


def check(root, report):
    files = [File(root, p)
             for p in archlib.find_files(root, ("src", "clients", "bench", "tests"), _SUFFIXES)]
    for file in files:
        check_file(root, file, report)
    check_cycles([f for f in files if f.tree != "tests"], report)
    return f"{sum(len(f.includes) for f in files)} includes in {len(files)} files"


if __name__ == "__main__":
    archlib.run("layers", __doc__, check)
