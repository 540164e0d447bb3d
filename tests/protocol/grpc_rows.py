"""Bad gRPC calls and what must be answered: the rows of bad_requests_test.py."""

import struct
from dataclasses import dataclass

from grpc import StatusCode
from tritonclient.grpc import service_pb2 as pb

INVALID = StatusCode.INVALID_ARGUMENT
SERVICE = "/inference.GRPCInferenceService/"
INTS = struct.pack("<16i", *range(16))


@dataclass
class Row:
    """One bad call: name, method, bytes of the message, status, texts of the status message."""

    name: str
    method: str
    request: bytes
    code: StatusCode
    says: tuple = ()


ROWS = []


def add(name, request, code, *says, method="ModelInfer"):
    """Puts a row into the table; a message is written as bytes."""
    data = request if isinstance(request, bytes) else request.SerializeToString()
    ROWS.append(Row(name, SERVICE + method, data, code, says))


def request(model="simple", datatype="INT32", shape=(1, 16), names=("INPUT0", "INPUT1"), raw=None):
    """A request with inputs of one kind and raw contents, by default right for 'simple'."""
    message = pb.ModelInferRequest(model_name=model)
    for name in names:
        message.inputs.add(name=name, datatype=datatype, shape=shape)
    message.raw_input_contents.extend([INTS] * len(names) if raw is None else raw)
    return message


def identity(datatype, shape, raw):
    """A request to the identity model of a datatype."""
    return request(f"identity_{datatype}", {"string": "BYTES"}.get(datatype, datatype.upper()),
                   shape, ["INPUT0"], raw)


def changed(change, **kwargs):
    """A request after change(message)."""
    message = request(**kwargs)
    change(message)
    return message


def typed(fill, datatype="INT32", model="simple", names=("INPUT0", "INPUT1")):
    """A request whose contents are filled by fill(contents)."""
    message = request(model, datatype, names=names, raw=[])
    for tensor in message.inputs:
        fill(tensor.contents)
    return message


def parameter(key, **value):
    """A request with one parameter."""
    return changed(lambda m: m.parameters[key].MergeFrom(pb.InferParameter(**value)))


def output(name="OUTPUT0", model=None, **parameters):
    """A request for one output with parameters."""
    message = model or request()
    wanted = message.outputs.add(name=name)
    for key, value in parameters.items():
        wanted.parameters[key].MergeFrom(value)
    return message


def number(value):
    """A parameter of type int64."""
    return pb.InferParameter(int64_param=value)


def names():
    """Models, versions, tensors that are not there."""
    unknown = "Request for unknown model: 'nope' is not found"
    add("unknown model", request("nope"), StatusCode.NOT_FOUND, unknown)
    for method in ("ModelReady", "ModelMetadata", "ModelConfig"):
        message = getattr(pb, f"{method}Request")(name="nope")
        add(f"{method} of an unknown model", message, StatusCode.NOT_FOUND, unknown,
            method=method)
    add("statistics of an unknown model", pb.ModelStatisticsRequest(name="nope"),
        StatusCode.NOT_FOUND, "requested model 'nope' is not available", method="ModelStatistics")
    add("no model", request(""), StatusCode.NOT_FOUND, "Request for unknown model: ''")
    add("unknown version", changed(lambda m: setattr(m, "model_version", "9")),
        StatusCode.NOT_FOUND, "'simple' version 9 is not found")
    for version in ("abc", "-1", "1.0", " 1", "99999999999999999999"):
        add(f"version {version!r}", changed(lambda m, v=version: setattr(m, "model_version", v)),
            INVALID, "failed to get model version from specified version string")
    add("unknown input", request(names=("INPUT0", "INPUT9")), INVALID,
        "unexpected inference input 'INPUT9' for model 'simple'")
    add("input twice", request(names=("INPUT0", "INPUT0")), INVALID,
        "input 'INPUT0' already exists in request")
    add("input missing", request(names=("INPUT0",)), INVALID,
        "missing required input(s) ['INPUT1']")
    add("no input", request(names=()), INVALID, "Got input(s) []")
    add("unknown output", output("OUTPUT9"), INVALID,
        "unexpected inference output 'OUTPUT9' for model 'simple'")
    add("output twice", output(model=output()), INVALID, "output 'OUTPUT0' already exists")


