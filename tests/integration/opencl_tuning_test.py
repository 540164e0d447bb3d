"""The server tunes an OpenCL device's kernels while it loads models, and keeps what it found out."""

import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np

from integration import rest
from integration.harness import MODEL_REPO, START_SECONDS, Server, wait_until


class Tuning(unittest.TestCase):
    """Servers one after the other on one cache directory."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-tuning-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.repository = self.dir / "models"
        shutil.copytree(MODEL_REPO / "digits", self.repository / "digits")

    def serve(self, **options):
        """Whether kernels were tuned, and the bytes of an answer."""
        environment = {"POCL_CACHE_DIR": str(self.dir / "pocl"), "POCL_MEMORY_LIMIT": "4"}
        with Server([self.repository], env=environment, device="opencl",
                    cache_dir=self.dir / "cache", **options) as server, \
                rest.Client(server.http) as client:
            wait_until(lambda: rest.call(server.http, "GET", "/v2/health/ready").status == 200,
                       START_SECONDS, "not ready")
            image = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 1, 8, 8)
            answer = client.infer_binary("digits", {"image": image})
            log = server.stop()  # now it is complete
        return "kernels tuned" in log, {name: array.tobytes() for name, array in answer.items()}

    def files(self):
        return sorted((self.dir / "cache" / "tune").glob("*"))

    def test_what_was_measured_is_not_measured_again(self):
        tuned, right = self.serve(tune="off")
        self.assertFalse(tuned)
        self.assertEqual(self.files(), [])
        self.assertEqual(self.serve(), (True, right))
        (file,) = self.files()
        self.assertIn(b"conv:", file.read_bytes())
        for _ in range(5):  # on a busy machine one start has no time for all
            found = file.read_bytes()
            tuned, values = self.serve(tune="fast")
            self.assertEqual(values, right)
            if not tuned:
                break
        self.assertFalse(tuned)
        self.assertEqual(file.read_bytes(), found)
        # A damaged file is replaced, never an error.
        file.write_bytes(found[:-20])
        self.assertEqual(self.serve(), (True, right))
        self.assertEqual(self.files(), [file])


if __name__ == "__main__":
    unittest.main()
