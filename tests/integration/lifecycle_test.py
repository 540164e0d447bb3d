"""Start, configuration, readiness and end of the process."""

import http.client
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
import unittest
from pathlib import Path

import grpc
import numpy as np
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from integration import rest
from integration.harness import (
    DATA, MODEL_REPO, SLOWDOWN, START_SECONDS, TEST_MODELS, Server, wait_until)

SIMPLE = {"INPUT0": np.arange(16, dtype=np.int32).reshape(1, 16),
          "INPUT1": np.ones((1, 16), np.int32)}
DIGIT = {"image": np.zeros((1, 1, 8, 8), np.float32)}
BAD_MODEL = "cycle"


def status_of(address, path):
    """Status of a GET."""
    return rest.call(address, "GET", path).status


class WithFolder(unittest.TestCase):
    """Tests with a folder of their own."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-lifecycle-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def repository(self, *malformed):
        """The model 'simple' and malformed models bad_<name>."""
        path = self.dir / "repository"
        shutil.copytree(MODEL_REPO / "simple", path / "simple")
        for name in malformed:
            folder = path / f"bad_{name}" / "1"
            folder.mkdir(parents=True)
            shutil.copy(DATA / "malformed" / f"{name}.onnx", folder / "model.onnx")
        return path

    def refused(self, repositories, **kwargs):
        """Standard error of a server that must end with 1 by itself."""
        server = Server(repositories, **kwargs).launch()
        self.addCleanup(server.kill)
        server.wait(START_SECONDS)
        return server.finish(expected_code=1)


class Refusals(WithFolder):
    """Starts that must fail, and say why."""

    def test_taken_port(self):
        """The message names the port, who has it, and the option."""
        for option in ("http-port", "grpc-port", "metrics-port"):
            with self.subTest(option), socket.create_server(("127.0.0.1", 0)) as taken:
                port = taken.getsockname()[1]
                text = self.refused([MODEL_REPO], **{option: port})
                self.assertIn(f"127.0.0.1:{port}: address in use by pid {os.getpid()}", text)
                self.assertIn(f"--{option}", text)

    def test_port_of_another_server(self):
        """The message names the other process, whose name is its own."""
        with Server([MODEL_REPO]) as first:
            text = self.refused([MODEL_REPO], http_port=first.port_file["http"])
            self.assertIn(f"address in use by pid {first.process.pid} (hadron)", text)

    def test_missing_repository(self):
        """The message names the directory."""
        missing = self.dir / "nowhere"
        self.assertIn(str(missing), self.refused([missing]))

    def test_no_repository(self):
        """The message names the option."""
        self.assertIn("--model-repository", self.refused([]))

    def test_unknown_option(self):
        """The message names the option and shows the usage."""
        text = self.refused([MODEL_REPO], arguments=["--no-such-option=1"])
        self.assertIn("no-such-option", text)
        self.assertIn("--model-repository", text)

    def test_value_out_of_range(self):
        """The message names option, value and range."""
        text = self.refused([MODEL_REPO], http_port=70000)
        for part in ("--http-port", "70000", "65535"):
            self.assertIn(part, text)

    def test_malformed_model(self):
        """With --exit-on-error the message names the model and the reason."""
        text = self.refused([self.repository(BAD_MODEL)], exit_on_error="true")
        self.assertIn(f"bad_{BAD_MODEL}", text)
        self.assertIn("cycle", text.replace(f"bad_{BAD_MODEL}", ""))

    def test_unknown_key_of_the_configuration_file(self):
        """A misspelt option is not ignored."""
        config = self.dir / "hadron.conf"
        config.write_text("htp-port = 0\n")
        self.assertIn("htp-port", self.refused([MODEL_REPO], config=config))


class Starts(WithFolder):
    """Starts that must succeed."""

    def test_port_file(self):
        """All ports, all different, all real."""
        with Server([MODEL_REPO]) as server:
            ports = server.port_file
            self.assertEqual({"http", "grpc", "metrics"}, set(ports))
            self.assertEqual(3, len(set(ports.values())))
            for port in ports.values():
                socket.create_connection(("127.0.0.1", port)).close()

    def test_metrics(self):
        """Request counters in Prometheus' format."""
        with Server([MODEL_REPO]) as server, rest.Client(server.http) as client:
            client.infer_binary("simple", SIMPLE)
            answer = rest.call(server.metrics, "GET", "/metrics")
            self.assertEqual(200, answer.status)
            self.assertRegex(answer.body.decode(),
                             r'(?m)^nv_inference_request_success\{[^}]*model="simple"[^}]*\} 1$')

    def test_failed_model_and_strict_readiness(self):
        """The others serve on; the server is not ready."""
        with Server([self.repository(BAD_MODEL)], exit_on_error="false") as server:
            with rest.Client(server.http) as client:
                self.assertIn("OUTPUT0", client.infer_binary("simple", SIMPLE))
            self.assertEqual(200, status_of(server.http, "/v2/health/live"))
            self.assertEqual(400, status_of(server.http, "/v2/health/ready"))
            self.assertEqual(200, status_of(server.http, "/v2/models/simple/ready"))

    def test_failed_model_without_strict_readiness(self):
        """The server is ready; the model is not."""
        with Server([self.repository(BAD_MODEL)], exit_on_error="false",
                    strict_readiness="false") as server:
            self.assertEqual(200, status_of(server.http, "/v2/health/ready"))
            bad = f"/v2/models/bad_{BAD_MODEL}"
            self.assertIn(status_of(server.http, f"{bad}/ready"), (404, 503))
            index = rest.call(server.http, "POST", "/v2/repository/index").json()
            entry, = [e for e in index if e["name"] == f"bad_{BAD_MODEL}"]
            self.assertEqual("UNAVAILABLE", entry["state"])
            self.assertIn("cycle", entry["reason"])

    def test_empty_repository(self):
        """Nothing to serve is not an error."""
        empty = self.dir / "empty"
        empty.mkdir()
        with Server([empty]) as server:
            self.assertEqual(200, status_of(server.http, "/v2/health/ready"))
            index = rest.call(server.http, "POST", "/v2/repository/index")
            self.assertEqual([], index.json())

    def test_two_repositories(self):
        """Models of both are served."""
        with Server([MODEL_REPO, TEST_MODELS]) as server:
            for model in ("simple", "scale"):
                self.assertEqual(200, status_of(server.http, f"/v2/models/{model}/ready"))

    def test_environment_variable(self):
        """An option by its variable; the command line wins."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        env = {"HADRON_HTTP_PORT": str(port), "HADRON_ID": "from-environment"}
        with Server([MODEL_REPO], env=env, http_port=None) as server:
            self.assertEqual(port, server.port_file["http"])
        with Server([MODEL_REPO], env=env, id="from-line") as server:
            self.assertEqual("from-line", rest.call(server.http, "GET", "/v2").json()["name"])

    def test_configuration_file(self):
        """Options by a file; a variable wins over it, repeatable options may be repeated."""
        config = self.dir / "hadron.conf"
        config.write_text(f"# a comment\nid = from-file\nhttp-max-input-size = 1000\n"
                          f"model-repository = {MODEL_REPO}\nmodel-repository = {TEST_MODELS}\n")
        with Server([], config=config) as server:
            self.assertEqual("from-file", rest.call(server.http, "GET", "/v2").json()["name"])
            self.assertEqual(200, status_of(server.http, "/v2/models/scale/ready"))
            large = rest.call(server.http, "POST", "/v2/models/simple/infer", b" " * 1001)
            self.assertEqual(400, large.status)
            self.assertIn("--http-max-input-size", large.json()["error"])
        with Server([], config=config, env={"HADRON_ID": "from-environment"}) as server:
            self.assertEqual("from-environment",
                             rest.call(server.http, "GET", "/v2").json()["name"])


class Traffic:
    """Client threads that ask until they are refused, and remember how it went."""

    def __init__(self):
        self.answered = 0
        self.problems = []
        self._lock = threading.Lock()
        self._threads = []
        self._refused_from = None  # requests begun before this moment must be answered

    def start(self, name, make_call):
        """A thread that repeats make_call()(); True is an answer, False a clean refusal."""
        thread = threading.Thread(target=self._run, args=(name, make_call), daemon=True)
        self._threads.append(thread)
        thread.start()

    def expect_answers_until(self, moment):
        """Refusals of requests begun earlier are problems."""
        self._refused_from = moment

    def _run(self, name, make_call):
        try:
            call = make_call()
            while True:
                begun = time.monotonic()
                if not call():
                    self._refused(name, begun)
                    return
                with self._lock:
                    self.answered += 1
        except Exception as error:  # pylint: disable=broad-except
            self._problem(f"{name}: {error!r}")

    def _refused(self, name, begun):
        if self._refused_from is None or begun < self._refused_from:
            self._problem(f"{name}: a request was refused before the drain had ended")

    def _problem(self, text):
        with self._lock:
            self.problems.append(text)

    def join(self):
        """Waits for all threads."""
        for thread in self._threads:
            thread.join(60 * SLOWDOWN)
            if thread.is_alive():
                self._problem("a client waits for an answer for ever")


def rest_call(address, model, inputs, keep):
    """A call for Traffic over REST, on one connection or on a new one each time."""
    body, headers = rest.binary_body(inputs)

    def make():
        connection = http.client.HTTPConnection(address, timeout=30 * SLOWDOWN)

        def call():
            if not keep:
                connection.close()
            try:
                answer = rest.send(connection, "POST", f"/v2/models/{model}/infer", body, headers)
            except (http.client.RemoteDisconnected, ConnectionError):
                return False  # closed before the first byte of an answer
            if answer.status not in (200, 503):
                raise AssertionError(f"status {answer.status}: {answer.body[:200]!r}")
            return answer.status == 200
        return call
    return make


def grpc_call(address, model, inputs):
    """A call for Traffic over gRPC."""
    def make():
        client = tritonclient.grpc.InferenceServerClient(address)
        tensors = []
        for name, array in inputs.items():
            tensor = tritonclient.grpc.InferInput(name, list(array.shape), rest.datatype(array))
            tensor.set_data_from_numpy(array)
            tensors.append(tensor)

        def call():
            try:
                client.infer(model, tensors, client_timeout=30 * SLOWDOWN)
            except InferenceServerException as error:
                if error.status() != str(grpc.StatusCode.UNAVAILABLE):
                    raise
                return False
            return True
        return call
    return make


class Signals(WithFolder):
    """How the process ends."""

    def test_drain_loses_no_request(self):
        """What is sent before the drain ends is answered; later requests are refused cleanly."""
        drain, margin = 2, 1  # seconds; the margin is for a client that is not scheduled
        server = Server([MODEL_REPO], shutdown_drain_secs=drain).start()
        self.addCleanup(server.kill)
        traffic = Traffic()
        for model, inputs in (("simple", SIMPLE), ("digits", DIGIT)):
            traffic.start(f"kept {model}", rest_call(server.http, model, inputs, keep=True))
            traffic.start(f"new {model}", rest_call(server.http, model, inputs, keep=False))
            traffic.start(f"grpc {model}", grpc_call(server.grpc, model, inputs))
        wait_until(lambda: traffic.answered > 100, 30 * SLOWDOWN, "no traffic")
        traffic.expect_answers_until(time.monotonic() + drain - margin)
        server.terminate()
        before = traffic.answered
        wait_until(lambda: status_of(server.http, "/v2/health/ready") == 503, 10 * SLOWDOWN,
                   "ready while draining")
        self.assertEqual(200, status_of(server.http, "/v2/health/live"))
        server.finish()
        traffic.join()
        self.assertEqual([], traffic.problems)
        self.assertGreater(traffic.answered, before + 10)

    def test_second_signal_ends_at_once(self):
        """Whoever cannot wait sends it twice."""
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)):
            server = Server([MODEL_REPO], shutdown_drain_secs=600).start()
            self.addCleanup(server.kill)
            server.process.send_signal(first)
            wait_until(lambda s=server: "draining" in s.stderr(), 10 * SLOWDOWN, "no drain")
            begun = time.monotonic()
            server.process.send_signal(second)
            server.finish(expected_code=1)
            self.assertLess(time.monotonic() - begun, 5 * SLOWDOWN)

    def test_idle_connections_do_not_delay_the_end(self):
        """Kept REST connections and gRPC channels without calls."""
        server = Server([MODEL_REPO]).start()
        self.addCleanup(server.kill)
        idle = [rest.Client(server.http) for _ in range(4)]
        for client in idle:
            client.infer_binary("simple", SIMPLE)
        with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
            self.assertTrue(client.is_server_live())
            begun = time.monotonic()
            server.stop()
            self.assertLess(time.monotonic() - begun, 5 * SLOWDOWN)
        for client in idle:
            client.close()

    def test_signal_during_the_start(self):
        """A server that is told to end before it serves ends."""
        server = Server([MODEL_REPO]).launch()
        self.addCleanup(server.kill)
        wait_until(lambda: "hadron starts" in server.stderr(), START_SECONDS, "no start")
        server.terminate()
        code = server.wait()
        # Until the signal is blocked the kernel's default ends the process.
        self.assertIn(code, (0, -signal.SIGTERM), server.stderr())


if __name__ == "__main__":
    unittest.main()
