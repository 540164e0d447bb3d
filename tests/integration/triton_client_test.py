"""Triton's own Python client (PyPI tritonclient) against the server, over both protocols."""

import queue
import unittest

import ml_dtypes
import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from integration.harness import MODEL_REPO, SLOWDOWN, TEST_MODELS, ServerTestCase

MODELS = {"calo_gan", "digits", "jet_bdt", "simple", "simple_string", "identity_fp32",
          "identity_bf16", "identity_fp16", "identity_string", "identity_int64", "identity_bool",
          "scale"}
TENS = np.arange(16, dtype=np.int32).reshape(1, 16) * 10
ONES = np.ones((1, 16), dtype=np.int32)
NO_CONTROL = "explicit model load / unload is not allowed"


class Common:
    """What both clients can do; `module` and `not_found` tell them apart."""

    repositories = (MODEL_REPO, TEST_MODELS)
    module = None
    not_found = None
    unavailable = None
    invalid = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls.module.InferenceServerClient(cls.address())

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        super().tearDownClass()

    def tensor(self, name, array, datatype, **options):
        """An input of the client's own type."""
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, **options)
        return tensor

    def simple_inputs(self):
        """Inputs of the model 'simple'."""
        return [self.tensor("INPUT0", TENS, "INT32"), self.tensor("INPUT1", ONES, "INT32")]

    def check_simple(self, result):
        """Sum and difference of simple_inputs()."""
        np.testing.assert_array_equal(TENS + ONES, result.as_numpy("OUTPUT0"))
        np.testing.assert_array_equal(TENS - ONES, result.as_numpy("OUTPUT1"))

    def identity(self, model, array, datatype):
        """What an identity model answers."""
        result = self.client.infer(model, [self.tensor("INPUT0", array, datatype)])
        return result.as_numpy("OUTPUT0")

    def check_refused(self, status, text, call, *args, **kwargs):
        """The call raises the client's exception with this status and text."""
        with self.assertRaises(InferenceServerException) as caught:
            call(*args, **kwargs)
        self.assertEqual(status, caught.exception.status())
        self.assertIn(text, caught.exception.message())

    def test_health(self):
        """Live, ready, and model readiness."""
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        for model in MODELS:
            self.assertTrue(self.client.is_model_ready(model), model)
        self.assertTrue(self.client.is_model_ready("scale", "2"))

    def test_infer(self):
        """All outputs, nothing else asked for."""
        self.check_simple(self.client.infer("simple", self.simple_inputs()))

    def test_requested_output(self):
        """Only the output that was asked for."""
        wanted = [self.module.InferRequestedOutput("OUTPUT1")]
        result = self.client.infer("simple", self.simple_inputs(), outputs=wanted)
        np.testing.assert_array_equal(TENS - ONES, result.as_numpy("OUTPUT1"))
        self.assertIsNone(result.as_numpy("OUTPUT0"))

    def test_request_id_comes_back(self):
        """The client pairs answers with requests by it."""
        result = self.client.infer("simple", self.simple_inputs(), request_id="run-7/event 42")
        self.assertEqual("run-7/event 42", self.field(result.get_response(), "id"))

    def test_request_parameters(self):
        """Custom parameters, priority and timeout do no harm."""
        self.check_simple(self.client.infer("simple", self.simple_inputs(), priority=1,
                                            timeout=60_000_000, parameters={"run": 7, "on": True}))

    def test_strings(self):
        """Decimal integers as BYTES."""
        def text(array):
            return np.array([str(v).encode() for v in array.ravel()], object).reshape(array.shape)
        inputs = [self.tensor("INPUT0", text(TENS), "BYTES"),
                  self.tensor("INPUT1", text(ONES), "BYTES")]
        result = self.client.infer("simple_string", inputs)
        np.testing.assert_array_equal(text(TENS + ONES), result.as_numpy("OUTPUT0"))
        np.testing.assert_array_equal(text(TENS - ONES), result.as_numpy("OUTPUT1"))

    def test_string_bytes_are_kept(self):
        """Empty, embedded zero, UTF-8, and what is not UTF-8."""
        words = np.array([[b"", b"a\0b", "Grüße \U0001f600".encode(), b"\xff\xfe", b"x" * 70000]],
                         object)
        np.testing.assert_array_equal(words, self.identity("identity_string", words, "BYTES"))

    def test_bf16(self):
        """Raw bytes of a type that numpy does not have."""
        values = np.array([[0.0, -0.0, 1.5, -3.25, 3e38, 1e-38, np.inf]], ml_dtypes.bfloat16)
        answer = self.identity("identity_bf16", values, "BF16")
        self.assertEqual(values.tobytes(), answer.tobytes())

    def test_fp16(self):
        """Half precision, subnormals and specials included."""
        values = np.array([[0.5, -0.0, 65504, 6e-8, np.inf, np.nan]], np.float16)
        self.assertEqual(values.tobytes(),
                         self.identity("identity_fp16", values, "FP16").tobytes())

    def test_int64(self):
        """The ends of the range."""
        values = np.array([[0, -1, 2**63 - 1, -2**63]], np.int64)
        np.testing.assert_array_equal(values, self.identity("identity_int64", values, "INT64"))

    def test_bool(self):
        """One byte each."""
        values = np.array([[True, False, True]])
        np.testing.assert_array_equal(values, self.identity("identity_bool", values, "BOOL"))

    def test_empty_tensor(self):
        """A dimension of 0 is a tensor without elements."""
        values = np.zeros((1, 0), np.float32)
        self.assertEqual((1, 0), self.identity("identity_fp32", values, "FP32").shape)

    def test_versions(self):
        """Version n multiplies by n; the newest answers where none is asked for."""
        values = np.arange(4, dtype=np.float32).reshape(1, 4)
        for version, factor in (("1", 1), ("2", 2), ("3", 3), ("", 3)):
            result = self.client.infer("scale", [self.tensor("INPUT0", values, "FP32")],
                                       model_version=version)
            np.testing.assert_array_equal(values * factor, result.as_numpy("OUTPUT0"))
            self.assertEqual(str(factor), self.field(result.get_response(), "model_version"))

    def test_classification(self):
        """The best three of ten digits, with their labels."""
        wanted = [self.module.InferRequestedOutput("probabilities", class_count=3)]
        image = np.zeros((2, 1, 8, 8), np.float32)
        result = self.client.infer("digits", [self.tensor("image", image, "FP32")],
                                   outputs=wanted)
        classes = result.as_numpy("probabilities")
        self.assertEqual((2, 3), classes.shape)
        values = [float(text.split(b":")[0]) for text in classes[0]]
        self.assertEqual(sorted(values, reverse=True), values)
        for text in classes.ravel():
            self.assertRegex(text.decode(), r"^[01]\.\d{6}:(\d):\1$")  # digit n has label n

    def test_async_infer_of_many_requests(self):
        """More requests than connections, in flight together."""
        image = np.load(self.images())[:24]
        expected = self.client.infer("digits", [self.tensor("image", image, "FP32")])
        expected = expected.as_numpy("probabilities")
        got = self.infer_async("digits", [[self.tensor("image", one[None], "FP32")]
                                          for one in image])
        answers = np.concatenate([result.as_numpy("probabilities") for result in got])
        self.assertEqual(expected.tobytes(), answers.tobytes())

    @staticmethod
    def images():
        """File of the held-out digits."""
        return MODEL_REPO.parent / "tests" / "data" / "digits_images.npy"

    def test_unknown_model(self):
        """Not found, whatever is asked of it."""
        text = "Request for unknown model: 'nope' is not found"
        self.check_refused(self.not_found, text, self.client.get_model_metadata, "nope")
        self.check_refused(self.not_found, text, self.client.get_model_config, "nope")
        self.check_refused(self.not_found, text, self.client.infer, "nope", self.simple_inputs())

    def test_unknown_version(self):
        """The message names model and version."""
        self.check_refused(self.not_found, "'simple' version 9 is not found", self.client.infer,
                           "simple", self.simple_inputs(), model_version="9")

    def test_missing_input(self):
        """The message names what is missing."""
        self.check_refused(self.invalid, "missing required input(s) ['INPUT1']",
                           self.client.infer, "simple", self.simple_inputs()[:1])

    def test_wrong_type(self):
        """The message names both types."""
        inputs = [self.tensor("INPUT0", TENS.astype(np.float32), "FP32"), self.simple_inputs()[1]]
        self.check_refused(self.invalid, "data-type is 'FP32', but model 'simple' expects 'INT32'",
                           self.client.infer, "simple", inputs)

    def test_wrong_shape(self):
        """The message names both shapes."""
        inputs = [self.tensor(name, np.zeros((1, 4), np.int32), "INT32")
                  for name in ("INPUT0", "INPUT1")]
        self.check_refused(self.invalid, "unexpected shape for input 'INPUT0'",
                           self.client.infer, "simple", inputs)

    def test_loading_needs_a_control_mode(self):
        """In mode none nothing is loaded or unloaded by call."""
        self.check_refused(self.unavailable, NO_CONTROL, self.client.load_model, "simple")
        self.check_refused(self.unavailable, NO_CONTROL, self.client.unload_model, "simple")


