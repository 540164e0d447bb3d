"""Starts the server under test and stops it again.

The environment variable HADRON_BINARY names the program, HADRON_TEST_SLOWDOWN the factor by which
deadlines are stretched (a sanitizer's build is slow).

    with Server([MODEL_REPO]) as server:
        http.client.HTTPConnection(server.http)
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL_REPO = ROOT / "model_repo"
DATA = ROOT / "tests" / "data"
TEST_MODELS = DATA / "models"

SLOWDOWN = float(os.environ.get("HADRON_TEST_SLOWDOWN", "1"))
START_SECONDS = 30 * SLOWDOWN
STOP_SECONDS = 30 * SLOWDOWN

_POLL_SECONDS = 0.01
_SANITIZER_REPORT = re.compile(
    r"ERROR: (?:Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|"
    r"ThreadSanitizer: (?:failed|CHECK)")
_DEFAULTS = {"http-port": 0, "grpc-port": 0, "metrics-port": 0, "shutdown-drain-secs": 0,
             "http-address": "127.0.0.1", "grpc-address": "127.0.0.1"}


def binary():
    """The server's program."""
    path = os.environ.get("HADRON_BINARY")
    if not path:
        raise RuntimeError("set HADRON_BINARY to the server's program")
    return os.path.abspath(path)


def wait_until(condition, seconds, what):
    """Looks again and again until condition() is true; returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"timeout after {seconds:g} s: {what}")
        time.sleep(_POLL_SECONDS)


def _environment(extra):
    """Ours without variables that would be options of the server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HADRON_")}
    return {**kept, **(extra or {})}


class Server:
    """One process of the server. Options are keywords: exit_on_error="false".

    An option of the value None is left out of the command line, also a default of the harness.
    """

    def __init__(self, repositories, env=None, arguments=(), **options):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-test-"))
        self._port_file = self.dir / "ports.json"
        self._stderr = self.dir / "stderr"
        self._env = env
        self._command = [binary(), *(f"--model-repository={r}" for r in repositories)]
        named = {**_DEFAULTS, "port-file": self._port_file,
                 **{k.replace("_", "-"): v for k, v in options.items()}}
        self._command += [f"--{k}={v}" for k, v in named.items() if v is not None]
        self._command += arguments
        self._ports = {}
        self.process = None

    def run_as(self, program):
        """Takes another file, a link for example, for the program; before the start."""
        self._command[0] = str(program)

    def launch(self):
        """Starts the process and does not wait."""
        command = self._command
        if shutil.which("setpriv"):  # the server must not outlive a test that is killed
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        with open(self._stderr, "wb") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr,
                                            stderr=stderr, env=_environment(self._env))
        return self

    def start(self):
        """Starts the process and waits until it serves."""
        return self.launch().start_waiting()

    def start_waiting(self):
        """Waits until a launched process serves."""
        wait_until(self._listening, START_SECONDS, "no port file")
        return self

    def _listening(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode} at start:\n"
                                 f"{self.stderr()}")
        if not self._port_file.exists():
            return False
        self._ports = json.loads(self._port_file.read_text())
        return True

    @property
    def port_file(self):
        """What the port file says."""
        return json.loads(self._port_file.read_text())

    @property
    def http(self):
        """Address of REST: host:port."""
        return f"127.0.0.1:{self._ports['http']}"

    @property
    def grpc(self):
        """Address of gRPC: host:port."""
        return f"127.0.0.1:{self._ports['grpc']}"

    @property
    def metrics(self):
        """Address of the metrics: host:port."""
        return f"127.0.0.1:{self._ports['metrics']}"

    def stderr(self):
        """What the server wrote up to now."""
        return self._stderr.read_text(errors="replace") if self._stderr.exists() else ""

    def terminate(self):
        """Sends SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=STOP_SECONDS):
        """Exit code of a process that ends by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(
                f"the server did not end within {seconds:g} s:\n{self.stderr()}") from None

    def finish(self, expected_code=0):
        """Waits for the end, checks the exit code and what a sanitizer says; returns stderr."""
        try:
            code = self.wait()
            text = self.stderr()
            if code != expected_code or _SANITIZER_REPORT.search(text):
                raise AssertionError(f"exit code {code}, expected {expected_code}; stderr:\n{text}")
            return text
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def stop(self):
        """SIGTERM, then a clean end."""
        if self.process.poll() is None:
            self.terminate()
        return self.finish()

    def kill(self):
        """Ends the process without asking it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.kill()


class ServerTestCase(unittest.TestCase):
    """Tests that share one server; `repositories` and `options` say which."""

    repositories = (MODEL_REPO,)
    options = {}
    server = None

    @classmethod
    def setUpClass(cls):
        server = Server(cls.repositories, **cls.options)
        try:
            cls.server = server.start()
        except BaseException:
            server.kill()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
