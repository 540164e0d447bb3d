"""More models than the host's memory holds: they leave it for their files, and come back."""

import json
import os
import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import Server
from .many_models import MIB, MODELS, ManyModels
from .onnx_mlp import Mlp

BUDGET = 18  # MiB: three models, or two and one that loads


class HostTier(ManyModels):
    """One repository for all; each test has a server of its own, whose models run on the CPU."""

    def server(self, mebibytes=BUDGET, arguments=(), **options):
        """A server with so much memory for models."""
        return Server([self.repository], arguments=arguments,
                      device_memory_budget=mebibytes * MIB, **options)

    def call(self, server, name):
        """An inference."""
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": list(self.x.shape),
                            "data": self.x.ravel().tolist()}]}
        return rest.call(server.http, "POST", f"/v2/models/{name}/infer", json.dumps(body).encode())

    def ask(self, server, name):
        """The bytes of the answer."""
        response = self.call(server, name)
        self.assertEqual(200, response.status, response.body)
        return np.array(response.json()["outputs"][0]["data"], np.float32).tobytes()

    def infer(self, server, name):
        """The same; they have to be the right ones."""
        answer = self.ask(server, name)
        y = np.frombuffer(answer, np.float32).reshape(self.x.shape)
        np.testing.assert_allclose(y, self.models[name].run(self.x), rtol=1e-4, atol=1e-4)
        return answer

    def metric(self, server, name):
        """Sum of a series over its labels."""
        text = rest.call(server.metrics, "GET", "/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith((name + "{", name + " ")))

    def test_every_mode_serves_all_models(self):
        """All models are READY and answer, whatever loads them."""
        modes = {"none": (), "poll": (), "explicit": ("--load-model=*",), "demand": ()}
        for mode, arguments in modes.items():
            with self.subTest(mode), self.server(
                    arguments=arguments, model_control_mode=mode) as server:
                before = [self.infer(server, name) for name in self.models]
                after = [self.infer(server, name) for name in reversed(self.models)]
                self.assertEqual(before, list(reversed(after)))
                index = rest.call(server.http, "POST", "/v2/repository/index", b"{}").json()
                self.assertEqual({"READY"}, {model["state"] for model in index})
                self.assertEqual(200, rest.call(server.http, "GET", "/v2/health/ready").status)
                self.assertGreaterEqual(self.metric(server, "hadron_model_evictions_total"), 3)

    def test_counts_go_on(self):
        """Neither statistics nor metrics begin anew when a model comes back."""
        with self.server() as server:
            for _ in range(3):
                for name in self.models:
                    self.infer(server, name)
            stats = rest.call(server.http, "GET", "/v2/models/stats").json()["model_stats"]
            self.assertEqual({name: 3 for name in self.models},
                             {s["name"]: s["inference_stats"]["success"]["count"] for s in stats})
            self.assertEqual(3 * MODELS, self.metric(server, "nv_inference_request_success"))

    def test_many_clients(self):
        """Requests for all models at once: everybody gets the right answer."""
        with self.server() as server:
            failures = []

            def client(seed):
                rng = np.random.default_rng(seed)
                try:
                    for _ in range(30):
                        self.infer(server, f"m{rng.integers(MODELS)}")
                except Exception as error:  # pylint: disable=broad-except
                    failures.append(error)

            clients = [threading.Thread(target=client, args=(i,)) for i in range(8)]
            for thread in clients:
                thread.start()
            for thread in clients:
                thread.join()
            self.assertEqual([], failures)

    def changing(self, mode, **options):
        """A server of a mode that ignores changes on disk, and the file of a model, which has left
        host memory; as it was afterwards."""
        path = self.repository / "m0" / "1" / "model.onnx"
        content, times = path.read_bytes(), path.stat()
        self.addCleanup(os.utime, path, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.addCleanup(path.write_bytes, content)
        arguments = ("--load-model=*",) if mode == "explicit" else ()
        return path, self.server(64, arguments, model_control_mode=mode, repository_poll_secs=1,
                                 **options)

    def evict(self, server, name):
        """Sends a model to the disk."""
        answer = rest.call(server.http, "POST", f"/v2/hadron/models/{name}/evict", b"{}")
        self.assertEqual(200, answer.status, answer.body)

    def test_comes_back_as_what_it_was(self):
        """Where changes on disk wait for a load call they do so for a model that has left, too."""
        for mode in ("none", "explicit"):
            path, server = self.changing(mode)
            with self.subTest(mode), server:
                before = self.infer(server, "m0")
                self.evict(server, "m0")
                path.write_bytes(self.models["m1"].serialize())
                self.assertEqual(before, self.infer(server, "m0"))
                self.evict(server, "m0")  # now that the file is another one
                path.unlink()
                self.assertEqual(before, self.infer(server, "m0"))
                path.write_bytes(self.models["m1"].serialize())
                self.assertEqual(before, self.infer(server, "m0"))
                if mode == "explicit":
                    loaded = rest.call(server.http, "POST", "/v2/repository/models/m0/load", b"{}")
                    self.assertEqual(200, loaded.status, loaded.body)
                    self.assertEqual(self.infer(server, "m1"), self.ask(server, "m0"))
            self.doCleanups()

    def test_what_could_not_be_kept_says_so(self):
        """Without room on the disk it comes back from its files, if they are what they were."""
        path, server = self.changing("explicit", cache_budget=MIB)
        with server:
            before = self.infer(server, "m0")
            self.evict(server, "m0")
            self.assertEqual(before, self.infer(server, "m0"))
            self.assertIn("--cache-budget", server.stderr())
            self.evict(server, "m0")
            path.write_bytes(self.models["m1"].serialize())
            answer = self.call(server, "m0")
            self.assertEqual(503, answer.status, answer.body)
            self.assertRegex(answer.json()["error"], "1/model.onnx' has changed since the model "
                             "was loaded.*load the model by call")
            loaded = rest.call(server.http, "POST", "/v2/repository/models/m0/load", b"{}")
            self.assertEqual(200, loaded.status, loaded.body)
            self.assertEqual(self.infer(server, "m1"), self.ask(server, "m0"))

    def test_pinned_models_stay(self):
        """A pinned model is never loaded again."""
        with self.server(arguments=("--pin-model=m0",)) as server:
            for _ in range(2):
                for name in self.models:
                    self.infer(server, name)
            text = rest.call(server.metrics, "GET", "/metrics").body.decode()
            self.assertNotIn('hadron_model_evictions_total{model="m0",cause="pressure"} 1', text)
            self.assertGreater(self.metric(server, "hadron_model_evictions_total"), 0)

    def test_evict_by_call(self):
        """A call sends a model to its files; a pinned one stays."""
        with self.server(64) as server:
            before = self.infer(server, "m0")
            answer = rest.call(server.http, "POST", "/v2/hadron/models/m0/evict", b"{}")
            self.assertEqual(200, answer.status, answer.body)
            status = rest.call(server.http, "GET", "/v2/hadron/status").json()
            self.assertEqual([False], [m["loaded"] for m in status["models"] if m["name"] == "m0"])
            self.assertEqual(before, self.infer(server, "m0"))
            rest.call(server.http, "POST", "/v2/hadron/models/m0/pin", b"{}")
            answer = rest.call(server.http, "POST", "/v2/hadron/models/m0/evict", b"{}")
            self.assertEqual(409, answer.status)
            self.assertIn(b"pinned", answer.body)

    def test_what_cannot_fit_says_so(self):
        """A model larger than all memory is refused with both numbers, and evicts nobody."""
        with self.server(3, arguments=("--exit-on-error=false",)) as server:
            states = rest.call(server.http, "POST", "/v2/repository/index", b"{}").json()
            self.assertEqual({"UNAVAILABLE"}, {model["state"] for model in states})
            self.assertIn("of the budget of 3.0 MiB", states[0]["reason"])


class Family(unittest.TestCase):
    """Ten models of 4 MiB that differ in their last layer, of 1 MiB: on the CPU, where host memory
    is all there is."""

    def test_variants_cost_their_differences(self):
        """All stay in memory that would hold five of them unshared, and one that leaves takes
        nothing with it that others need."""
        base = Mlp.random(512, 3, 0).weights
        models = {f"v{i}": Mlp(base + Mlp.random(512, 1, i + 1).weights) for i in range(10)}
        x = np.random.default_rng(5).standard_normal((2, 512)).astype(np.float32)
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": list(x.shape),
                            "data": x.ravel().tolist()}]}
        with tempfile.TemporaryDirectory(prefix="hadron-family-") as folder:
            for name, model in models.items():
                model.write(Path(folder), name)
            with Server([Path(folder)], device_memory_budget=21 * MIB,
                        model_control_mode="explicit", arguments=("--load-model=*",)) as server:
                def check(name):
                    answer = rest.call(server.http, "POST", f"/v2/models/{name}/infer",
                                       json.dumps(body).encode())
                    self.assertEqual(200, answer.status, answer.body)
                    y = np.array(answer.json()["outputs"][0]["data"], np.float32)
                    np.testing.assert_allclose(y.reshape(x.shape), models[name].run(x),
                                               rtol=1e-4, atol=1e-4)

                for name in models:
                    check(name)
                text = rest.call(server.metrics, "GET", "/metrics").body.decode()
                samples = dict(line.rsplit(" ", 1) for line in text.splitlines()
                               if not line.startswith("#"))
                evictions = [float(value) for sample, value in samples.items()
                             if sample.startswith("hadron_model_evictions_total")]
                self.assertEqual(0, sum(evictions))
                booked = float(samples["hadron_host_memory_reserved_bytes"])
                self.assertGreaterEqual(booked, 13 * MIB)
                self.assertLess(booked, 14 * MIB)  # what a request needs included
                status = rest.call(server.http, "GET", "/v2/hadron/status").json()
                for model in status["models"]:
                    self.assertEqual(4 * MIB, model["bytes"]["host"])
                    self.assertEqual(3 * MIB, model["host_shared_bytes"])
                rest.call(server.http, "POST", "/v2/repository/models/v0/unload")
                for name in list(models)[1:]:
                    check(name)


if __name__ == "__main__":
    unittest.main()
