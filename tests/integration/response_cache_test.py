"""Answers that are kept: the same bytes without a run, and none of another load."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import Server, wait_until
from .onnx_mlp import Mlp

WIDTH = 32
SECONDS = 30
CONFIG = """name: "{name}" backend: "onnxruntime" max_batch_size: 8
input {{ name: "x" data_type: TYPE_FP32 dims: {width} }}
output {{ name: "y" data_type: TYPE_FP32 dims: {width} }}
{extra}
"""
CACHED = "response_cache { enable: true }"


def write(repository, name, seed, extra=CACHED):
    """A model whose answers depend on the seed."""
    shutil.rmtree(repository / name, ignore_errors=True)
    Mlp.random(WIDTH, 2, seed).write(
        repository, name, CONFIG.format(name=name, width=WIDTH, extra=extra))


def row(value):
    """A request of one row."""
    return {"x": np.full((1, WIDTH), value, np.float32)}


class ResponseCache(unittest.TestCase):
    """A server with a cache, in mode explicit."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hadron-cache-")
        self.addCleanup(self.folder.cleanup)
        self.repository = Path(self.folder.name)

    def serve(self, *names, **options):
        """Starts the server with these models."""
        server = Server([self.repository], model_control_mode="explicit",
                        arguments=[f"--load-model={name}" for name in names], **options)
        self.addCleanup(server.stop)
        return server.start()

    def ask(self, server, name, body):
        """The bytes of output y."""
        answer = rest.call(server.http, "POST", f"/v2/models/{name}/infer", body)
        return rest.arrays(answer)["y"].tobytes()

    def statistics(self, server, name):
        """The version's statistics."""
        answer = rest.call(server.http, "GET", f"/v2/models/{name}/stats")
        return json.loads(answer.body)["model_stats"][0]

    def counts(self, server, name):
        """Hits, misses, successes, rows run, batches run."""
        stats = self.statistics(server, name)
        durations = stats["inference_stats"]
        return [durations[key]["count"] for key in ("cache_hit", "cache_miss", "success")] + [
            stats["inference_count"], stats["execution_count"]]

    def metric(self, server, name):
        """Value of a series, None without it."""
        for line in rest.call(server.metrics, "GET", "/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return None

    def test_hits_are_the_same_bytes_and_run_nothing(self):
        """JSON, binary and another id are one request; other rows or outputs are not."""
        write(self.repository, "m", 1)
        write(self.repository, "plain", 1, "")
        server = self.serve("m", "plain", cache_config="local,size=1000000")
        first = self.ask(server, "m", rest.json_body(row(1)))
        self.assertEqual([0, 1, 1, 1, 1], self.counts(server, "m"))
        self.assertEqual(first, self.ask(server, "m", rest.json_body(row(1))))
        with rest.Client(server.http) as client:
            self.assertEqual(first, client.infer_binary("m", row(1))["y"].tobytes())
        self.assertEqual([2, 1, 3, 1, 1], self.counts(server, "m"))
        self.assertNotEqual(first, self.ask(server, "m", rest.json_body(row(2))))
        two = {"x": np.ones((2, WIDTH), np.float32)}
        self.assertEqual(first * 2, self.ask(server, "m", rest.json_body(two)))
        self.assertEqual([2, 3, 5, 4, 3], self.counts(server, "m"))

        labels = '{model="m",version="1"}'
        self.assertEqual(2, self.metric(server, "nv_cache_num_hits_per_model" + labels))
        self.assertEqual(3, self.metric(server, "nv_cache_num_misses_per_model" + labels))
        self.assertEqual(5, self.metric(server, "nv_inference_request_success" + labels))
        self.assertEqual(4, self.metric(server, "nv_inference_count" + labels))
        # A model that did not ask for it is not kept and has no such series.
        for _ in range(2):
            self.ask(server, "plain", rest.json_body(row(1)))
        self.assertEqual([0, 0, 2, 2, 2], self.counts(server, "plain"))
        self.assertIsNone(self.metric(
            server, 'nv_cache_num_hits_per_model{model="plain",version="1"}'))

    def test_nothing_is_answered_from_another_load(self):
        """After a reload the answers are the new model's; the old ones have gone."""
        write(self.repository, "m", 1)
        server = self.serve("m", response_cache_byte_size=1000000)
        body = rest.json_body(row(1))
        old = self.ask(server, "m", body)
        self.assertEqual(old, self.ask(server, "m", body))
        self.assertEqual(1, self.counts(server, "m")[0])
        write(self.repository, "m", 2)
        answer = rest.call(server.http, "POST", "/v2/repository/models/m/load")
        self.assertEqual(200, answer.status, answer.body)
        new = self.ask(server, "m", body)
        self.assertNotEqual(old, new)
        self.assertEqual(new, self.ask(server, "m", body))
        self.assertEqual([1, 1], self.counts(server, "m")[:2])

    def test_without_a_cache_the_model_serves(self):
        """Nothing is kept, and the log says why."""
        write(self.repository, "m", 1)
        server = self.serve("m")
        body = rest.json_body(row(1))
        self.assertEqual(self.ask(server, "m", body), self.ask(server, "m", body))
        self.assertEqual([0, 0, 2, 2, 2], self.counts(server, "m"))
        wait_until(lambda: "--cache-config=local,size=" in server.stderr(), SECONDS, "a warning")

    def test_refuses_settings_it_cannot_follow(self):
        """Each names the option."""
        for options in ({"cache_config": "redis,host=x"}, {"cache_config": "local,size=much"},
                        {"cache_config": "local,size=5", "response_cache_byte_size": 5}):
            server = Server([self.repository], **options).launch()
            self.assertNotEqual(0, server.process.wait(SECONDS))
            self.assertIn("--cache-config", server.stderr())


if __name__ == "__main__":
    unittest.main()
