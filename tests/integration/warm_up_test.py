"""Samples that run before a model is ready: a failing one fails the load, a good one counts nothing."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import MODEL_REPO, Server
from .onnx_ragged import write_totals
from .onnx_sequence import write_accumulator

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


class Sequences(unittest.TestCase):
    """A model that is told about sequences is warmed up without one."""

    GIVEN = ('inputs { key: "x" value { data_type: TYPE_FP32 dims: 1 random_data: true } } '
             'inputs { key: "start" value { data_type: TYPE_FP32 dims: 1 random_data: true } } '
             'inputs { key: "s" value { data_type: TYPE_FP32 dims: 1 random_data: true } } '
             'inputs { key: "id" value { data_type: %s dims: 1 zero_data: true } }')
    LEFT_OUT = 'inputs { key: "x" value { data_type: TYPE_FP32 dims: 1 random_data: true } }'

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hadron-warm-up-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def load(self, inputs, write, **kwargs):
        """The model's server and the answer of the load."""
        write(self.folder, "runs", "direct { }", **kwargs)
        with open(self.folder / "runs" / "config.pbtxt", "a", encoding="utf-8") as config:
            config.write(f'model_warmup {{ name: "w" batch_size: 3 {inputs} }}\n')
        server = Server([self.folder], model_control_mode="explicit").start()
        self.addCleanup(server.stop)
        return server, rest.call(server.http, "POST", "/v2/repository/models/runs/load")

    def check_served(self, server, answer):
        """A sequence begins with nothing of the warm-up."""
        self.assertEqual(200, answer.status, answer.body)
        body = json.dumps({"parameters": {"sequence_id": 4, "sequence_start": True},
                           "outputs": [{"name": "y"}], "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [5]}]}).encode()
        answer = rest.call(server.http, "POST", "/v2/models/runs/infer", body)
        self.assertEqual([[5]], rest.arrays(answer)["y"].tolist())

    def test_flags_and_states_may_be_left_out(self):
        """They are zeros then; strings are empty."""
        self.check_served(*self.load(self.LEFT_OUT, write_accumulator))

    def test_strings_as_well(self):
        """An id of a sequence."""
        answer = self.load(self.LEFT_OUT, write_accumulator, strings=True)[1]
        self.assertEqual(200, answer.status, answer.body)

    def test_flags_and_states_may_be_given(self):
        """Like inputs."""
        self.check_served(*self.load(self.GIVEN % "TYPE_UINT64", write_accumulator))

    def test_of_the_model_s_type(self):
        """Or the load says so."""
        answer = self.load(self.GIVEN % "TYPE_INT32", write_accumulator)[1]
        self.assertEqual(400, answer.status)
        self.assertIn(b"input 'id': data_type is INT32, the model's is UINT64", answer.body)

    def test_in_ragged_batches(self):
        """Offsets are the server's in any case."""
        self.check_served(*self.load(self.LEFT_OUT, write_totals))


if __name__ == "__main__":
    unittest.main()
