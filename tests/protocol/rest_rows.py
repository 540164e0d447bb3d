"""Bad REST requests and what must be answered: the rows of bad_requests_test.py.

A row is a name, the bytes on the wire, the status, and text that the answer must contain.
"""

import gzip
import json
import zlib
from dataclasses import dataclass

MAX_INPUT = 4 * 1024 * 1024  # --http-max-input-size of the server under test
MAX_REQUEST = 200_000_000  # --http-max-request-size
DEEP = 250_000

TEN = list(range(16))
GOOD_INPUTS = [{"name": n, "datatype": "INT32", "shape": [1, 16], "data": TEN}
               for n in ("INPUT0", "INPUT1")]


@dataclass
class Row:
    """One bad request.

    `status`: 0 where no answer is due, because the request never ends.
    `says`: texts of the body, or of the header section where they begin with "header:".
    `end`: what the client does behind the last byte: "wait", "half-close" or "close".
    `pieces`: bytes are sent in pieces of this size.
    """

    name: str
    request: bytes
    status: int
    says: tuple = ()
    end: str = "wait"
    pieces: int = 0


ROWS = []


def add(name, request, status, *says, **options):
    """Puts a row into the table."""
    ROWS.append(Row(name, request, status, says, **options))


def http(method, target, body=b"", headers=(), length=None):
    """Bytes of a request; length None is that of the body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost",
             f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def infer(body, model="simple", headers=()):
    """An inference request; a body that is no bytes is written as JSON."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return http("POST", f"/v2/models/{model}/infer", body, headers)


def binary(header, blob, model="simple", length=None):
    """A request with a binary section; `length` lies about the JSON's size."""
    text = json.dumps(header).encode()
    value = len(text) if length is None else length
    return infer(text + blob, model, [f"Inference-Header-Content-Length: {value}"])


def one(model, datatype, shape, data, **members):
    """A request with the one input of an identity model; data is JSON text."""
    head = {"name": "INPUT0", "datatype": datatype, "shape": shape, **members}
    return infer(json.dumps({"inputs": [head]})[:-3].encode() + b', "data": ' + data.encode()
                 + b"}]}", model)


def simple(**changes):
    """Inputs of 'simple' with changed members of the first one; None removes a member."""
    first = {**GOOD_INPUTS[0], **changes}
    return infer({"inputs": [{k: v for k, v in first.items() if v is not None}, GOOD_INPUTS[1]]})


def both(**changes):
    """The same with both inputs changed."""
    return infer({"inputs": [{**tensor, **changes} for tensor in GOOD_INPUTS]})


def top(**members):
    """Good inputs and other members of the request."""
    return infer({"inputs": GOOD_INPUTS, **members})


def output(model="simple", name="OUTPUT0", **parameters):
    """Good inputs and one output with parameters."""
    inputs = GOOD_INPUTS
    if model != "simple":
        kind = {"identity_string": ("BYTES", "a"), "identity_bool": ("BOOL", True)}[model]
        inputs = [{"name": "INPUT0", "datatype": kind[0], "shape": [1, 1], "data": [kind[1]]}]
    return infer({"inputs": inputs, "outputs": [{"name": name, "parameters": parameters}]}, model)


def chunked(*parts):
    """A chunked request with these bytes behind the header."""
    head = ("POST /v2/models/simple/infer HTTP/1.1\r\nHost: localhost\r\n"
            "Transfer-Encoding: chunked\r\n\r\n").encode()
    return head + b"".join(parts)


