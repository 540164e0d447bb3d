# SPDX-License-Identifier: Apache-2.0
"""Shared parts of the malformed models: small sound models to break in one place each.

A case is `name: (expected, data)`.  `expected` is a string, or a tuple of strings that must
all be found in the (lower-cased) error message: the name of the tensor or node at fault,
or a keyword.
"""

import numpy as np

import onnx_wire as onnx

X = onnx.value_info("x", onnx.FLOAT, ["batch", 4])
Y = onnx.value_info("y", onnx.FLOAT, ["batch", 4])
WEIGHTS = np.arange(4, dtype=np.float32)
RELU = onnx.node("Relu", ["x"], ["y"], name="relu")


def graph_model(nodes, initializers=(), inputs=(X,), outputs=(Y,), value_infos=(), extra=b"",
                **model_options):
    """A model of the given nodes; by default x [batch,4] -> y [batch,4]."""
    graph = onnx.graph(nodes, inputs, outputs, initializers, value_infos, extra=extra)
    return onnx.model(graph, **model_options)


def one_node(op_type, shape, initializers=(), name="bad_node", inputs=None, outputs=("y",),
             elem_type=onnx.FLOAT, out_rank=None, **attributes):
    """A model with one node on x of the given shape; weights follow x as further inputs.

    `initializers` is {name: array}.  The output is declared with symbols only.
    """
    weights = dict(initializers)
    names = ["x", *weights] if inputs is None else inputs
    out_shape = [f"d{i}" for i in range(len(shape) if out_rank is None else out_rank)]
    return graph_model(
        [onnx.node(op_type, names, outputs, name=name, **attributes)],
        [onnx.tensor(key, value) for key, value in weights.items()],
        [onnx.value_info("x", elem_type, shape)],
        [onnx.value_info("y", elem_type, out_shape)])
