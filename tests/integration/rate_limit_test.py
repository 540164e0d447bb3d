"""Resources of instances at the real program: who cannot be loaded, and that all are answered."""

import shutil
import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import MODEL_REPO, Server

LIMITED = """
instance_group { kind: KIND_CPU count: 2 rate_limiter {
  resources { name: "Lanes" count: 2 } priority: 3 } }
"""
SECONDS = 60


class RateLimit(unittest.TestCase):
    """Two copies of one model that share a resource."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hadron-rate-")
        self.addCleanup(self.folder.cleanup)
        for name in ("a", "b"):
            model = Path(self.folder.name) / name
            shutil.copytree(MODEL_REPO / "simple", model)
            config = (model / "config.pbtxt").read_text().replace('"simple"', f'"{name}"')
            (model / "config.pbtxt").write_text(config + LIMITED)

    def serve(self, **options):
        """A server of both, which need not all load."""
        server = Server([self.folder.name], exit_on_error="false", strict_readiness="false",
                        rate_limit="execution_count", **options)
        self.addCleanup(server.stop)
        return server.start()

    def test_everybody_is_answered(self):
        """One execution at a time, of both models together; no request is lost."""
        server = self.serve(rate_limit_resource="lanes:2")
        one = np.ones((1, 16), np.int32)
        wrong = []

        def ask(name):
            with rest.Client(server.http) as client:
                for _ in range(40):
                    out = client.infer_binary(name, {"INPUT0": one, "INPUT1": one})
                    if not (out["OUTPUT0"] == 2).all():
                        wrong.append(name)

        threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b") * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        self.assertFalse(any(thread.is_alive() for thread in threads))
        self.assertEqual([], wrong)

    def test_a_need_that_cannot_be_met_fails_the_load(self):
        """The reason names the resource and both numbers."""
        server = self.serve(rate_limit_resource="LANES:1")
        index = rest.call(server.http, "POST", "/v2/repository/index").body
        self.assertIn(b"needs 2 of resource 'Lanes', --rate-limit-resource gives 1", index)


if __name__ == "__main__":
    unittest.main()
