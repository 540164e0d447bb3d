"""hadron-cli against a server: loading, pushing to a repository that is served, looking at it."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np

from integration import rest
from integration.harness import MODEL_REPO, SLOWDOWN, TEST_MODELS, Server, binary, wait_until
from integration.onnx_mlp import Mlp

SECONDS = 60 * SLOWDOWN
VALUES = {"INPUT0": np.array([[1, 2, 3, 4]], np.float32)}


def program(name="hadron-cli"):
    """A program that lies beside the server."""
    return Path(binary()).with_name(name)


def cli(*arguments, code=0):
    """Standard output of hadron-cli; fails when it ends with another code."""
    done = subprocess.run([program(), *map(str, arguments)], capture_output=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != code:
        raise AssertionError(f"exit code {done.returncode}, expected {code}: "
                             f"{done.stderr.decode()}")
    return done.stdout.decode() if code == 0 else done.stderr.decode()


def scale_directory(parent, factors):
    """A directory of the model 'scale' whose versions multiply by these factors."""
    model = Path(parent) / "scale"
    for version, factor in enumerate(factors, 1):
        shutil.copytree(TEST_MODELS / "scale" / str(factor), model / str(version))
    shutil.copy(TEST_MODELS / "scale" / "config.pbtxt", model / "config.pbtxt")
    return model


def factor(server, model="scale"):
    """By what the served model multiplies."""
    with rest.Client(server.http) as client:
        return float(client.infer_binary(model, VALUES)["OUTPUT0"][0, 0])


def load(server, model):
    """Loads a model over REST."""
    answer = rest.call(server.http, "POST", f"/v2/repository/models/{model}/load", b"{}")
    assert answer.status == 200, answer.body


class WithDirectory(unittest.TestCase):
    """Tests with a directory of their own."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)


class Changing(WithDirectory):
    """load and unload, over both protocols."""

    def test_shows_the_header_of_a_restricted_group(self):
        with Server([MODEL_REPO], model_control_mode="explicit", admin_access="off",
                    http_restricted_api="model-repository,statistics,admin:x-key=ri=ght",
                    grpc_restricted_protocol="model-repository,admin:key=right") as server:
            url, grpc = f"http://{server.http}", server.grpc
            key = ("--header", "X-Key=ri=ght")
            self.assertIn("restricted", cli("--url", url, "load", "digits", code=1))
            self.assertIn("restricted",
                          cli("--url", url, "--header", "x-key=wrong", "load", "digits", code=1))
            cli("--url", url, *key, "load", "digits")
            for command in (("models",), ("top", "--once"), ("plan", "digits"), ("pin", "digits"),
                            ("unpin", "digits"), ("explain", "digits"), ("evict", "digits")):
                cli("--url", url, *command, code=1)
                cli("--url", url, *key, *command)
            cli("--url", url, "unload", "digits", *key)
            self.assertIn("restricted", cli("--grpc", grpc, "load", "digits", code=1))
            cli("--grpc", grpc, "--header", "triton-grpc-protocol-key=right", "load", "digits")
            for wrong in ("secret", "host=x", "a b=c", "=v"):
                message = cli("--url", url, "--header", wrong, "models", code=2)
                self.assertNotIn("secret", message)
            self.assertIn("own", cli("--grpc", grpc, "--header", "te=x", "models", code=2))
            done = subprocess.run([program(), "--url", url, "models"], check=False, timeout=SECONDS,
                                  capture_output=True,
                                  env={**os.environ, "HADRON_CLI_HEADER": "x-key=ri=ght"})
            self.assertEqual(0, done.returncode, done.stderr)

    def test_loads_and_unloads(self):
        with Server([MODEL_REPO], model_control_mode="explicit") as server:
            for where in (("--url", f"http://{server.http}"), ("--grpc", server.grpc)):
                self.assertEqual(cli(*where, "load", "simple"), "simple is loaded\n")
                self.assertIn(["simple", "1", "READY"],
                              [line.split() for line in cli(*where, "index").splitlines()])
                cli(*where, "unload", "simple")
                self.assertIn("UNAVAILABLE", cli(*where, "index"))
                self.assertIn("nobody", cli(*where, "load", "nobody", code=1))

    def test_rolls_back_to_the_version_before(self):
        scale_directory(self.dir, [1, 2, 3])
        with Server([self.dir], model_control_mode="explicit", load_model="scale") as server:
            url = f"http://{server.http}"
            self.assertEqual(factor(server), 3.0)
            self.assertIn("version 2", cli("--url", url, "rollback", "scale"))
            self.assertEqual(factor(server), 2.0)
            self.assertIn("version 1", cli("--url", url, "rollback", "scale"))
            self.assertEqual(factor(server), 1.0)
            self.assertIn("no version before", cli("--url", url, "rollback", "scale", code=1))
            cli("--url", url, "load", "scale")
            self.assertEqual(factor(server), 3.0)

    def test_says_why_it_may_not(self):
        with Server([MODEL_REPO], model_control_mode="explicit", admin_access="off") as server:
            url = f"http://{server.http}"
            self.assertIn("--admin-access", cli("--url", url, "load", "simple", code=1))
            self.assertIn("--admin-access", cli("--grpc", server.grpc, "load", "simple", code=1))