class Http(Common, ServerTestCase):
    """tritonclient.http."""

    module = tritonclient.http
    not_found, unavailable, invalid = "404", "503", "400"

    @classmethod
    def address(cls):
        """Where REST listens."""
        return cls.server.http

    @staticmethod
    def field(message, name):
        """A field of an answer."""
        return message[name]

    def infer_async(self, model, requests):
        """Results in the order of the requests."""
        with self.module.InferenceServerClient(self.address(), concurrency=4) as client:
            pending = [client.async_infer(model, inputs) for inputs in requests]
            return [request.get_result() for request in pending]

    def test_metadata(self):
        """Server and model."""
        server = self.client.get_server_metadata()
        self.assertEqual("hadron", server["name"])
        self.assertIn("binary_tensor_data", server["extensions"])
        model = self.client.get_model_metadata("digits")
        self.assertEqual("onnxruntime_onnx", model["platform"])
        self.assertEqual(["1"], model["versions"])
        self.assertEqual([{"name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8]}],
                         model["inputs"])
        self.assertEqual(["1", "2", "3"], self.client.get_model_metadata("scale")["versions"])

    def test_config(self):
        """As written, with numbers as numbers and enums as names."""
        config = self.client.get_model_config("digits")
        self.assertEqual("digits", config["name"])
        self.assertEqual(64, config["max_batch_size"])
        self.assertEqual("TYPE_FP32", config["input"][0]["data_type"])
        self.assertEqual([1, 8, 8], config["input"][0]["dims"])
        self.assertIn("dynamic_batching", config)

    def test_completed_config(self):
        """A model without tensors in its configuration gets them from the file."""
        config = self.client.get_model_config("identity_fp32")
        self.assertEqual(["INPUT0"], [tensor["name"] for tensor in config["input"]])
        self.assertEqual(["OUTPUT0"], [tensor["name"] for tensor in config["output"]])

    def test_repository_index(self):
        """Every version, sorted by name."""
        index = self.client.get_model_repository_index()
        self.assertEqual(MODELS, {entry["name"] for entry in index})
        self.assertEqual({"READY"}, {entry["state"] for entry in index})
        self.assertEqual(sorted(entry["name"] for entry in index),
                         [entry["name"] for entry in index])
        self.assertEqual(["1", "2", "3"], [e["version"] for e in index if e["name"] == "scale"])

    def test_statistics(self):
        """Successful requests are counted by rows and by executions."""
        def row():
            return self.client.get_inference_statistics("simple")["model_stats"][0]
        before = row()
        self.client.infer("simple", self.simple_inputs())
        after = row()
        self.assertEqual(before["inference_count"] + 1, after["inference_count"])
        self.assertEqual(before["execution_count"] + 1, after["execution_count"])
        self.assertEqual(before["inference_stats"]["success"]["count"] + 1,
                         after["inference_stats"]["success"]["count"])

    def test_infer_json(self):
        """Tensors as JSON text in both directions."""
        inputs = [self.tensor("INPUT0", TENS, "INT32", binary_data=False),
                  self.tensor("INPUT1", ONES, "INT32", binary_data=False)]
        wanted = [self.module.InferRequestedOutput(name, binary_data=False)
                  for name in ("OUTPUT0", "OUTPUT1")]
        self.check_simple(self.client.infer("simple", inputs, outputs=wanted))

    def test_infer_mixed(self):
        """One tensor JSON, one binary, in both directions."""
        inputs = [self.tensor("INPUT0", TENS, "INT32", binary_data=False),
                  self.tensor("INPUT1", ONES, "INT32")]
        wanted = [self.module.InferRequestedOutput("OUTPUT0", binary_data=True),
                  self.module.InferRequestedOutput("OUTPUT1", binary_data=False)]
        self.check_simple(self.client.infer("simple", inputs, outputs=wanted))

    def test_compression(self):
        """Every pair of request and response codings."""
        for request in ("gzip", "deflate", None):
            for response in ("gzip", "deflate", None):
                with self.subTest(request=request, response=response):
                    self.check_simple(self.client.infer(
                        "simple", self.simple_inputs(), request_compression_algorithm=request,
                        response_compression_algorithm=response))

    def test_unknown_model_is_not_ready(self):
        """The client turns 404 into False."""
        self.assertFalse(self.client.is_model_ready("nope"))


class Grpc(Common, ServerTestCase):
    """tritonclient.grpc."""

    module = tritonclient.grpc
    not_found = "StatusCode.NOT_FOUND"
    unavailable = "StatusCode.UNAVAILABLE"
    invalid = "StatusCode.INVALID_ARGUMENT"

    @classmethod
    def address(cls):
        """Where gRPC listens."""
        return cls.server.grpc

    @staticmethod
    def field(message, name):
        """A field of an answer."""
        return getattr(message, name)

    def infer_async(self, model, requests):
        """Results in the order of the requests."""
        done = queue.Queue()
        for number, inputs in enumerate(requests):
            self.client.async_infer(model, inputs, request_id=str(number),
                                    callback=lambda result, error: done.put((result, error)))
        results = {}
        for _ in requests:
            result, error = done.get(timeout=30 * SLOWDOWN)
            self.assertIsNone(error)
            results[int(result.get_response().id)] = result
        return [results[number] for number in range(len(requests))]

    def test_metadata(self):
        """Server and model."""
        server = self.client.get_server_metadata()
        self.assertEqual("hadron", server.name)
        self.assertIn("model_configuration", server.extensions)
        model = self.client.get_model_metadata("digits")
        self.assertEqual("onnxruntime_onnx", model.platform)
        self.assertEqual([-1, 1, 8, 8], list(model.inputs[0].shape))
        self.assertEqual("FP32", model.outputs[0].datatype)
        self.assertEqual(["2"], list(self.client.get_model_metadata("scale", "2").versions))

    def test_config(self):
        """The message of model_config.proto, readable with Triton's own classes."""
        config = self.client.get_model_config("digits").config
        self.assertEqual(64, config.max_batch_size)
        self.assertEqual("image", config.input[0].name)
        self.assertEqual([1, 8, 8], list(config.input[0].dims))
        self.assertEqual("labels.txt", config.output[0].label_filename)
        self.assertTrue(config.HasField("dynamic_batching"))

    def test_repository_index(self):
        """Every version, all ready."""
        index = self.client.get_model_repository_index().models
        self.assertEqual(MODELS, {entry.name for entry in index})
        self.assertEqual({"READY"}, {entry.state for entry in index})

    def test_statistics(self):
        """Successful requests are counted."""
        def count():
            statistics = self.client.get_inference_statistics("simple")
            return statistics.model_stats[0].inference_stats.success.count
        before = count()
        self.client.infer("simple", self.simple_inputs())
        self.assertEqual(before + 1, count())

    def test_compression(self):
        """Both codings of gRPC."""
        for algorithm in ("gzip", "deflate"):
            with self.subTest(algorithm):
                self.check_simple(self.client.infer("simple", self.simple_inputs(),
                                                    compression_algorithm=algorithm))

    def test_unknown_model_is_an_error(self):
        """gRPC has a status where REST has a boolean."""
        self.check_refused(self.not_found, "'nope' is not found", self.client.is_model_ready,
                           "nope")

    def stream(self, requests):
        """Results and errors of requests over one stream, in the order they came."""
        done = queue.Queue()
        self.client.start_stream(callback=lambda result, error: done.put((result, error)))
        try:
            for number, (model, inputs) in enumerate(requests):
                self.client.async_stream_infer(model, inputs, request_id=str(number))
            return [done.get(timeout=30 * SLOWDOWN) for _ in requests]
        finally:
            self.client.stop_stream()

    def test_stream_keeps_the_order(self):
        """Different models, one stream."""
        scale = [self.tensor("INPUT0", np.ones((1, 4), np.float32), "FP32")]
        answers = self.stream([("simple", self.simple_inputs()), ("scale", scale)] * 10)
        self.assertEqual([None] * 20, [error for _, error in answers])
        self.assertEqual([str(n) for n in range(20)], [r.get_response().id for r, _ in answers])
        self.check_simple(answers[0][0])
        final = answers[0][0].get_response().parameters["triton_final_response"]
        self.assertTrue(final.bool_param)

    def test_stream_survives_an_error(self):
        """A bad request is answered with a message; the next one works."""
        answers = self.stream([("nope", self.simple_inputs()), ("simple", self.simple_inputs())])
        self.assertIn("'nope' is not found", answers[0][1].message())
        self.assertIsNone(answers[1][1])
        self.check_simple(answers[1][0])


if __name__ == "__main__":
    unittest.main()
