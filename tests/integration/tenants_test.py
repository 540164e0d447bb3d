"""Requests of several tenants land on their accounts, and those who may see them do."""

import csv
import http.client
import io
import json
import re
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

from integration import rest
from integration.harness import MODEL_REPO, SLOWDOWN, START_SECONDS, Server, binary, wait_until
from integration.metrics_test import scrape
from integration.onnx_mlp import Mlp
from integration.onnx_sequence import write_accumulator

SECONDS = 60 * SLOWDOWN
TENANTS = {"tenants": [{"name": "atlas", "weight": 3}, {"name": "farm", "class": "batch"}]}
BODY = json.dumps({"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32",
                               "data": [0.0] * 64}]})


def ask(server, tenant, body=BODY, **headers):
    """One request in a tenant's name; its answer."""
    return rest.call(server.http, "POST", "/v2/models/digits/infer", body,
                     {"x-hadron-tenant": tenant, "x-hadron-user": "ana", **headers})


def infer(server, tenant):
    """The status of such an answer."""
    return ask(server, tenant).status


def names(server):
    """The tenants of the table."""
    status = rest.call(server.http, "GET", "/v2/hadron/status").json()
    return [tenant["name"] for tenant in status["tenants"]]


def written(folder):
    """Bytes of the journals."""
    return sum(file.stat().st_size for file in folder.glob("*.ledger"))


class Rpc:
    """The other door."""

    def __init__(self, server):
        self._channel = grpc.insecure_channel(server.grpc)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self.trailers = {}
        self.details = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()

    def infer(self, tenant, **metadata):
        """One request in a tenant's name; the name of the status of its answer."""
        request = service_pb2.ModelInferRequest(model_name="digits")
        request.inputs.add(name="image", datatype="FP32", shape=[1, 1, 8, 8])
        request.raw_input_contents.append(bytes(4 * 64))
        pairs = {"x-hadron-tenant": tenant, "x-hadron-user": "ana", **metadata}
        try:
            self._stub.ModelInfer(request, metadata=list(pairs.items()), timeout=SECONDS)
        except grpc.RpcError as error:
            self.trailers = dict(error.trailing_metadata())
            self.details = error.details()
            return error.code().name
        return "OK"


def infer_mlp(server, tenant, model):
    """The same of a network of onnx_mlp with 512 inputs."""
    body = rest.json_body({"x": np.zeros((1, 512), np.float32)})
    return rest.call(server.http, "POST", f"/v2/models/{model}/infer", body,
                     {"x-hadron-tenant": tenant}).status


def account(server, by):
    """Rows of the accounts by their names."""
    rows = rest.call(server.http, "GET", f"/v2/hadron/account?by={by}").json()
    return {tuple(row[name] for name in by.split(",")): row for row in rows}


def requests_of(series):
    """Requests by tenant and class, once there are four."""
    pattern = re.compile(r'hadron_tenant_requests_total{tenant="(.*)",class="(.*)"}')
    found = {match.groups(): value for name, value in series.items()
             if (match := pattern.fullmatch(name))}
    return found if sum(found.values()) == 4 else None


