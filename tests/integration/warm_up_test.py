"""Samples that run before a model is ready: a failing one fails the load, a good one counts nothing."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import MODEL_REPO, Server

INPUT = """inputs {{ key: "{name}" value {{ data_type: TYPE_STRING dims: 16 {data} }} }}"""
SAMPLE = """
model_warmup {{ name: "first words" batch_size: 2 count: 3 {inputs} }}
"""


def sample(data):
    """A sample of both inputs."""
    inputs = " ".join(INPUT.format(name=name, data=data) for name in ("INPUT0", "INPUT1"))
    return SAMPLE.format(inputs=inputs)


class WarmUp(unittest.TestCase):
    """simple_string adds decimal numbers: an empty string, as zeros are, is none."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hadron-warm-up-")
        self.addCleanup(self.folder.cleanup)
        self.model = Path(self.folder.name) / "simple_string"
        shutil.copytree(MODEL_REPO / "simple_string", self.model)
        self.config = (self.model / "config.pbtxt").read_text()

    def load(self, warmup):
        """Loads the model with these samples; the answer of the call, and the server."""
        (self.model / "config.pbtxt").write_text(self.config + warmup)
        server = Server([self.folder.name], model_control_mode="explicit").start()
        self.addCleanup(server.stop)
        return server, rest.call(server.http, "POST", "/v2/repository/models/simple_string/load")

    def test_a_failing_sample_fails_the_load(self):
        """The answer names sample, file and cause; the model is not ready."""
        for data, said in (("zero_data: true", ""), ("input_data_file: 'none'", "none")):
            server, answer = self.load(sample(data))
            self.assertEqual(400, answer.status, answer.body)
            self.assertIn(b"model_warmup 'first words'", answer.body)
            self.assertIn(said.encode(), answer.body)
            ready = rest.call(server.http, "GET", "/v2/models/simple_string/ready")
            self.assertNotEqual(200, ready.status)

    def test_a_good_sample_counts_nothing(self):
        """Strings from a file; the statistics know of requests only."""
        (self.model / "warmup").mkdir()
        numbers = np.array([b"7"] * 16, dtype=object)
        (self.model / "warmup" / "sevens").write_bytes(rest.to_bytes(numbers))
        server, answer = self.load(sample("input_data_file: 'sevens'"))
        self.assertEqual(200, answer.status, answer.body)
        answer = rest.call(server.http, "GET", "/v2/models/simple_string/stats")
        stats = json.loads(answer.body)["model_stats"][0]
        self.assertEqual((0, 0), (stats["inference_count"], stats["execution_count"]))
        body = rest.json_body({"INPUT0": numbers.reshape(1, 16), "INPUT1": numbers.reshape(1, 16)})
        answer = rest.call(server.http, "POST", "/v2/models/simple_string/infer", body)
        self.assertEqual(b"14", rest.arrays(answer)["OUTPUT0"].ravel()[0].encode())


if __name__ == "__main__":
    unittest.main()
