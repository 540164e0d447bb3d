"""Ensembles on an OpenCL device: what lies between their steps does not leave it without need."""

import json
import unittest
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from integration import rest
from integration.harness import START_SECONDS, Server, wait_until
from integration.many_models import MIB, WIDTH, ManyModels

KEPT = 'hadron_ensemble_device_bytes_total{device="opencl:0"}'
RESERVED = 'hadron_device_memory_reserved_bytes{device="opencl:0"}'
WAITING = 'nv_inference_pending_request_count{model="waits",version="1"}'
HITS = 'nv_cache_num_hits_per_model{model="keeps",version="1"}'
IO = f"data_type: TYPE_FP32 dims: {WIDTH} }}"
ROW = 4 * WIDTH


def write_ensemble(repository, name, steps, outputs=("y",), extra=""):
    """Steps are (model, tensor it reads, tensor it writes); the client's tensor is x."""
    folder = repository / name
    folder.mkdir()
    text = f'platform: "ensemble" max_batch_size: 4 input {{ name: "x" {IO} '
    text += "".join(f'output {{ name: "{name}" {IO} ' for name in outputs)
    text += "ensemble_scheduling { " + "".join(
        f'step {{ model_name: "{model}" model_version: -1 '
        f'input_map {{ key: "x" value: "{reads}" }} '
        f'output_map {{ key: "y" value: "{writes}" }} }} ' for model, reads, writes in steps)
    (folder / "config.pbtxt").write_text(text + "}" + extra)


