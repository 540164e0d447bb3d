"""Inputs that a request may leave out: the model file's default takes their place."""

import json
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from . import rest
from .harness import Server
from .onnx_mlp import _bytes, _number, _tensor, _value
from .onnx_sequence import _node

DEFAULT = np.array([[10, 20, 30]], np.float32)
CONFIG = """max_batch_size: {rows}
input {{ name: "x" data_type: TYPE_FP32 dims: {dims} }}
input {{ name: "bias" data_type: TYPE_FP32 dims: {dims} optional: true }}
output {{ name: "y" data_type: TYPE_FP32 dims: {dims} }}
{more}"""


def write(repository, name, rows=8, more="", default=DEFAULT):
    """A model y = x + bias."""
    first = "batch" if rows else 1
    body = (_node("Add", ["x", "bias"], "y") + _bytes(2, "adds")
            + (b"" if default is None else _bytes(5, _tensor("bias", default)))
            + _bytes(11, _value("x", first, 3)) + _bytes(11, _value("bias", first, 3))
            + _bytes(12, _value("y", first, 3)))
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(_number(1, 8) + _bytes(7, body) + _bytes(8, _number(2, 13)))
    dims = "3" if rows else "[1, 3]"
    (repository / name / "config.pbtxt").write_text(CONFIG.format(rows=rows, dims=dims, more=more))


class OptionalInputs(unittest.TestCase):
    """One server for all."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="hadron-optional-")
        repository = Path(cls.folder.name)
        write(repository, "batched", more="dynamic_batching { max_queue_delay_microseconds: 20000 }")
        write(repository, "single", rows=0)
        write(repository, "none", default=None)
        write(repository, "wide", default=np.ones((2, 3), np.float32))
        cls.server = Server([repository], arguments=("--exit-on-error=false",), strict_readiness=0)
        cls.server.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)
        cls.folder.cleanup()

    def ask(self, model, **inputs):
        """The answer's array."""
        with rest.Client(self.server.http) as client:
            return client.infer_binary(model, inputs)["y"]

    def test_the_default_stands_for_what_is_left_out(self):
        """For every row of the request, and for no other request."""
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        np.testing.assert_array_equal(self.ask("batched", x=x), x + DEFAULT)
        np.testing.assert_array_equal(self.ask("batched", x=x, bias=-x), np.zeros_like(x))
        np.testing.assert_array_equal(self.ask("single", x=x[:1]), x[:1] + DEFAULT)

    def test_both_kinds_share_batches(self):
        """Requests with and without the input run together."""
        def one(i):
            x = np.full((1, 3), i, np.float32)
            return self.ask("batched", x=x) if i % 2 else self.ask("batched", x=x, bias=x)

        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(one, range(40)))
        for i, y in enumerate(answers):
            np.testing.assert_array_equal(y, i + DEFAULT if i % 2 else np.full((1, 3), 2.0 * i))

    def test_what_is_not_optional_is_still_asked_for(self):
        """The refusal names the input."""
        body, headers = rest.binary_body({"bias": DEFAULT})
        answer = rest.call(self.server.http, "POST", "/v2/models/batched/infer", body, headers)
        self.assertEqual(400, answer.status)
        self.assertIn("x", json.loads(answer.body)["error"])

    def test_models_without_a_fitting_default_say_so(self):
        """They are not served; the reason is in the index."""
        index = rest.call(self.server.http, "POST", "/v2/repository/index", b"{}").json()
        reasons = {model["name"]: model.get("reason", "") for model in index}
        self.assertIn("input 'bias' is optional, but the model file has no default for it",
                      reasons["none"])
        self.assertIn("the default of input 'bias' has the shape [2,3], expected [1,3], one row",
                      reasons["wide"])


if __name__ == "__main__":
    unittest.main()
