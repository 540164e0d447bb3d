"""Ragged batches from outside: requests of different shapes in one run of the model."""

import json
import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from integration import rest
from integration.harness import Server, ServerTestCase
from integration.onnx_ragged import (FLOAT, SEGMENTS, constant, node, value, write, write_layout,
                                     write_segments, write_sums, write_totals, write_words)

_TYPES = {"float32": "FP32", "object": "BYTES"}


class Common:
    """What both protocols can do; `module` tells them apart."""

    module = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="hadron-ragged-"))
        write_segments(cls.folder, "segments", more="dynamic_batching { }")
        write_segments(cls.folder, "cached", more="response_cache { enable: true }")
        write_segments(cls.folder, "warm", more="""model_warmup { name: "w" batch_size: 3
          inputs { key: "x" value { data_type: TYPE_FP32 dims: 5 random_data: true } }
          inputs { key: "add" value { data_type: TYPE_FP32 dims: 1 zero_data: true } } }""")
        write_layout(cls.folder, "layout", "INT32")
        write_layout(cls.folder, "layout_fp32", "FP32")
        write_layout(cls.folder, "shapes", rows=0)
        write_sums(cls.folder, "sums")
        write_words(cls.folder, "words")
        cls.repositories = (cls.folder,)
        cls.options = {"cache-config": "local,size=1048576"}
        try:
            super().setUpClass()
        except BaseException:
            shutil.rmtree(cls.folder)
            raise

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.folder)

    def ask(self, model, outputs=None, **inputs):
        """The outputs of one request."""
        client = self.module.InferenceServerClient(self.address())
        try:
            tensors = []
            for name, array in inputs.items():
                array = np.asarray(array)
                tensor = self.module.InferInput(name, list(array.shape), _TYPES[array.dtype.name])
                tensor.set_data_from_numpy(array)
                tensors.append(tensor)
            wanted = None if outputs is None else [
                self.module.InferRequestedOutput(name) for name in outputs]
            answer = client.infer(model, tensors, outputs=wanted)
            names = outputs or [o["name"] for o in self.outputs(answer)]
            return {name: answer.as_numpy(name) for name in names}
        finally:
            client.close()

    def check_segments(self, model, elements, add):
        """One request of one row."""
        x = np.arange(elements, dtype=np.float32)[None, :] + add
        answer = self.ask(model, x=x, add=np.array([[add]], np.float32))
        self.assertEqual((1, 1), answer["sum"].shape)
        self.assertEqual(x.sum() + add, answer["sum"][0, 0])
        np.testing.assert_array_equal(x * 2, answer["twice"])

    def test_sums(self):
        """Alone and in batches that form of whatever waits."""
        for elements in (1, 7, 3):
            self.check_segments("segments", elements, 5)
        before = self.executions("segments")
        with ThreadPoolExecutor(16) as clients:
            asked = [clients.submit(self.check_segments, "segments", 1 + n % 23, n)
                     for n in range(200)]
        for one in asked:
            one.result()
        self.assertGreater(200, self.executions("segments") - before)

    def test_nothing(self):
        """Requests without an element, beside others."""
        self.check_segments("segments", 0, 4)
        with ThreadPoolExecutor(8) as clients:
            asked = [clients.submit(self.check_segments, "segments", n % 2 * 3, n)
                     for n in range(40)]
        for one in asked:
            one.result()

    def check_layout(self, model, dtype):
        """Three requests of different shapes, which wait until all are there."""
        shapes = [(1, 2, 3), (1, 4, 1), (1, 1, 5)]
        with ThreadPoolExecutor(3) as clients:
            asked = [clients.submit(self.ask, model, x=np.full(shape, i, np.float32))
                     for i, shape in enumerate(shapes)]
        answers = [one.result() for one in asked]
        counts = [int(np.prod(shape)) for shape in shapes]
        ends = {}
        for i, (shape, answer) in enumerate(zip(shapes, answers)):
            self.assertEqual(np.full((1, 1), counts[i], dtype), answer["count"])
            self.assertEqual(dtype, answer["count"].dtype)
            begin, end = int(answer["begin"][0, 0]), int(answer["end"][0, 0])
            self.assertEqual(counts[i], end - begin)
            ends[begin] = end
            self.assertEqual([[6]], answer["most"].tolist())
            self.assertEqual([[0]], answer["filled"].tolist())
            np.testing.assert_array_equal(np.array([shape[1:]], dtype), answer["item"])
            np.testing.assert_array_equal(np.array([shape[1:]], dtype), answer["flat"])
            np.testing.assert_array_equal(np.full(shape, i, np.float32), answer["same"])
        at = 0
        for _ in shapes:  # one behind the other
            at = ends[at]
        self.assertEqual(sum(counts), at)

    def test_layout(self):
        """What each kind of batch_input holds."""
        self.check_layout("layout", np.int32)
        self.check_layout("layout_fp32", np.float32)

    def test_strings(self):
        """Everybody gets his own words back."""
        def one(n):
            words = np.array([[f"{n}-{i}" for i in range(n % 5)]], dtype=object)
            words = words.reshape(1, n % 5)
            answer = self.ask("words", s=words)["t"]
            self.assertEqual([w.encode() for w in words.ravel()], list(answer.ravel()))

        with ThreadPoolExecutor(8) as clients:
            for asked in [clients.submit(one, n) for n in range(60)]:
                asked.result()

    def test_rows_where_the_model_answers_by_request(self):
        """A request of two rows gets one sum: it is refused, and nobody else."""
        def one(n):
            if n % 4:
                answer = self.ask("sums", x=np.full((1, n), n, np.float32))
                self.assertEqual([[n * n]], answer["sum"].tolist())
                return
            with self.assertRaises(InferenceServerException) as caught:
                self.ask("sums", x=np.ones((2, 3), np.float32))
            self.assertIn("400" if self.module is tritonclient.http else "INVALID_ARGUMENT",
                          str(caught.exception.status()))
            self.assertIn("output 'sum'", caught.exception.message())

        with ThreadPoolExecutor(8) as clients:
            for asked in [clients.submit(one, n) for n in range(60)]:
                asked.result()

    def test_some_outputs(self):
        """Of a batch some ask for this, some for that."""
        def one(n):
            x = np.full((1, 1 + n % 5), n, np.float32)
            name = ["sum", "twice"][n % 2]
            answer = self.ask("segments", outputs=[name], x=x, add=np.zeros((1, 1), np.float32))
            np.testing.assert_array_equal(x.sum(1, keepdims=True) if name == "sum" else 2 * x,
                                          answer[name])

        with ThreadPoolExecutor(8) as clients:
            for asked in [clients.submit(one, n) for n in range(60)]:
                asked.result()

    def test_huge_shapes(self):
        """Sizes that the data does not have, and counts that no INT32 holds."""
        def one(shape):
            body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": shape,
                                           "data": []}]}).encode()
            answer = rest.call(self.server.http, "POST", "/v2/models/shapes/infer", body)
            self.assertEqual(400 if max(shape) > 9 else 200, answer.status, (shape, answer.body))

        shapes = [[1, 2**62, 1], [1, 0, 2**62], [2**31, 0, 1], [1, 0, 2**31], [1, 2**63 - 1, 0],
                  [1, 0, 9], [1, 9, 0]]
        with ThreadPoolExecutor(8) as clients:
            for asked in [clients.submit(one, shape) for shape in 5 * shapes]:
                asked.result()

    def test_the_cache(self):
        """What came before is answered from the cache; other shapes of the same bytes are not."""
        for _ in range(2):
            self.check_segments("cached", 4, 1)
        stats = self.statistics("cached")
        self.assertEqual(1, int(stats["inference_stats"]["cache_hit"]["count"]))

    def test_warm_up(self):
        """Samples run as requests of one row."""
        self.check_segments("warm", 5, 1)

    def test_the_clients_view(self):
        """Batch inputs are no client's; shapes are those of a request alone."""
        metadata = self.metadata("segments")
        self.assertEqual([("x", ["-1", "-1"]), ("add", ["-1", "1"])],
                         [(i["name"], [str(d) for d in i["shape"]]) for i in metadata["inputs"]])
        config = self.config("segments")
        self.assertTrue(config["input"][0]["allow_ragged_batch"])
        self.assertEqual("BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO",
                         config["batch_input"][0]["kind"])
        self.assertEqual(["twice"], config["batch_output"][0]["target_name"])

    def executions(self, model):
        """How often the model ran."""
        return int(self.statistics(model)["execution_count"])


