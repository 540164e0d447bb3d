"""Loading and unloading by call, by poll and on first use: the control modes from outside."""

import base64
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from integration import rest
from integration.harness import (MODEL_REPO, SLOWDOWN, START_SECONDS, Server, binary,
                                 wait_until)

SIMPLE = {"INPUT0": np.arange(16, dtype=np.int32).reshape(1, 16),
          "INPUT1": np.ones((1, 16), np.int32)}
SUM = SIMPLE["INPUT0"] + SIMPLE["INPUT1"]
WAIT_SECONDS = 30 * SLOWDOWN
NEWER = "Newer operation has been applied"
CLIENTS = 8


def post(server, path, body=b"{}", headers=None):
    """A POST to the server's REST port."""
    return rest.call(server.http, "POST", path, body, headers)


def load(server, model, **parameters):
    """A load call."""
    body = json.dumps({"parameters": parameters}).encode()
    return post(server, f"/v2/repository/models/{model}/load", body)


def unload(server, model, body=b""):
    """An unload call."""
    return post(server, f"/v2/repository/models/{model}/unload", body)


def infer(server, model="simple"):
    """An inference over REST."""
    return post(server, f"/v2/models/{model}/infer", rest.json_body(SIMPLE))


def index(server):
    """The repository index: {name: {version: (state, reason)}}."""
    answer = post(server, "/v2/repository/index", b"")
    models = {}
    for row in answer.json():
        versions = models.setdefault(row["name"], {})
        if "version" in row or "state" in row:
            versions[row.get("version", "")] = (row["state"], row.get("reason", ""))
    return models


def states(server, model):
    """States of a model's versions."""
    return {version: state for version, (state, _) in index(server).get(model, {}).items()}


def own_address():
    """An address of this machine that others could reach; None when there is only loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of a datagram socket: nothing is sent
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


def grpc_inputs():
    """Inputs of 'simple' for tritonclient.grpc."""
    inputs = []
    for name, array in SIMPLE.items():
        inputs.append(tritonclient.grpc.InferInput(name, array.shape, "INT32"))
        inputs[-1].set_data_from_numpy(array)
    return inputs


def scrape(server, name):
    """Lines of a metric."""
    text = rest.call(server.metrics, "GET", "/metrics").body.decode()
    return [line for line in text.splitlines() if line.startswith(name)]


def touch(path):
    """Makes the file look changed."""
    before = path.stat().st_mtime_ns
    os.utime(path, ns=(before + 1_000_000, before + 1_000_000))


class ModelControlTestCase(unittest.TestCase):
    """A repository of its own for each test."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-control-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.repository = self.dir / "repository"
        self.add("simple")

    def add(self, model, name=None):
        """Copies a model into the repository, under another name if need be."""
        folder = shutil.copytree(MODEL_REPO / model, self.repository / (name or model))
        config = Path(folder) / "config.pbtxt"
        config.write_text(re.sub(r"(?m)^name:.*$", "", config.read_text()))

    def server(self, mode, **options):
        """A server in a control mode over the test's repository."""
        return Server([self.repository], model_control_mode=mode, **options)

    def check_sum(self, answer):
        """The answer of 'simple'."""
        self.assertEqual(200, answer.status, answer.body)
        np.testing.assert_array_equal(SUM, rest.arrays(answer)["OUTPUT0"])

    def assert_refused(self, status, says, answer):
        """A failure with its text."""
        self.assertEqual(status, answer.status, answer.body)
        self.assertIn(says, answer.json()["error"])


