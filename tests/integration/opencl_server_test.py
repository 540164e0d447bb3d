"""The server on an OpenCL device: programs are compiled once, requests never wait for a compiler."""

import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from integration import rest
from integration.harness import MODEL_REPO, START_SECONDS, Server, wait_until
from integration.many_models import ManyModels

PROGRAMS = 'hadron_device_programs_total{device="opencl:0",origin="%s"}'


def series(text, name):
    """The value of one series of the metrics."""
    for line in text.splitlines():
        if line.startswith(name + " "):
            return int(float(line.split()[-1]))
    raise AssertionError(f"no series {name} in:\n{text}")


class ProgramCache(unittest.TestCase):
    """Servers one after the other, with a directory for what they compile."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-opencl-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.cache = self.dir / "cache"
        self.repository = self.dir / "models"
        shutil.copytree(MODEL_REPO / "digits", self.repository / "digits")
        self.starts = 0

    def serve(self, cache=None, **options):
        """Programs compiled and taken from the cache, and the bytes of an answer; trials of tuning
        would compile others."""
        self.starts += 1  # the driver's own cache is a new one each time
        environment = {"POCL_CACHE_DIR": str(self.dir / f"pocl{self.starts}"),
                       "POCL_MEMORY_LIMIT": "4"}
        with Server([self.repository], env=environment, device="opencl",
                    tune="off", cache_dir=cache or self.cache, **options) as server, \
                rest.Client(server.http) as client:
            wait_until(lambda: rest.call(server.http, "GET", "/v2/health/ready").status == 200,
                       START_SECONDS, "not ready")
            before = rest.call(server.metrics, "GET", "/metrics").body.decode()
            for rows in (64, 20, 7, 3, 2, 1):
                image = np.ones((rows, 1, 8, 8), np.float32)
                answer = client.infer_binary("digits", {"image": image})
            after = rest.call(server.metrics, "GET", "/metrics").body.decode()
        for origin in ("source", "cache"):
            self.assertEqual(series(before, PROGRAMS % origin), series(after, PROGRAMS % origin))
        values = {name: array.tobytes() for name, array in answer.items()}
        return series(after, PROGRAMS % "source"), series(after, PROGRAMS % "cache"), values

    def test_a_second_start_compiles_nothing(self):
        compiled, loaded, right = self.serve()
        self.assertGreater(compiled, 2)
        self.assertEqual(loaded, 0)
        self.assertEqual(self.serve(), (0, compiled, right))
        # What is damaged is compiled anew, and kept anew.
        damaged = sorted((self.cache / "bin").iterdir())[0]
        damaged.write_bytes(damaged.read_bytes()[:-1])
        self.assertEqual(self.serve(), (1, compiled - 1, right))
        self.assertEqual(self.serve(), (0, compiled, right))
        # The other family has other programs.
        other, loaded, _ = self.serve(opencl_family="gpu")
        self.assertGreater(other, 2)
        self.assertLess(loaded, compiled)

    def test_a_directory_that_cannot_be_used_costs_time_only(self):
        (self.dir / "file").write_text("no directory")
        compiled, loaded, _ = self.serve(cache=self.dir / "file")
        self.assertGreater(compiled, 2)
        self.assertEqual(loaded, 0)

    def test_the_budget_bounds_what_is_kept(self):
        compiled, _, _ = self.serve(cache_budget=200000)
        kept = [path.stat().st_size for path in (self.cache / "bin").iterdir()]
        self.assertLess(len(kept), compiled)
        self.assertLessEqual(sum(kept), 200000)


class SmallDevice(ManyModels):
    """A device that holds two of six models, or one, and hardly more than their weights."""

    def test_all_models_load_and_serve_at_once(self):
        wanted = {name: model.run(self.x) for name, model in self.models.items()}
        for kibibytes in (8 * 1024 + 512, 4 * 1024 + 256):
            with self.subTest(kibibytes=kibibytes), \
                    Server([self.repository], env={"POCL_MEMORY_LIMIT": "4"}, device="opencl",
                           tune="off", device_memory_budget=kibibytes * 1024) as server:

                def ask(number):
                    with rest.Client(server.http) as client:
                        for i in range(12):
                            name = f"m{(number * 5 + i * (1 + number % 3)) % len(wanted)}"
                            answer = client.infer_binary(name, {"x": self.x})["y"]
                            np.testing.assert_allclose(wanted[name], answer, rtol=1e-3, atol=1e-3)

                with ThreadPoolExecutor(8) as pool:
                    list(pool.map(ask, range(8)))


if __name__ == "__main__":
    unittest.main()