class Status(WithDirectory):
    """The endpoint that all views are made of."""

    def test_status_shows_what_goes_on(self):
        with Server([MODEL_REPO], model_control_mode="demand", metrics_interval_ms=50) as server:
            def models():
                answer = rest.call(server.http, "GET", "/v2/hadron/status").json()
                return {m["name"]: m for m in answer["models"]}
            self.assertFalse(models()["identity_fp32"]["loaded"])
            self.assertIn('"hadron"', json.dumps(rest.call(server.http, "GET", "/v2").json()))
            with rest.Client(server.http) as client:
                def busy():
                    client.infer_binary("identity_fp32", VALUES)
                    model = models()["identity_fp32"]
                    return model.get("requests_per_s", 0) > 0 and "p99_us" in model
                wait_until(busy, SECONDS, "no rate is shown")
            self.assertTrue(models()["identity_fp32"]["loaded"])
            self.assertGreater(models()["identity_fp32"]["last_used_ms"], 0)

    def test_an_unchanged_status_is_not_sent_again(self):
        with Server([MODEL_REPO]) as server:
            first = rest.call(server.http, "GET", "/v2/hadron/status")
            headers = {"If-None-Match": first.headers["etag"]}
            again = rest.call(server.http, "GET", "/v2/hadron/status", headers=headers)
            self.assertEqual((again.status, again.body), (304, b""))


class Residency(WithDirectory):
    """top, explain, pin, unpin and evict on a card that the CPU plays."""

    def test_pins_evicts_and_explains(self):
        for i in range(3):
            Mlp.random(512, 4, i).write(self.dir, f"m{i}")
        env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(400 << 20)}
        with Server([self.dir], env=env, device_memory_budget=9 << 20) as server:
            def ask(*words, code=0):
                return cli("--url", f"http://{server.http}", *words, code=code)
            def rungs():
                return {m["name"]: m["residency"] for m in json.loads(ask("--json", "top"))["models"]}
            there = next(name for name, rung in rungs().items() if rung == "resident")
            self.assertIn("its weights are on the device", ask("explain", there))
            ask("pin", there)
            self.assertIn(" pinned", ask("top", "--once"))
            self.assertIn("is pinned", ask("evict", there, code=1))
            ask("unpin", there)
            self.assertEqual(ask("evict", there), f"{there} is evicted\n")
            self.assertEqual(rungs()[there], "compiled")
            self.assertIn("4.0 MiB to copy", ask("explain", there))
            self.assertIn("nobody", ask("pin", "nobody", code=1))
            text = rest.call(server.metrics, "GET", "/metrics").body.decode()
            self.assertIn(f'hadron_model_evictions_total{{model="{there}",cause="manual"}} 1', text)

    def test_status_shows_bytes_and_slabs(self):
        """Bytes on each rung, what coming back costs, and with detail=memory who lies where."""
        for i in range(2):
            Mlp.random(512, 4, i).write(self.dir, f"m{i}")
        env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(400 << 20)}
        with Server([self.dir], env=env, device_memory_budget=16 << 20) as server:
            def status(query=""):
                return rest.call(server.http, "GET", "/v2/hadron/status" + query).json()
            plain = status()
            self.assertNotIn("slabs", plain["devices"][0])
            self.assertGreaterEqual(plain["devices"][0]["busy_ratio"], 0)
            for model in plain["models"]:
                file = self.dir / model["name"] / "1" / "model.onnx"
                self.assertEqual(file.stat().st_size, model["bytes"]["disk"])
                self.assertEqual(4 << 20, model["bytes"]["resident"])
                self.assertEqual(4 << 20, model["bytes"]["host"])
                self.assertGreater(model["restore_ms"]["host"], 9)
                self.assertGreater(model["restore_ms"]["disk"], model["restore_ms"]["host"])
                self.assertNotIn("store", model["restore_ms"])
                self.assertEqual(0, model["inflight"])
            detailed = status("?x=1&detail=memory")
            held = {0: 0, 1: 0}
            for slab in detailed["devices"][0]["slabs"]:
                end = 0
                for offset, size, index in slab["ranges"]:
                    self.assertGreaterEqual(offset, end)
                    end = offset + size
                    held[index] += size
                self.assertLessEqual(end, slab["bytes"])
            self.assertEqual({0: 4 << 20, 1: 4 << 20}, held)