class Accounts(unittest.TestCase):
    """What is told of who used the device."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        config = Path(folder.name) / "tenants.json"
        config.write_text(json.dumps(TENANTS))
        self.options = {"tenant_config": config, "ledger_dir": Path(folder.name) / "ledger"}

    def test_requests_are_on_their_tenants_accounts(self):
        with Server([MODEL_REPO], **self.options) as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            for tenant in ("atlas", "farm", "nobody"):
                self.assertEqual(200, infer(server, tenant))
            rows = rest.call(server.http, "GET",
                             "/v2/hadron/account?by=tenant,user,class").json()
            counts = {(r["tenant"], r["user"], r["class"]): r["requests"] for r in rows
                      if not r["tenant"].startswith("_")}
            self.assertEqual({("atlas", "ana", "interactive"): 2, ("farm", "ana", "batch"): 1,
                              ("default", "ana", "interactive"): 1}, counts)
            tenants = rest.call(server.http, "GET", "/v2/hadron/status").json()["tenants"]
            self.assertEqual(["atlas", "default", "farm"], [t["name"] for t in tenants])
            self.assertEqual(3, tenants[0]["weight"])
            self.assertEqual("batch", tenants[2]["class"])
            self.assertTrue(all(t["device_seconds"] > 0 for t in tenants), tenants)

    def test_hadron_cli_shows_them(self):
        program = Path(binary()).with_name("hadron-cli")
        if not program.exists():
            self.skipTest("this build has no hadron-cli")
        with Server([MODEL_REPO], **self.options) as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            self.assertEqual(200, infer(server, "atlas"))
            table = subprocess.run([program, "--url", f"http://{server.http}", "account",
                                    "--format", "csv"], capture_output=True, timeout=SECONDS,
                                   check=True).stdout.decode()
            used = {r["tenant"]: r for r in csv.DictReader(io.StringIO(table))}
            self.assertEqual("2", used["atlas"]["requests"])

    def test_metrics_count_them(self):
        with Server([MODEL_REPO], **self.options) as server:
            wait_until(lambda: infer(server, "farm") == 200, START_SECONDS, "no answer")
            for tenant in ("atlas", "atlas", "nobody"):
                self.assertEqual(200, infer(server, tenant))
            counted = wait_until(lambda: requests_of(scrape(server)), SECONDS, "nothing counted")
            self.assertEqual({("atlas", "interactive"): 2, ("farm", "batch"): 1,
                              ("default", "interactive"): 1}, counted)
            series = scrape(server)
            self.assertEqual(1, series["hadron_tenant_unknown_total"])
            self.assertLess(0, series['hadron_tenant_device_seconds_total{tenant="_idle",class=""}'])
            self.assertEqual(2 * 64 * 4, series[
                'hadron_tenant_received_bytes_total{tenant="atlas",class="interactive"}'])

    def test_loads_and_residence_are_on_the_accounts_of_who_causes_them(self):
        with tempfile.TemporaryDirectory() as folder:
            for i in range(2):
                Mlp.random(512, 4, i).write(Path(folder), f"m{i}")
            # A card, played by the CPU, that holds one of them.
            env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(400 << 20)}
            with Server([folder], env=env, device_memory_budget=5 << 20,
                        model_control_mode="demand", **self.options) as server:
                for tenant, model in (("atlas", "m0"), ("atlas", "m0"), ("farm", "m1"),
                                      ("farm", "m0"), ("atlas", "m0")):
                    self.assertEqual(200, infer_mlp(server, tenant, model))
                rows = account(server, "tenant,model")
                self.assertEqual({("atlas", "m0"): 1, ("farm", "m1"): 1, ("farm", "m0"): 1},
                                 {key: row["loads"] for key, row in rows.items() if row["loads"]})

                def used():
                    rows = account(server, "tenant,model")
                    return all(rows.get(key, {}).get("resident_byte_seconds", 0) > 0
                               for key in (("atlas", "m0"), ("_idle", ""))) and rows
                rows = wait_until(used, SECONDS, "no byte-seconds")
                self.assertLess(0, rows["_idle", ""]["compiled_byte_seconds"])
                self.assertEqual(0, rows["atlas", "m0"]["cached_byte_seconds"])
                name = 'hadron_tenant_resident_byte_seconds_total{tenant="_idle",rung="resident"}'
                wait_until(lambda: scrape(server).get(name, 0) > 0, SECONDS, "not in the metrics")
                loads = 'hadron_tenant_loads_total{tenant="farm",class="batch"}'
                self.assertEqual(2, scrape(server)[loads])

    def test_states_of_sequences_are_on_their_tenants_accounts(self):
        def talk(server, tenant, sequence):
            body = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]}],
                    "parameters": {"sequence_id": sequence, "sequence_start": True}}
            return rest.call(server.http, "POST", "/v2/models/talk/infer", json.dumps(body),
                             {"x-hadron-tenant": tenant}).status

        with tempfile.TemporaryDirectory() as folder:
            write_accumulator(Path(folder), "talk", "oldest { max_candidate_sequences: 8 } "
                              "max_sequence_idle_microseconds: 600000000")
            with Server([folder], **self.options) as server:
                wait_until(lambda: talk(server, "farm", 1) == 200, START_SECONDS, "no answer")
                for i in range(5):
                    self.assertEqual(200, talk(server, "atlas", i + 1))

                def kept():
                    rows = account(server, "tenant,model")
                    return [rows.get((t, "talk"), {}).get("compiled_byte_seconds", 0)
                            for t in ("atlas", "farm")]
                # A state has 4 bytes: more of them, more on the account.
                wait_until(lambda: kept()[0] > 40 and kept()[1] > 0, SECONDS, "not counted")
                wait_until(lambda: kept()[0] > 2 * kept()[1], SECONDS, "not by their number")

    def test_nobody_else_sees_them(self):
        with Server([MODEL_REPO], admin_access="off", **self.options) as server:
            self.assertEqual(403, rest.call(server.http, "GET", "/v2/hadron/account").status)
            status = rest.call(server.http, "GET", "/v2/hadron/status")
            self.assertEqual(200, status.status)
            self.assertNotIn("tenants", status.json())


class Doors(unittest.TestCase):
    """Who asks, and who is let in, at both doors."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = Path(folder.name) / "tenants.json"
        self.ledger = Path(folder.name) / "ledger"

    def server(self, *tenants):
        """With these tenants, once it serves."""
        self.config.write_text(json.dumps({"tenants": tenants}))
        return Server([MODEL_REPO], tenant_config=self.config, ledger_dir=self.ledger)

    def test_grpc_says_the_same_by_metadata(self):
        with self.server({"name": "atlas"}, {"name": "farm", "class": "batch"}) as server:
            with Rpc(server) as rpc:
                wait_until(lambda: rpc.infer("atlas") == "OK", START_SECONDS, "no answer")
                self.assertEqual("OK", rpc.infer("farm"))
                self.assertEqual("OK", rpc.infer("farm", **{"x-hadron-class": "interactive"}))
                self.assertEqual("OK", rpc.infer("nobody"))
            rows = account(server, "tenant,user,class")
            self.assertEqual({("atlas", "ana", "interactive"): 1, ("farm", "ana", "batch"): 1,
                              ("farm", "ana", "interactive"): 1,
                              ("default", "ana", "interactive"): 1},
                             {key: row["requests"] for key, row in rows.items()
                              if not key[0].startswith("_")})

    def test_who_is_beyond_a_limit_is_told_when_to_come_again(self):
        with self.server({"name": "atlas", "max_requests_per_second": 0.05}) as server:
            wait_until(lambda: infer(server, "other") == 200, START_SECONDS, "no answer")
            self.assertEqual(200, infer(server, "atlas"))
            answer = ask(server, "atlas")
            self.assertEqual(429, answer.status)
            self.assertTrue(1 <= int(answer.headers["retry-after"]) <= 20, answer.headers)
            for word in ("atlas", "max_requests_per_second"):
                self.assertIn(word, answer.json()["error"])
            with Rpc(server) as rpc:
                self.assertEqual("RESOURCE_EXHAUSTED", rpc.infer("atlas"))
                self.assertTrue(1 <= int(rpc.trailers["retry-after"]) <= 20, rpc.trailers)
                self.assertIn("max_requests_per_second", rpc.details)
            self.assertEqual(200, infer(server, "other"))
            row = account(server, "tenant")["atlas",]
            self.assertEqual((1, 2), (row["requests"], row["refused_quota"]))

    def test_a_class_that_is_none_is_refused(self):
        with self.server({"name": "atlas"}) as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            body = json.loads(BODY)
            for wrong in ("urgent", 7):
                body["parameters"] = {"hadron.class": wrong}
                answer = ask(server, "atlas", json.dumps(body))
                self.assertEqual(400, answer.status)
                self.assertIn("hadron.class", answer.json()["error"])
            answer = ask(server, "atlas", **{"x-hadron-class": "urgent"})
            self.assertEqual(400, answer.status)
            self.assertIn("'interactive' or 'batch'", answer.json()["error"])
            with Rpc(server) as rpc:
                self.assertEqual("INVALID_ARGUMENT", rpc.infer("atlas", **{"x-hadron-class": "x"}))
                self.assertIn("x-hadron-class", rpc.details)

    def test_the_table_is_read_again_and_a_bad_one_refused_whole(self):
        with self.server({"name": "atlas"}) as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            self.config.write_text(json.dumps({"tenants": [
                {"name": "cms", "weight": 7}, {"name": "atlas", "wieght": 2}]}))
            wait_until(lambda: "stay as they were" in server.stderr(), SECONDS, "not refused")
            self.assertIn("wieght", server.stderr())
            self.assertEqual(["atlas", "default"], names(server))
            self.config.write_text(json.dumps({"tenants": [{"name": "cms", "weight": 7}]}))
            wait_until(lambda: names(server) == ["cms", "default"], SECONDS, "not read")
            self.assertEqual(200, infer(server, "cms"))
            self.assertEqual(200, infer(server, "atlas"))
            rows = account(server, "tenant")
            self.assertEqual([1, 1, 1], [rows[name,]["requests"]
                                         for name in ("atlas", "cms", "default")])