class Http(Common, ServerTestCase):
    """Over REST."""

    module = tritonclient.http

    def address(self):
        """Where the server listens."""
        return self.server.http

    @staticmethod
    def outputs(answer):
        """Of a response."""
        return answer.get_response()["outputs"]

    def _get(self, model, what):
        return rest.call(self.server.http, "GET", f"/v2/models/{model}{what}").json()

    def metadata(self, model):
        """Model metadata."""
        return self._get(model, "")

    def config(self, model):
        """The completed configuration."""
        return self._get(model, "/config")

    def statistics(self, model):
        """Of the newest version."""
        return self._get(model, "/stats")["model_stats"][0]


class Grpc(Common, ServerTestCase):
    """Over gRPC."""

    module = tritonclient.grpc

    def address(self):
        """Where the server listens."""
        return self.server.grpc

    @staticmethod
    def outputs(answer):
        """Of a response."""
        return [{"name": output.name} for output in answer.get_response().outputs]

    def _call(self, name, *args):
        client = tritonclient.grpc.InferenceServerClient(self.address())
        try:
            return getattr(client, name)(*args, as_json=True)
        finally:
            client.close()

    def metadata(self, model):
        """Model metadata."""
        return self._call("get_model_metadata", model)

    def config(self, model):
        """The completed configuration."""
        return self._call("get_model_config", model)["config"]

    def statistics(self, model):
        """Of the newest version."""
        return self._call("get_inference_statistics", model)["model_stats"][0]


