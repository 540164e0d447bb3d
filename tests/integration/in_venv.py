"""Becomes the Python of build/venv, where the clients of the tests are installed."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.path.join(ROOT, "build", "venv", "bin", "python")

if not os.access(PYTHON, os.X_OK):
    sys.exit(f"error: {PYTHON} does not exist; make it with ./setup.sh venv")
os.execv(PYTHON, [PYTHON, *sys.argv[1:]])
