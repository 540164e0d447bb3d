"""Writes ONNX models that take ragged batches: sums of segments, and what a batch_input holds."""

import numpy as np

from integration.onnx_mlp import _bytes, _number

FLOAT, INT32, INT64, STRING = 1, 6, 7, 8
_KINDS = {np.dtype("float32"): FLOAT, np.dtype("int64"): INT64}


def value(name, kind, *dims):
    """A graph's input or output; dimensions are numbers, or names for free ones."""
    shape = b"".join(_bytes(1, _bytes(2, d) if isinstance(d, str) else _number(1, d)) for d in dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, shape)))


def constant(name, array):
    """An initializer."""
    array = np.asarray(array)
    return _bytes(5, b"".join(_number(1, d) for d in array.shape) + _number(2, _KINDS[array.dtype])
                  + _bytes(8, name) + _bytes(9, array.tobytes()))


def node(kind, inputs, output, **numbers):
    """A node with attributes that are whole numbers."""
    attributes = b"".join(_bytes(5, _bytes(1, k) + _number(3, v) + _number(20, 2))
                          for k, v in numbers.items())
    return _bytes(1, b"".join(_bytes(1, i) for i in inputs) + _bytes(2, output) + _bytes(4, kind)
                  + attributes)


def write(repository, name, parts, inputs, outputs, config):
    """A model directory."""
    graph = (b"".join(parts) + _bytes(2, name) + b"".join(_bytes(11, i) for i in inputs)
             + b"".join(_bytes(12, o) for o in outputs))
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(
        _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13)))
    (repository / name / "config.pbtxt").write_text(config)


SEGMENTS = """max_batch_size: {max_batch}
input {{ name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }}
input {{ name: "add" data_type: TYPE_FP32 dims: 1 reshape {{ shape: [] }} }}
output {{ name: "sum" data_type: TYPE_FP32 dims: 1 reshape {{ shape: [] }} }}
output {{ name: "twice" data_type: TYPE_FP32 dims: -1 }}
batch_input {{ kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "offsets"
  data_type: TYPE_INT32 source_input: "x" }}
batch_output {{ target_name: "twice" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "x" }}
{more}
"""


def _segment_sums():
    """The sum of each request's elements in x, as [requests]."""
    return [node("CumSum", ["x", "zero"], "running"),
            node("Concat", ["none", "running"], "bounds", axis=0),
            node("Gather", ["bounds", "offsets"], "at", axis=0),
            node("Slice", ["at", "one", "end"], "until"),
            node("Slice", ["at", "start", "last"], "from"),
            node("Sub", ["until", "from"], "bare"),
            constant("zero", np.array(0)), constant("none", np.zeros(1, np.float32)),
            constant("start", np.array([0])), constant("one", np.array([1])),
            constant("end", np.array([2**31 - 1])), constant("last", np.array([-1]))]


def write_segments(repository, name, max_batch=8, more=""):
    """sum = the sum of a request's elements + add, twice = each of its elements times two."""
    parts = [*_segment_sums(), node("Add", ["bare", "add"], "sum"),
             node("Add", ["x", "x"], "twice")]
    write(repository, name, parts,
          [value("x", FLOAT, "elements"), value("add", FLOAT, "batch"),
           value("offsets", INT32, "bounds")],
          [value("sum", FLOAT, "batch"), value("twice", FLOAT, "elements")],
          SEGMENTS.format(max_batch=max_batch, more=more))


def write_sums(repository, name):
    """sum = the sum of a request's elements."""
    write(repository, name, [*_segment_sums(), node("Identity", ["bare"], "sum")],
          [value("x", FLOAT, "elements"), value("offsets", INT32, "bounds")],
          [value("sum", FLOAT, "batch")],
          """max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
output { name: "sum" data_type: TYPE_FP32 dims: 1 reshape { shape: [] } }
batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "offsets"
  data_type: TYPE_INT32 source_input: "x" }
dynamic_batching { }
""")