class Memory(unittest.TestCase):
    """What of a card's memory a tenant's models may take; the CPU plays the card."""

    LAYERS = 4
    MIB = 1 << 20

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = Path(folder.name) / "tenants.json"
        self.repository = Path(folder.name) / "repository"
        for i in range(4):
            Mlp.random(512, self.LAYERS, i).write(self.repository, f"m{i}")

    def server(self, mebibytes, **options):
        """With a tenant who may have so much; all models are on the card when it starts."""
        self.config.write_text(json.dumps({"tenants": [
            {"name": "atlas", "max_resident_bytes": int(mebibytes * self.MIB)}, {"name": "farm"}]}))
        env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_COPY_RATE": str(400 << 20)}
        return Server([self.repository], env=env, device_memory_budget=64 * self.MIB,
                      tenant_config=self.config, **options)

    @staticmethod
    def status(server):
        """Bytes on the card by tenant, and the models that are there."""
        status = rest.call(server.http, "GET", "/v2/hadron/status").json()
        return ({t["name"]: t["resident_bytes"] for t in status["tenants"]},
                {m["name"] for m in status["models"] if m["residency"] == "resident"})

    def test_above_the_limit_a_tenants_own_models_leave(self):
        with self.server(10) as server:
            self.assertEqual(200, infer_mlp(server, "farm", "m3"))
            for model in ("m0", "m1", "m2", "m0", "m1", "m2", "m2", "m0"):
                self.assertEqual(200, infer_mlp(server, "atlas", model))
                held = wait_until(
                    lambda: (bytes_now := self.status(server)[0])["atlas"] <= 10 * self.MIB
                    and bytes_now, SECONDS, "above the limit")
                self.assertLessEqual(4 * self.MIB, held["atlas"])
            tenants, there = self.status(server)
            self.assertEqual(4 * self.MIB, tenants["farm"])
            self.assertEqual(3, len(there), there)
            self.assertTrue({"m0", "m3"} <= there, there)
            text = rest.call(server.metrics, "GET", "/metrics").body.decode()
            left = dict(re.findall(
                r'hadron_model_evictions_total{model="(\w+)",cause="quota"} (\d+)', text))
            self.assertEqual("0", left.pop("m3"))
            # Which of them leaves is a matter of what bringing it back was measured to cost.
            self.assertLessEqual(1, sum(map(int, left.values())), left)

    def test_a_model_larger_than_the_limit_is_refused_at_once(self):
        with self.server(3) as server:
            answer = rest.call(server.http, "POST", "/v2/models/m0/infer",
                               rest.json_body({"x": np.zeros((1, 512), np.float32)}),
                               {"x-hadron-tenant": "atlas"})
            self.assertEqual(429, answer.status)
            for word in ("atlas", "'m0'", "4.0 MiB", "3.0 MiB", "max_resident_bytes"):
                self.assertIn(word, answer.json()["error"])
            self.assertEqual(200, infer_mlp(server, "farm", "m0"))
            self.assertEqual(200, infer_mlp(server, "atlas", "m0"))  # it costs nobody room
            self.assertEqual(1, account(server, "tenant")["atlas",]["refused_quota"])

    def test_who_waits_for_what_others_use_is_told_to_come_again(self):
        with self.server(4.1, model_restore_timeout_ms=500) as server:
            for model in ("m1", "m2"):
                path = f"/v2/hadron/models/{model}/evict"
                self.assertEqual(200, rest.call(server.http, "POST", path).status)
            for tenant in ("farm", "atlas", "atlas", "farm"):
                self.assertEqual(200, infer_mlp(server, tenant, "m0"))
            body = rest.json_body({"x": np.zeros((1, 512), np.float32)})
            answer = rest.call(server.http, "POST", "/v2/models/m1/infer", body,
                               {"x-hadron-tenant": "atlas"})
            self.assertEqual(429, answer.status, answer.body)
            self.assertEqual("1", answer.headers["retry-after"])
            for word in ("atlas", "'m1'", "max_resident_bytes", "--model-restore-timeout-ms"):
                self.assertIn(word, answer.json()["error"])
            self.assertEqual(200, infer_mlp(server, "farm", "m2"))  # whom it does not concern
            # From here on the one that both have used is nobody else's.
            wait_until(lambda: infer_mlp(server, "atlas", "m1") == 200, SECONDS, "never let in")
            self.assertNotIn("m0", self.status(server)[1])


