"""What /metrics says after some traffic, compared with the manual and with what was done."""

import json
import re
import tempfile
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import ROOT, Server, wait_until
from .onnx_mlp import Mlp

MIB = 1 << 20
SECONDS = 30
# Series that only some servers have: with an OpenCL device, an object store, a response cache.
ELSEWHERE = {"hadron_device_programs_total", "hadron_cache_bytes", "hadron_cache_budget_bytes",
             "hadron_ledger_dropped_total", "nv_cache_num_hits_per_model", "nv_cache_num_misses_per_model",
             "nv_cache_hit_duration_per_model", "nv_cache_miss_duration_per_model"}


def documented():
    """Names of docs/metrics.md."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def scrape(server):
    """All samples: {'name{labels}': value}."""
    answer = rest.call(server.metrics, "GET", "/metrics")
    lines = answer.body.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def family(sample):
    """The family that a sample belongs to."""
    name = sample.split("{")[0]
    return re.sub(r"_(seconds|size)_(bucket|sum|count)$", r"_\1", name)


class Metrics(unittest.TestCase):
    """A card for one model of three, played by the CPU, in mode demand."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="hadron-metrics-")
        repository = Path(cls.folder.name)
        for i in range(3):
            Mlp.random(512, 4, i).write(repository, f"m{i}")
        (repository / "broken" / "1").mkdir(parents=True)
        (repository / "broken" / "1" / "model.onnx").write_bytes(b"no model")
        env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(400 * MIB)}
        cls.server = Server([repository], env=env, device_memory_budget=5 * MIB, max_inflight=7,
                            model_control_mode="demand").start()
        for name in ("m0", "m1", "m0", "m2"):
            cls.infer(name, 200)
        cls.infer("broken", 503)
        rest.call(cls.server.http, "POST", "/v2/repository/models/m1/unload")
        wait_until(lambda: 'hadron_model_state{model="m1",version="1",state="READY"}'
                   not in scrape(cls.server), SECONDS, "m1 is unloaded")
        rest.call(cls.server.http, "POST", "/v2/repository/models/m1/load")
        cls.samples = scrape(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    @classmethod
    def infer(cls, name, status):
        """A request that ends so."""
        x = np.ones((1, 512), np.float32)
        answer = rest.call(cls.server.http, "POST", f"/v2/models/{name}/infer",
                           rest.json_body({"x": x}))
        assert (answer.status == 200) == (status == 200), answer.body

    def value(self, name, **labels):
        """One sample."""
        text = ",".join(f'{key}="{value}"' for key, value in labels.items())
        return self.samples[f"{name}{{{text}}}" if labels else name]

    def test_everything_documented_is_exported(self):
        """No name of the manual is missing, and nothing is exported that is not in it."""
        exported = {family(sample) for sample in self.samples}
        self.assertEqual(documented() - ELSEWHERE, exported)

    def test_loads(self):
        """Loads are counted by where they came from, failures by their cause, also after unload."""
        name = "hadron_model_loads_total"
        self.assertEqual(1, self.value(name, model="m0", source="local"))
        self.assertEqual(2, self.value(name, model="m1", source="local"))
        # m0 came, left for m1, and came back.
        self.assertEqual(2, self.value(name, model="m0", source="host"))
        failures = "hadron_load_failures_total"
        self.assertEqual(1, self.value(failures, model="broken", cause="model"))
        self.assertEqual(0, self.value(failures, model="broken", cause="repository"))
        self.assertNotIn('hadron_load_failures_total{model="m0",cause="model"}', self.samples)

    def test_restores(self):
        """What came back, from where, and how long that took: 4 MiB over 400 MiB a second."""
        name = "hadron_model_restores_total"
        self.assertEqual(2, self.value(name, model="m0", source="host"))
        self.assertEqual(1, self.value(name, model="m1", source="local"))
        took = self.value("hadron_model_restore_duration_seconds_sum", model="m0", source="host")
        self.assertGreater(took, 2 * 0.009)
        self.assertEqual(
            2, self.value("hadron_model_evictions_total", model="m0", cause="pressure"))

    def test_waits(self):
        """Who waited for a model to be loaded or to come back is told apart from who did not."""
        self.assertEqual(2, self.value("hadron_residency_wait_seconds_count", model="m0"))
        self.assertGreater(self.value("hadron_residency_wait_seconds_sum", model="m0"), 0.009)
        self.assertEqual(1, self.value("hadron_residency_wait_seconds_count", model="m2"))
        self.assertEqual(2, self.value("hadron_queue_duration_seconds_count", model="m0"))

    def test_device(self):
        """What the device has done and may take."""
        device = json.loads(rest.call(self.server.http, "GET", "/v2/hadron/status").body)
        name = device["devices"][0]["id"]
        self.assertGreater(self.value("hadron_device_busy_seconds_total", device=name), 0)
        self.assertEqual(5 * MIB, self.value("hadron_device_memory_budget_bytes", device=name))
        self.assertEqual(7, self.value("hadron_max_inflight"))
        self.assertEqual(4 * MIB, self.value("hadron_model_memory_bytes", model="m0", version="1",
                                             device="", kind="host_copy"))


if __name__ == "__main__":
    unittest.main()