def shapes():
    """Dimensions and datatypes."""
    wrong = "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got "
    add("wrong rank", request(shape=(1, 16, 1)), INVALID, wrong + "[1,16,1]")
    add("wrong dimension", request(shape=(1, 4), raw=[INTS[:16]] * 2), INVALID, wrong + "[1,4]")
    add("no dimension", request(shape=()), INVALID, "batch size does not match")
    add("batch too large", request(shape=(9, 16), raw=[INTS * 9] * 2), INVALID,
        "inference request batch-size must be <= 8 for 'simple'")
    add("batch huge", request(shape=(2**62, 16)), INVALID, "batch-size must be <= 8")
    add("negative dimension", request(shape=(-1, 16)), INVALID, "INPUT0", "[-1,16]")
    add("least dimension", request(shape=(-2**63, -2**63)), INVALID, "INPUT0")
    add("elements overflow", identity("fp32", (1, 2**62, 2**62), [b""]), INVALID, "INPUT0")
    add("bytes overflow", identity("fp32", (1, 2**62), [b""]), INVALID, "INPUT0")
    add("65 dimensions", request(shape=(1,) * 65), INVALID, "INPUT0")
    add("two million dimensions", request(shape=(1,) * 2_000_000), INVALID, "shape")
    add("wrong datatype", request(datatype="FP32"), INVALID,
        "inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'")
    for datatype in ("", "int32", "TYPE_INT32", "\n\0"):
        add(f"datatype {datatype!r}", request(datatype=datatype), INVALID, "datatype", "INPUT0")
    add("datatype of 10 kB", request(datatype="X" * 10000), INVALID, "datatype 'XXXX")


def contents():
    """Raw and typed contents."""
    add("raw too short", request(raw=[INTS[:-1], INTS]), INVALID,
        "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 64, got 63")
    add("raw too long", request(raw=[INTS, INTS + b"\0"]), INVALID,
        "input byte size mismatch for input 'INPUT1' for model 'simple'. Expected 64, got 65")
    add("raw missing", request(raw=[INTS]), INVALID,
        "unable to find data for input tensor 'INPUT1'")
    add("no data at all", request(raw=[]), INVALID,
        "unable to find data for input tensor 'INPUT0'")
    add("raw too many", request(raw=[INTS] * 3), INVALID, "raw_input_contents")
    add("raw and contents", changed(lambda m: m.inputs[0].contents.int_contents.extend(range(16))),
        INVALID, "contents field must not be specified when using raw_input_contents", "INPUT0")
    unexpected = "unexpected explicit tensor data for input tensor 'INPUT0'"
    add("contents of another type", typed(lambda c: c.fp32_contents.extend([1.0] * 16)), INVALID,
        unexpected)

    def two(filled):
        filled.int_contents.extend(range(16))
        filled.int64_contents.extend(range(16))
    add("contents of two types", typed(two), INVALID, unexpected)
    add("too few contents", typed(lambda c: c.int_contents.extend(range(15))), INVALID,
        "input byte size mismatch for input 'INPUT0'")
    add("too many contents", typed(lambda c: c.int_contents.extend(range(17))), INVALID,
        "input byte size mismatch for input 'INPUT0'")
    for datatype in ("FP16", "BF16"):
        add(f"contents for {datatype}", typed(
            lambda c: c.fp32_contents.extend([1.0] * 16), datatype,
            f"identity_{datatype.lower()}", ("INPUT0",)), INVALID, unexpected)
    add("FP16 of 3 bytes", identity("fp16", (1, 1), [b"\0" * 3]), INVALID, "Expected 2, got 3")
    add("half a string prefix", identity("string", (1, 1), [b"\1\0"]), INVALID,
        "incomplete string length indicator", "INPUT0")
    add("string longer than the data", identity("string", (1, 1), [b"\xff\xff\xff\xffa"]),
        INVALID, "INPUT0")
    add("too few strings", identity("string", (1, 2), [b"\1\0\0\0a"]), INVALID,
        "expected 2 string elements for inference input")
    add("too many strings", identity("string", (1, 1), [b"\0\0\0\0\0\0\0\0"]), INVALID,
        "unexpected number of string elements")
    add("2**40 strings", identity("string", (1, 2**40), [b""]), INVALID, "INPUT0")


