"""The server over a real object store that checks signatures: Swift's S3 door.

HADRON_TEST_S3_ADDRESS, HADRON_TEST_S3_ACCESS_KEY and HADRON_TEST_S3_SECRET_KEY name another one
(Ceph, MinIO; path style, region us-east-1), against which everything runs that needs no restart.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np

from integration import rest, swift
from integration.cli_test import program, scale_directory
from integration.harness import (MODEL_REPO, SLOWDOWN, START_SECONDS, TEST_MODELS, Server,
                                 wait_until)
from integration.onnx_mlp import Mlp
from integration.relay import Relay
from integration.s3 import S3Client

MIB = 1 << 20
PUSH_SECONDS = 60 * SLOWDOWN
VALUES = {"INPUT0": np.array([[1, 2, 3, 4]], np.float32)}
SIMPLE = {"INPUT0": np.arange(16, dtype=np.int32).reshape(1, 16),
          "INPUT1": np.ones((1, 16), np.int32)}

_store = None
_buckets = iter(range(1, 1000))


def setUpModule():  # pylint: disable=invalid-name
    """One store for all tests."""
    global _store  # pylint: disable=global-statement
    if os.environ.get("HADRON_TEST_S3_ADDRESS"):
        _store = Elsewhere()
        return
    if swift.wanting():
        raise unittest.SkipTest(swift.wanting())
    _store = swift.Swift()
    _store.access_key, _store.secret_key = swift.ACCESS_KEY, swift.SECRET_KEY
    try:
        _store.start()
    except BaseException:
        _store.stop()
        raise


def tearDownModule():  # pylint: disable=invalid-name
    """Ends what was started."""
    if _store is not None:
        _store.stop()


class Elsewhere:
    """A store that the environment names."""

    def __init__(self):
        self.address = os.environ["HADRON_TEST_S3_ADDRESS"]
        self.access_key = os.environ["HADRON_TEST_S3_ACCESS_KEY"]
        self.secret_key = os.environ["HADRON_TEST_S3_SECRET_KEY"]

    def stop(self):
        """Not ours to stop."""


def noise(size, seed):
    """Bytes that no two seeds share."""
    return np.random.default_rng(seed).bytes(size)


def _varint(value):
    text = b""
    while value >= 0x80:
        text, value = text + bytes([value & 0x7F | 0x80]), value >> 7
    return text + bytes([value])


def _field(number, content):
    """A field of a protobuf message that has a length."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def with_ballast(model, size, seed):
    """An ONNX file with one more initializer of so many bytes, which nothing reads."""
    tensor = (b"\x08" + _varint(size) + b"\x10\x02" + _field(8, b"ballast") +
              _field(9, noise(size, seed)))
    return model + _field(7, _field(5, tensor))


class OverS3(unittest.TestCase):
    """Tests with a bucket, a relay before the store, and a cache directory of their own."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-s3-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        bucket = f"hadron-{os.getpid()}-{next(_buckets)}"
        self.s3 = S3Client(_store.address, bucket, _store.access_key, _store.secret_key)
        self.addCleanup(self.s3.close)
        self.s3.create_bucket()
        self.relay = Relay(_store.address)
        self.addCleanup(self.relay.close)

    def url(self, prefix="", address=None):
        """Repository URL through the relay."""
        return f"s3://{address or self.relay.address}/{self.s3.bucket}" + (
            f"/{prefix}" if prefix else "")

    def server(self, *repositories, env=None, **options):
        """A server that uses this test's keys and cache."""
        environment = {"AWS_ACCESS_KEY_ID": _store.access_key,
                       "AWS_SECRET_ACCESS_KEY": _store.secret_key, "HOME": str(self.dir),
                       **(env or {})}
        options = {"cache_dir": self.dir / "cache", "cache_budget": 256 * MIB, **options}
        return Server(list(repositories or [self.url()]), env=environment, **options)

    def refused(self, *repositories, **kwargs):
        """Standard error of a server that must end with 1 by itself."""
        server = self.server(*repositories, **kwargs).launch()
        self.addCleanup(server.kill)
        server.wait(START_SECONDS)
        return server.finish(expected_code=1)

    def put_scale(self, model="scale", version=1, factor=1):
        """A version that multiplies by `factor`."""
        self.s3.put(f"{model}/config.pbtxt",
                    (TEST_MODELS / "scale" / "config.pbtxt").read_bytes()
                    .replace(b'name: "scale"', f'name: "{model}"'.encode()))
        self.s3.put(f"{model}/{version}/model.onnx",
                    (TEST_MODELS / "scale" / str(factor) / "model.onnx").read_bytes())

    def factor(self, server, model="scale"):
        """By what the served model multiplies."""
        with rest.Client(server.http) as client:
            return float(client.infer_binary(model, VALUES)["OUTPUT0"][0, 0])

    def downloads(self):
        """Targets of GETs of objects that went through the relay."""
        inside = re.compile(rf"GET (/{self.s3.bucket}/[^?]+)$")
        return [m.group(1) for m in map(inside.match, self.relay.requests()) if m]

    def cached(self):
        """SHA-256 of the files in the cache, by what they are called and by what they hold."""
        files = list((self.dir / "cache" / "artifacts" / "objects").glob("*"))
        return ({f.name.split(".")[1] for f in files},
                {hashlib.sha256(f.read_bytes()).hexdigest() for f in files})