class Together(unittest.TestCase):
    """What needs a server of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hadron-ragged-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def serve(self, env=None, **options):
        """A server, up to the end of the test."""
        server = Server([self.folder], env=env, **options)
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        return server

    @staticmethod
    def ask(server, elements, rows=1):
        """The sums of a request of ones."""
        with rest.Client(server.http) as client:
            answer = client.infer_binary("segments", {
                "x": np.ones((rows, elements), np.float32), "add": np.zeros((rows, 1), np.float32)})
        return answer["sum"], answer["twice"].shape

    def test_requests_of_any_shape_share_a_batch(self):
        """The batcher holds everything until all are there: they run at once."""
        write_segments(self.folder, "segments", more="dynamic_batching { }")
        server = self.serve(env={"HADRON_TEST_HOOKS": "1", "TRITONSERVER_DELAY_SCHEDULER": "8"})
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda n: self.ask(server, n), range(1, 9)))
        for n, (total, shape) in enumerate(answers, 1):
            self.assertEqual([[n]], total.tolist())
            self.assertEqual((1, n), shape)
        stats = rest.call(server.http, "GET", "/v2/models/segments/stats").json()["model_stats"][0]
        self.assertEqual((8, 1), (stats["inference_count"], stats["execution_count"]))
        self.assertEqual([8], [b["batch_size"] for b in stats["batch_stats"]])

    def test_a_batch_that_does_not_fit_runs_one_by_one(self):
        """On a card: there is room for the tensors of one large request, not of eight."""
        write_segments(self.folder, "segments", more="dynamic_batching { }")
        server = self.serve(env={"HADRON_TEST_HOOKS": "1", "TRITONSERVER_DELAY_SCHEDULER": "8",
                                 "HADRON_TEST_COPY_RATE": "4000000000"},
                            device_memory_budget=16 << 20)
        elements = 300_000  # 1.2 MB; a run needs several tensors of that size
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda n: self.ask(server, elements), range(8)))
        for total, shape in answers:
            self.assertEqual([[elements]], total.tolist())
            self.assertEqual((1, elements), shape)
        stats = rest.call(server.http, "GET", "/v2/models/segments/stats").json()["model_stats"][0]
        self.assertEqual((8, 8), (stats["inference_count"], stats["execution_count"]))

    def test_the_model_decides_about_the_sum_of_shapes(self):
        """What only a batch makes wrong fails nobody; what is wrong alone fails alone."""
        # Elements in pairs: a request of three is the model's to refuse.
        parts = [node("Reshape", ["x", "shape"], "pairs"), node("Identity", ["pairs"], "y"),
                 constant("shape", np.array([-1, 2]))]
        write(self.folder, "segments", parts, [value("x", FLOAT, "n")],
              [value("y", FLOAT, "m", 2)], """max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
