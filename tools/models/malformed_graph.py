# SPDX-License-Identifier: Apache-2.0
"""Models whose graph does not hang together, or whose nodes carry wrong attributes."""

import onnx_wire as onnx
from malformed_base import RELU, WEIGHTS, X, Y, graph_model

ALPHA = onnx.attribute("alpha", 0.5)


def relu(source, result, name=""):
    return onnx.node("Relu", [source], [result], name=name)


def leaky(*raw_attributes):
    return graph_model([onnx.node("LeakyRelu", ["x"], ["y"], name="bad_leaky",
                                  raw_attributes=raw_attributes)])


def single(op_type, inputs, outputs=("y",)):
    return graph_model([onnx.node(op_type, inputs, outputs, name="bad_node")])


NAMES = {
    "initializer_duplicate": ("w_twice", graph_model(
        [onnx.node("Add", ["x", "w_twice"], ["y"])], [onnx.tensor("w_twice", WEIGHTS)] * 2)),
    "value_duplicate": ("t_twice", graph_model(
        [relu("x", "t_twice"), relu("x", "t_twice"), relu("t_twice", "y")])),
    "value_twice_in_one_node": ("t_twice", graph_model(
        [onnx.node("MaxPool", ["x3"], ["t_twice", "t_twice"], kernel_shape=[2]),
         relu("t_twice", "y3")],
        inputs=[onnx.value_info("x3", onnx.FLOAT, ["batch", 1, 4])],
        outputs=[onnx.value_info("y3", onnx.FLOAT, ["batch", 1, 3])])),
    "value_shadows_input": ("x_shadowed", graph_model(
        [relu("x_shadowed", "x_shadowed"), relu("x_shadowed", "y")],
        inputs=[onnx.value_info("x_shadowed", onnx.FLOAT, ["batch", 4])])),
    "value_shadows_initializer": ("w_shadowed", graph_model(
        [relu("x", "w_shadowed"), relu("w_shadowed", "y")],
        [onnx.tensor("w_shadowed", WEIGHTS)])),
    "input_duplicate": ("x_twice", graph_model(
        [relu("x_twice", "y")],
        inputs=[onnx.value_info("x_twice", onnx.FLOAT, ["batch", 4])] * 2)),
    "output_duplicate": ("y_twice", graph_model(
        [relu("x", "y_twice")],
        outputs=[onnx.value_info("y_twice", onnx.FLOAT, ["batch", 4])] * 2)),
    "input_without_name": ("name", graph_model(
        [RELU], inputs=[X, onnx.value_info("", onnx.FLOAT, ["batch", 4])])),
}

EDGES = {
    "input_undefined": ("phantom_input", graph_model(
        [onnx.node("Add", ["x", "phantom_input"], ["y"])])),
    "output_undefined": ("phantom_output", graph_model(
        [RELU], outputs=[Y, onnx.value_info("phantom_output", onnx.FLOAT, ["batch", 4])])),
    "no_outputs": ("output", graph_model([RELU], outputs=[])),
    "cycle": ("cycle_", graph_model(
        [onnx.node("Add", ["x", "b"], ["a"], name="cycle_one"), relu("a", "b", "cycle_two"),
         relu("b", "y")])),
    "cycle_of_one": ("cycle_", graph_model(
        [onnx.node("Add", ["x", "a"], ["a"], name="cycle_one"), relu("a", "y")])),
    "not_sorted": ("too_early", graph_model(
        [relu("later", "y", "too_early"), relu("x", "later", "too_late")])),
}

ATTRIBUTES = {
    "attribute_twice": ("alpha", leaky(ALPHA, ALPHA)),
    "attribute_type_mismatch": ("alpha", leaky(onnx.attribute("alpha", 1))),
    "attribute_value_of_another_type": ("alpha", leaky(
        onnx.bytes_field(1, "alpha") + onnx.int_field(3, 1) + onnx.int_field(20, 1))),
    "attribute_value_and_reference": ("alpha", leaky(ALPHA + onnx.bytes_field(21, "outer"))),
    "attribute_reference_outside_function": ("alpha", leaky(
        onnx.bytes_field(1, "alpha") + onnx.bytes_field(21, "outer") + onnx.int_field(20, 1))),
    "attribute_unknown": ("no_such_attribute", leaky(onnx.attribute("no_such_attribute", 1.0))),
    "attribute_without_name": ("bad_leaky", leaky(onnx.attribute("", 1.0))),
    "attribute_type_unknown": ("alpha", leaky(
        onnx.bytes_field(1, "alpha") + onnx.float_field(2, 1.0) + onnx.int_field(20, 77))),
    "attribute_required_missing": ("axis", single("Concat", ["x", "x"])),
}

ARITY = {
    "too_many_inputs": ("bad_node", single("Relu", ["x", "x"])),
    "too_few_inputs": ("bad_node", single("Add", ["x"])),
    "no_inputs": ("bad_node", single("Relu", [])),
    "required_input_empty": ("bad_node", single("Add", ["x", ""])),
    "too_many_outputs": ("bad_node", single("Relu", ["x"], ["y", "z"])),
    "no_wanted_outputs": ("bad_node", graph_model(
        [RELU, onnx.node("Relu", ["x"], [], name="bad_node")])),
    "node_without_operator": ("bad_node", single("", ["x"])),
}

CASES = {**NAMES, **EDGES, **ATTRIBUTES, **ARITY}

SOUND = {"leaky": leaky(ALPHA), "add": single("Add", ["x", "x"])}