def chunk(data):
    """One chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


GOOD_BODY = json.dumps({"inputs": GOOD_INPUTS}).encode()
JSON_ERROR = "failed to parse the request JSON buffer"
WRONG_KIND = "attempt to access JSON"
ONLY_ONE = "Input must set only one of the following fields"
DEPTH = "JSON nesting depth exceeds maximum allowed limit (100)"
TRUE_SHAPE = "shape does not match true shape"


def names():
    """Models, versions, tensors that are not there."""
    add("unknown model", infer({"inputs": []}, "nope"), 404,
        "Request for unknown model: 'nope' is not found")
    add("unknown version", infer(GOOD_BODY, "simple/versions/99"), 404,
        "Request for unknown model: 'simple' version 99 is not found")
    add("version is a word", infer(GOOD_BODY, "simple/versions/abc"), 404, "Not Found")
    add("version beyond int64", infer(GOOD_BODY, "simple/versions/99999999999999999999"), 400,
        "failed to get model version", "99999999999999999999")
    for what in ("", "/config", "/ready"):
        add(f"GET{what} of an unknown model", http("GET", f"/v2/models/nope{what}"), 404, "'nope'")
    add("unknown model/stats", http("GET", "/v2/models/nope/stats"), 404,
        "requested model 'nope' is not available")
    add("unknown version/stats", http("GET", "/v2/models/simple/versions/7/stats"), 404,
        "requested model version is not available for model 'simple'")
    add("unknown input", simple(name="INPUT9"), 400,
        "unexpected inference input 'INPUT9' for model 'simple'")
    add("input name that is no UTF-8", infer(GOOD_BODY.replace(b"INPUT0", b"\xff\xfe")), 400)
    add("input name with a control character", simple(name="a\n\0b"), 400,
        "unexpected inference input")
    add("input twice", infer({"inputs": GOOD_INPUTS[:1] * 2}), 400,
        "input 'INPUT0' already exists in request")
    add("input missing", infer({"inputs": GOOD_INPUTS[:1]}), 400,
        "expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], but "
        "missing required input(s) ['INPUT1'].")
    add("no input", infer({"inputs": []}), 400, "Got input(s) []", "['INPUT0','INPUT1']")
    add("one input too many", infer({"inputs": GOOD_INPUTS + [{**GOOD_INPUTS[0], "name": "X"}]}),
        400, "expected 2 inputs but got 3 inputs for model 'simple'")
    add("unknown output", output(name="OUTPUT9"), 400,
        "unexpected inference output 'OUTPUT9' for model 'simple'")
    add("output twice", top(outputs=[{"name": "OUTPUT0"}] * 2), 400,
        "output 'OUTPUT0' already exists in request")


def shapes():
    """Dimensions."""
    wrong = "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got "
    add("too many dimensions", both(shape=[1, 16, 1]), 400, wrong + "[1,16,1]")
    add("wrong dimension", both(shape=[1, 8], data=TEN[:8]), 400, wrong + "[1,8]")
    add("no batch dimension", both(shape=[16]), 400, "inference request batch-size must be <= 8")
    add("no dimension", simple(shape=[], data=[1]), 400,
        "batch size does not match other inputs for 'simple'")
    add("different batches", simple(shape=[2, 16], data=TEN * 2), 400,
        "batch size does not match other inputs for 'simple'")
    add("batch too large", both(shape=[9, 16], data=TEN * 9), 400,
        "inference request batch-size must be <= 8 for 'simple'")
    for name, shape in (("negative", [-1, 16]), ("fraction", [1.5, 16]), ("string", ["1", 16]),
                        ("beyond int64", [2**63, 16]), ("below int64", [-2**64, 16]),
                        ("null", [None, 16]), ("nested", [[1, 16]]), ("number", 16),
                        ("missing", None), ("of 65 dimensions", [1] * 65)):
        add(f"shape {name}", simple(shape=shape), 400, "Unable to parse 'shape'")
    add("elements overflow", simple(shape=[2**32, 2**32]), 400, "'INPUT0'",
        "causes total element count to exceed maximum size of")
    add("bytes overflow", simple(shape=[2**31, 2**31]), 400,
        "byte size overflow for input 'INPUT0'")
    add("huge dimension, small data", simple(shape=[1, 1000]), 400, TRUE_SHAPE)
    add("larger than the limit", simple(shape=[1, MAX_INPUT]), 400,
        "exceeds the maximum allowed value", "--http-max-input-size", "'INPUT0'")


def datatypes():
    """Datatypes and elements that do not fit them."""
    add("wrong datatype", simple(datatype="FP32"), 400,
        "inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'")
    add("unknown datatype", simple(datatype="FLOAT"), 400, "FLOAT", "INPUT0")
    add("datatype a number", simple(datatype=7), 400, "datatype", WRONG_KIND)
    add("datatype missing", simple(datatype=None), 400, "Unable to parse 'datatype'")
    for text in ("2147483648", "-2147483649", "1.5", "1e2", "NaN", "99999999999999999999"):
        add(f"INT32 {text}", one("simple", "INT32", [1, 1], f"[{text}]"), 400, text, "'INPUT0'",
            "INT32")
    add("INT64 out of range", one("identity_int64", "INT64", [1, 1], "[9223372036854775808]"),
        400, "9223372036854775808", "INT64")
    add("BOOL 2", one("identity_bool", "BOOL", [1, 1], "[2]"), 400, "2", "BOOL")
    add("BOOL of a string", one("identity_bool", "BOOL", [1, 1], '["true"]'), 400, WRONG_KIND)
    add("BYTES of a number", one("identity_string", "BYTES", [1, 1], "[1]"), 400, WRONG_KIND)
    for text in ('"1"', "true", "null", "{}"):
        add(f"INT32 of {text}", one("simple", "INT32", [1, 1], f"[{text}]"), 400, WRONG_KIND)
    add("FP32 nan", one("identity_fp32", "FP32", [1, 1], "[nan]"), 400)
    for text in ("inf", "+1", ".5", "1.", "01", "0x10", "1e", "-", "--1", "1_0", "Nan"):
        add(f"FP32 {text}", one("identity_fp32", "FP32", [1, 1], f"[{text}]"), 400, JSON_ERROR)
    for kind in ("FP16", "BF16"):
        add(f"{kind} in JSON", one(f"identity_{kind.lower()}", kind, [1, 1], "[1.5]"), 400,
            f"receiving {kind} data via JSON is not supported. Please use the binary data format")
    header = {"inputs": [{"name": "INPUT0", "datatype": "FP16", "shape": [1, 1],
                          "parameters": {"binary_data_size": 2}}]}
    add("FP16 output in JSON", binary(header, b"\0\0", "identity_fp16"), 400,
        "sending FP16 data via JSON is not supported")
    # NaN and infinities are values.
    add("NaN and infinities", one("identity_fp32", "FP32", [1, 4], "[NaN, Infinity, -Inf, 1e99]"),
        200, "NaN", "-Infinity")


def json_data():
    """The member 'data', and where data comes from."""
    add("too few elements", simple(data=TEN[:15]), 400, TRUE_SHAPE, "'INPUT0'")
    add("too many elements", simple(data=TEN + [1]), 400, TRUE_SHAPE, "'INPUT0'")
    add("data empty", simple(data=[]), 400, TRUE_SHAPE)
    add("data missing", simple(data=None), 400, ONLY_ONE, "'INPUT0'")
    add("data and binary data", simple(parameters={"binary_data_size": 64}), 400, ONLY_ONE)
    for data in ("a", 1, {}, True):
        add(f"data {data!r}", simple(data=data), 400, WRONG_KIND)
    add("data before everything else", infer(
        b'{"inputs":[{"data":[1,2],"shape":[1,16],"datatype":"INT32","name":"INPUT0"}]}'), 400,
        TRUE_SHAPE)
    for text in ("[1,,2]", "[1 2]", "[1,]", "[,1]", "[1}", "[[1]", "[1]]"):
        add(f"data {text}", one("identity_fp32", "FP32", [1, 2], text), 400)


def json_syntax():
    """Text that is no JSON, or not the JSON that is expected."""
    for cut in (1, len(GOOD_BODY) // 2, len(GOOD_BODY) - 1):
        add(f"JSON cut at {cut}", infer(GOOD_BODY[:cut]), 400, JSON_ERROR)
    for name, text in (("empty body", b""), ("blanks", b" \r\n"), ("a word", b"hello"),
                       ("single quotes", b"{'inputs': []}"), ("no colon", b'{"inputs" []}'),
                       ("garbage behind", GOOD_BODY + b"x"), ("bare key", b"{inputs: []}"),
                       ("zero bytes", b"\0" * 64), ("byte order mark", b"\xef\xbb\xbf" + GOOD_BODY),
                       ("a tab in a string", b'{"id": "\t", "inputs": []}'),
                       ("a bad escape", b'{"id": "\\x", "inputs": []}'),
                       ("half a surrogate", b'{"id": "\\ud800", "inputs": []}'),
                       ("trailing comma", b'{"inputs": [],}')):
        add(f"JSON: {name}", infer(text), 400, JSON_ERROR)
    for name, text in (("an array", b"[]"), ("a string", b'"x"'), ("null", b"null")):
        add(f"JSON is {name}", infer(text), 400, WRONG_KIND)
    add("inputs missing", infer({}), 400, "Unable to parse 'inputs'")
    for value in ({}, "x", 1, None, True):
        add(f"inputs {value!r}", infer({"inputs": value}), 400, "Unable to parse 'inputs'")
    for value in (1, "x", None, []):
        add(f"an input {value!r}", infer({"inputs": [value]}), 400, "inputs")
    for value in (1, None, []):
        add(f"input name {value!r}", infer({"inputs": [{**GOOD_INPUTS[0], "name": value}]}), 400,
            "name", WRONG_KIND)
    add("input name missing", simple(name=None), 400, "Unable to parse 'name'")
    add("id a number", top(id=7), 400, "id", WRONG_KIND)
    add("outputs an object", top(outputs={}), 400, "outputs")
    add("an output a string", top(outputs=["OUTPUT0"]), 400, "outputs")
    add("output name missing", top(outputs=[{}]), 400, "Unable to parse 'name'")
    for name, nest in (("data", b'{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"INT32",'
                                b'"data":'), ("an unknown member", b'{"x":'), ("itself", b"")):
        add(f"{DEEP} brackets in {name}", infer(nest + b"[" * DEEP), 400,
            *(() if name == "itself" else (DEPTH,)))
    add(f"{DEEP} objects", infer(b'{"x":' * DEEP), 400, DEPTH)


def parameters():
    """Parameters of the request, of inputs and of outputs."""
    for value in ([], 1, "x"):
        add(f"parameters {value!r}", top(parameters=value), 400, "parameters", WRONG_KIND)
        add(f"input parameters {value!r}", simple(parameters=value), 400, "parameters")
    for value in ([1], {"a": 1}, None):
        add(f"parameter of value {value!r}", top(parameters={"run": value}), 400,
            "Unable to parse 'run'")
    for key, value in (("sequence_start", "yes"), ("sequence_end", 1), ("sequence_id", True),
                       ("sequence_id", -1), ("priority", -1), ("priority", 1.5),
                       ("timeout", "soon"), ("binary_data_output", 1)):
        add(f"{key} {value!r}", top(parameters={key: value}), 400, f"Unable to parse '{key}'")
    add("reserved parameter", top(parameters={"triton_x": 1}), 400,
        "parameter keys starting with 'triton_' are reserved", "triton_x")
    for key, value in (("classification", -1), ("classification", "3"), ("classification", 1.5),
                       ("binary_data", "yes")):
        add(f"output {key} {value!r}", output(**{key: value}), 400, f"Unable to parse '{key}'")
    for model, kind in (("identity_string", "BYTES"), ("identity_bool", "BOOL")):
        add(f"classes of {kind}", output(model, classification=2), 400,
            "class result not available for output due to unsupported type", kind)
    region = {"shared_memory_region": "r", "shared_memory_byte_size": 64}
    add("input in shared memory", simple(data=None, parameters=region), 501,
        "Client shared memory is disabled")
    add("output in shared memory", output(**region), 501, "Client shared memory is disabled")
    add("classes in shared memory", output(**region, classification=1), 400,
        "Output can't set both")
    for value in (-1, 1.5, "64", 2**64):
        add(f"binary_data_size {value!r}",
            simple(data=None, parameters={"binary_data_size": value}), 400,
            "Unable to parse 'binary_data_size'")


def binary_tensors():
    """The binary section."""
    def tensors(*sizes):
        return {"inputs": [{"name": n, "datatype": "INT32", "shape": [1, 16],
                            "parameters": {"binary_data_size": size}}
                           for n, size in zip(("INPUT0", "INPUT1"), sizes)]}

    def text(shape, blob):
        return binary({"inputs": [{"name": "INPUT0", "datatype": "BYTES", "shape": shape,
                                   "parameters": {"binary_data_size": len(blob)}}],
                       "parameters": {"binary_data_output": True}}, blob, "identity_string")

    add("binary section too short", binary(tensors(64, 64), b"\0" * 124), 400,
        "unexpected size for input 'INPUT1', expecting 4 additional bytes")
    add("binary size huge", binary(tensors(64, 2**64 - 1), b"\0" * 128), 400,
        "unexpected size for input 'INPUT1'")
    add("binary section too long", binary(tensors(64, 64), b"\0" * 130), 400,
        "unexpected additional input data for model 'simple'")
    add("bytes do not fit the shape", binary(tensors(60, 64), b"\0" * 124), 400,
        "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 64, got 60")
    add("binary without the header", infer(tensors(64, 64)), 400,
        "unexpected size for input 'INPUT0', expecting 64 additional bytes")
    length = "Inference-Header-Content-Length"
    for value in ("x", "", "1.5", "99999999999", "0x10", "12abc"):
        add(f"{length}: {value}", binary(tensors(64, 64), b"\0" * 128, length=value), 400,
            f"Unable to parse {length}")
    for value in (-1, 2000000000):
        add(f"{length}: {value}", binary(tensors(64, 64), b"\0" * 128, length=value), 400,
            "inference header size should be in range")
    add("header length cuts the JSON", binary(tensors(64, 64), b"\0" * 128, length=20), 400,
        JSON_ERROR)
    add("raw body for two inputs", binary(tensors(64, 64), b"\0" * 128, length=0), 400,
        "Raw request must only have 1 input", "'simple'")
    add("raw body of 5 bytes", infer(b"12345", "identity_fp32", [f"{length}: 0"]), 400,
        "input byte size mismatch for input 'INPUT0'")
    add("string with half a prefix", text([1, 2], b"\1\0\0\0a\1\0"), 400,
        "incomplete string length indicator", "'INPUT0'")
    add("string longer than the data", text([1, 1], b"\xff\xff\xff\xffa"), 400, "'INPUT0'")
    add("too few strings", text([1, 2], b"\1\0\0\0a"), 400,
        "expected 2 string elements for inference input")
    add("too many strings", text([1, 1], b"\1\0\0\0a\1\0\0\0b"), 400,
        "unexpected number of string elements")


def compression():
    """Content-Encoding."""
    def packed(body, coding):
        return infer(body, "simple", [f"Content-Encoding: {coding}"])

    add("unknown coding", packed(GOOD_BODY, "br"), 501, "Unsupported compression type", "br",
        "header:Accept-Encoding: gzip, deflate")
    add("gzip that is none", packed(GOOD_BODY, "gzip"), 400, "decompress")
    add("gzip cut", packed(gzip.compress(GOOD_BODY)[:-9], "gzip"), 400, "truncated")
    add("gzip with a bad sum", packed(gzip.compress(GOOD_BODY)[:-8] + b"\0" * 8, "gzip"), 400,
        "decompress")
    add("gzip of nothing", packed(b"", "gzip"), 400, "empty")
    add("garbage behind gzip", packed(gzip.compress(GOOD_BODY) + b"xx", "gzip"), 400, "garbage")
    add("deflate that is gzip", packed(gzip.compress(GOOD_BODY), "deflate"), 400, "decompress")
    bomb = gzip.compress(b" " * (64 * MAX_INPUT), 9)
    add("gzip bomb", packed(bomb, "gzip"), 400, "exceeds the maximum allowed",
        "--http-max-input-size")
    add("deflate bomb", packed(zlib.compress(b"[" * (8 * MAX_INPUT)), "deflate"), 400,
        "exceeds the maximum allowed")
    add("JSON too large", infer(b" " * (MAX_INPUT + 1)), 400,
        f"request JSON size of {MAX_INPUT + 1} bytes exceeds the maximum allowed input size of "
        f"{MAX_INPUT} bytes")


def targets():
    """Verbs, paths, percent-encoding, calls that are off."""
    for method, target in (("GET", "/v2/models/simple/infer"), ("PUT", "/v2/models/simple/infer"),
                           ("POST", "/v2"), ("DELETE", "/v2/models/simple"),
                           ("BREW", "/v2/health/live"), ("GET", "/v2/repository/index"),
                           ("post", "/v2/models/simple/infer")):
        add(f"{method} {target}", http(method, target), 405, "Method Not Allowed")
    for target in ("/", "/v1/models", "/v2x", "/v2/health", "/v2/models/simple/nope",
                   "/v2/models/a/b/c/d/e/f", "/V2/health/live", "/v2/models/../../etc/passwd",
                   "/v2/models/simple/versions", "/v2/models/stats/stats/stats"):
        add(f"path {target}", http("GET", target), 404, "Not Found")
    for target in ("/v2/models/%zz", "/v2/models/%4", "/v2/models/%"):
        add(f"target {target}", http("GET", target), 400)
    for target in ("/v2/models/%00%ff%0a", "/v2/models/%2e%2e", "/v2/models/..%2f..%2fetc"):
        add(f"path {target}", http("GET", target), 404, "is not found")
    for call in ("load", "unload"):
        add(call, http("POST", f"/v2/repository/models/simple/{call}"), 503,
            "explicit model load / unload is not allowed")
        add(f"{call} of a path", http("POST", f"/v2/repository/models/..%2fx/{call}"), 400,
            "model name must not contain path traversal characters")
    add("explain an unknown model", http("GET", "/v2/hadron/models/nobody/explain"), 404,
        "unknown model: 'nobody'")
    add("explain across sites", http("GET", "/v2/hadron/models/simple/explain",
                                     headers=("Origin: http://evil",)), 403, "another origin")
    add("explain by POST", http("POST", "/v2/hadron/models/simple/explain"), 405, "header:Allow: GET")
    add("status by POST", http("POST", "/v2/hadron/status"), 405, "header:Allow: GET")
    add("nothing of ours", http("GET", "/v2/hadron/nothing"), 404, "Not Found")
    add("named repository", http("POST", "/v2/repository/r/index"), 501, "'repository_name'")
    add("index ready 1", http("POST", "/v2/repository/index", b'{"ready": 1}'), 400,
        "Invalid value for 'ready': expected a boolean")
    add("index of garbage", http("POST", "/v2/repository/index", b"{{"), 400, JSON_ERROR)
    add("generate", http("POST", "/v2/models/simple/generate", b"{}"), 501, "generat")
    add("register memory", http("POST", "/v2/systemsharedmemory/region/r/register", b"{}"), 501,
        "Client shared memory is disabled")
    add("register CUDA memory", http("POST", "/v2/cudasharedmemory/region/r/register", b"{}"), 501)
    add("log level a word", http("POST", "/v2/logging", b'{"log_verbose_level": "x"}'), 400)
    add("log format unknown", http("POST", "/v2/logging", b'{"log_format": "xml"}'), 400, "xml")
    add("log file", http("POST", "/v2/logging", b'{"log_file": "/tmp/x"}'), 501, "log file")


def framing():
    """The HTTP message itself."""
    path = "/v2/models/simple/infer"
    for value in ("-1", "x", "1 2", "1e3", "9" * 40, "+5", ""):
        add(f"Content-Length: {value}", http("POST", path, b"", (), value), 400, "Content-Length")
    add("two Content-Lengths", http("POST", path, GOOD_BODY, ["Content-Length: 1"]), 400,
        "Content-Length")
    add("both framings", http("POST", path, b"0\r\n\r\n", ["Transfer-Encoding: chunked"]), 400)
    add("body above the limit", http("POST", path, b"", (), MAX_REQUEST + 1), 413,
        f"{MAX_REQUEST + 1}", "--http-max-request-size")
    lie = http("POST", path, GOOD_BODY, (), 100_000_000)
    add("100 MB announced, half closed", lie, 400, "of 100000000", end="half-close")
    add("100 MB announced, closed", lie, 0, end="close")
    add("100 MB announced, silence", lie, 0)
    add("header cut, half closed", lie[:40], 400, "request header", end="half-close")
    add("header cut, closed", lie[:40], 0, end="close")
    add("header cut, silence", lie[:40], 0)
    add("whole request, half closed", http("POST", path, GOOD_BODY), 200, "OUTPUT0",
        end="half-close")
    add("one byte at a time", http("POST", path, GOOD_BODY), 200, "OUTPUT0", pieces=1)
    add("header of 70 kB", http("GET", "/v2", headers=["X: " + "x" * 70000]), 431, "64 KiB")
    add("300 header fields", http("GET", "/v2", headers=[f"X{n}: 1" for n in range(300)]), 431,
        "256")
    add("target of 100 kB", http("GET", "/v2/models/" + "x" * 100_000), 431)
    add("field without colon", http("GET", "/v2", headers=["nonsense"]), 400, "malformed HTTP")
    add("blank in a field name", http("GET", "/v2", headers=["a b: 1"]), 400, "malformed HTTP")
    add("zero in a field", http("GET", "/v2", headers=["a: \0"]), 400, "malformed HTTP")
    add("HTTP/3.0", b"GET /v2 HTTP/3.0\r\n\r\n", 505, "version")
    add("HTTP/0.9", b"GET /v2\r\n\r\n", 400, "malformed HTTP")
    add("no target", b"GET HTTP/1.1\r\n\r\n", 400, "malformed HTTP")
    add("TLS", bytes.fromhex("16030100c8010000c40303") + b"\xfc" * 100, 400, "malformed HTTP")
    add("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
    add("expects 100 for an unknown model", http("POST", "/v2/models/nope/infer", b"",
        ["Expect: 100-continue"], 1000), 404, "'nope'")


def chunks():
    """Chunked bodies."""
    add("chunks of one byte", chunked(*(chunk(bytes([b])) for b in GOOD_BODY), b"0\r\n\r\n"), 200,
        "OUTPUT0", pieces=1000)
    for size in (b"zz", b"-1", b"", b"f" * 17, b"1x", b"0x5"):
        add(f"chunk size {size.decode()}", chunked(size + b"\r\nabc\r\n\r\n"), 400,
            "malformed HTTP")
    add("chunk longer than its size", chunked(b"3\r\nabcdef\r\n0\r\n\r\n"), 400, "malformed HTTP")
    add("chunks without end, half closed", chunked(chunk(GOOD_BODY)), 400, "chunk",
        end="half-close")
    add("chunks without end, closed", chunked(chunk(GOOD_BODY)), 0, end="close")
    add("chunks without end, silence", chunked(chunk(GOOD_BODY)), 0)
    add("70000 chunks", chunked(chunk(b" ") * 70000, b"0\r\n\r\n"), 400, "chunks")
    add("endless chunk extension", chunked(b"1;" + b"x" * 100_000), 400)
    add("unknown transfer coding", http("POST", "/v2/models/simple/infer", GOOD_BODY,
        ["Transfer-Encoding: gzip"]), 400)
    add("chunked above the limit", chunked(f"{MAX_REQUEST + 1:x}\r\n".encode(), b"x" * 1000), 0)


for build in (names, shapes, datatypes, json_data, json_syntax, parameters, binary_tensors,
              compression, targets, framing, chunks):
    build()