class Planning(WithDirectory):
    """plan on a card for four models, played by the CPU."""

    def setUp(self):
        super().setUp()
        layers = {i: Mlp.random(512, 1, i).weights[0] for i in range(12)}
        # Each is 4 MiB; "half" shares two of its four layers with m0.
        for name, own in {"m0": (0, 1, 2, 3), "m1": (4, 5, 6, 7), "half": (0, 1, 8, 9)}.items():
            Mlp([layers[i] for i in own]).write(self.dir, name)
        (self.dir / "empty").mkdir()

    def start(self, mebibytes, **options):
        """A server whose card has so much memory."""
        env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(400 << 20)}
        return Server([self.dir], env=env, device_memory_budget=mebibytes << 20,
                      strict_readiness="false", exit_on_error="false",
                      model_control_mode="demand", **options)

    def plan(self, server, *models):
        """The plan as JSON, which both doors to it agree on."""
        body = json.dumps({"models": models}).encode()
        answer = rest.call(server.http, "POST", "/v2/hadron/plan", body)
        self.assertEqual(200, answer.status, answer.body)
        plan = answer.json()
        if plan["fits"]:
            printed = cli("--url", f"http://{server.http}", "--json", "plan", *models)
            self.assertEqual(plan["steps"], json.loads(printed)["steps"])
        return plan

    def test_what_is_not_loaded_is_estimated(self):
        """Sizes of files stand for weights; nothing is loaded by asking."""
        with self.start(16) as server:
            plan = self.plan(server, "m0", "m1")
            size = (self.dir / "m0" / "1" / "model.onnx").stat().st_size
            self.assertEqual([("repository", size, True)] * 2,
                             [(s["from"], s["bytes"], s["estimated"]) for s in plan["steps"]])
            self.assertNotIn("estimated_ms", plan)  # nothing was loaded to measure by
            self.assertIn("2 not loaded: estimated", plan["text"])
            status = rest.call(server.http, "GET", "/v2/hadron/status").json()
            self.assertFalse(any(model["loaded"] for model in status["models"]))
            load(server, "m0")
            plan = self.plan(server, "m1", "m0")
            self.assertEqual(["m0", "m1"], [step["model"] for step in plan["steps"]])
            self.assertGreater(plan["estimated_ms"], 5)

    def test_shared_weights_count_once(self):
        """A model adds what those before it do not have."""
        with self.start(16) as server:
            for name in ("m0", "half"):
                load(server, name)
            plan = self.plan(server, "m0", "half")
            self.assertEqual(6 << 20, plan["bytes"])
            self.assertEqual(0, plan["missing_bytes"])
            self.assertEqual({4 << 20, 2 << 20}, {s["added_bytes"] for s in plan["steps"]})

    def test_who_would_leave_and_what_does_not_fit(self):
        """Victims are others than those asked for; what does not fit is said, and is exit code 1."""
        with self.start(9) as server:
            for name in ("m0", "m1", "half"):
                load(server, name)
            there = [model["name"] for model in
                     rest.call(server.http, "GET", "/v2/hadron/status").json()["models"]
                     if model.get("residency") == "resident"]
            plan = self.plan(server, "m1", "m0")
            self.assertTrue(plan["fits"], plan)
            foreseen = sorted(plan["victims"])
            self.assertEqual(sorted(set(there) - {"m0", "m1"}), foreseen, plan)
            everybody = self.plan(server, "m0", "m1", "half")
            self.assertFalse(everybody["fits"])
            self.assertEqual(1, sum(not step["fits"] for step in everybody["steps"]))
            self.assertIn("2 of 3 models fit together", everybody["text"])
            self.assertIn("do not all fit together",
                          cli("--url", f"http://{server.http}", "plan", "m0", "m1", "half", code=1))
            self.assertIn("nobody", cli("--url", f"http://{server.http}", "plan", "nobody", code=1))
            unusable = self.plan(server, "empty", "m0")
            self.assertEqual(["empty"], [model["model"] for model in unusable["unusable"]])

    def test_bad_questions(self):
        """What is no list of names is refused."""
        with self.start(9, admin_access="off") as server:
            answer = rest.call(server.http, "POST", "/v2/hadron/plan", b'{"models":["m0"]}')
            self.assertEqual(403, answer.status)
        with self.start(9) as server:
            for body in (b"", b"[]", b"{}", b'{"models":[]}', b'{"models":"m0"}',
                         b'{"models":[1]}', b'{"models":["m0"]} x', b'{"models":["m0"'):
                with self.subTest(body=body):
                    answer = rest.call(server.http, "POST", "/v2/hadron/plan", body)
                    self.assertEqual(400, answer.status, answer.body)
            self.assertEqual(405, rest.call(server.http, "GET", "/v2/hadron/plan").status)


