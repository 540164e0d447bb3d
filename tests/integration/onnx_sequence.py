"""Writes an ONNX model with a state: y = x + s, and what it makes of s is y."""

from integration.onnx_mlp import _bytes, _number

FLOAT, STRING, UINT64 = 1, 8, 13


def _value(name, kind):
    dims = _bytes(1, _bytes(2, "batch")) + _bytes(1, _number(1, 1))
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, dims)))


def _node(kind, inputs, output):
    return _bytes(1, b"".join(_bytes(1, i) for i in inputs) + _bytes(2, output) + _bytes(4, kind))


_CONFIG = """max_batch_size: {max_batch}
input {{ name: "x" data_type: TYPE_FP32 dims: 1 }}
output {{ name: "y" data_type: TYPE_FP32 dims: 1 }}
output {{ name: "who" data_type: {id_type} dims: 1 }}
output {{ name: "first" data_type: TYPE_FP32 dims: 1 }}
output {{ name: "last" data_type: TYPE_FP32 dims: 1 }}
sequence_batching {{
  {strategy}
  control_input {{ name: "start"
    control {{ kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] }} }}
  control_input {{ name: "end"
    control {{ kind: CONTROL_SEQUENCE_END fp32_false_true: [ 0, 1 ] }} }}
  control_input {{ name: "id"
    control {{ kind: CONTROL_SEQUENCE_CORRID data_type: {id_type} }} }}
  state {{ input_name: "s" output_name: "t" data_type: TYPE_FP32 dims: 1 {initial} }}
}}
instance_group {{ count: 1 }}
"""


def write_accumulator(repository, name, strategy, strings=False, initial=None, max_batch=4):
    """A model directory; `initial` is what sums begin with."""
    kind = STRING if strings else UINT64
    nodes = (_node("Add", ["x", "s"], "y") + _node("Identity", ["y"], "t")
             + _node("Identity", ["id"], "who") + _node("Identity", ["start"], "first")
             + _node("Identity", ["end"], "last"))
    inputs = [("x", FLOAT), ("s", FLOAT), ("start", FLOAT), ("end", FLOAT), ("id", kind)]
    outputs = [("y", FLOAT), ("t", FLOAT), ("who", kind), ("first", FLOAT), ("last", FLOAT)]
    graph = nodes + _bytes(2, "accumulator")
    graph += b"".join(_bytes(11, _value(*i)) for i in inputs)
    graph += b"".join(_bytes(12, _value(*o)) for o in outputs)
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(
        _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13)))
    begin = ""
    if initial is not None:
        (repository / name / "initial_state").mkdir()
        (repository / name / "initial_state" / "begin").write_bytes(initial)
        begin = ('initial_state { name: "begin" data_type: TYPE_FP32 dims: 1 '
                 'data_file: "begin" }')
    (repository / name / "config.pbtxt").write_text(_CONFIG.format(
        max_batch=max_batch, id_type="TYPE_STRING" if strings else "TYPE_UINT64",
        strategy=strategy, initial=begin))
