"""A small tree on disk in which a test plants a violation, and the check that must find it."""

import os
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


class CheckTest(unittest.TestCase):
    """Base of the tests of one check; CHECK is the name of its script."""

    CHECK = ""

    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.root = self._directory.name

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def run_check(self):
        script = os.path.join(REPOSITORY, ".ci", f"check_{self.CHECK}.py")
        done = subprocess.run([sys.executable, script, "--root", self.root], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def assert_clean(self):
        status, output = self.run_check()
        self.assertEqual(status, 0, output)

    def assert_found(self, *fragments):
        """The check fails, and one of its lines holds all fragments ('file:line' among them)."""
        status, output = self.run_check()
        self.assertEqual(status, 1, output)
        lines = [line for line in output.splitlines() if all(f in line for f in fragments)]
        self.assertTrue(lines, f"no line with {fragments} in:\n{output}")