class Pushing(WithDirectory):
    """push to directories."""

    def test_a_polling_server_takes_what_was_pushed(self):
        repository = self.dir / "repository"
        repository.mkdir()
        model = scale_directory(self.dir, [2])
        with Server([repository], model_control_mode="poll", repository_poll_secs=1) as server:
            cli("push", model, repository)
            wait_until(lambda: "READY" in cli("--url", f"http://{server.http}", "models"), SECONDS,
                       "the pushed model is not served")
            self.assertEqual(factor(server), 2.0)
            shutil.rmtree(model)
            model = scale_directory(self.dir, [3])
            self.assertIn("another content", cli("push", model, repository, code=2))
            self.assertEqual(json.loads(cli("--json", "push", model, repository, "--as-version",
                                            "next"))["versions"], [2])
            wait_until(lambda: factor(server) == 3.0, SECONDS, "the new version does not serve")

    def test_refuses_what_no_server_would_load(self):
        repository = self.dir / "repository"
        repository.mkdir()
        model = scale_directory(self.dir, [1])
        (model / "1" / "model.onnx").write_bytes(b"rubbish")
        self.assertIn("model.onnx", cli("push", model, repository, code=2))
        self.assertEqual(list(repository.iterdir()), [])

    def test_an_interrupted_push_goes_on(self):
        repository = self.dir / "repository"
        repository.mkdir()
        model = scale_directory(self.dir, [1])
        with open(model / "1" / "weights.bin", "wb") as file:
            file.truncate(1 << 30)
        process = subprocess.Popen([program(), "push", model, repository],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        try:
            wait_until(lambda: list(repository.glob("scale/1/*.part")), SECONDS, "nothing is sent")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(SECONDS), 1)
        finally:
            process.kill()
            process.wait()
        self.assertIn(b"run it again", process.stderr.read())
        self.assertEqual([p.name for p in repository.rglob("*") if p.is_file()], [])
        (model / "1" / "weights.bin").write_bytes(b"small")
        self.assertEqual(json.loads(cli("--json", "push", model, repository))["sent"], 4)
        self.assertEqual(json.loads(cli("--json", "push", model, repository))["sent"], 0)


if __name__ == "__main__":
    unittest.main()
