"""Requests of several tenants land on their accounts, and those who may see them do."""

import csv
import io
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np

from integration import rest
from integration.harness import MODEL_REPO, SLOWDOWN, START_SECONDS, Server, binary, wait_until
from integration.metrics_test import scrape
from integration.onnx_mlp import Mlp

SECONDS = 60 * SLOWDOWN
TENANTS = {"tenants": [{"name": "atlas", "weight": 3}, {"name": "farm", "class": "batch"}]}
BODY = json.dumps({"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32",
                               "data": [0.0] * 64}]})


def infer(server, tenant):
    """One request in a tenant's name; the status of its answer."""
    return rest.call(server.http, "POST", "/v2/models/digits/infer", BODY,
                     {"x-hadron-tenant": tenant, "x-hadron-user": "ana"}).status


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
            program = Path(binary()).with_name("hadron-cli")
            table = subprocess.run([program, "--url", f"http://{server.http}", "account",
                                    "--format", "csv"], capture_output=True, timeout=SECONDS,
                                   check=True).stdout.decode()
            used = {r["tenant"]: r for r in csv.DictReader(io.StringIO(table))}
            self.assertEqual("2", used["atlas"]["requests"])
            tenants = rest.call(server.http, "GET", "/v2/hadron/status").json()["tenants"]
            self.assertEqual(["atlas", "default", "farm"], [t["name"] for t in tenants])
            self.assertEqual(3, tenants[0]["weight"])
            self.assertEqual("batch", tenants[2]["class"])
            self.assertTrue(all(t["device_seconds"] > 0 for t in tenants), tenants)

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
                               for key in (("atlas", "m0"), ("_idle", "m0"))) and rows
                rows = wait_until(used, SECONDS, "no byte-seconds")
                self.assertLess(0, rows["_idle", "m1"]["compiled_byte_seconds"])
                self.assertEqual(0, rows["atlas", "m0"]["cached_byte_seconds"])
                name = 'hadron_tenant_resident_byte_seconds_total{tenant="_idle",rung="resident"}'
                wait_until(lambda: scrape(server).get(name, 0) > 0, SECONDS, "not in the metrics")
                loads = 'hadron_tenant_loads_total{tenant="farm",class="batch"}'
                self.assertEqual(2, scrape(server)[loads])

    def test_nobody_else_sees_them(self):
        with Server([MODEL_REPO], admin_access="off", **self.options) as server:
            self.assertEqual(403, rest.call(server.http, "GET", "/v2/hadron/account").status)
            status = rest.call(server.http, "GET", "/v2/hadron/status")
            self.assertEqual(200, status.status)
            self.assertNotIn("tenants", status.json())


if __name__ == "__main__":
    unittest.main()
