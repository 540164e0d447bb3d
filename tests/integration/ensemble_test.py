"""Ensembles: requests that run through several models, from outside."""

import json
import shutil
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from integration import rest
from integration.harness import MODEL_REPO, ROOT, SLOWDOWN, Server, wait_until
from integration.onnx_mlp import Mlp
from integration.onnx_sequence import write_accumulator

WIDTH = 16
SECONDS = 30 * SLOWDOWN
CLIENTS = 8
DELAY_US = int(5_000_000 * SLOWDOWN)  # a model that waits for full batches, but not for ever
SLOW = f"dynamic_batching {{ max_queue_delay_microseconds: {DELAY_US} preferred_batch_size: 8 " \
       "default_queue_policy { allow_timeout_override: true %s } }"


def add_model(repository, name, extra="", **changes):
    """A copy of model_repo/simple: OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1."""
    shutil.copytree(MODEL_REPO / "simple", repository / name)
    config = repository / name / "config.pbtxt"
    text = config.read_text().replace('name: "simple"', f'name: "{name}"')
    for old, new in changes.items():
        text = text.replace(old, new)
    config.write_text(text + extra)


def step(model, version=-1, **edges):
    """A step; edges are INPUT0="tensor" and OUTPUT0="tensor"."""
    maps = "".join(f'{"input" if key[0] == "I" else "output"}_map {{ key: "{key}" '
                   f'value: "{tensor}" }} ' for key, tensor in edges.items())
    return f'step {{ model_name: "{model}" model_version: {version} {maps}}}\n'


def add_ensemble(repository, name, inputs, outputs, steps, batch=8, kind="TYPE_INT32", extra=""):
    """An ensemble of tensors of one shape."""
    (repository / name / "1").mkdir(parents=True)
    text = f'name: "{name}" platform: "ensemble" max_batch_size: {batch}\n'
    dims = f"dims: {WIDTH}" if batch else f"dims: [ -1, {WIDTH} ]"
    for field, names in (("input", inputs), ("output", outputs)):
        for tensor in names:
            text += f'{field} {{ name: "{tensor}" data_type: {kind} {dims} }}\n'
    text += "ensemble_scheduling {\n" + "".join(steps) + "}\n" + extra
    (repository / name / "config.pbtxt").write_text(text)


def chain(first="a", second="b"):
    """x -> x + 2 one."""
    return [step(first, INPUT0="x", INPUT1="one", OUTPUT0="t"),
            step(second, INPUT0="t", INPUT1="one", OUTPUT0="y")]


def request(rows=1, value=5):
    """Inputs of a chain."""
    return {"x": np.arange(rows * WIDTH, dtype=np.int32).reshape(rows, WIDTH) + value,
            "one": np.ones((rows, WIDTH), np.int32)}


def grpc_inputs(arrays):
    """The same for Triton's client."""
    inputs = []
    for name, array in arrays.items():
        inputs.append(tritonclient.grpc.InferInput(name, list(array.shape), "INT32"))
        inputs[-1].set_data_from_numpy(array)
    return inputs