class Serving(OverS3):
    """What a server makes of a bucket."""

    def test_serves_buckets_and_directories_together(self):
        self.put_scale(factor=3)
        local = self.dir / "local"
        shutil.copytree(MODEL_REPO / "simple", local / "simple")
        with self.server(self.url(), local) as server:
            self.assertEqual(self.factor(server), 3.0)
            with rest.Client(server.http) as client:
                outputs = client.infer_json("simple", SIMPLE)
            np.testing.assert_array_equal(outputs["OUTPUT0"], SIMPLE["INPUT0"] + 1)

    def test_downloads_nothing_again_that_has_not_changed(self):
        self.put_scale(factor=2)
        size = (TEST_MODELS / "scale" / "2" / "model.onnx").stat().st_size

        def on_disk(server):
            (model,) = rest.call(server.http, "GET", "/v2/hadron/status").json()["models"]
            return model["bytes"]["disk"]
        with self.server() as server:
            self.assertEqual(self.factor(server), 2.0)
            self.assertEqual(size, on_disk(server))
        model = f"/{self.s3.bucket}/scale/1/model.onnx"
        self.assertEqual(self.downloads().count(model), 1)
        with self.server() as server:
            self.assertEqual(self.factor(server), 2.0)
            self.assertEqual(size, on_disk(server))
        self.assertEqual(self.downloads().count(model), 1)
        self.put_scale(factor=3)
        with self.server() as server:
            self.assertEqual(self.factor(server), 3.0)
        self.assertEqual(self.downloads().count(model), 2)

    def test_compares_checksums(self):
        self.put_scale(factor=2)
        _, config = self.s3.request("GET", "scale/config.pbtxt")
        self.s3.put("scale/notes", b"abc")
        model = (TEST_MODELS / "scale" / "2" / "model.onnx").read_bytes()

        def put(name, content):
            digest = hashlib.sha256(content).hexdigest()
            self.s3.put("scale/config.pbtxt", config + b'model_repository_agents { agents { name: '
                        b'"checksum" parameters { key: "SHA256:1/model.onnx" value: "%s" } '
                        b'parameters { key: "MD5:notes" value: "%s" } } }'
                        % (digest.encode(), hashlib.md5(name).hexdigest().encode()))
        for name, content, what in ((b"abc", b"other", "1/model.onnx"), (b"abd", model, "notes")):
            put(name, content)
            text = self.refused()
            self.assertIn(f"scale/{what}': the file's is ", text)
        put(b"abc", model)
        with self.server() as server:
            self.assertEqual(self.factor(server), 2.0)
        # The sum is of what is loaded: it costs no download.
        self.assertEqual(self.downloads().count(f"/{self.s3.bucket}/scale/1/model.onnx"), 1)

    def test_serves_after_it_was_killed(self):
        self.put_scale(factor=2)
        self.s3.put("scale/1/pad.bin", noise(24 * MIB, 1))
        reached = threading.Event()
        self.relay.after(6 * MIB, reached.set)
        server = self.server().launch()
        self.assertTrue(reached.wait(START_SECONDS))
        server.kill()
        with self.server() as server:
            self.assertEqual(self.factor(server), 2.0)
        objects = self.dir / "cache" / "artifacts" / "objects"
        self.assertEqual([f.name for f in objects.glob("*.part")], [])
        named, held = self.cached()
        self.assertEqual(named, held)
        self.assertIn(hashlib.sha256(noise(24 * MIB, 1)).hexdigest(), held)

    def test_lists_more_than_one_page(self):
        threads = []
        for start in range(4):
            def fill(start=start):
                with S3Client(self.s3.address, self.s3.bucket, _store.access_key,
                              _store.secret_key) as s3:
                    for number in range(start, 1040, 4):
                        s3.put(f"note-{number:04}.txt", b"")
            threads.append(threading.Thread(target=fill))
            threads[-1].start()
        for thread in threads:
            thread.join()
        self.put_scale("a_first", factor=2)
        self.put_scale("z_last", factor=3)
        with self.server() as server:
            self.assertEqual(self.factor(server, "a_first"), 2.0)
            self.assertEqual(self.factor(server, "z_last"), 3.0)
        pages = [r for r in self.relay.requests() if "continuation-token" in r]
        self.assertGreaterEqual(len(pages), 1)

    def test_reads_objects_that_came_in_parts(self):
        self.put_scale(factor=2)
        parts = [noise(5 * MIB, 3), noise(6 * MIB, 4), noise(17, 5)]
        etag = self.s3.put_parts("scale/1/pad.bin", parts)
        self.assertRegex(etag, r"^[0-9a-f]{32}-3$")
        with self.server(s3_verify_etag="true") as server:
            self.assertEqual(self.factor(server), 2.0)
        self.assertIn(hashlib.sha256(b"".join(parts)).hexdigest(), self.cached()[1])

    def test_verifies_etags_when_asked_to(self):
        self.put_scale(factor=2)
        self.s3.put("scale/1/pad.bin", noise(9 * MIB, 6))
        with self.server(s3_verify_etag="true") as server:
            self.assertEqual(self.factor(server), 2.0)

    def test_reads_keys_with_spaces_and_letters_of_the_world(self):
        prefix = "ünï ſ€/a b+c (1)&=~"
        self.s3.put_tree(f"{prefix}/scale", TEST_MODELS / "scale")
        names = ["p%20q é.bin", "(x)!*'.bin", "eq=a&b?c#h", "plus+plus", "日本語"]
        for number, name in enumerate(names):
            self.s3.put(f"{prefix}/scale/3/{name}", noise(100, number))
        with self.server(self.url(prefix)) as server:
            self.assertEqual(self.factor(server), 3.0)
        held = self.cached()[1]
        for number, name in enumerate(names):
            self.assertIn(hashlib.sha256(noise(100, number)).hexdigest(), held, name)


