"""Bad load and unload calls over both protocols: the right status and a message that names the
thing. A row is said once; what differs between the protocols is how its parameters are written.
"""

import base64
import json
import unittest
from dataclasses import dataclass, field

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from integration import rest
from integration.harness import MODEL_REPO, ServerTestCase

INVALID = grpc.StatusCode.INVALID_ARGUMENT
OUTSIDE = "must stay within model directory"
TRAVERSAL = "path traversal characters"
ANSWER_SECONDS = 30


@dataclass
class Row:
    """One bad load call: bytes are a file, everything else is taken as it is."""

    name: str
    says: str
    model: str = "simple"
    parameters: dict = field(default_factory=dict)
    status: int = 400
    code: grpc.StatusCode = INVALID


ROWS = [
    Row("unknown model", "failed to load 'ghost', failed to poll from model repository", "ghost",
        status=404, code=grpc.StatusCode.NOT_FOUND),
    Row("blank name", "Model name cannot be empty", " "),
    Row("parent", TRAVERSAL, ".."),
    Row("path", TRAVERSAL, "../simple"),
    Row("hidden name", "must not begin with '.'", ".git"),
    Row("control character in the name", "control characters", "a\x01b"),
    Row("unknown parameter", "unrecognized load parameter 'speed'", parameters={"speed": "high"}),
    Row("reload policy unknown", "load parameter 'reload_policy': 'sometimes' is not keep-old or "
        "swap-out-first", parameters={"reload_policy": "sometimes"}),
    Row("reload policy that is a number", "load parameter 'reload_policy' must be",
        parameters={"reload_policy": 7}),
    Row("config that is a number", "load parameter 'config' must be", parameters={"config": 7}),
    Row("config that is a boolean", "load parameter 'config' must be", parameters={"config": True}),
    Row("config that is no JSON", "Invalid config override", parameters={"config": "{"}),
    Row("config with a field unknown", "Invalid config override",
        parameters={"config": '{"no_such": 1}'}),
    Row("config of garbage", "Invalid config override", parameters={"config": "\x00\x01"}),
    Row("config of another name", "unexpected directory name",
        parameters={"config": '{"name": "other"}'}),
    Row("config of another backend", "load failed for model 'simple'",
        parameters={"config": '{"backend": "python"}'}),
    Row("config with an output unknown", "load failed for model 'simple': version 1 is at "
        "UNAVAILABLE state", parameters={"config": json.dumps({"output": [
            {"name": "NONE", "data_type": "TYPE_INT32", "dims": [16]}]})}),
    Row("files without config", "'config' must be specified for model file override",
        parameters={"file:1/model.onnx": b"x"}),
    Row("file outside", OUTSIDE, parameters={"config": "{}", "file:../x/model.onnx": b"x"}),
    Row("file with a path of the root", OUTSIDE, parameters={"config": "{}", "file:/etc/x": b"x"}),
    Row("file that is hidden", OUTSIDE, parameters={"config": "{}", "file:1/.x": b"x"}),
    Row("file without a name", OUTSIDE, parameters={"config": "{}", "file:": b"x"}),
    Row("file with a backslash", OUTSIDE, parameters={"config": "{}", "file:1\\x": b"x"}),
    Row("file that is a number", "load parameter 'file:1/model.onnx' must be",
        parameters={"config": "{}", "file:1/model.onnx": 7}),
    Row("file that is a directory, too", "override file '1' cannot be a file and a directory",
        parameters={"config": "{}", "file:1": b"x", "file:1.x": b"x", "file:1/model.onnx": b"x"}),
    Row("file that is no model", "load failed for model 'simple': version 1 is at UNAVAILABLE "
        "state", parameters={"config": "{}", "file:1/model.onnx": b"no model"}),
    Row("file of no version", "load failed for model 'simple'",
        parameters={"config": "{}", "file:model.onnx": b"x"}),
    Row("empty file", "load failed for model 'simple'",
        parameters={"config": "{}", "file:1/model.onnx": b""}),
]


def rest_body(parameters):
    """The parameters as JSON."""
    return json.dumps({"parameters": {
        k: base64.b64encode(v).decode() if isinstance(v, bytes) else v
        for k, v in parameters.items()}}).encode()


