"""Everything at the same time: random loads, unloads, reloads, pins, evictions and requests on a
card that holds a third of the models, for HADRON_SOAK_SECONDS. Answers are checked, refusals must
be ones that a client can understand, and at the end not a byte is left on the card.

HADRON_SOAK_SEED makes a run's choices anew; threads race all the same.
"""

import os
import tempfile
import threading
import time
import traceback
import unittest
from pathlib import Path

import numpy as np

from . import rest
from .harness import SLOWDOWN, Server, wait_until
from .onnx_mlp import Mlp

SECONDS = float(os.environ.get("HADRON_SOAK_SECONDS", "6"))
SEED = int(os.environ.get("HADRON_SOAK_SEED", "1"))
WIDTH = 256  # a layer takes 256 KiB
KIB = 1024
LAYERS = [1, 2, 3, 4, 5, 6, 2, 3, 4, 2, 3, 4]
BUDGET = sum(LAYERS) * 256 * KIB // 3
RATE = 200 << 20
WAIT_SECONDS = 30 * SLOWDOWN

# Of every second model: requests of any size, for which activations need room.
FREE = ("max_batch_size: 0\n"
        f"input {{ name: 'x' data_type: TYPE_FP32 dims: [ -1, {WIDTH} ] }}\n"
        f"output {{ name: 'y' data_type: TYPE_FP32 dims: [ -1, {WIDTH} ] }}\n")
MANY_ROWS = 500

# What a client may be told while others load, unload, reload, pin and evict. Anything else fails.
REFUSALS = {
    "infer": [(400, "has no available versions"), (404, "has no available versions"),
              (400, "unknown model"), (404, "unknown model"), (503, "is not ready"),
              (400, "is not ready"), (503, "newer"), (503, "for a request of this shape"),
              (503, "changed while it was read")],
    "load": [(503, "newer"), (503, "changed while it was read")],
    "unload": [],
    "pin": [(404, "unknown model"), (400, "unknown model"), (404, "not loaded")],
    "unpin": [(404, "unknown model"), (400, "unknown model"), (404, "not loaded")],
    "evict": [(409, "is pinned"), (409, "is busy"), (404, "unknown model"), (404, "not loaded"),
              (400, "unknown model")],
    "look": [(404, "unknown model")],
}


def shared_models():
    """Models of which some are fine-tuned ones: their first layers are another's."""
    models = {f"m{i}": Mlp.random(WIDTH, n, i) for i, n in enumerate(LAYERS)}
    for i in range(len(LAYERS) - 3, len(LAYERS)):
        own, base = models[f"m{i}"], models[f"m{i - 3}"]
        models[f"m{i}"] = Mlp(base.weights[:1] + own.weights[1:])
    return models