class Replaced(OverS3):
    """Objects that change, and a store that goes, while they are read."""

    def test_serves_the_new_version_whole(self):
        self.put_scale(factor=2)
        self.s3.put("scale/1/a_pad.bin", noise(24 * MIB, 1))
        # Asked for after all others, when it is another one than the listing says.
        self.s3.put("scale/1/b_tail.bin", b"old")

        def replace():
            with S3Client(self.s3.address, self.s3.bucket, _store.access_key,
                          _store.secret_key) as s3:
                s3.put("scale/1/a_pad.bin", noise(20 * MIB, 2))
                s3.put("scale/1/b_tail.bin", b"new")
                s3.put("scale/1/model.onnx",
                       (TEST_MODELS / "scale" / "3" / "model.onnx").read_bytes())
        self.relay.after(2 * MIB, replace)
        with self.server() as server:
            self.assertEqual(self.factor(server), 3.0)
        named, held = self.cached()
        self.assertEqual(named, held)
        self.assertIn(hashlib.sha256(noise(20 * MIB, 2)).hexdigest(), held)

    def test_serves_nothing_whose_download_fails_at_its_very_end(self):
        self.put_scale(factor=2)
        small = (TEST_MODELS / "scale" / "2" / "model.onnx").read_bytes()
        model = with_ballast(small, 24 * MIB, 3)
        right = hashlib.sha256(model).hexdigest()
        # That the sum is another one is known after the last byte.
        self.s3.put("scale/1/model.onnx", model, {"x-amz-meta-sha256": "0" * 64})
        load = "/v2/repository/models/scale/load"
        with self.server(model_control_mode="explicit") as server:
            answer = rest.call(server.http, "POST", load)
            self.assertEqual(answer.status, 503, answer.body)
            self.assertIn("do not have the sha256", answer.json()["error"])
            ready = rest.call(server.http, "GET", "/v2/models/scale/ready")
            self.assertNotEqual(ready.status, 200)
            # The copy on the disk is written beside the load, and ends after it.
            wait_until(lambda: self.cached() == (set(), set()), START_SECONDS,
                       "nothing of it is kept")
            self.s3.put("scale/1/model.onnx", model, {"x-amz-meta-sha256": right})
            answer = rest.call(server.http, "POST", load)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(self.factor(server), 2.0)
        self.assertEqual(self.cached(), ({right}, {right}))

    def test_takes_back_from_a_card_what_turns_out_wrong(self):
        # The layers are copied while they come; that their sum is another one shows at the end.
        model = Mlp.random(512, 6, 1)
        x = np.random.default_rng(2).standard_normal((2, 512)).astype(np.float32)
        file = model.serialize()
        self.s3.put("mlp/config.pbtxt", b'name: "mlp" max_batch_size: 4')
        self.s3.put("mlp/1/model.onnx", file, {"x-amz-meta-sha256": "0" * 64})
        env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(400 * MIB)}
        with self.server(model_control_mode="explicit", env=env,
                         device_memory_budget=32 * MIB) as server:
            def booked():
                text = rest.call(server.metrics, "GET", "/metrics").body.decode()
                return {float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                        if re.match(r"hadron_(device|host)_memory_reserved_bytes", line)}

            for _ in range(3):
                answer = rest.call(server.http, "POST", "/v2/repository/models/mlp/load")
                self.assertEqual(answer.status, 503, answer.body)
                self.assertIn("do not have the sha256", answer.json()["error"])
            wait_until(lambda: booked() == {0.0}, START_SECONDS, "all memory is given back")
            self.s3.put("mlp/1/model.onnx", file,
                        {"x-amz-meta-sha256": hashlib.sha256(file).hexdigest()})
            answer = rest.call(server.http, "POST", "/v2/repository/models/mlp/load")
            self.assertEqual(answer.status, 200, answer.body)
            with rest.Client(server.http) as client:
                y = client.infer_binary("mlp", {"x": x})["y"]
            np.testing.assert_allclose(y, model.run(x), rtol=1e-4, atol=1e-4)

    def test_serves_external_data_from_a_store(self):
        self.put_scale(factor=2)
        weights = noise(9 * MIB, 5)
        tensor = (b"\x08" + _varint(len(weights)) + b"\x10\x02" + _field(8, b"ballast") +
                  _field(13, _field(1, b"location") + _field(2, b"sub/weights.bin")) + b"\x70\x01")
        small = (TEST_MODELS / "scale" / "2" / "model.onnx").read_bytes()
        self.s3.put("scale/1/model.onnx", small + _field(7, _field(5, tensor)))
        self.assertIn("no such file", self.refused())
        self.s3.put("scale/1/sub/weights.bin", weights)
        with self.server() as server:
            self.assertEqual(self.factor(server), 2.0)

    def test_goes_on_when_the_store_is_restarted(self):
        if isinstance(_store, Elsewhere):
            self.skipTest("another's store is not restarted")
        self.put_scale(factor=2)
        content = noise(40 * MIB, 7)
        self.s3.put("scale/1/pad.bin", content)
        killed = threading.Event()

        def kill():
            _store.kill_proxy()
            killed.set()
        self.relay.after(10 * MIB, kill)
        server = self.server(env={"AWS_MAX_ATTEMPTS": "30"}).launch()
        self.addCleanup(server.kill)
        try:
            self.assertTrue(killed.wait(START_SECONDS))
        finally:
            _store.start_proxy()
        server.start_waiting()
        self.assertEqual(self.factor(server), 2.0)
        server.stop()
        named, held = self.cached()
        self.assertEqual(named, held)
        self.assertIn(hashlib.sha256(content).hexdigest(), held)

    def test_says_so_when_the_store_stays_away(self):
        if isinstance(_store, Elsewhere):
            self.skipTest("another's store is not stopped")
        self.put_scale(factor=2)
        self.s3.put("scale/1/pad.bin", noise(24 * MIB, 7))
        self.relay.after(6 * MIB, _store.kill_proxy)
        try:
            text = self.refused()
        finally:
            _store.start_proxy()
        self.assertIn("given up after 3 attempts", text)
        self.assertIn("scale/1/pad.bin", text)
        with self.server() as server:
            self.assertEqual(self.factor(server), 2.0)


