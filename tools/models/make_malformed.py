# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/malformed: small model files, each with one defect a loader must refuse.

EXPECT.tsv lists them: file name (without .onnx), tab, a substring of the lower-cased error
message.  A file with several lines must show every one of their substrings.  The folder
`sound` holds models of the same making without the defects: they must load, so that none
of the others is refused for a wrong reason.
"""

import malformed_format
import malformed_graph
import malformed_operators
import malformed_tensors
import repository

FOLDER = repository.TEST_DATA / "malformed"
MODULES = (malformed_format, malformed_tensors, malformed_graph, malformed_operators)
MAX_TOTAL_BYTES = 300_000


def collect(attribute):
    """One dictionary out of the `attribute` dictionaries of all modules."""
    merged = {}
    for module in MODULES:
        part = getattr(module, attribute)
        repeated = merged.keys() & part.keys()
        if repeated:
            raise ValueError(f"names used twice: {sorted(repeated)}")
        merged.update(part)
    return merged


def write_folder(folder, models):
    """Replaces the folder's models; returns their size in total."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.onnx"):
        stale.unlink()
    for name, data in models.items():
        (folder / f"{name}.onnx").write_bytes(data)
    (folder / "weights.bin").write_bytes(bytes(16))
    return sum(len(data) for data in models.values())


def expectations(cases):
    for name, (expected, _) in sorted(cases.items()):
        for text in [expected] if isinstance(expected, str) else expected:
            yield f"{name}\t{text}\n"


def main():
    cases, sound = collect("CASES"), collect("SOUND")
    total = write_folder(FOLDER, {name: data for name, (_, data) in cases.items()})
    total += write_folder(FOLDER / "sound", sound)
    if total > MAX_TOTAL_BYTES:
        raise ValueError(f"{total} bytes in total")
    (FOLDER / "EXPECT.tsv").write_text("".join(expectations(cases)))
    print(f"{len(cases)} malformed and {len(sound)} sound models, {total} bytes")


if __name__ == "__main__":
    main()
