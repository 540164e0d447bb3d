"""Makes the networks of tools/models/make_topologies.py and runs topologies_test on them.

    tests/conformance/topologies.py --program build/release/bin/topologies_test [--full]
        [--device opencl] [arguments of the program, such as --gtest_filter=*unet*]

Without --full these are the small networks. Exit status 77: skipped, the last line says why.
"""

import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKE = ROOT / "tools" / "models" / "make_topologies.py"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True, help="topologies_test of a build")
    parser.add_argument("--full", action="store_true", help="the networks in full size")
    parser.add_argument("--out", type=pathlib.Path, help="where the networks are, or go")
    parser.add_argument("--device", default="cpu", help="cpu, opencl, opencl-cpu, opencl-gpu")
    options, arguments = parser.parse_known_args()
    name = "topologies" if options.full else "topologies_small"
    out = options.out or ROOT / "build" / "fixtures" / name
    size = [] if options.full else ["--small"]
    made = subprocess.run([sys.executable, MAKE, "--out", out, *size]).returncode
    if made:
        return made
    environment = {"HADRON_TOPOLOGIES": str(out), "HADRON_TEST_DEVICE": options.device}
    return subprocess.run([options.program, *arguments], cwd=ROOT,
                          env={**os.environ, **environment}).returncode


if __name__ == "__main__":
    sys.exit(main())