class Ends(unittest.TestCase):
    """What a server leaves of its accounts, however it ends."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ledger = Path(folder.name) / "ledger"

    def server(self):
        """One that goes on where the last one stopped."""
        return Server([MODEL_REPO], ledger_dir=self.ledger)

    def requests(self):
        """What the next server finds."""
        with self.server() as server:
            return account(server, "tenant").get(("default",), {"requests": 0})["requests"]

    def test_sigterm_loses_nothing(self):
        with self.server() as server:
            wait_until(lambda: infer(server, "") == 200, START_SECONDS, "no answer")
            for _ in range(20):
                self.assertEqual(200, infer(server, ""))
            server.terminate()
            self.assertEqual(0, server.wait())
        self.assertEqual(21, self.requests())

    def test_a_kill_under_load_loses_less_than_ten_seconds(self):
        answered = []  # when
        stop = threading.Event()

        def ask_on(server):
            while not stop.is_set():
                try:
                    if infer(server, "") == 200:
                        answered.append(time.monotonic())
                except OSError:
                    return
                except http.client.HTTPException:
                    return

        server = self.server().start()
        threads = [threading.Thread(target=ask_on, args=(server,)) for _ in range(4)]
        try:
            for thread in threads:
                thread.start()
            # A flush has happened with requests before it, and more come.
            wait_until(lambda: len(answered) > 50, SECONDS, "no answers")
            begun = written(self.ledger)
            wait_until(lambda: written(self.ledger) > begun, SECONDS, "no flush")
            before = len(answered)
            wait_until(lambda: len(answered) > before + 50, SECONDS, "no more answers")
            killed = time.monotonic()
        finally:
            server.kill()
            stop.set()
            for thread in threads:
                thread.join()
        kept = self.requests()
        old = sum(1 for when in answered if when < killed - 10 * SLOWDOWN)
        self.assertGreaterEqual(kept, max(old, 1))
        # One for each thread may have run and not come back.
        self.assertLessEqual(kept, len(answered) + len(threads))


if __name__ == "__main__":
    unittest.main()