class Explicit(ModelControlTestCase):
    """Mode explicit."""

    def test_triton_clients(self):
        """Load, unload, index and readiness as tritonclient calls them, over both protocols."""
        self.add("digits")
        with self.server("explicit") as server:
            for module, address in ((tritonclient.http, server.http),
                                    (tritonclient.grpc, server.grpc)):
                with self.subTest(module.__name__):
                    client = module.InferenceServerClient(address)
                    self.addCleanup(client.close)
                    self.assertTrue(client.is_server_ready())
                    with self.assertRaises(InferenceServerException):
                        client.get_model_metadata("digits")
                    client.load_model("digits")
                    self.assertTrue(client.is_model_ready("digits"))
                    self.assertEqual({"1": "READY"}, states(server, "digits"))
                    client.load_model("digits")  # nothing to do
                    client.unload_model("digits", unload_dependents=True)
                    self.assertFalse(client.is_model_ready("digits")
                                     if module is tritonclient.http else
                                     self.grpc_ready(client, "digits"))
                    wait_until(lambda: index(server)["digits"]["1"] == ("UNAVAILABLE", "unloaded"),
                               WAIT_SECONDS, "unloaded")
                    client.unload_model("digits")
                    self.assertTrue(client.is_server_ready())
                    listed = client.get_model_repository_index()
                    rows = listed if isinstance(listed, list) else [
                        {"name": m.name, "state": m.state, "reason": m.reason}
                        for m in listed.models]
                    self.assertIn("unloaded", [r.get("reason") for r in rows])
                    with self.assertRaisesRegex(InferenceServerException, "failed to load 'ghost'"):
                        client.load_model("ghost")

    @staticmethod
    def grpc_ready(client, model):
        """Readiness over gRPC, where an unknown model is an error."""
        try:
            return client.is_model_ready(model)
        except InferenceServerException:
            return False

    def test_overrides(self):
        """A configuration and files of the call, over both protocols; then the repository's again."""
        blob = (MODEL_REPO / "simple" / "1" / "model.onnx").read_bytes()
        config = json.dumps({"maxBatchSize": 2, "dynamic_batching": {}})
        with self.server("explicit", load_model="simple") as server:
            for module, address in ((tritonclient.http, server.http),
                                    (tritonclient.grpc, server.grpc)):
                with self.subTest(module.__name__):
                    client = module.InferenceServerClient(address)
                    self.addCleanup(client.close)
                    client.load_model("simple", config=config)
                    self.assertEqual(2, self.max_batch(server, "simple"))
                    client.load_model("brought", config=config,
                                      files={"file:5/model.onnx": blob})
                    self.assertEqual({"5": "READY"}, states(server, "brought"))
                    self.check_sum(infer(server, "brought"))
                    client.unload_model("brought")
                    wait_until(lambda: "brought" not in index(server), WAIT_SECONDS, "forgotten")
                    client.load_model("simple")
                    self.assertEqual(8, self.max_batch(server, "simple"))
            self.check_sum(infer(server))

    @staticmethod
    def max_batch(server, model):
        """The configuration's max_batch_size."""
        return rest.call(server.http, "GET", f"/v2/models/{model}/config").json()["max_batch_size"]

    def test_override_files_go(self):
        """Nothing of an override is left when it has been replaced, nor when the server ends."""
        temporary = self.dir / "tmp"
        temporary.mkdir()
        blob = base64.b64encode((MODEL_REPO / "simple" / "1" / "model.onnx").read_bytes()).decode()
        with self.server("explicit", env={"TMPDIR": str(temporary)}) as server:
            for _ in range(2):
                answer = load(server, "simple", config="{}", **{"file:1/model.onnx": blob})
                self.assertEqual(200, answer.status, answer.body)
            wait_until(lambda: len(list(temporary.iterdir())) == 1, WAIT_SECONDS, "the old files")
            self.assertEqual(0o700, next(temporary.iterdir()).stat().st_mode & 0o777)
            self.assert_refused(400, "load failed for model 'simple'",
                                load(server, "simple", config="{}", **{"file:1/model.onnx": "AAAA"}))
            self.check_sum(infer(server))
            wait_until(lambda: len(list(temporary.iterdir())) == 1, WAIT_SECONDS, "failed files")
        self.assertEqual([], list(temporary.iterdir()))

    def test_failed_reload_changes_nothing(self):
        """What serves goes on serving, and the failure names version and cause."""
        with self.server("explicit", load_model="*") as server:
            (self.repository / "simple" / "2").mkdir()
            (self.repository / "simple" / "2" / "model.onnx").write_bytes(b"no model")
            self.assert_refused(400, "load failed for model 'simple': version 2 is at UNAVAILABLE "
                                "state: ", load(server, "simple"))
            self.check_sum(infer(server))
            self.assertEqual("READY", states(server, "simple")["1"])
            reason = index(server)["simple"]["2"]
            self.assertEqual("UNAVAILABLE", reason[0])
            self.assertTrue(reason[1])

    def test_reload_under_traffic(self):
        """Not one request is lost while the model is replaced again and again."""
        model = self.repository / "simple" / "1" / "model.onnx"
        stop = threading.Event()
        with self.server("explicit", load_model="simple") as server:
            with ThreadPoolExecutor(CLIENTS) as pool:
                asking = [pool.submit(self.ask_until, stop, server) for _ in range(CLIENTS // 2)]
                asking += [pool.submit(self.ask_grpc_until, stop, server)
                           for _ in range(CLIENTS // 2)]
                try:
                    for _ in range(15):
                        touch(model)
                        answer = load(server, "simple")
                        self.assertEqual(200, answer.status, answer.body)
                finally:
                    stop.set()
                answered = sum(future.result() for future in asking)
            self.assertGreater(answered, CLIENTS)
            self.assertEqual(16, server.stderr().count("model ready"))
            # All instances but the last one have given their memory back.
            self.check_one_instance(server)

    def ask_until(self, stop, server):
        """Asks until the event; how many answers there were, all of them right."""
        answered = 0
        with rest.Client(server.http) as client:
            while not stop.is_set() or answered == 0:
                outputs = client.infer_binary("simple", SIMPLE)
                np.testing.assert_array_equal(SUM, outputs["OUTPUT0"])
                answered += 1
        return answered

    def ask_grpc_until(self, stop, server):
        """The same over gRPC."""
        answered = 0
        client = tritonclient.grpc.InferenceServerClient(server.grpc)
        while not stop.is_set() or answered == 0:
            answer = client.infer("simple", grpc_inputs())
            np.testing.assert_array_equal(SUM, answer.as_numpy("OUTPUT0"))
            answered += 1
        client.close()
        return answered

    def check_one_instance(self, server):
        """Memory is reserved for one load of the model at a time, and for nothing without one."""
        def reserved():
            return scrape(server, "hadron_device_memory_reserved_bytes")[0].rsplit(" ", 1)[1]

        self.assertEqual(200, unload(server, "simple").status)
        wait_until(lambda: states(server, "simple") == {"1": "UNAVAILABLE"}, WAIT_SECONDS, "gone")
        self.assertEqual(0, float(reserved()))
        for _ in range(3):
            self.assertEqual(200, load(server, "simple").status)
            self.check_sum(infer(server))
            self.assertEqual(200, unload(server, "simple").status)
            wait_until(lambda: states(server, "simple") == {"1": "UNAVAILABLE"}, WAIT_SECONDS,
                       "gone")
            self.assertEqual(0, float(reserved()))

    def test_superseded_loads(self):
        """Of loads at the same time each succeeds or says that a newer one has come."""
        model = self.repository / "simple" / "1" / "model.onnx"
        with self.server("explicit") as server:
            def one(_):
                touch(model)
                return load(server, "simple")

            with ThreadPoolExecutor(CLIENTS) as pool:
                answers = list(pool.map(one, range(4 * CLIENTS)))
            for answer in answers:
                if answer.status != 200:
                    self.assert_refused(503, NEWER, answer)
            self.assertIn(200, [answer.status for answer in answers])
            self.check_sum(infer(server))

    def test_statistics_and_metrics(self):
        """Statistics begin anew with a load; the series go with the unload."""
        def success():
            answer = rest.call(server.http, "GET", "/v2/models/simple/stats").json()
            return answer["model_stats"][0]["inference_stats"]["success"]["count"]

        with self.server("explicit", load_model="simple") as server:
            self.check_sum(infer(server))
            self.assertEqual(1, success())
            touch(self.repository / "simple" / "1" / "model.onnx")
            self.assertEqual(200, load(server, "simple").status)
            self.assertEqual(0, success())
            ready = 'hadron_model_state{model="simple",version="1",state="READY"} 1'
            self.assertIn(ready, scrape(server, "hadron_model_state"))
            self.assertEqual(200, unload(server, "simple").status)
            wait_until(lambda: not scrape(server, "hadron_model_state"), WAIT_SECONDS, "series")
            self.assertEqual([], scrape(server, "nv_inference_request_success"))

    def test_admin_access(self):
        """Who may not change things is told the option, over both protocols."""
        with self.server("explicit", admin_access="off") as server:
            self.assert_refused(403, "--admin-access", load(server, "simple"))
            self.assert_refused(403, "--admin-access", unload(server, "simple"))
            client = tritonclient.grpc.InferenceServerClient(server.grpc)
            self.addCleanup(client.close)
            for call in (client.load_model, client.unload_model):
                with self.assertRaisesRegex(InferenceServerException, "--admin-access") as caught:
                    call("simple")
                self.assertEqual("StatusCode.PERMISSION_DENIED", caught.exception.status())
        with self.server("explicit") as server:
            self.assert_refused(403, "another origin",
                                post(server, "/v2/repository/models/simple/load", b"{}",
                                     {"Origin": "http://elsewhere.example"}))

    def test_restricted_groups(self):
        """A header opens what --admin-access has shut, and without it the group is closed."""
        key = {"X-Key": "right"}
        with self.server("explicit", admin_access="off",
                         http_restricted_api="model-repository:x-key=right",
                         grpc_restricted_protocol="model-repository:key=right") as server:
            path = "/v2/repository/models/simple/load"
            wanted = "expecting header 'x-key'"
            self.assert_refused(403, wanted, post(server, path))
            self.assert_refused(403, wanted, post(server, path, b"{}", {"X-Key": "wrong"}))
            self.assert_refused(403, wanted, post(server, "/v2/repository/index", b""))
            self.assertEqual(200, post(server, path, b"{}", key).status)
            self.check_sum(infer(server))
            client = tritonclient.grpc.InferenceServerClient(server.grpc)
            self.addCleanup(client.close)
            with self.assertRaisesRegex(InferenceServerException, "triton-grpc-protocol-key"):
                client.unload_model("simple")
            client.unload_model("simple", headers={"triton-grpc-protocol-key": "right"})
            self.assertNotIn("right", server.stderr())

    def test_peers_of_other_hosts(self):
        """Only this host may change things, unless the program is called tritonserver."""
        address = own_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        link = Path(self.enterContext(tempfile.TemporaryDirectory())) / "tritonserver"
        link.symlink_to(binary())
        for program, admin_access, allowed in ((None, None, False), (None, "open", True),
                                               (link, None, True), (link, "loopback", False)):
            with self.subTest(program=program, admin_access=admin_access):
                server = self.server("explicit", http_address=address, grpc_address=address,
                                     admin_access=admin_access)
                if program is not None:
                    server.run_as(program)
                with server:
                    self.load_from_afar(server, address, allowed)

    def load_from_afar(self, server, address, allowed):
        """Loads over both doors at an address that is not loopback."""
        http = f"{address}:{server.port_file['http']}"
        path = "/v2/repository/models/simple/load"
        answer = rest.call(http, "POST", path, b"{}")
        client = tritonclient.grpc.InferenceServerClient(f"{address}:{server.port_file['grpc']}")
        self.addCleanup(client.close)
        if allowed:
            self.assertEqual(200, answer.status, answer.body)
            client.load_model("simple")
            return
        self.assert_refused(403, "--admin-access", answer)
        self.assertEqual(200, rest.call(http, "GET", "/v2/health/live").status)
        with self.assertRaisesRegex(InferenceServerException, "--admin-access") as caught:
            client.load_model("simple")
        self.assertEqual("StatusCode.PERMISSION_DENIED", caught.exception.status())

    def test_unknown_model_at_start(self):
        """--load-model of a model that is not there ends the start and names it."""
        server = self.server("explicit", load_model="ghost").launch()
        self.addCleanup(server.kill)
        server.wait(START_SECONDS)
        self.assertIn("failed to load 'ghost'", server.finish(expected_code=1))


class Poll(ModelControlTestCase):
    """Mode poll."""

    def test_half_copied_directory(self):
        """A directory that still grows is left alone until it has come to rest."""
        whole = (MODEL_REPO / "digits" / "1" / "model.onnx").read_bytes()
        with self.server("poll", repository_poll_secs=1) as server:
            folder = self.repository / "digits" / "1"
            folder.mkdir(parents=True)
            with open(folder / "model.onnx", "wb", buffering=0) as copying:
                copying.write(whole[:100])
                self.add("identity_fp32")
                sent = 100

                def grow_until_marker():
                    nonlocal sent
                    step = 1 if sent < len(whole) - 1 else 0
                    copying.write(whole[sent:sent + step])
                    sent += step
                    return states(server, "identity_fp32") == {"1": "READY"}

                wait_until(grow_until_marker, WAIT_SECONDS, "two polls")
                self.assertNotIn("digits", index(server))
                copying.write(whole[sent:])
            wait_until(lambda: states(server, "digits") == {"1": "READY"}, WAIT_SECONDS, "digits")
            self.assertNotIn("failed to load", server.stderr())

    def test_changes_and_removals(self):
        """A new version is served, a directory that goes is unloaded."""
        with self.server("poll", repository_poll_secs=1) as server:
            shutil.copytree(self.repository / "simple" / "1", self.repository / "simple" / "2")
            wait_until(lambda: states(server, "simple").get("2") == "READY", WAIT_SECONDS, "2")
            self.check_sum(infer(server))
            shutil.rmtree(self.repository / "simple")
            wait_until(lambda: index(server) == {}, WAIT_SECONDS, "removed")
            self.assert_refused(404, "is not found", infer(server))
            self.assert_refused(503, "explicit model load / unload is not allowed",
                                load(server, "simple"))


class Demand(ModelControlTestCase):
    """Mode demand."""

    def test_first_requests_at_once(self):
        """They all wait for the same load, over both protocols, and all are answered."""
        with self.server("demand") as server:
            self.assertEqual({"1": "READY"}, states(server, "simple"))
            self.assertEqual(200, rest.call(server.http, "GET", "/v2/models/simple/ready").status)
            self.assertNotIn("model ready", server.stderr())

            def one(number):
                if number % 2 == 0:
                    return self.check_sum(infer(server))
                client = tritonclient.grpc.InferenceServerClient(server.grpc)
                answer = client.infer("simple", grpc_inputs())
                client.close()
                return np.testing.assert_array_equal(SUM, answer.as_numpy("OUTPUT0"))

            with ThreadPoolExecutor(4 * CLIENTS) as pool:
                list(pool.map(one, range(4 * CLIENTS)))
            self.assertEqual(1, server.stderr().count("model ready"))
            self.assertEqual([f"hadron_requests_started_total {4 * CLIENTS}"],
                             scrape(server, "hadron_requests_started_total"))

    def test_stream(self):
        """Requests of one stream for a model that is not there yet are answered in order."""
        answers = []
        done = threading.Event()

        def on_answer(result, error):
            answers.append(error or result)
            if len(answers) == CLIENTS:
                done.set()

        with self.server("demand") as server:
            client = tritonclient.grpc.InferenceServerClient(server.grpc)
            self.addCleanup(client.close)
            inputs = grpc_inputs()
            client.start_stream(on_answer)
            for number in range(CLIENTS):
                client.async_stream_infer("simple", inputs, request_id=str(number))
            self.assertTrue(done.wait(WAIT_SECONDS))
            client.stop_stream()
            self.assertEqual([str(n) for n in range(CLIENTS)],
                             [answer.get_response().id for answer in answers])

    def test_metadata_and_configuration_load(self):
        """What cannot be known without the model's file brings it in."""
        for what in ("", "/config", "/versions/1", "/versions/1/config"):
            with self.subTest(what), self.server("demand") as server:
                answer = rest.call(server.http, "GET", f"/v2/models/simple{what}")
                self.assertEqual(200, answer.status, answer.body)
                self.assertEqual("simple", answer.json()["name"])
        with self.server("demand") as server:
            client = tritonclient.grpc.InferenceServerClient(server.grpc)
            self.addCleanup(client.close)
            self.assertEqual(["1"], list(client.get_model_metadata("simple").versions))
            self.assertEqual(8, client.get_model_config("simple").config.max_batch_size)

    def test_statistics_of_what_is_not_loaded(self):
        """Zeros, and no load."""
        with self.server("demand") as server:
            answer = rest.call(server.http, "GET", "/v2/models/simple/stats").json()
            self.assertEqual(0, answer["model_stats"][0]["inference_count"])
            self.assertNotIn("model ready", server.stderr())

    def test_unload_sticks(self):
        """The operator's word beats a request, until a load call."""
        with self.server("demand") as server:
            self.check_sum(infer(server))
            self.assertEqual(200, unload(server, "simple").status)
            self.assert_refused(404, "has no available versions", infer(server))
            self.assertEqual(200, rest.call(server.http, "GET", "/v2/health/ready").status)
            self.assertEqual(200, load(server, "simple").status)
            self.check_sum(infer(server))

    def test_failures(self):
        """A model that cannot be loaded says why, is mended, and works; others never notice."""
        folder = self.repository / "bad" / "1"
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"no model")
        with self.server("demand", repository_poll_secs=1) as server:
            answer = infer(server, "bad")
            self.assert_refused(503, "load failed for model 'bad': version 1 is at UNAVAILABLE "
                                "state: ", answer)
            self.assertEqual({"1": "UNAVAILABLE"}, states(server, "bad"))
            self.check_sum(infer(server))
            self.assertEqual(200, rest.call(server.http, "GET", "/v2/health/ready").status)
            shutil.copy(MODEL_REPO / "simple" / "1" / "model.onnx", folder / "model.onnx")
            wait_until(lambda: infer(server, "bad").status == 200, WAIT_SECONDS, "mended")

    def test_bad_requests_load_nothing(self):
        """What no model could accept is refused at once."""
        with self.server("demand") as server:
            path = "/v2/models/simple/infer"
            self.assertEqual(400, post(server, path, b"{").status)
            self.assertEqual(400, post(server, path, b'{"inputs": 7}').status)
            self.assert_refused(404, "is not found", infer(server, "ghost"))
            self.assertNotIn("model ready", server.stderr())

    def test_timeout_while_waiting(self):
        """A request that cannot wait does not, and the model comes for the next one."""
        body = json.loads(rest.json_body(SIMPLE))
        body["parameters"] = {"timeout": 1}
        with self.server("demand") as server:
            self.assert_refused(503, "Request timeout expired", post(
                server, "/v2/models/simple/infer", json.dumps(body).encode()))
            self.check_sum(infer(server))

    def test_clients_that_hang_up(self):
        """They leave nothing behind: no request in flight, no memory of bodies."""
        for number in range(10):
            self.add("calo_gan", f"model{number}")
        with self.server("demand", model_load_thread_count=1) as server:
            host, port = server.http.split(":")
            body = rest.json_body(SIMPLE)
            for number in range(10):
                with socket.create_connection((host, int(port))) as connection:
                    connection.sendall(
                        f"POST /v2/models/model{number}/infer HTTP/1.1\r\nHost: x\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            self.check_sum(infer(server))
            for metric in ("hadron_inflight_requests", "hadron_request_memory_bytes"):
                wait_until(lambda name=metric: scrape(server, f"{name} ") == [f"{name} 0"],
                           WAIT_SECONDS, metric)

    def test_stop_while_loading(self):
        """SIGTERM with requests that wait: each gets an answer, the end is clean."""
        for number in range(6):
            self.add("calo_gan", f"model{number}")
        with self.server("demand", model_load_thread_count=1) as server:
            with ThreadPoolExecutor(6) as pool:
                asking = [pool.submit(infer, server, f"model{number}") for number in range(6)]
                wait_until(lambda: scrape(server, "hadron_requests_started_total ")
                           == ["hadron_requests_started_total 6"], WAIT_SECONDS, "started")
                server.terminate()
                for future in asking:
                    self.assertIn(future.result().status, (400, 503), future.result().body)
            self.assertEqual(0, server.wait())

    def test_load_model_and_read_only_repository(self):
        """--load-model loads at start; nothing is ever written to the repository."""
        before = sorted(self.repository.rglob("*"))
        for path in [self.repository, *before]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            with self.server("demand", load_model="simple", repository_poll_secs=1) as server:
                self.assertIn("model ready", server.stderr())
                self.check_sum(infer(server))
                self.assertEqual(200, load(server, "simple", config="{}").status)
                self.assertEqual(200, unload(server, "simple").status)
            self.assertEqual(before, sorted(self.repository.rglob("*")))
        finally:
            for path in [self.repository, *before]:
                path.chmod(0o755 if path.is_dir() else 0o644)


class Options(unittest.TestCase):
    """Combinations that make no sense."""

    def test_refusals(self):
        """The message names the option and the remedy."""
        for options, says in (
                ({"model_control_mode": "sometimes"}, "is not none, poll, explicit or demand"),
                ({"load_model": "simple"}, "--load-model needs --model-control-mode=explicit"),
                ({"model_control_mode": "explicit", "arguments": ["--load-model=*"],
                  "load_model": "simple"}, "--load-model=* loads every model")):
            with self.subTest(says):
                server = Server([MODEL_REPO], **options).launch()
                self.addCleanup(server.kill)
                server.wait(START_SECONDS)
                self.assertIn(says, server.finish(expected_code=1))


if __name__ == "__main__":
    unittest.main()