class Pushed(OverS3):
    """hadron-cli push to a real store, with servers that look on."""

    def setUp(self):
        super().setUp()
        self.push_relay = Relay(_store.address)  # not the one that servers go through
        self.addCleanup(self.push_relay.close)

    def command(self, model, *words):
        """Arguments and environment of a push."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.dir),
                       "AWS_ACCESS_KEY_ID": _store.access_key,
                       "AWS_SECRET_ACCESS_KEY": _store.secret_key}
        destination = self.url(address=self.push_relay.address)
        return {"args": [program(), "--json", "push", str(model), destination, *words],
                "env": environment, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE}

    def push(self, model, *words, code=0):
        """What a push says in JSON, or on standard error when it fails as it should."""
        done = subprocess.run(**self.command(model, *words), timeout=PUSH_SECONDS, check=False)
        self.assertEqual(code, done.returncode, done.stderr)
        return json.loads(done.stdout) if code == 0 else done.stderr.decode()

    def begin(self, model, *words):
        """A push that runs."""
        process = subprocess.Popen(**self.command(model, *words))
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def hold(self, text):
        """Makes the push stop before a request; two events: it has, and it may go on."""
        held, released = threading.Event(), threading.Event()

        def wait():
            held.set()
            released.wait(PUSH_SECONDS)

        self.push_relay.before(text, wait)
        self.addCleanup(released.set)
        return held, released

    def listings(self):
        """How often the servers have listed the bucket."""
        return sum("list-type=2" in line for line in self.relay.requests())

    def await_listings(self, count):
        """Returns when the servers have listed so often from now on."""
        wanted = self.listings() + count
        wait_until(lambda: self.listings() >= wanted, PUSH_SECONDS, "nobody lists the bucket")

    def look_on(self, mode, ask):
        """A server that looks on sees nothing of a push until all of it is there."""
        model = scale_directory(self.dir, [2])
        (model / "1" / "notes.txt").write_text("beside the model")
        self.put_scale("other", factor=3)
        with self.server(model_control_mode=mode, repository_poll_secs=1) as server:
            held, released = self.hold("/scale/1/model.onnx")
            push = self.begin(model)
            self.assertTrue(held.wait(PUSH_SECONDS), "the model is not sent")
            sent = [line for line in self.push_relay.requests() if line.startswith("PUT")]
            self.assertTrue(any("config.pbtxt" in line for line in sent), sent)
            self.await_listings(4)
            ask(server)
            index = rest.call(server.http, "POST", "/v2/repository/index").json()
            states = {row["name"]: (row.get("state"), row.get("reason")) for row in index}
            self.assertEqual(("READY", None), states.pop("other"))
            self.assertNotIn("UNAVAILABLE", [state for state, _ in states.values()])
            released.set()
            self.assertEqual(0, push.wait(PUSH_SECONDS))
            wait_until(lambda: self.serves(server), PUSH_SECONDS, "the model is not served")
            self.assertEqual(2, self.factor(server))
            self.assertEqual(3, self.factor(server, "other"))
            self.assertNotIn("scale/1: ", server.stderr())
            return server.stderr()

    def serves(self, server):
        """Whether the pushed model answers."""
        body, headers = rest.binary_body(VALUES)
        return rest.call(server.http, "POST", "/v2/models/scale/infer", body, headers).status == 200

    def test_a_polling_server_never_sees_half_a_model(self):
        errors = self.look_on("poll", lambda server: None)
        self.assertNotIn("failed", errors)

    def test_mode_demand_never_sees_half_a_model(self):
        def ask(server):
            self.assertFalse(self.serves(server))

        self.look_on("demand", ask)

    def test_a_killed_push_goes_on(self):
        model = scale_directory(self.dir, [3])
        (model / "1" / "a.bin").write_bytes(b"comes first")
        (model / "1" / "weights.bin").write_bytes(noise(40 * MIB, 1))
        held, _ = self.hold("partNumber=3")
        push = self.begin(model)
        self.assertTrue(held.wait(PUSH_SECONDS), "the file does not go in parts")
        push.kill()
        push.wait()
        _, listing = self.s3.request("GET", query=[("list-type", "2")])
        keys = re.findall(r"<Key>(.*?)</Key>", listing.decode())
        self.assertEqual(["scale/1/a.bin"], keys)
        with self.server(model_control_mode="poll", repository_poll_secs=1) as server:
            self.await_listings(3)
            self.assertFalse(self.serves(server))
            again = self.push(model)
            self.assertEqual((4, 1), (again["sent"], again["kept"]))  # and the sums
            wait_until(lambda: self.serves(server), PUSH_SECONDS, "the model is not served")
            self.assertEqual(3, self.factor(server))
        self.assertEqual(0, self.push(model)["sent"])

    def test_a_bad_model_is_refused_before_anything_is_sent(self):
        model = scale_directory(self.dir, [1])
        (model / "1" / "model.onnx").write_bytes(b"rubbish")
        self.assertIn("model.onnx", self.push(model, code=2))
        self.assertEqual([], self.push_relay.requests())

    def test_another_content_needs_another_number(self):
        self.push(scale_directory(self.dir, [2]))
        shutil.rmtree(self.dir / "scale")
        model = scale_directory(self.dir, [3])
        before = len(self.push_relay.requests())
        self.assertIn("--as-version next", self.push(model, code=2))
        late = self.push_relay.requests()[before:]
        self.assertFalse([line for line in late if line.startswith(("PUT", "POST"))], late)
        self.assertEqual([2], self.push(model, "--as-version", "next")["versions"])
        with self.server() as server:
            self.assertEqual(3, self.factor(server))


class Refusals(OverS3):
    """Starts that must fail, and say why."""

    def test_names_what_is_wrong_with_the_keys(self):
        self.put_scale()
        for env in ({"AWS_SECRET_ACCESS_KEY": "not-the-secret"},
                    {"AWS_ACCESS_KEY_ID": "AKIANOBODY42"}):
            text = self.refused(env=env)
            self.assertIn("answers 403", text)
            self.assertIn(f"s3://{self.s3.bucket}", text)
            self.assertIn("access key ...", text)
            self.assertIn("check access key and secret key", text)
            self.assertNotIn("not-the-secret", text)
            self.assertNotIn("AKIANOBODY42", text)

    def test_names_the_bucket_that_does_not_exist(self):
        text = self.refused(f"s3://{self.relay.address}/no-such-bucket-of-hadron")
        self.assertIn("NoSuchBucket", text)
        self.assertIn("no-such-bucket-of-hadron", text)

    def test_refuses_plain_http_when_told_to(self):
        self.assertIn("--s3-require-tls", self.refused(s3_require_tls="true"))
        self.assertEqual(self.relay.requests(), [])

    def test_wants_keys_or_to_be_told_that_there_are_none(self):
        text = self.refused(env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
        self.assertIn("--s3-anonymous", text)

    def test_names_an_endpoint_that_nobody_answers(self):
        relay = Relay(_store.address)
        relay.close()
        text = self.refused(self.url(address=relay.address))
        self.assertIn(relay.address, text)
        self.assertIn("given up after 3 attempts", text)


if __name__ == "__main__":
    unittest.main()
