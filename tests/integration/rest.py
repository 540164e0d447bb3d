"""A small client of the REST protocol that hides nothing: numpy arrays to bodies and back."""

import http.client
import json
import struct
from dataclasses import dataclass

import numpy as np

HEADER_LENGTH = "Inference-Header-Content-Length"
_NAMES = {"float32": "FP32", "float16": "FP16", "float64": "FP64", "int8": "INT8",
          "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8",
          "bool": "BOOL", "object": "BYTES"}
_TYPES = {name: np.dtype(kind) for kind, name in _NAMES.items()}


@dataclass
class Response:
    """An answer: status, headers with lower-case names, body."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


def call(address, method, path, body=None, headers=None):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        return send(connection, method, path, body, headers)
    finally:
        connection.close()


def send(connection, method, path, body=None, headers=None):
    """One request on an open connection."""
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def datatype(array):
    """The protocol's name of an array's type."""
    return _NAMES[array.dtype.name]


def _as_text(value):
    return value.decode() if isinstance(value, bytes) else value


def _input(name, array, data):
    return {"name": name, "datatype": datatype(array), "shape": list(array.shape), **data}


def json_body(inputs, outputs=None):
    """Body of a request whose tensors are JSON."""
    tensors = [_input(name, a, {"data": [_as_text(v) for v in a.ravel().tolist()]})
               for name, a in inputs.items()]
    request = {"inputs": tensors}
    if outputs is not None:
        request["outputs"] = [{"name": name} for name in outputs]
    return json.dumps(request).encode()


def to_bytes(array):
    """An array in the protocol's binary form."""
    if array.dtype != object:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    elements = [v if isinstance(v, bytes) else str(v).encode() for v in array.ravel()]
    return b"".join(struct.pack("<I", len(e)) + e for e in elements)


def from_bytes(blob, name, shape):
    """The opposite of to_bytes."""
    if name != "BYTES":
        return np.frombuffer(blob, _TYPES[name].newbyteorder("<")).reshape(shape)
    elements = []
    while blob:
        (length,) = struct.unpack_from("<I", blob)
        elements.append(blob[4:4 + length])
        blob = blob[4 + length:]
    return np.array(elements, dtype=object).reshape(shape)


def binary_body(inputs):
    """Body and headers of a request whose tensors are binary, also those of its answer."""
    blobs = [to_bytes(a) for a in inputs.values()]
    tensors = [_input(name, a, {"parameters": {"binary_data_size": len(blob)}})
               for (name, a), blob in zip(inputs.items(), blobs)]
    header = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    return b"".join([header, *blobs]), {HEADER_LENGTH: str(len(header))}


def _array(tensor):
    name, shape = tensor["datatype"], tensor["shape"]
    if name == "BYTES":
        return np.array(tensor["data"], dtype=object).reshape(shape)
    return np.array(tensor["data"], dtype=_TYPES[name]).reshape(shape)


def arrays(response):
    """Output arrays of an answer by name."""
    if response.status != 200:
        raise AssertionError(f"status {response.status}: {response.body[:500]!r}")
    length = int(response.headers.get(HEADER_LENGTH.lower(), len(response.body)))
    at = length
    result = {}
    for tensor in json.loads(response.body[:length])["outputs"]:
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            result[tensor["name"]] = _array(tensor)
            continue
        blob = response.body[at:at + size]
        at += size
        result[tensor["name"]] = from_bytes(blob, tensor["datatype"], tensor["shape"])
    return result


class Client:
    """Inference over one kept connection."""

    def __init__(self, address):
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def infer_json(self, model, inputs):
        """Output arrays of a request in JSON."""
        return arrays(send(self._connection, "POST", f"/v2/models/{model}/infer",
                           json_body(inputs)))

    def infer_binary(self, model, inputs):
        """Output arrays of a request with binary tensors."""
        body, headers = binary_body(inputs)
        return arrays(send(self._connection, "POST", f"/v2/models/{model}/infer", body, headers))

    def close(self):
        """Ends the connection."""
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