def write_totals(repository, name, strategy):
    """The sum of all that a sequence has brought."""
    parts = [*_segment_sums(), constant("column", np.array([-1, 1])),
             node("Reshape", ["bare", "column"], "now"), node("Add", ["now", "s"], "t"),
             node("Identity", ["t"], "y")]
    write(repository, name, parts,
          [value("x", FLOAT, "elements"), value("s", FLOAT, "batch", 1),
           value("offsets", INT32, "bounds")],
          [value("y", FLOAT, "batch", 1), value("t", FLOAT, "batch", 1)],
          """max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
output { name: "y" data_type: TYPE_FP32 dims: 1 }
batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "offsets"
  data_type: TYPE_INT32 source_input: "x" }
sequence_batching { %s max_sequence_idle_microseconds: 60000000
  state { input_name: "s" output_name: "t" data_type: TYPE_FP32 dims: 1 } }
instance_group { count: 1 }
""" % strategy)


_LAYOUT = """max_batch_size: 8
input {{ name: "x" data_type: TYPE_FP32 dims: [ -1, -1 ] allow_ragged_batch: true }}
output {{ name: "count" data_type: {type} dims: 1 reshape {{ shape: [] }} }}
output {{ name: "end" data_type: {type} dims: 1 reshape {{ shape: [] }} }}
output {{ name: "begin" data_type: {type} dims: 1 reshape {{ shape: [] }} }}
output {{ name: "most" data_type: TYPE_INT64 dims: 1 reshape {{ shape: [] }} }}
output {{ name: "filled" data_type: {type} dims: 1 reshape {{ shape: [] }} }}
output {{ name: "item" data_type: {type} dims: 2 }}
output {{ name: "flat" data_type: {type} dims: 2 }}
output {{ name: "same" data_type: TYPE_FP32 dims: [ -1, -1 ] }}
batch_output {{ target_name: "same" source_input: "x" }}
{inputs}
{batching}
"""
KINDS = {"BATCH_ELEMENT_COUNT": "b_count", "BATCH_ACCUMULATED_ELEMENT_COUNT": "b_end",
         "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO": "b_bounds",
         "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE": "b_most", "BATCH_ITEM_SHAPE": "b_item",
         "BATCH_ITEM_SHAPE_FLATTEN": "b_flat"}


def write_layout(repository, name, kind="INT32", rows=3):
    """Tells what each kind of batch_input holds, row by row; requests wait until `rows` are there
    (0: for nobody)."""
    number = {"INT32": INT32, "FP32": FLOAT}[kind]
    parts = [node("Identity", ["b_count"], "count"), node("Identity", ["b_end"], "end"),
             node("Slice", ["b_bounds", "start", "last"], "begin"),
             node("Shape", ["b_most"], "size"), node("Shape", ["b_count"], "rows"),
             node("Expand", ["size", "rows"], "most"),
             node("ReduceSum", ["b_most", "start"], "whole", keepdims=1),
             node("Expand", ["whole", "rows"], "filled"),
             node("Identity", ["b_item"], "item"),
             node("Reshape", ["b_flat", "pairs"], "flat"), node("Identity", ["x"], "same"),
             constant("start", np.array([0])), constant("last", np.array([-1])),
             constant("pairs", np.array([-1, 2]))]
    made = "\n".join(f'batch_input {{ kind: {k} target_name: "{v}" data_type: TYPE_{kind} '
                     'source_input: "x" }' for k, v in KINDS.items())
    write(repository, name, parts,
          [value("x", FLOAT, "elements")]
          + [value(v, number, v, *([2] if v == "b_item" else [])) for v in KINDS.values()],
          [value(o, number, "rows") for o in ("count", "end", "begin", "filled")]
          + [value("most", INT64, "rows"), value("item", number, "rows", 2),
             value("flat", number, "rows", 2), value("same", FLOAT, "elements")],
          _LAYOUT.format(type=f"TYPE_{kind}", inputs=made, batching="dynamic_batching { " + (
              f"max_queue_delay_microseconds: 100000000 preferred_batch_size: {rows} "
              if rows else "") + "}"))


def write_words(repository, name):
    """Strings that come back to whom they belong."""
    write(repository, name, [node("Identity", ["s"], "t")],
          [value("s", STRING, "all")], [value("t", STRING, "all")],
          """max_batch_size: 8
input { name: "s" data_type: TYPE_STRING dims: -1 allow_ragged_batch: true }
output { name: "t" data_type: TYPE_STRING dims: -1 }
batch_output { target_name: "t" source_input: "s" }
dynamic_batching { max_queue_delay_microseconds: 20000 }
""")