def grpc_parameter(value):
    """A parameter of the kind that the value has."""
    if isinstance(value, bytes):
        return pb.ModelRepositoryParameter(bytes_param=value)
    if isinstance(value, bool):
        return pb.ModelRepositoryParameter(bool_param=value)
    if isinstance(value, int):
        return pb.ModelRepositoryParameter(int64_param=value)
    return pb.ModelRepositoryParameter(string_param=value)


class LoadRequests(ServerTestCase):
    """One server for the whole table; the model that serves must go on serving."""

    repositories = (MODEL_REPO,)
    options = {"model_control_mode": "explicit", "load_model": "simple"}

    def post(self, path, body):
        """A POST."""
        return rest.call(self.server.http, "POST", path, body)

    def check_serves(self):
        """'simple' is the repository's still."""
        answer = rest.call(self.server.http, "GET", "/v2/models/simple/config")
        self.assertEqual(200, answer.status)
        self.assertEqual(8, answer.json()["max_batch_size"])

    def test_rest(self):
        """Every row."""
        for row in ROWS:
            with self.subTest(row.name):
                model = row.model.replace("/", "%2F").replace(" ", "%20").replace("\x01", "%01")
                answer = self.post(f"/v2/repository/models/{model}/load", rest_body(row.parameters))
                self.assertEqual(row.status, answer.status, answer.body)
                self.assertIn(row.says, answer.json()["error"])
                self.check_serves()

    def test_grpc(self):
        """Every row."""
        with grpc.insecure_channel(self.server.grpc) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            for row in ROWS:
                with self.subTest(row.name), self.assertRaises(grpc.RpcError) as caught:
                    stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(
                        model_name=row.model,
                        parameters={k: grpc_parameter(v) for k, v in row.parameters.items()}),
                        timeout=ANSWER_SECONDS)
                with self.subTest(row.name):
                    self.assertEqual(row.code, caught.exception.code(), caught.exception.details())
                    self.assertIn(row.says, caught.exception.details())
                    self.check_serves()

    def test_bodies(self):
        """Bodies of REST that are not what they should be."""
        for call, body, says in (
                ("load", b"{", "failed to parse the request JSON buffer"),
                ("load", b"[]", "attempt to access JSON"),
                ("load", b'{"parameters": 7}', "attempt to access JSON"),
                ("load", b'{"parameters": {"config": "{}", "file:1/model.onnx": "=A=="}}',
                 "not base64"),
                ("load", b'{"parameters": {"config": "{}", "file:1/model.onnx": "QQ"}}',
                 "no multiple of 4"),
                ("load", b'{"parameters": {"config": ' + b"[" * 100_000, "must be a string"),
                ("unload", b"{", "failed to parse the request JSON buffer"),
                ("unload", b'{"parameters": {"unload_dependents": 1}}', "'unload_dependents'")):
            with self.subTest(body=body[:60]):
                answer = self.post(f"/v2/repository/models/simple/{call}", body)
                self.assertEqual(400, answer.status, answer.body)
                self.assertIn(says, answer.json()["error"])
                self.check_serves()

    def test_unload(self):
        """Names, and parameters of the wrong kind."""
        with grpc.insecure_channel(self.server.grpc) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            for model, parameters, says in (
                    ("..", {}, TRAVERSAL), ("", {}, "Model name cannot be empty"),
                    ("simple", {"unload_dependents": "yes"}, "'unload_dependents'")):
                with self.subTest(model), self.assertRaises(grpc.RpcError) as caught:
                    stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(
                        model_name=model,
                        parameters={k: grpc_parameter(v) for k, v in parameters.items()}),
                        timeout=ANSWER_SECONDS)
                self.assertEqual(INVALID, caught.exception.code())
                self.assertIn(says, caught.exception.details())
        self.check_serves()

    def test_empty_bodies_are_fine(self):
        """No body, or nothing in it; unloading what is not loaded."""
        for body in (b"", b"{}", b'{"parameters": {}}', b'{"something": [1, {"else": null}]}'):
            with self.subTest(body):
                self.assertEqual(200, self.post("/v2/repository/models/simple/load", body).status)
                self.assertEqual(200, self.post("/v2/repository/models/ghost/unload", body).status)
        self.check_serves()


if __name__ == "__main__":
    unittest.main()