def parameters():
    """Parameters of the request, of inputs and of outputs."""
    add("reserved parameter", parameter("triton_x", int64_param=1), INVALID,
        "parameter keys starting with 'triton_' are reserved")
    for key, value in (("priority", {"string_param": "high"}), ("timeout", {"bool_param": True}),
                       ("sequence_start", {"int64_param": 1}), ("priority", {"int64_param": -1}),
                       ("sequence_id", {"double_param": 1.5}), ("custom", {})):
        add(f"{key} {value}", parameter(key, **value), INVALID,
            f"invalid value type for '{key}' parameter")
    for value in (0, -1):
        add(f"classification {value}", output(classification=number(value)), INVALID,
            "classification")
    add("classification a string", output(classification=pb.InferParameter(string_param="3")),
        INVALID, "invalid value type for 'classification' parameter")
    add("classes of strings", output(
        model=identity("string", (1, 1), [b"\0\0\0\0"]), classification=number(1)), INVALID,
        "class result not available for output due to unsupported type")
    region = {"shared_memory_region": pb.InferParameter(string_param="r")}
    size = {"shared_memory_byte_size": number(64)}
    add("output in shared memory", output(**region, **size), StatusCode.UNIMPLEMENTED,
        "Client shared memory is disabled")
    add("region without size", output(**region), INVALID, "must be specified along with")
    add("size without region", output(**size), INVALID,
        "can not be specified without 'shared_memory_region'")
    add("classes in shared memory", output(**region, **size, classification=number(1)), INVALID,
        "output can't set both 'shared_memory_region' and 'classification'")
    add("shared memory of negative size", output(**region, shared_memory_byte_size=number(-1)),
        INVALID, "shared_memory_byte_size")


def wire():
    """Bytes that are no message, and calls that are off."""
    good = request().SerializeToString()
    for cut in (1, 10, len(good) // 2, len(good) - 1):
        add(f"message cut at {cut}", good[:cut], INVALID, "failed to parse the request message")
    for name, data in (("varint without end", b"\xff" * 20), ("length beyond the end", b"\x0a\x7f"),
                       ("huge length", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
                       ("field number 0", b"\x02\x01a"), ("wire type 7", b"\x0f\x01"),
                       ("group without end", b"\x0b"), ("end of no group", b"\x0c")):
        add(name, data, INVALID, "failed to parse the request message")
    add("groups without end", b"\x7b" * 100_000, INVALID)
    add("model name that is no UTF-8", b"\x0a\x02\xff\xfe", INVALID)
    # gRPC itself answers what it cannot parse.
    add("metadata cut", b"\x0a\x7f", StatusCode.UNIMPLEMENTED, method="ModelMetadata")
    add("unknown method", b"", StatusCode.UNIMPLEMENTED, method="NoSuchMethod")
    add("named repository", pb.RepositoryIndexRequest(repository_name="r"),
        StatusCode.UNIMPLEMENTED, "'repository_name'", method="RepositoryIndex")
    for method in ("RepositoryModelLoad", "RepositoryModelUnload"):
        message = getattr(pb, f"{method}Request")(model_name="simple")
        add(method, message, StatusCode.UNAVAILABLE,
            "explicit model load / unload is not allowed", method=method)
    add("register memory", pb.SystemSharedMemoryRegisterRequest(name="r", key="/k", byte_size=1),
        StatusCode.UNIMPLEMENTED, "Client shared memory is disabled",
        method="SystemSharedMemoryRegister")
    add("status of an unknown region", pb.SystemSharedMemoryStatusRequest(name="r"),
        StatusCode.NOT_FOUND, "'r'", method="SystemSharedMemoryStatus")


for build in (names, shapes, contents, parameters, wire):
    build()
