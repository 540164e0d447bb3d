"""Sequences from outside, with Triton's own client: states, controls, backlog, ids, refusals."""

import shutil
import struct
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from integration.harness import ServerTestCase
from integration.onnx_sequence import write_accumulator

IDLE = "max_sequence_idle_microseconds: 30000000"
MODELS = {"direct": f"direct {{ }} {IDLE}",
          "oldest": f"oldest {{ max_candidate_sequences: 4 }} {IDLE}"}


class Common:
    """What both protocols can do; `module` tells them apart."""

    module = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="hadron-sequences-"))
        for name, strategy in MODELS.items():
            write_accumulator(cls.folder, name, strategy)
        write_accumulator(cls.folder, "words", MODELS["oldest"], strings=True)
        write_accumulator(cls.folder, "begun", MODELS["direct"], initial=struct.pack("<f", 100))
        write_accumulator(cls.folder, "single", MODELS["direct"], max_batch=1)
        write_accumulator(cls.folder, "short", "direct { } max_sequence_idle_microseconds: 1")
        write_accumulator(cls.folder, "slow", MODELS["direct"])
        with open(cls.folder / "slow" / "config.pbtxt", "a", encoding="utf-8") as config:
            config.write('parameters { key: "execute_delay_ms" value { string_value: "300" } }\n')
        cls.repositories = (cls.folder,)
        try:
            super().setUpClass()
        except BaseException:
            shutil.rmtree(cls.folder)
            raise

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.folder)

    def client(self):
        """A connection of its own, closed with the test."""
        client = self.module.InferenceServerClient(self.address())
        self.addCleanup(client.close)
        return client

    def ask(self, client, model, number, sequence, start=False, end=False):
        """One request of one row."""
        x = self.module.InferInput("x", [1, 1], "FP32")
        x.set_data_from_numpy(np.array([[number]], np.float32))
        return client.infer(model, [x], sequence_id=sequence, sequence_start=start,
                            sequence_end=end)

    def check_sum(self, model, numbers, sequence, begin=0.0):
        """A whole sequence, answer by answer."""
        client = self.client()
        total = begin
        for i, number in enumerate(numbers):
            start, end = i == 0, i + 1 == len(numbers)
            answer = self.ask(client, model, number, sequence, start, end)
            total += number
            self.assertEqual(total, answer.as_numpy("y")[0, 0])
            self.assertEqual((start, end), (answer.as_numpy("first")[0, 0] == 1,
                                            answer.as_numpy("last")[0, 0] == 1))
            who = answer.as_numpy("who")[0, 0]
            self.assertEqual(sequence, who.decode() if isinstance(sequence, str) else who)

    def check_refused(self, text, call, *args, **kwargs):
        """The call is refused as the client's fault, with this text."""
        with self.assertRaises(InferenceServerException) as caught:
            call(*args, **kwargs)
        self.assertIn(str(caught.exception.status()), ("400", "StatusCode.INVALID_ARGUMENT"))
        self.assertIn(text, caught.exception.message())

    def test_sums(self):
        """Each strategy hands the state on; a sequence begins anew."""
        for model in MODELS:
            for numbers in ([1, 2, 3, 4], [5], [6, 7]):
                self.check_sum(model, numbers, 7)

    def test_several_clients(self):
        """More sequences than slots: nobody gets another's sum, and all are served."""
        for model in MODELS:
            with ThreadPoolExecutor(10) as clients:
                talks = [clients.submit(self.check_sum, model,
                                        [n * 100 + i for i in range(6)], 1000 + n)
                         for n in range(10)]
            for talk in talks:
                talk.result()

    def test_string_ids(self):
        """Words name sequences where the model takes words, and only there."""
        self.check_sum("words", [1, 2, 3], "a word")
        client = self.client()
        self.check_refused("the model takes strings", self.ask, client, "words", 1, 5, start=True)
        self.check_refused("the model takes numbers", self.ask, client, "direct", 1, "five",
                           start=True)

    def test_initial_state(self):
        """A file says with what sums begin."""
        self.check_sum("begun", [1, 2], 3, begin=100.0)

    def test_one_slot(self):
        """The second sequence waits for the end of the first."""
        client, other = self.client(), self.client()
        self.ask(client, "single", 1, 1, start=True)
        with ThreadPoolExecutor(1) as another:
            waiting = another.submit(self.check_sum, "single", [5, 6], 2)
            answer = self.ask(client, "single", 2, 1, end=True)
        self.assertEqual(3, answer.as_numpy("y")[0, 0])
        waiting.result()
        self.ask(other, "single", 2, 1, start=True, end=True)

    def test_refusals(self):
        """What belongs to no sequence."""
        client = self.client()
        self.check_refused("must specify the START flag on the first request of the sequence",
                           self.ask, client, "direct", 1, 77)
        self.check_refused("must specify a non-zero or non-empty correlation ID",
                           self.ask, client, "oldest", 1, 0, start=True)
        x = self.module.InferInput("x", [2, 1], "FP32")
        x.set_data_from_numpy(np.ones((2, 1), np.float32))
        self.check_refused("must specify batch-size 1 due to requirements of sequence batcher",
                           client.infer, "direct", [x], sequence_id=4, sequence_start=True)

    def test_idle_sequences_are_forgotten(self):
        """Whoever is silent for too long has to begin anew."""
        client = self.client()
        self.ask(client, "short", 1, 9, start=True)
        self.check_refused("must specify the START flag", self.ask, client, "short", 1, 9)

    def test_the_clients_inputs(self):
        """Controls and states are the server's business."""
        metadata = self.metadata("direct")
        self.assertEqual(["x"], [i["name"] for i in metadata["inputs"]])
        self.assertEqual(["y", "who", "first", "last"], [o["name"] for o in metadata["outputs"]])

    def test_the_server_says_so(self):
        """The extensions."""
        extensions = self.server_metadata()["extensions"]
        self.assertLessEqual({"sequence", "sequence(string_id)"}, set(extensions))

    def test_statistics_count_no_null_items(self):
        """Rows of nobody's are not counted."""
        client = self.client()
        self.ask(client, "direct", 1, 501, start=True)
        self.ask(client, "direct", 1, 502, start=True)
        self.ask(client, "direct", 1, 501, end=True)
        before = self.inferences("direct")
        self.ask(client, "direct", 1, 502, end=True)  # on the second row
        self.assertEqual(before + 1, self.inferences("direct"))


