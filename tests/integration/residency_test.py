"""Many models on a card that holds few, played by the CPU behind a slow link."""

import http.client
import json
import re
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import SLOWDOWN, Server, wait_until
from .many_models import LAYERS, MIB, MODELS, WIDTH, ManyModels
from .onnx_mlp import Mlp

RATE = 400 * MIB


def infer(server, name, x, timeout_us=None):
    """An inference; the response."""
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": list(x.shape),
                        "data": x.ravel().tolist()}]}
    if timeout_us is not None:
        body["parameters"] = {"timeout": timeout_us}
    return rest.call(server.http, "POST", f"/v2/models/{name}/infer", json.dumps(body).encode())


def result(response):
    """The output of a good response."""
    assert response.status == 200, response.body
    output = response.json()["outputs"][0]
    return np.array(output["data"], np.float32).reshape(output["shape"])


class Residency(ManyModels):
    """One repository for all; each test has a server of its own."""

    def server(self, mebibytes, rate=RATE, arguments=(), **options):
        """A server whose card has so much memory."""
        env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(rate)}
        return Server([self.repository], env=env, arguments=arguments,
                      device_memory_budget=mebibytes * MIB, **options)

    def check(self, name, response):
        """The answer is that of this model."""
        np.testing.assert_allclose(result(response), self.models[name].run(self.x), rtol=1e-4,
                                   atol=1e-4)

    def test_more_models_than_memory(self):
        """Everybody is answered, with the right model's numbers, on a card for two of six."""
        with self.server(9) as server:
            self.assertEqual(200, rest.call(server.http, "GET", "/v2/health/ready").status)
            failures = []

            def client(seed):
                rng = np.random.default_rng(seed)
                try:
                    for _ in range(40):
                        name = f"m{rng.integers(MODELS)}"
                        self.check(name, infer(server, name, self.x))
                except Exception as error:  # pylint: disable=broad-except
                    failures.append(error)

            clients = [threading.Thread(target=client, args=(i,)) for i in range(8)]
            for thread in clients:
                thread.start()
            for thread in clients:
                thread.join()
            self.assertEqual([], failures)

    def test_bytes_do_not_change(self):
        """An evicted model that has come back answers the same bytes."""
        with self.server(5) as server:
            before = [result(infer(server, name, self.x)).tobytes() for name in self.models]
            after = [result(infer(server, name, self.x)).tobytes() for name in self.models]
            self.assertEqual(before, after)

    def test_demand(self):
        """Mode demand: the first request loads, and models exchange places as in any mode."""
        with self.server(9, model_control_mode="demand") as server:
            for _ in range(2):
                for name in self.models:
                    self.check(name, infer(server, name, self.x))

    def test_asking_about_a_model_brings_it_to_host_memory_only(self):
        """Mode demand: metadata and configuration take nobody's place on the card."""
        def resident(server):
            text = rest.call(server.metrics, "GET", "/metrics").body.decode()
            return set(re.findall(r'^hadron_model_resident\{model="(\w+)".* 1$', text, re.M))

        with self.server(5, model_control_mode="demand") as server:
            self.check("m0", infer(server, "m0", self.x))
            for name in self.models:
                for what in ("", "/config"):
                    answer = rest.call(server.http, "GET", f"/v2/models/{name}{what}")
                    self.assertEqual(200, answer.status, answer.body)
            self.assertEqual({"m0"}, resident(server))
            self.check("m1", infer(server, "m1", self.x))
            self.assertEqual({"m1"}, resident(server))
            self.assertEqual(MODELS, server.stderr().count("model ready"))

    def test_others_are_not_disturbed(self):
        """While a model is on its way, one that is there answers at once."""
        copy_seconds = 1.0
        rate = int(LAYERS * MIB / copy_seconds)
        with self.server(9, rate=rate, model_control_mode="demand") as server:
            self.check("m0", infer(server, "m0", self.x))
            slow = threading.Thread(target=lambda: self.check("m1", infer(server, "m1", self.x)))
            begin = time.monotonic()
            slow.start()
            answered = 0
            while slow.is_alive():
                self.check("m0", infer(server, "m0", self.x))
                answered += 1
            slow.join()
            self.assertGreater(time.monotonic() - begin, 0.9 * copy_seconds)
            self.assertGreater(answered, 2)  # one would do if it waited

    def test_pinned_models_stay(self):
        """What is pinned by option is there all the time; what does not fit beside it is refused."""
        with self.server(9, pin_model="m0", model_control_mode="explicit",
                         load_model="m0") as server:
            big = Mlp.random(WIDTH, 7, 77)
            big.write(self.repository, "big")
            try:
                answer = rest.call(server.http, "POST", "/v2/repository/models/big/load")
                self.assertEqual(503, answer.status, answer.body)
                self.assertIn("4.0 MiB of that are pinned", answer.json()["error"])
                self.check("m0", infer(server, "m0", self.x))
                for name in ("m1", "m2", "m3"):
                    load = rest.call(server.http, "POST", f"/v2/repository/models/{name}/load")
                    self.assertEqual(200, load.status, load.body)
                for name in ("m0", "m1", "m2", "m3"):
                    self.check(name, infer(server, name, self.x))
            finally:
                for path in sorted((self.repository / "big").rglob("*"), reverse=True):
                    path.rmdir() if path.is_dir() else path.unlink()
                (self.repository / "big").rmdir()

    def test_patience(self):
        """A request that waits for a place ends with its own timeout, and with its client."""
        rate = LAYERS * MIB // 8
        with self.server(5, rate=rate, model_control_mode="demand",
                         model_restore_timeout_ms=60000) as server:
            body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, WIDTH],
                                           "data": self.x.ravel().tolist()}]}).encode()
            gone = http.client.HTTPConnection(server.http, timeout=60)
            gone.request("POST", "/v2/models/m0/infer", body=body)
            gone.close()
            begin = time.monotonic()
            answer = infer(server, "m1", self.x, timeout_us=200_000)
            self.assertEqual(503, answer.status, answer.body)
            self.assertLess(time.monotonic() - begin, 6 * SLOWDOWN)  # a load takes eight seconds
            self.assertEqual(200, rest.call(server.http, "GET", "/v2/health/live").status)

    def test_start_up_brings_each_model_in_once(self):
        """Loads at start that share a small card do not throw each other's models out."""
        with self.server(5) as server:
            text = rest.call(server.metrics, "GET", "/metrics").body.decode()

            def total(metric):
                return sum(float(x.split()[-1]) for x in text.splitlines()
                           if x.startswith(metric + "{"))

            self.assertEqual(MODELS, total("hadron_model_restores_total"))
            self.assertEqual(MODELS - 1, total("hadron_model_evictions_total"))

    def test_activations_are_part_of_the_budget(self):
        """A shape that needs room for its tensors takes it from idle models, or is refused alone."""
        free = ("max_batch_size: 0\n"
                f"input {{ name: 'x' data_type: TYPE_FP32 dims: [ -1, {WIDTH} ] }}\n"
                f"output {{ name: 'y' data_type: TYPE_FP32 dims: [ -1, {WIDTH} ] }}\n")
        with tempfile.TemporaryDirectory(prefix="hadron-residency-") as folder:
            for name in ("m0", "m1"):
                self.models[name].write(Path(folder), name, free)
            env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(RATE)}
            with Server([folder], env=env, device_memory_budget=9 * MIB) as server, \
                    rest.Client(server.http) as client:
                def arena_evictions():
                    text = rest.call(server.metrics, "GET", "/metrics").body.decode()
                    return sum(float(x.split()[-1]) for x in text.splitlines()
                               if x.startswith("hadron_model_evictions_total{")
                               and 'cause="arena"' in x)

                def ask(name, rows):
                    x = np.random.default_rng(rows).standard_normal((rows, WIDTH))
                    x = x.astype(np.float32)
                    y = client.infer_binary(name, {"x": x})["y"]
                    np.testing.assert_allclose(y, self.models[name].run(x), rtol=1e-3, atol=1e-3)

                for name in ("m0", "m1"):
                    ask(name, 1)
                self.assertEqual(0, arena_evictions())
                ask("m0", 1000)
                self.assertEqual(1, arena_evictions())
                huge = np.zeros((8000, WIDTH), np.float32)
                body, headers = rest.binary_body({"x": huge})
                answer = rest.call(server.http, "POST", "/v2/models/m0/infer", body, headers)
                self.assertEqual(503, answer.status, answer.body)
                self.assertIn("a request of this shape", answer.json()["error"])
                for name in ("m0", "m1", "m0"):
                    ask(name, 3)

    def test_idle_models_leave(self):
        """Weights that nobody uses leave the card, and come back with the next request."""
        def idle_evictions(server):
            text = rest.call(server.metrics, "GET", "/metrics").body.decode()
            return sum(float(x.split()[-1]) for x in text.splitlines()
                       if x.startswith("hadron_model_evictions_total{") and 'cause="idle"' in x)

        with self.server(9, model_control_mode="demand", idle_evict_secs=1) as server:
            self.check("m0", infer(server, "m0", self.x))
            wait_until(lambda: idle_evictions(server) == 1, 20 * SLOWDOWN, "it stays")
            self.check("m0", infer(server, "m0", self.x))

    def test_unload_gives_memory_back(self):
        """After everything has been unloaded the card's ledger is empty."""
        with self.server(9, model_control_mode="demand") as server:
            def reserved():
                """Bytes of the card's budget that are taken."""
                text = rest.call(server.metrics, "GET", "/metrics").body.decode()
                (line,) = [x for x in text.splitlines()
                           if x.startswith("hadron_device_memory_reserved_bytes{")]
                return float(line.split()[-1])

            self.assertEqual(0, reserved())
            for name in self.models:
                self.check(name, infer(server, name, self.x))
            self.assertGreater(reserved(), 4 * MIB)
            for name in self.models:
                answer = rest.call(server.http, "POST", f"/v2/repository/models/{name}/unload")
                self.assertEqual(200, answer.status, answer.body)

            def all_unloaded():
                index = rest.call(server.http, "POST", "/v2/repository/index").json()
                return all(entry.get("reason") == "unloaded" for entry in index)

            wait_until(all_unloaded, 20 * SLOWDOWN, "models are still unloading")
            wait_until(lambda: reserved() == 0, 20 * SLOWDOWN, "bytes are left on the card")


if __name__ == "__main__":
    unittest.main()