output { name: "y" data_type: TYPE_FP32 dims: -1 }
batch_output { target_name: "y" source_input: "x" }
dynamic_batching { }""")
        server = self.serve(env={"HADRON_TEST_HOOKS": "1", "TRITONSERVER_DELAY_SCHEDULER": "4"})

        def one(elements):
            body, headers = rest.binary_body({"x": np.ones((1, elements), np.float32)})
            return rest.call(server.http, "POST", "/v2/models/segments/infer", body, headers)

        with ThreadPoolExecutor(4) as clients:
            answers = list(clients.map(one, [2, 4, 3, 6]))
        self.assertEqual([200, 200, 400, 200], [a.status for a in answers])
        for answer, elements in zip(answers, [2, 4, 3, 6]):
            if elements != 3:
                self.assertEqual((1, elements), rest.arrays(answer)["y"].shape)

    def test_hostile_configurations(self):
        """Each is refused with what is wrong with it, and the server goes on."""
        good = SEGMENTS.format(max_batch=8, more="")
        write_segments(self.folder, "segments")
        rows = [
            ('target_name: "offsets"', 'target_name: "nowhere"', "target 'nowhere' is no input"),
            ('source_input: "x" }\nbatch_output', 'source_input: "q" }\nbatch_output',
             "source_input 'q' is no input"),
            ("TYPE_INT32", "TYPE_INT64", "must be TYPE_INT32 or TYPE_FP32"),
            ("TYPE_INT32", "TYPE_FP32", "data_type is FP32 but the model's is INT32"),
            ('source_input: "x" }\nbatch_output', 'source_input: [ "x", "add" ] }\nbatch_output',
             "exactly one 'source_input'"),
            ("BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO", "BATCH_ITEM_SHAPE",
             "gets a tensor of shape [-1,1], but the model's shape is [-1]"),
            ("max_batch_size: 8", "max_batch_size: 0", "need max_batch_size > 0"),
            ("allow_ragged_batch: true", "allow_ragged_batch: true optional: true", "optional"),
            ("dims: -1 allow", "dims: [ -1, 2 ] allow", None),
            ('name: "add" data_type: TYPE_FP32 dims: 1 reshape { shape: [] }',
             'name: "add" data_type: TYPE_FP32 dims: 1', "tensor 'add'"),
            ('batch_output { target_name: "twice"', 'batch_output { target_name: "thrice"',
             "target 'thrice' is no output"),
            ('"twice" data_type: TYPE_FP32 dims: -1', '"twice" data_type: TYPE_FP32 dims: [ -1, -1 ]',
             "source_input 'x' of shape [-1] has no dimension"),
            ("kind: BATCH_SCATTER_WITH_INPUT_SHAPE", "kind: 7", "kind"),
        ]
        server = self.serve(model_control_mode="explicit")
        for old, new, text in rows:
            self.assertIn(old, good)
            (self.folder / "segments" / "config.pbtxt").write_text(good.replace(old, new, 1))
            answer = rest.call(server.http, "POST", "/v2/repository/models/segments/load", b"{}")
            if text is None:
                self.assertEqual(200, answer.status, answer.body)
                continue
            self.assertEqual(400, answer.status, (new, answer.body))
            self.assertIn(text, json.loads(answer.body)["error"], new)
        (self.folder / "segments" / "config.pbtxt").write_text(good)
        answer = rest.call(server.http, "POST", "/v2/repository/models/segments/load", b"{}")
        self.assertEqual(200, answer.status, answer.body)
        self.assertEqual([[3]], self.ask(server, 3)[0].tolist())

    def test_a_model_that_takes_no_flat_input(self):
        """Its shape is in the refusal."""
        write(self.folder, "square", [node("Identity", ["x"], "y")],
              [value("x", FLOAT, "batch", "n")], [value("y", FLOAT, "batch", "n")],
              """max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
output { name: "y" data_type: TYPE_FP32 dims: -1 }""")
        server = self.serve(exit_on_error="false", strict_readiness=0)
        index = rest.call(server.http, "POST", "/v2/repository/index", b"{}").json()
        self.assertIn("needs an input of shape [-1] in the model", index[0]["reason"])
        self.assertIn("[-1,-1]", index[0]["reason"])

    def test_sequences(self):
        """Rows of sequences in slots, each request of another length; what a hole repeats is
        nobody's."""
        write_totals(self.folder, "totals", "direct { }")
        write_totals(self.folder, "oldest", "oldest { }")
        server = self.serve()

        def talk(number, model):
            client = tritonclient.http.InferenceServerClient(server.http)
            total = 0
            lengths = [(number * 7 + i * 3) % 11 for i in range(12)]
            for i, length in enumerate(lengths):
                x = tritonclient.http.InferInput("x", [1, length], "FP32")
                x.set_data_from_numpy(np.full((1, length), number, np.float32))
                answer = client.infer(model, [x], sequence_id=number, sequence_start=i == 0,
                                      sequence_end=i + 1 == len(lengths))
                total += length * number
                self.assertEqual([[total]], answer.as_numpy("y").tolist())
            client.close()

        for model in ("totals", "oldest"):
            with ThreadPoolExecutor(6) as clients:
                for one in [clients.submit(talk, n, model) for n in range(1, 7)]:
                    one.result()


if __name__ == "__main__":
    unittest.main()