class Http(Common, ServerTestCase):
    """Over REST."""

    module = tritonclient.http

    def address(self):
        """Where the server listens."""
        return self.server.http

    def metadata(self, model):
        """Model metadata."""
        return self.client().get_model_metadata(model)

    def server_metadata(self):
        """Server metadata."""
        return self.client().get_server_metadata()

    def inferences(self, model):
        """How many inferences the statistics count."""
        stats = self.client().get_inference_statistics(model)
        return stats["model_stats"][0]["inference_count"]


class Grpc(Common, ServerTestCase):
    """Over gRPC."""

    module = tritonclient.grpc

    def address(self):
        """Where the server listens."""
        return self.server.grpc

    def metadata(self, model):
        """Model metadata."""
        return self.client().get_model_metadata(model, as_json=True)

    def server_metadata(self):
        """Server metadata."""
        return self.client().get_server_metadata(as_json=True)

    def inferences(self, model):
        """How many inferences the statistics count."""
        stats = self.client().get_inference_statistics(model, as_json=True)
        return int(stats["model_stats"][0]["inference_count"])


class Held(Http):
    """The hook of tests that must know what meets in a batch."""

    options = {"env": {"HADRON_TEST_HOOKS": "1", "TRITONSERVER_DELAY_SCHEDULER": "3"}}

    def test_sums(self):
        """Nothing runs before three requests wait; they share one execution."""
        with ThreadPoolExecutor(3) as clients:
            talks = [clients.submit(self.check_sum, "oldest", [n], n) for n in (1, 2, 3)]
        for talk in talks:
            talk.result()
        stats = self.client().get_inference_statistics("oldest")["model_stats"][0]
        self.assertEqual((3, 1), (stats["inference_count"], stats["execution_count"]))
        self.check_sum("oldest", [4, 5], 4)  # held once only


class Delayed(Http):
    """The hook of tests that must know what meets while something runs."""

    options = {"env": {"HADRON_TEST_HOOKS": "1"}}

    def test_executions_take_longer(self):
        """Each of two takes as long as the parameter says."""
        begin = time.monotonic()
        self.check_sum("slow", [1, 2], 1)
        self.assertGreaterEqual(time.monotonic() - begin, 0.6)
        stats = self.client().get_inference_statistics("slow")["model_stats"][0]
        self.assertGreaterEqual(stats["inference_stats"]["compute_infer"]["ns"], 600_000_000)


def load_tests(loader, _tests, _pattern):
    """Of the held server only what it is for: it would hold every other test's requests, too."""
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Http, Grpc))
    suite.addTest(Held("test_sums"))
    suite.addTest(Delayed("test_executions_take_longer"))
    return suite


if __name__ == "__main__":
    unittest.main()