class Ensembles(unittest.TestCase):
    """A repository of small integer models and ensembles of them."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hadron-ensemble-")
        self.addCleanup(folder.cleanup)
        self.repository = Path(folder.name)

    def serve(self, *names, arguments=(), **options):
        """Starts the server; with names in mode explicit."""
        if names:
            options = {"model_control_mode": "explicit", **options}
            arguments = [*arguments, *(f"--load-model={name}" for name in names)]
        server = Server([self.repository], arguments=arguments, **options)
        self.addCleanup(server.kill)
        server.start()
        self.addCleanup(server.stop)
        return server

    def ready(self, server, *names):
        """Waits until they are."""
        for name in names:
            wait_until(lambda: rest.call(server.http, "GET", f"/v2/models/{name}/ready").status
                       == 200, SECONDS, f"{name} is not ready:\n{self.index(server)}")

    def index(self, server):
        """{name: (state, reason)} of the newest versions."""
        rows = rest.call(server.http, "POST", "/v2/repository/index", b"").json()
        return {row["name"]: (row.get("state", ""), row.get("reason", "")) for row in rows}

    def change(self, server, verb, model, **parameters):
        """A load or unload call."""
        return rest.call(server.http, "POST", f"/v2/repository/models/{model}/{verb}",
                         json.dumps({"parameters": parameters}).encode())

    def infer(self, server, model, inputs, outputs=None, headers=None):
        """The answer, as it came."""
        return rest.call(server.http, "POST", f"/v2/models/{model}/infer",
                         rest.json_body(inputs, outputs), headers)

    def stats(self, server, model):
        """The statistics of one model."""
        return rest.call(server.http, "GET", f"/v2/models/{model}/stats").json()["model_stats"][0]

    def metric(self, server, name):
        """Value of a series."""
        for line in rest.call(server.metrics, "GET", "/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return None

    # ---- answers ------------------------------------------------------------------------------

    def add_diamond(self):
        """sum, difference; then both plus one; then the sum of those: 2 x + 2."""
        for name in ("a", "b", "c", "d"):
            add_model(self.repository, name)
        add_ensemble(self.repository, "diamond", ["x", "one"], ["y", "s"],
                     [step("d", INPUT0="p", INPUT1="q", OUTPUT0="y"),
                      step("b", INPUT0="s", INPUT1="one", OUTPUT0="p"),
                      step("c", INPUT0="r", INPUT1="one", OUTPUT0="q"),
                      step("a", INPUT0="x", INPUT1="one", OUTPUT0="s", OUTPUT1="r")])

    def test_a_chain_answers_over_rest_and_grpc(self):
        """Also with several rows, and counts for itself and for its models."""
        add_model(self.repository, "a")
        add_model(self.repository, "b")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        server = self.serve("e")
        self.ready(server, "e", "a", "b")
        for rows in (1, 3, 8):
            inputs = request(rows)
            answer = rest.arrays(self.infer(server, "e", inputs))
            np.testing.assert_array_equal(inputs["x"] + 2, answer["y"])
        with rest.Client(server.http) as client:
            np.testing.assert_array_equal(request()["x"] + 2,
                                          client.infer_binary("e", request())["y"])
        with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
            self.assertTrue(client.is_model_ready("e"))
            answer = client.infer("e", grpc_inputs(request(2)), request_id="seven")
            np.testing.assert_array_equal(request(2)["x"] + 2, answer.as_numpy("y"))
            self.assertEqual("seven", answer.get_response().id)
            metadata = client.get_model_metadata("e")
            self.assertEqual("ensemble", metadata.platform)
            self.assertEqual([-1, WIDTH], list(metadata.inputs[0].shape))
            config = client.get_model_config("e").config
            self.assertEqual("a", config.ensemble_scheduling.step[0].model_name)
            statistics = client.get_inference_statistics("e").model_stats[0]
            self.assertEqual(5, statistics.inference_stats.success.count)
        too_many = self.infer(server, "e", request(9))
        self.assertEqual(400, too_many.status)
        self.assertIn(b"batch-size must be <= 8", too_many.body)

        for name in ("e", "a", "b"):
            stats = self.stats(server, name)
            self.assertEqual([5, 15, 5],
                             [stats["inference_stats"]["success"]["count"],
                              stats["inference_count"], stats["execution_count"]], name)
            self.assertEqual(5, self.metric(
                server, f'nv_inference_request_success{{model="{name}",version="1"}}'))
        totals = [self.stats(server, name)["inference_stats"] for name in ("e", "a", "b")]
        for key in ("queue", "compute_infer"):
            self.assertEqual(totals[0][key]["ns"], totals[1][key]["ns"] + totals[2][key]["ns"])
        self.assertEqual([], self.stats(server, "e")["memory_usage"])

    def test_a_diamond_gives_what_is_asked_for(self):
        """Steps stand in any order; what is not asked for does not run."""
        self.add_diamond()
        server = self.serve("diamond")
        inputs = request(2)
        answer = rest.arrays(self.infer(server, "diamond", inputs))
        self.assertEqual(["y", "s"], list(answer))
        np.testing.assert_array_equal(2 * inputs["x"] + 2, answer["y"])
        np.testing.assert_array_equal(inputs["x"] + 1, answer["s"])
        answer = rest.arrays(self.infer(server, "diamond", inputs, ["s"]))
        self.assertEqual(["s"], list(answer))
        self.assertEqual([2, 1, 1, 1], [self.stats(server, name)["inference_stats"]["success"]
                                        ["count"] for name in ("a", "b", "c", "d")])

    def test_the_manuals_example_works(self):
        """docs/ensembles.md: its configuration, beside model_repo/simple."""
        manual = (ROOT / "docs" / "ensembles.md").read_text()
        config = next(block for block in manual.split("```\n") if 'name: "twice"' in block)
        shutil.copytree(MODEL_REPO / "simple", self.repository / "simple")
        (self.repository / "twice").mkdir()
        (self.repository / "twice" / "config.pbtxt").write_text(config)
        server = self.serve("twice")
        inputs = {"x": request(2)["x"], "step": request(2)["one"]}
        answer = rest.arrays(self.infer(server, "twice", inputs))
        np.testing.assert_array_equal(inputs["x"] + 2, answer["up"])
        np.testing.assert_array_equal(inputs["x"] - 2, answer["down"])

    def test_an_ensemble_runs_in_an_ensemble(self):
        """And counts there as a model."""
        self.add_diamond()
        add_ensemble(self.repository, "outer", ["x", "one"], ["y"],
                     [step("diamond", Ix="x", Ione="one", Oy="t"),
                      step("a", INPUT0="t", INPUT1="one", OUTPUT0="y")])
        config = self.repository / "outer" / "config.pbtxt"
        config.write_text(config.read_text().replace('"Ix"', '"x"').replace('"Ione"', '"one"')
                          .replace('"Oy"', '"y"'))
        server = self.serve("outer")
        answer = rest.arrays(self.infer(server, "outer", request(3)))
        np.testing.assert_array_equal(2 * request(3)["x"] + 3, answer["y"])
        self.assertEqual(2, self.stats(server, "a")["inference_stats"]["success"]["count"])
        self.assertEqual(1, self.stats(server, "diamond")["inference_stats"]["success"]["count"])
        self.assertEqual(200, self.change(server, "unload", "outer",
                                          unload_dependents=True).status)
        for name in ("outer", "diamond", "a", "d"):
            wait_until(lambda: self.index(server)[name] == ("UNAVAILABLE", "unloaded"), SECONDS,
                       f"{name} is not unloaded")

    def test_shapes_go_between_models_that_batch_and_that_do_not(self):
        """An ensemble without batch dimension hands it on as a dimension like any other."""
        add_model(self.repository, "a")
        add_model(self.repository, "b")
        add_ensemble(self.repository, "plain", ["x", "one"], ["y"], chain(), batch=0)
        server = self.serve("plain")
        answer = rest.arrays(self.infer(server, "plain", request(4)))
        np.testing.assert_array_equal(request(4)["x"] + 2, answer["y"])
        refused = self.infer(server, "plain", request(9))
        self.assertEqual(400, refused.status)
        self.assertIn(b"ensemble 'plain': step 0 (model 'a'): inference request batch-size must be "
                      b"<= 8, but is 9", refused.body)

    def test_eight_clients_at_once_share_batches(self):
        """Every answer is its own; models batch across the requests."""
        self.add_diamond()
        server = self.serve("diamond")

        def ask(client):
            with rest.Client(server.http) as connection:
                for i in range(20):
                    inputs = request(1 + i % 3, 1000 * client + i)
                    got = connection.infer_binary("diamond", inputs)
                    np.testing.assert_array_equal(2 * inputs["x"] + 2, got["y"])
                    np.testing.assert_array_equal(inputs["x"] + 1, got["s"])

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(ask, range(CLIENTS)))
        stats = {name: self.stats(server, name) for name in ("a", "d", "diamond")}
        for name, row in stats.items():
            self.assertEqual(20 * CLIENTS, row["inference_stats"]["success"]["count"], name)
        self.assertEqual(20 * CLIENTS, stats["diamond"]["execution_count"])

    def test_a_step_takes_part_in_a_sequence(self):
        """The client's marks are those of the step: sums go on from request to request."""
        write_accumulator(self.repository, "sums", "direct { }")
        (self.repository / "e").mkdir()
        (self.repository / "e" / "config.pbtxt").write_text(
            'platform: "ensemble" max_batch_size: 1 '
            'input { name: "number" data_type: TYPE_FP32 dims: 1 } '
            'output { name: "sum" data_type: TYPE_FP32 dims: 1 } ensemble_scheduling { step { '
            'model_name: "sums" model_version: -1 input_map { key: "x" value: "number" } '
            'output_map { key: "y" value: "sum" } } }')
        server = self.serve("e")
        with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
            total = 0
            for number in range(1, 5):
                tensor = tritonclient.grpc.InferInput("number", [1, 1], "FP32")
                tensor.set_data_from_numpy(np.array([[number]], np.float32))
                answer = client.infer("e", [tensor], sequence_id=7, sequence_start=number == 1,
                                      sequence_end=number == 4)
                total += number
                self.assertEqual(total, answer.as_numpy("sum")[0, 0])
            with self.assertRaisesRegex(InferenceServerException, "must specify the START flag"):
                client.infer("e", [tensor], sequence_id=8)

    def test_models_that_do_not_fit_together_take_turns(self):
        """On a card played by the CPU: four models of 8 MiB, two of which run at once, in 20 MiB."""
        width = 1024
        models = {}
        for seed, name in enumerate("abcd"):
            models[name] = Mlp.random(width, 2, seed)
            models[name].write(self.repository, name, "max_batch_size: 8")
        io = f"data_type: TYPE_FP32 dims: {width} }}"
        (self.repository / "e").mkdir()
        text = f'platform: "ensemble" max_batch_size: 8 input {{ name: "x" {io} '
        text += "".join(f'output {{ name: "{name}" {io} ' for name in ("y", "z"))
        text += "ensemble_scheduling { " + "".join(
            f'step {{ model_name: "{model}" model_version: -1 input_map {{ key: "x" value: '
            f'"{reads}" }} output_map {{ key: "y" value: "{writes}" }} }} '
            for model, reads, writes in ("axt", "btu", "ctz", "duy")) + "}"
        (self.repository / "e" / "config.pbtxt").write_text(text)
        server = self.serve(env={"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": "400000000"},
                            device_memory_budget=20 << 20)
        self.ready(server, "e")

        def ask(number):
            x = np.full((1, width), 1 + number, np.float32)
            t = models["a"].run(x)
            with rest.Client(server.http) as client:
                for _ in range(3):
                    got = client.infer_binary("e", {"x": x})
                    np.testing.assert_allclose(models["d"].run(models["b"].run(t)), got["y"],
                                               rtol=1e-2, atol=1e-2)
                    np.testing.assert_allclose(models["c"].run(t), got["z"], rtol=1e-2, atol=1e-2)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, range(4)))
        evictions = [self.metric(server, f'hadron_model_evictions_total{{model="{name}",'
                                         'cause="pressure"}') for name in models]
        self.assertGreater(sum(evictions), 0)

    # ---- failures -----------------------------------------------------------------------------

    def test_a_step_that_fails_is_named(self):
        """By ensemble, step and model; it counts on both."""
        add_model(self.repository, "a")
        add_model(self.repository, "b", SLOW % "max_queue_size: 1")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        server = self.serve("e")
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(self.infer, server, "b",
                                {"INPUT0": request()["x"], "INPUT1": request()["one"]})
            wait_until(lambda: self.metric(
                server, 'nv_inference_pending_request_count{model="b",version="1"}'), SECONDS, "b")
            failed = self.infer(server, "e", request())
            self.assertEqual(503, failed.status, failed.body)
            self.assertIn(b"ensemble 'e': step 1 (model 'b'): Exceeds maximum queue size",
                          failed.body)
            with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
                with self.assertRaisesRegex(InferenceServerException, "step 1 .model 'b'."):
                    client.infer("e", grpc_inputs(request()))
            self.assertEqual(2, self.stats(server, "e")["inference_stats"]["fail"]["count"])
            self.assertEqual(2, self.stats(server, "b")["inference_stats"]["fail"]["count"])
            self.assertEqual(2, self.metric(
                server, 'nv_inference_request_failure{model="e",version="1",reason="OTHER"}'))
            self.assertEqual(200, waits.result(SECONDS).status)

    def test_a_timeout_holds_for_the_steps(self):
        """The second model waits for a full batch; a request that may not wait is told so."""
        add_model(self.repository, "a")
        add_model(self.repository, "b", SLOW % "")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        server = self.serve("e")
        body = json.loads(rest.json_body(request()))
        body["parameters"] = {"timeout": 200_000}
        began = time.monotonic()
        answer = rest.call(server.http, "POST", "/v2/models/e/infer", json.dumps(body).encode())
        self.assertEqual(503, answer.status, answer.body)
        self.assertIn(b"ensemble 'e': step 1 (model 'b'): Request timeout expired", answer.body)
        self.assertLess(time.monotonic() - began, SECONDS)

    def test_a_client_that_has_gone_ends_its_steps(self):
        """The step leaves the queue when that is looked at, and both count it as cancelled."""
        add_model(self.repository, "a")
        add_model(self.repository, "b", SLOW % "")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        server = self.serve("e")
        with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
            call = client.async_infer("e", grpc_inputs(request()), lambda *_: None)
            pending = 'nv_inference_pending_request_count{model="b",version="1"}'
            wait_until(lambda: self.metric(server, pending), SECONDS, "step 1 does not wait")
            call.cancel()
            for name in ("b", "e"):
                series = f'nv_inference_request_failure{{model="{name}",version="1",' \
                         'reason="CANCELED"}'
                wait_until(lambda: self.metric(server, series) == 1, SECONDS, series)
        wait_until(lambda: rest.call(server.http, "GET", "/v2/hadron/status").json()["inflight"]
                   == 0, SECONDS, "a request is left")

    # ---- loading ------------------------------------------------------------------------------

    def test_the_index_says_which_model_is_missing(self):
        """In mode explicit; the ensemble is ready as soon as the model is."""
        add_model(self.repository, "a")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        server = self.serve(model_control_mode="explicit")
        refused = self.change(server, "load", "e")
        self.assertEqual(400, refused.status, refused.body)
        self.assertIn(b"load failed for model 'e': step 1: model 'b' is in no model repository",
                      refused.body)
        self.assertEqual(("UNAVAILABLE", "step 1: model 'b' is in no model repository"),
                         self.index(server)["e"])
        self.assertEqual(503, self.infer(server, "e", request()).status)
        add_model(self.repository, "b")
        self.assertEqual(200, self.change(server, "load", "b").status)
        self.assertEqual("READY", self.index(server)["e"][0])
        self.assertEqual(200, self.infer(server, "e", request()).status)
        self.assertEqual(200, self.change(server, "unload", "a").status)
        wait_until(lambda: self.index(server)["e"] ==
                   ("UNAVAILABLE", "step 0: model 'a' is not ready: unloaded"), SECONDS, "e")
        explained = rest.call(server.http, "GET", "/v2/hadron/models/e/explain").json()
        self.assertIn("step 0: model 'a'", explained["text"])

    def test_types_that_do_not_fit_are_refused_by_name(self):
        """At load, before any request."""
        add_model(self.repository, "a")
        shutil.copytree(MODEL_REPO / "simple_string", self.repository / "text")
        config = self.repository / "text" / "config.pbtxt"
        config.write_text(config.read_text().replace("simple_string", "text"))
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain("a", "text"))
        server = self.serve(model_control_mode="explicit")
        refused = self.change(server, "load", "e")
        self.assertEqual(400, refused.status)
        self.assertRegex(refused.body.decode(),
                         r"tensor '(t|one)': .* of step 1 \(model 'text'\) BYTES")

    def test_a_circle_is_refused(self):
        """The message names it."""
        add_ensemble(self.repository, "e", ["INPUT0", "INPUT1"], ["OUTPUT0"],
                     [step("f", INPUT0="INPUT0", INPUT1="INPUT1", OUTPUT0="OUTPUT0")])
        add_ensemble(self.repository, "f", ["INPUT0", "INPUT1"], ["OUTPUT0"],
                     [step("e", INPUT0="INPUT0", INPUT1="INPUT1", OUTPUT0="OUTPUT0")])
        server = self.serve(model_control_mode="explicit")
        refused = self.change(server, "load", "e")
        self.assertEqual(400, refused.status)
        self.assertIn(b"the ensembles contain each other: e -> f -> e", refused.body)

    def test_models_go_with_the_ensemble_that_brought_them(self):
        """unload_dependents, over REST and gRPC; not those that somebody has asked for."""
        for name in ("a", "b"):
            add_model(self.repository, name)
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        server = self.serve("a", "e")
        self.ready(server, "a", "b", "e")
        self.assertEqual(200, self.change(server, "unload", "e").status)
        self.assertEqual("READY", self.index(server)["b"][0])
        self.assertEqual(200, self.change(server, "load", "e").status)
        with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
            client.unload_model("e", unload_dependents=True)
        wait_until(lambda: self.index(server)["b"] == ("UNAVAILABLE", "unloaded"), SECONDS, "b")
        self.assertEqual("READY", self.index(server)["a"][0])

    def test_mode_demand_loads_models_with_the_first_request(self):
        """And knows the ensemble before that."""
        self.add_diamond()
        server = self.serve(model_control_mode="demand")
        self.ready(server, "diamond")
        answer = rest.arrays(self.infer(server, "diamond", request()))
        np.testing.assert_array_equal(2 * request()["x"] + 2, answer["y"])
        status = rest.call(server.http, "GET", "/v2/hadron/status?detail=memory").json()
        rows = {row["name"]: row for row in status["models"]}
        self.assertEqual(["d", "b", "c", "a"], rows["diamond"]["ensemble"])
        self.assertEqual("none", rows["diamond"]["residency"])
        self.assertEqual("resident", rows["a"]["residency"])
        plan = rest.call(server.http, "POST", "/v2/hadron/plan",
                         json.dumps({"models": ["diamond", "a"]}).encode())
        self.assertEqual(200, plan.status, plan.body)
        self.assertIn("ensemble", plan.json()["unusable"][0]["reason"])
        explained = rest.call(server.http, "GET", "/v2/hadron/models/diamond/explain")
        self.assertIn("it is an ensemble", explained.json()["text"])
        self.assertEqual(409, rest.call(server.http, "POST",
                                        "/v2/hadron/models/diamond/evict").status)
        self.assertEqual(200, rest.call(server.http, "POST", "/v2/hadron/models/a/evict").status)
        answer = rest.arrays(self.infer(server, "diamond", request()))
        np.testing.assert_array_equal(2 * request()["x"] + 2, answer["y"])

    def test_a_repository_is_polled_for_models_of_ensembles(self):
        """Also an ensemble without a version directory."""
        add_model(self.repository, "a")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        shutil.rmtree(self.repository / "e" / "1")
        server = self.serve(model_control_mode="poll", repository_poll_secs=1,
                            exit_on_error="false")
        wait_until(lambda: self.index(server).get("e", ("",))[0] == "UNAVAILABLE", SECONDS, "e")
        add_model(self.repository, "b")
        self.ready(server, "e")
        np.testing.assert_array_equal(request()["x"] + 2,
                                      rest.arrays(self.infer(server, "e", request()))["y"])

    def test_answers_of_an_ensemble_are_kept(self):
        """A second request runs nothing."""
        add_model(self.repository, "a")
        add_model(self.repository, "b")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain(),
                     extra="response_cache { enable: true }")
        server = self.serve("e", cache_config="local,size=1000000")
        first = rest.arrays(self.infer(server, "e", request()))["y"]
        np.testing.assert_array_equal(first, rest.arrays(self.infer(server, "e", request()))["y"])
        self.assertEqual(1, self.stats(server, "a")["inference_stats"]["success"]["count"])
        stats = self.stats(server, "e")["inference_stats"]
        self.assertEqual([2, 1, 1], [stats[key]["count"]
                                     for key in ("success", "cache_hit", "cache_miss")])

    def test_no_answer_is_kept_when_a_model_is_replaced(self):
        """A reload of a step's model changes what the ensemble answers."""
        def write(seed):
            shutil.rmtree(self.repository / "m", ignore_errors=True)
            Mlp.random(WIDTH, 2, seed).write(self.repository, "m", "max_batch_size: 8")
        write(1)
        io = 'data_type: TYPE_FP32 dims: 16 }'
        (self.repository / "e").mkdir()
        (self.repository / "e" / "config.pbtxt").write_text(
            f'platform: "ensemble" max_batch_size: 8 input {{ name: "x" {io} output {{ name: "y" '
            f'{io} response_cache {{ enable: true }} ensemble_scheduling {{ step {{ model_name: '
            '"m" model_version: -1 input_map { key: "x" value: "x" } output_map { key: "y" value: '
            '"y" } } }')
        server = self.serve("e", cache_config="local,size=1000000")
        inputs = {"x": np.ones((1, WIDTH), np.float32)}
        answers = []
        for seed in (1, 2):
            write(seed)
            self.assertEqual(200, self.change(server, "load", "m").status)
            answers.append([rest.arrays(self.infer(server, "e", inputs))["y"].tobytes()
                            for _ in range(2)])
            self.assertEqual(answers[-1][0], answers[-1][1])
        self.assertNotEqual(answers[0][0], answers[1][0])
        self.assertEqual(2, self.stats(server, "e")["inference_stats"]["cache_hit"]["count"])

    # ---- how many at once ---------------------------------------------------------------------

    def test_no_more_requests_are_in_a_step_than_allowed(self):
        """The model would take eight rows at once, and gets two."""
        add_model(self.repository, "a")
        add_model(self.repository, "b", "dynamic_batching { max_queue_delay_microseconds: 50000 }")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"],
                     [*chain(), "max_inflight_requests: 2\n"])
        server = self.serve("e")
        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(clients.map(lambda n: self.infer(server, "e", request(value=n)),
                                       range(3 * CLIENTS)))
        for n, answer in enumerate(answers):
            np.testing.assert_array_equal(request(value=n)["x"] + 2, rest.arrays(answer)["y"])
        for model in ("a", "b"):
            sizes = [batch["batch_size"] for batch in self.stats(server, model)["batch_stats"]]
            self.assertGreaterEqual(2, max(sizes), model)
        self.assertEqual(2, max(sizes))  # and they do meet

    def test_limits_let_every_request_through(self):
        """One request in each step, a diamond in an ensemble, more clients than places; some go."""
        self.add_diamond()
        config = self.repository / "diamond" / "config.pbtxt"
        text = config.read_text()
        config.write_text(text[:text.rindex("}")] + "max_inflight_requests: 1 }\n")
        add_model(self.repository, "last")
        add_ensemble(self.repository, "outer", ["x", "one"], ["z"],
                     ['step { model_name: "diamond" model_version: -1 '
                      'input_map { key: "x" value: "x" } input_map { key: "one" value: "one" } '
                      'output_map { key: "y" value: "t" } }\n',
                      step("last", INPUT0="t", INPUT1="one", OUTPUT0="z"),
                      "max_inflight_requests: 1\n"])
        server = self.serve("outer")

        def one(n):
            if n % 5 == 4:  # a client that may be gone before it is served
                with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
                    with suppress(InferenceServerException):
                        client.infer("outer", grpc_inputs(request(value=n)), client_timeout=2e-3)
                return
            model = ["outer", "diamond"][n % 2]
            answer = rest.arrays(self.infer(server, model, request(value=n)))
            expected = 2 * request(value=n)["x"] + 2
            np.testing.assert_array_equal(expected + (model == "outer"),
                                          answer["z" if model == "outer" else "y"])

        with ThreadPoolExecutor(2 * CLIENTS) as clients:
            for asked in [clients.submit(one, n) for n in range(100)]:
                asked.result()

    def test_what_waits_for_a_full_step_fails_with_its_request(self):
        """The other branch has failed: the answer does not wait for a place."""
        add_model(self.repository, "fast", "dynamic_batching { max_queue_delay_microseconds: 0 }")
        add_model(self.repository, "full", SLOW % "default_timeout_microseconds: 0")
        add_ensemble(self.repository, "e", ["x", "one"], ["y", "z"],
                     [step("full", INPUT0="x", INPUT1="one", OUTPUT0="y"),
                      step("fast", INPUT0="x", INPUT1="one", OUTPUT0="z"),
                      "max_inflight_requests: 1\n"])
        server = self.serve("e")
        with ThreadPoolExecutor(2) as clients:
            first = clients.submit(self.infer, server, "e", request())
            wait_until(lambda: self.stats(server, "fast")["inference_stats"]["success"]["count"]
                       == 1, SECONDS, "the first request did not run")
            self.assertEqual(200, self.change(server, "unload", "fast").status)
            second = clients.submit(self.infer, server, "e", request())
            answer = second.result(SECONDS)
            self.assertNotEqual(200, answer.status)
            self.assertIn(b"fast", answer.body)
            self.assertFalse(first.done())
            seven = np.ones((7, WIDTH), np.int32)
            rest.arrays(self.infer(server, "full", {"INPUT0": seven, "INPUT1": seven}))  # it is full
            rest.arrays(first.result())

    def test_outputs_have_the_labels_of_the_model_that_makes_them(self):
        """Unless the ensemble has its own; through an ensemble in an ensemble and the cache, too."""
        for name in ("a", "b"):
            add_model(self.repository, name)
        names = [f"label{i}" for i in range(WIDTH)]
        config = self.repository / "b" / "config.pbtxt"
        config.write_text(config.read_text().replace(
            'name: "OUTPUT0"', 'name: "OUTPUT0" label_filename: "names.txt"'))
        (self.repository / "b" / "names.txt").write_text("\n".join(names))
        add_ensemble(self.repository, "inner", ["x", "one"], ["y"], chain())
        add_ensemble(self.repository, "outer", ["x", "one"], ["z"],
                     ['step { model_name: "inner" model_version: -1 '
                      'input_map { key: "x" value: "x" } input_map { key: "one" value: "one" } '
                      'output_map { key: "y" value: "z" } }\n'],
                     extra="response_cache { enable: true }")
        add_ensemble(self.repository, "own", ["x", "one"], ["y"], chain())
        config = self.repository / "own" / "config.pbtxt"
        config.write_text(config.read_text().replace(
            'output { name: "y"', 'output { label_filename: "mine.txt" name: "y"'))
        (self.repository / "own" / "mine.txt").write_text("\n".join(n.upper() for n in names))
        server = self.serve("inner", "outer", "own", cache_config="local,size=1000000")
        for model, output, label in (("inner", "y", "label15"), ("outer", "z", "label15"),
                                     ("outer", "z", "label15"), ("own", "y", "LABEL15")):
            body = json.loads(rest.json_body(request(), [output]))
            body["outputs"][0]["parameters"] = {"classification": 1}
            answer = rest.call(server.http, "POST", f"/v2/models/{model}/infer",
                               json.dumps(body).encode())
            self.assertEqual([f"22:15:{label}"], answer.json()["outputs"][0]["data"], model)
            with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
                wanted = tritonclient.grpc.InferRequestedOutput(output, class_count=1)
                answer = client.infer(model, grpc_inputs(request()), outputs=[wanted])
            self.assertEqual(f"22:15:{label}".encode(), answer.as_numpy(output).item(), model)
        self.assertLess(0, self.stats(server, "outer")["inference_stats"]["cache_hit"]["count"])

    def test_device_time_is_on_the_accounts_of_the_models_once(self):
        """The request counts for the ensemble, the time for what ran."""
        add_model(self.repository, "a")
        add_model(self.repository, "b")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        tenants = self.repository.with_suffix(".json")
        tenants.write_text(json.dumps({"tenants": [{"name": "atlas", "max_outstanding": 1}]}))
        self.addCleanup(tenants.unlink)
        server = self.serve("e", tenant_config=tenants)
        for _ in range(3):
            answer = self.infer(server, "e", request(), headers={"x-hadron-tenant": "atlas"})
            self.assertEqual(200, answer.status, answer.body)
        rows = rest.call(server.http, "GET", "/v2/hadron/account?by=tenant,model").json()
        used = {row["model"]: row for row in rows if row["tenant"] == "atlas"}
        self.assertEqual({"e": 3, "a": 0, "b": 0},
                         {name: row["requests"] for name, row in used.items()})
        self.assertEqual(0, used["e"]["device_seconds"])
        self.assertGreater(used["a"]["device_seconds"], 0)
        self.assertGreater(used["b"]["device_seconds"], 0)

    def test_loads_of_steps_are_on_the_account_of_who_asks(self):
        """Mode demand: who brings a model back pays for it, once."""
        add_model(self.repository, "a")
        add_model(self.repository, "b")
        add_ensemble(self.repository, "e", ["x", "one"], ["y"], chain())
        tenants = self.repository.with_suffix(".json")
        tenants.write_text(json.dumps({"tenants": [{"name": "atlas"}, {"name": "farm"}]}))
        self.addCleanup(tenants.unlink)
        server = self.serve(model_control_mode="demand", tenant_config=tenants)
        self.ready(server, "e")
        for name in ("atlas", "atlas", "farm", "atlas"):
            answer = self.infer(server, "e", request(), headers={"x-hadron-tenant": name})
            self.assertEqual(200, answer.status, answer.body)
            if name == "atlas":  # the ensemble has come with its models; from here on they alone
                for model in ("a", "b"):
                    path = f"/v2/hadron/models/{model}/evict"
                    wait_until(lambda p=path: rest.call(server.http, "POST", p).status == 200,
                               SECONDS, "busy")
        rows = rest.call(server.http, "GET", "/v2/hadron/account?by=tenant,model").json()
        self.assertEqual({("atlas", "e"): 1, ("atlas", "a"): 1, ("atlas", "b"): 1,
                          ("farm", "a"): 1, ("farm", "b"): 1},
                         {(row["tenant"], row["model"]): row["loads"] for row in rows
                          if row["loads"]})


if __name__ == "__main__":
    unittest.main()