class OnTheDevice(ManyModels):
    """m0 to m5 of many_models, and ensembles of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_ensemble(cls.repository, "chain", [("m0", "x", "t"), ("m1", "t", "y")])
        write_ensemble(cls.repository, "fork",
                       [("m0", "x", "t"), ("m1", "t", "y"), ("m2", "t", "z")], ("y", "z"))
        write_ensemble(cls.repository, "told", [("m0", "x", "t"), ("m1", "t", "y")], ("y", "t"))
        write_ensemble(cls.repository, "long",
                       [("m0", "x", "t"), ("m1", "t", "u"), ("m2", "u", "v"), ("m3", "v", "y")])
        write_ensemble(cls.repository, "nested", [("m0", "x", "t"), ("chain", "t", "y")])
        cls.models["m0"].write(cls.repository, "keeps",
                               "max_batch_size: 4 response_cache { enable: true }")
        write_ensemble(cls.repository, "cached", [("m1", "x", "t"), ("keeps", "t", "y")])
        cls.models["m1"].write(cls.repository, "waits", "max_batch_size: 4 dynamic_batching { "
                               "preferred_batch_size: 4 max_queue_delay_microseconds: 60000000 }")
        write_ensemble(cls.repository, "late", [("waits", "x", "t"), ("keeps", "t", "y")])

    def serve(self, **options):
        """A server that has all of them."""
        env = {"POCL_MEMORY_LIMIT": "4", "HADRON_TEST_HOOKS": "1"}
        server = self.enterContext(Server([self.repository], env=env, device="opencl", tune="off",
                                          **options))
        wait_until(lambda: rest.call(server.http, "GET", "/v2/health/ready").status == 200,
                   START_SECONDS, "not ready")
        return server

    def load(self, server, model, **parameters):
        body = json.dumps({"parameters": parameters}).encode()
        path = f"/v2/repository/models/{model}/load"
        self.assertEqual(rest.call(server.http, "POST", path, body).status, 200)

    def metric(self, server, series):
        """The value of one series."""
        for line in rest.call(server.metrics, "GET", "/metrics").body.decode().splitlines():
            if line.startswith(series + " "):
                return float(line.split()[-1])
        return self.fail(f"no series {series}")

    def kept_by(self, server, model, x):
        """The answer, and how many bytes have stayed on the device for it."""
        before = self.metric(server, KEPT)
        with rest.Client(server.http) as client:
            answer = client.infer_binary(model, {"x": x})
        return answer, self.metric(server, KEPT) - before

    def by_hand(self, server, x, *models):
        """What the client gets from one model after the other."""
        with rest.Client(server.http) as client:
            for model in models:
                x = client.infer_binary(model, {"x": x})["y"]
        return x.tobytes()

    def test_tensors_between_steps_stay(self):
        server = self.serve(response_cache_byte_size=MIB)
        for rows in (1, 2, 3, 4, 3):
            x = np.random.default_rng(rows).standard_normal((rows, WIDTH)).astype(np.float32)
            answer, kept = self.kept_by(server, "chain", x)
            self.assertEqual(answer["y"].tobytes(), self.by_hand(server, x, "m0", "m1"))
            self.assertEqual(kept, rows * ROW)
        x = self.x
        answer, kept = self.kept_by(server, "fork", x)
        self.assertEqual(answer["y"].tobytes(), self.by_hand(server, x, "m0", "m1"))
        self.assertEqual(answer["z"].tobytes(), self.by_hand(server, x, "m0", "m2"))
        self.assertEqual(kept, 2 * ROW)
        answer, kept = self.kept_by(server, "long", x)
        self.assertEqual(answer["y"].tobytes(), self.by_hand(server, x, "m0", "m1", "m2", "m3"))
        self.assertEqual(kept, 3 * 2 * ROW)
        # What the client is told, what another ensemble takes, and what is part of a key.
        answer, kept = self.kept_by(server, "told", x)
        self.assertEqual(answer["t"].tobytes(), self.by_hand(server, x, "m0"))
        self.assertEqual(answer["y"].tobytes(), self.by_hand(server, x, "m0", "m1"))
        self.assertEqual(kept, 0)
        answer, kept = self.kept_by(server, "nested", x)
        self.assertEqual(answer["y"].tobytes(), self.by_hand(server, x, "m0", "m0", "m1"))
        self.assertEqual(kept, 2 * ROW)
        for _ in range(2):
            answer, kept = self.kept_by(server, "cached", x)
            self.assertEqual(answer["y"].tobytes(), self.by_hand(server, x, "m1", "m0"))
            self.assertEqual(kept, 0)

    def test_they_share_batches_with_what_clients_send(self):
        server = self.serve()
        before = self.metric(server, KEPT)
        rng = np.random.default_rng(7)
        inputs = [rng.standard_normal((1 + i % 3, WIDTH)).astype(np.float32) for i in range(6)]
        chains = [self.by_hand(server, x, "m0", "m1") for x in inputs]
        alone = [self.by_hand(server, x, "m1") for x in inputs]

        def ask(number):
            batch_work = {"x-hadron-class": "batch"} if number % 4 == 3 else {}
            for i in range(40):
                at = (number + i) % len(inputs)
                model, wanted = (("chain", chains), ("m1", alone))[(number + i) % 2]
                body, headers = rest.binary_body({"x": inputs[at]})
                response = rest.call(server.http, "POST", f"/v2/models/{model}/infer", body,
                                     {**headers, **batch_work})
                self.assertEqual(rest.arrays(response)["y"].tobytes(), wanted[at])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))
        sent = sum(len(inputs[(n + i) % len(inputs)]) for n in range(8) for i in range(40)
                   if (n + i) % 2 == 0)
        self.assertEqual(self.metric(server, KEPT) - before, sent * ROW)
        executions, requests = (
            self.metric(server, 'nv_inference_%s{model="m1",version="1"}' % counted)
            for counted in ("exec_count", "request_success"))
        self.assertLess(executions, requests)

    def test_they_come_to_the_host_for_who_turns_out_to_need_them_there(self):
        """The reader is replaced by one that keeps answers while the step that it reads waits for
        more rows."""
        server = self.serve(model_control_mode="explicit", response_cache_byte_size=MIB,
                            arguments=["--load-model=*"])
        self.load(server, "keeps", config=json.dumps({"max_batch_size": 4}))
        wanted = self.by_hand(server, self.x, "m1", "m0")
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.kept_by, server, "late", self.x)
            wait_until(lambda: self.metric(server, WAITING) == 1, START_SECONDS, "not asked")
            self.load(server, "keeps")
            self.assertFalse(asked.done(), "the step has not waited")
            self.by_hand(server, self.x, "waits")  # the rows that were missing
            answer, kept = asked.result()
        self.assertEqual(answer["y"].tobytes(), wanted)
        self.assertEqual(kept, 2 * ROW)
        # It is found again by the bytes of what it was computed from.
        self.assertEqual(self.metric(server, HITS), 0)
        answer, kept = self.kept_by(server, "cached", self.x)
        self.assertEqual(answer["y"].tobytes(), wanted)
        self.assertEqual(kept, 0)
        self.assertEqual(self.metric(server, HITS), 1)

    def test_they_make_way_for_models(self):
        """Two of four models fit beside the arenas: each step of `long` brings its model in."""
        server = self.serve(device_memory_budget=11 * MIB, model_control_mode="explicit",
                            arguments=["--load-model=*"])
        x = self.x
        wanted = self.by_hand(server, x, "m0", "m1", "m2", "m3")

        def ask(number):
            with rest.Client(server.http) as client:
                for i in range(15):
                    if number % 3 == 2:
                        model = f"m{(number + i) % 6}"
                        got = client.infer_binary(model, {"x": x})["y"]
                        np.testing.assert_allclose(self.models[model].run(x), got, rtol=1e-3,
                                                   atol=1e-3)
                    else:
                        got = client.infer_binary("long", {"x": x})["y"]
                        self.assertEqual(got.tobytes(), wanted)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(ask, range(6)))
        self.assertGreater(self.metric(server, KEPT), 0)
        evicted = sum(self.metric(server, f'hadron_model_evictions_total{{model="m{i}",'
                                          f'cause="pressure"}}') for i in range(4))
        self.assertGreater(evicted, 0)
        for name in ("chain", "fork", "told", "long", "nested", "cached", "late", "keeps",
                     "waits", *(f"m{i}" for i in range(6))):
            path = f"/v2/repository/models/{name}/unload"
            self.assertEqual(rest.call(server.http, "POST", path, b"{}").status, 200, name)
        wait_until(lambda: self.metric(server, RESERVED) == 0, START_SECONDS, "bytes are left")


if __name__ == "__main__":
    unittest.main()
