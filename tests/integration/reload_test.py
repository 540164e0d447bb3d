"""Reloads where memory does not hold a model's old and new weights at once."""

import json
import shutil
import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import START_SECONDS, Server
from .many_models import LAYERS, MIB, WIDTH
from .onnx_mlp import Mlp

RATE = 400 * MIB
BOTH, ONE = 4 * LAYERS, LAYERS + 2  # MiB: room for two models, and for one


class Reload(unittest.TestCase):
    """Each test has a repository of one model, and a server."""

    def setUp(self):
        self.repository = Path(tempfile.mkdtemp(prefix="hadron-reload-"))
        self.addCleanup(shutil.rmtree, self.repository)
        self.old, self.new = (Mlp.random(WIDTH, LAYERS, seed) for seed in (1, 2))
        self.old.write(self.repository, "m")
        self.x = np.random.default_rng(99).standard_normal((2, WIDTH)).astype(np.float32)

    def write(self, content):
        """Puts another file in place of the model's."""
        path = self.repository / "m" / "1" / "model.onnx"
        path.with_suffix(".next").write_bytes(content)
        path.with_suffix(".next").rename(path)

    def card(self, mebibytes, **options):
        """A server whose card has so much memory."""
        return Server([self.repository],
                      env={"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(RATE)},
                      device_memory_budget=mebibytes * MIB, model_control_mode="explicit",
                      load_model="m", **options)

    def cpu(self, **options):
        """A server whose host memory, which is the device's, holds one model, and what a load of
        it takes."""
        return Server([self.repository], device_memory_budget=2 * LAYERS * MIB,
                      model_control_mode="explicit", load_model="m", **options)

    def test_host_memory_the_old_one_goes_on(self):
        """The default, on the CPU."""
        with self.cpu() as server:
            self.write(self.new.serialize())
            answer = self.load(server)
            self.assertEqual(503, answer.status, answer.body)
            self.assertIn("of the budget of 8.0 MiB", answer.json()["error"])
            self.assertEqual("old", self.serving(server))
            answer = self.load(server, reload_policy="swap-out-first")
            self.assertEqual(200, answer.status, answer.body)
            self.assertEqual("new", self.serving(server))

    def test_host_memory_nobody_is_lost(self):
        """Requests wait while the old one leaves and the new one comes."""
        with self.cpu(reload_policy="swap-out-first") as server:
            self.while_clients_ask(server, lambda: self.swap_back_and_forth(server))

    def test_host_memory_the_old_one_comes_back(self):
        """A new one that does not fit even alone costs nobody an answer, though the old one's file
        is no more; one that is wrong does not make the old one leave."""
        with self.cpu(reload_policy="swap-out-first") as server:
            self.write(Mlp.random(WIDTH, 2 * LAYERS, 3).serialize())
            answer = self.load(server)
            self.assertEqual(503, answer.status, answer.body)
            self.assertIn("of the budget of 8.0 MiB", answer.json()["error"])
            for _ in range(3):
                self.assertEqual("old", self.serving(server))
            self.assertEqual(1, server.stderr().count("the old version comes back"))
            self.write(Mlp.random(WIDTH, 2 * LAYERS, 3).serialize()[:-9])
            self.assertEqual(400, self.load(server).status)
            self.assertEqual("old", self.serving(server))
            self.assertEqual(1, server.stderr().count("leaves host memory for the new one"))

    @staticmethod
    def load(server, **parameters):
        """A load call."""
        return rest.call(server.http, "POST", "/v2/repository/models/m/load",
                         json.dumps({"parameters": parameters}).encode())

    def serving(self, server):
        """Whose answer the server gives: "old" or "new"; the answer's text if it is none."""
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": list(self.x.shape),
                            "data": self.x.ravel().tolist()}]}
        answer = rest.call(server.http, "POST", "/v2/models/m/infer", json.dumps(body).encode())
        if answer.status != 200:
            return f"{answer.status} {answer.body}"
        y = np.array(answer.json()["outputs"][0]["data"], np.float32).reshape(self.x.shape)
        for name in ("old", "new"):
            if np.allclose(y, getattr(self, name).run(self.x), rtol=1e-4, atol=1e-4):
                return name
        return "neither"

    def test_both_fit(self):
        """Nothing is asked of anybody."""
        with self.card(BOTH) as server:
            self.write(self.new.serialize())
            self.assertEqual(200, self.load(server).status)
            self.assertEqual("new", self.serving(server))

    def test_the_old_one_goes_on(self):
        """The default: 503 with both numbers, and what serves goes on serving."""
        with self.card(ONE) as server:
            self.write(self.new.serialize())
            answer = self.load(server)
            self.assertEqual(503, answer.status, answer.body)
            self.assertRegex(answer.json()["error"],
                             r"need 4\.0 MiB more of the device's memory, .* MiB are free beside "
                             r"the version that serves.*--reload-policy=swap-out-first")
            self.assertEqual("old", self.serving(server))
            self.assertEqual(200, self.load(server, reload_policy="swap-out-first").status)
            self.assertEqual("new", self.serving(server))

    def test_nobody_is_lost(self):
        """While the bytes change hands requests wait; each is answered by the one or the other."""
        with self.card(ONE, reload_policy="swap-out-first") as server:
            self.while_clients_ask(server, lambda: self.swap_back_and_forth(server))

    def swap_back_and_forth(self, server):
        """Six reloads, the last of them to the new one."""
        for _ in range(3):
            for name in ("old", "new"):
                self.write(getattr(self, name).serialize())
                answer = self.load(server)
                self.assertEqual(200, answer.status, answer.body)
        self.assertEqual("new", self.serving(server))

    def while_clients_ask(self, server, work):
        """Does the work while clients ask all the time and are answered."""
        stop = threading.Event()
        wrong = []
        answered = []

        def client():
            while not stop.is_set():
                answer = self.serving(server)
                (answered if answer in ("old", "new") else wrong).append(answer)

        clients = [threading.Thread(target=client) for _ in range(4)]
        for thread in clients:
            thread.start()
        try:
            work()
        finally:
            stop.set()
            for thread in clients:
                thread.join()
        self.assertEqual([], wrong)
        self.assertEqual({"old", "new"}, set(answered))

    def test_a_bad_one_changes_nothing(self):
        """The new one is looked at before the old one leaves."""
        with self.card(ONE, reload_policy="swap-out-first") as server:
            self.write(b"no model")
            answer = self.load(server)
            self.assertEqual(400, answer.status, answer.body)
            self.assertEqual("old", self.serving(server))

    def test_pinned(self):
        """A pin holds the model, not its old weights."""
        with self.card(ONE, pin_model="m") as server:
            self.write(self.new.serialize())
            answer = self.load(server)
            self.assertEqual(503, answer.status, answer.body)
            self.assertIn("4.0 MiB of that are pinned", answer.json()["error"])
            self.assertEqual("old", self.serving(server))
            self.assertEqual(200, self.load(server, reload_policy="swap-out-first").status)
            self.assertEqual("new", self.serving(server))

    def test_wrong_option(self):
        """The start says what there is."""
        server = Server([self.repository], reload_policy="sometimes").launch()
        self.addCleanup(server.kill)
        server.wait(START_SECONDS)
        self.assertIn("--reload-policy: 'sometimes' is not keep-old or swap-out-first",
                      server.finish(expected_code=1))


if __name__ == "__main__":
    unittest.main()
