# SPDX-License-Identifier: Apache-2.0
"""Writes (and lists the operators of) ONNX files at the protobuf wire level.

An ONNX file is one serialised protobuf message.  The handful of messages that the
model scripts need is small enough to write by hand, which keeps the scripts free of the
`onnx` package and, more important, lets `make_malformed.py` write files that no
well-behaved library would agree to produce.

Every function returns `bytes`: a field, or a message made of joined fields.
"""

import struct

import numpy as np

# TensorProto.DataType
FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL = 1, 2, 3, 6, 7, 8, 9
FLOAT16, DOUBLE, COMPLEX64, BFLOAT16 = 10, 11, 14, 16

_NUMPY_TYPES = {
    "float32": FLOAT, "uint8": UINT8, "int8": INT8, "int32": INT32, "int64": INT64,
    "bool": BOOL, "float16": FLOAT16, "float64": DOUBLE,
}

IR_VERSION = 8
OPSET = 13
PRODUCER = "hadron-model-tools"


class Graph(bytes):
    """A serialised GraphProto, marked so that `attribute` can tell it from a string."""


# --- wire format ---------------------------------------------------------------------


def varint(value):
    """Base-128 encoding; a negative number takes ten bytes, as in protobuf."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(0x80 | (value & 0x7F))
        value >>= 7
    out.append(value)
    return bytes(out)


def int_field(number, value):
    return varint(number << 3) + varint(value)


def bytes_field(number, value):
    data = value.encode() if isinstance(value, str) else bytes(value)
    return varint(number << 3 | 2) + varint(len(data)) + data


def float_field(number, value):
    return varint(number << 3 | 5) + struct.pack("<f", value)


def packed_ints(number, values):
    return bytes_field(number, b"".join(varint(v) for v in values))


def packed_floats(number, values):
    return bytes_field(number, np.asarray(values, "<f4").tobytes())


def repeated(number, values):
    """One length-delimited field for every value (strings or messages)."""
    return b"".join(bytes_field(number, v) for v in values)


# --- ONNX messages -------------------------------------------------------------------


def tensor_fields(name, dims, data_type, *fields):
    """TensorProto from ready-made value fields; nothing is checked."""
    return b"".join([
        b"".join(int_field(1, d) for d in dims), int_field(2, data_type), *fields,
        bytes_field(8, name),
    ])


def tensor(name, array):
    """TensorProto with the values of a numpy array in raw_data."""
    array = np.asarray(array)
    raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return tensor_fields(name, array.shape, _NUMPY_TYPES[array.dtype.name], bytes_field(9, raw))


def tensor_type(elem_type, shape=None):
    """TypeProto of a tensor; a string dimension is a symbol, no shape means unknown rank."""
    data = int_field(1, elem_type)
    if shape is not None:
        dims = (bytes_field(2, d) if isinstance(d, str) else int_field(1, d) for d in shape)
        data += bytes_field(2, repeated(1, dims))
    return bytes_field(1, data)


def value_info(name, elem_type, shape=None):
    return bytes_field(1, name) + bytes_field(2, tensor_type(elem_type, shape))


def attribute(name, value):
    """AttributeProto; its kind follows from the Python type of the value."""
    head = bytes_field(1, name)
    if isinstance(value, Graph):
        return head + bytes_field(6, value) + int_field(20, 5)
    if isinstance(value, np.ndarray):
        return head + bytes_field(5, tensor("", value)) + int_field(20, 4)
    if isinstance(value, float):
        return head + float_field(2, value) + int_field(20, 1)
    if isinstance(value, int):
        return head + int_field(3, value) + int_field(20, 2)
    if isinstance(value, str):
        return head + bytes_field(4, value) + int_field(20, 3)
    if len(value) == 0:
        raise ValueError(f"attribute {name}: an empty list does not tell its kind")
    if all(isinstance(v, str) for v in value):
        return head + repeated(9, value) + int_field(20, 8)
    if all(isinstance(v, int) for v in value):
        return head + packed_ints(8, value) + int_field(20, 7)
    return head + packed_floats(7, value) + int_field(20, 6)


def node(op_type, inputs, outputs, name="", domain="", raw_attributes=(), **attributes):
    """NodeProto; `raw_attributes` are ready-made AttributeProto messages."""
    made = [attribute(key, value) for key, value in attributes.items()]
    return b"".join([
        repeated(1, inputs), repeated(2, outputs), bytes_field(3, name),
        bytes_field(4, op_type), repeated(5, [*made, *raw_attributes]),
        bytes_field(7, domain) if domain else b"",
    ])


def graph(nodes, inputs, outputs, initializers=(), value_infos=(), name="graph", extra=b""):
    return Graph(b"".join([
        repeated(1, nodes), bytes_field(2, name), repeated(5, initializers),
        repeated(11, inputs), repeated(12, outputs), repeated(13, value_infos), extra,
    ]))


def function(domain, name, inputs, outputs, nodes, opsets=(("", OPSET),), attributes=()):
    """FunctionProto: a model-local operator."""
    return b"".join([
        bytes_field(1, name), repeated(4, inputs), repeated(5, outputs),
        repeated(6, attributes), repeated(7, nodes),
        repeated(9, [opset_import(*entry) for entry in opsets]), bytes_field(10, domain),
    ])


def opset_import(domain, version):
    return bytes_field(1, domain) + int_field(2, version)


def model(graph_bytes, opsets=(("", OPSET),), ir_version=IR_VERSION, functions=()):
    """ModelProto; `ir_version` or `graph_bytes` may be None to leave the field out."""
    return b"".join([
        b"" if ir_version is None else int_field(1, ir_version),
        bytes_field(2, PRODUCER),
        b"" if graph_bytes is None else bytes_field(7, graph_bytes),
        repeated(8, [opset_import(*entry) for entry in opsets]),
        repeated(25, functions),
    ])


# --- reading, as far as the scripts' own checks need it ----------------------------------


def read_fields(data):
    """Yields (field number, value) of one message; values are ints or bytes."""
    pos = 0

    def read_varint():
        nonlocal pos
        value = shift = 0
        while True:
            byte = data[pos]
            pos += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while pos < len(data):
        key = read_varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, read_varint()
            continue
        size = {1: 8, 5: 4}[kind] if kind != 2 else read_varint()
        yield key >> 3, data[pos:pos + size]
        pos += size


def opset_versions(model_bytes):
    """{domain: version} of a model file."""
    imports = [dict(read_fields(v)) for k, v in read_fields(model_bytes) if k == 8]
    return {entry.get(1, b"").decode(): entry[2] for entry in imports}


def operator_counts(model_bytes):
    """{operator: number of nodes} of a model file's main graph."""
    counts = {}
    main_graph = dict(read_fields(model_bytes))[7]
    for number, node_bytes in read_fields(main_graph):
        if number == 1:
            op_type = dict(read_fields(node_bytes))[4].decode()
            counts[op_type] = counts.get(op_type, 0) + 1
    return counts