class Actors:
    """Threads that each do one kind of thing until the time is over; the first failure ends all."""

    def __init__(self, server, models, repository):
        self.server = server
        self.models = models
        self.names = sorted(models)
        self.repository = repository
        self.stop = threading.Event()
        self.failures = []
        self.done = {}  # what -> how often, with the answers
        self._lock = threading.Lock()
        self._threads = []

    def count(self, what):
        """One more of these."""
        with self._lock:
            self.done[what] = self.done.get(what, 0) + 1

    def start(self, action, seed):
        """A thread that calls action(client, rng) again and again."""
        def run():
            rng = np.random.default_rng([SEED, seed])
            try:
                while not self.stop.is_set():
                    action(rng)
            except BaseException:  # pylint: disable=broad-except
                self.failures.append(traceback.format_exc())
                self.stop.set()

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()

    def finish(self, seconds):
        """Ends the threads after so long; what failed."""
        self.stop.wait(seconds)
        self.stop.set()
        end = time.monotonic() + 2 * WAIT_SECONDS
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))
            if thread.is_alive():
                self.failures.append("a call has been without an answer for "
                                     f"{2 * WAIT_SECONDS:g} s")
                break
        return self.failures

    def name(self, rng):
        """A model; the first ones more often."""
        return self.names[min(int(rng.exponential(3)), len(self.names) - 1)]

    def judge(self, what, answer):
        """Whether it was done; a refusal that nobody expects ends the test."""
        if answer.status == 200:
            self.count(what)
            return True
        text = answer.body.decode(errors="replace")
        if not any(answer.status == status and part in text.lower()
                   for status, part in REFUSALS[what]):
            raise AssertionError(f"{what}: {answer.status} {text}")
        self.count(f"{what} refused")
        return False

    def call(self, what, method, path, body=None, headers=None):
        """A call that is judged."""
        answer = rest.call(self.server.http, method, path, body, headers)
        return answer if self.judge(what, answer) else None

    def infer(self, rng):
        """One request; a good answer is the right one."""
        name = self.name(rng)
        many = self.names.index(name) % 2 == 1 and rng.random() < 0.1
        rows = int(rng.integers(1, MANY_ROWS if many else 5))
        x = rng.standard_normal((rows, WIDTH)).astype(np.float32)
        body, headers = rest.binary_body({"x": x})
        answer = self.call("infer", "POST", f"/v2/models/{name}/infer", body, headers)
        if answer is not None:
            np.testing.assert_allclose(rest.arrays(answer)["y"], self.models[name].run(x),
                                       rtol=1e-3, atol=1e-3)

    def load(self, rng):
        """Loads a model, at times after it has changed on disk."""
        name = self.name(rng)
        if rng.random() < 0.3:
            os.utime(self.repository / name / "1" / "model.onnx")
        self.call("load", "POST", f"/v2/repository/models/{name}/load")

    def unload(self, rng):
        """Unloads a model, not as often as others load."""
        self.stop.wait(0.05)
        self.call("unload", "POST", f"/v2/repository/models/{self.name(rng)}/unload")

    def pin(self, rng):
        """Pins a model for a moment."""
        name = self.name(rng)
        self.call("pin", "POST", f"/v2/hadron/models/{name}/pin")
        self.stop.wait(0.02)
        self.call("unpin", "POST", f"/v2/hadron/models/{name}/unpin")

    def evict(self, rng):
        """Sends a model off the card."""
        self.stop.wait(0.01)
        self.call("evict", "POST", f"/v2/hadron/models/{self.name(rng)}/evict")

    def look(self, rng):
        """Looks at what is going on."""
        self.call("look", "GET", "/v2/hadron/status")
        self.call("look", "GET", f"/v2/hadron/models/{self.name(rng)}/explain")
        rest.call(self.server.metrics, "GET", "/metrics")
        self.stop.wait(0.02)


class Soak(unittest.TestCase):
    """One run for each control mode with calls."""

    def run_mode(self, mode):
        """Half the time."""
        models = shared_models()
        with tempfile.TemporaryDirectory(prefix="hadron-soak-") as folder:
            repository = Path(folder)
            for i, (name, model) in enumerate(sorted(models.items())):
                model.write(repository, name, FREE if i % 2 == 1 else "max_batch_size: 4\n")
            env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(RATE)}
            with Server([repository], env=env, model_control_mode=mode,
                        device_memory_budget=BUDGET,
                        model_restore_timeout_ms=int(WAIT_SECONDS * 1000)) as server:
                actors = Actors(server, models, repository)
                for seed in range(4):
                    actors.start(actors.infer, seed)
                for i, action in enumerate((actors.load, actors.load, actors.unload, actors.pin,
                                            actors.evict, actors.look)):
                    actors.start(action, 10 + i)
                failures = actors.finish(SECONDS / 2)
                if failures:
                    self.fail("\n".join([*failures, server.stderr()[-4000:]]))
                for what in ("infer", "load", "unload", "pin", "unpin", "evict", "look"):
                    self.assertGreater(actors.done.get(what, 0), 0, (what, actors.done))
                print(f"{mode}: {dict(sorted(actors.done.items()))}", flush=True)
                self.check_rest(server, actors)

    def check_rest(self, server, actors):
        """Every model can still be loaded and is right; then all go, and every byte with them."""
        rng = np.random.default_rng(SEED)
        for name in actors.names:
            answer = rest.call(server.http, "POST", f"/v2/repository/models/{name}/load")
            self.assertEqual(200, answer.status, answer.body)
        actors.name = lambda _: name
        for name in actors.names:
            before = actors.done["infer"]
            actors.infer(rng)
            self.assertEqual(before + 1, actors.done["infer"], name)
        for name in actors.names:
            answer = rest.call(server.http, "POST", f"/v2/repository/models/{name}/unload")
            self.assertEqual(200, answer.status, answer.body)

        def reserved():
            text = rest.call(server.metrics, "GET", "/metrics").body.decode()
            (line,) = [x for x in text.splitlines()
                       if x.startswith("hadron_device_memory_reserved_bytes{")]
            return float(line.split()[-1])

        wait_until(lambda: reserved() == 0, WAIT_SECONDS, "bytes are left on the card")

    def test_explicit(self):
        """Models come and go by call alone."""
        self.run_mode("explicit")

    def test_demand(self):
        """The same where a request brings a model that nobody has loaded."""
        self.run_mode("demand")


if __name__ == "__main__":
    unittest.main()
