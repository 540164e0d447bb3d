# SPDX-License-Identifier: Apache-2.0
"""Files that are no ONNX model, and models with a wrong frame: versions, operators, functions."""

import random

import onnx_wire as onnx
from malformed_base import RELU, X, graph_model

LOCAL = "local"
LOCAL_OPSETS = (("", onnx.OPSET), (LOCAL, 1))
SOUND_MODEL = graph_model([RELU])


def nested_if(levels):
    """`levels` If nodes, each inside the then-branch of the one before."""
    inner = onnx.node("Identity", ["x"], [f"value_{levels}"])
    for level in reversed(range(levels)):
        then_branch = onnx.graph(
            [inner], [], [onnx.value_info(f"value_{level + 1}", onnx.FLOAT, ["batch", 4])])
        else_branch = onnx.graph(
            [onnx.node("Identity", ["x"], [f"other_{level}"])], [],
            [onnx.value_info(f"other_{level}", onnx.FLOAT, ["batch", 4])])
        inner = onnx.node("If", ["condition"], [f"value_{level}"], name=f"if_{level}",
                          then_branch=then_branch, else_branch=else_branch)
    condition = onnx.value_info("condition", onnx.BOOL, [1])
    return graph_model([inner, onnx.node("Identity", ["value_0"], ["y"])], inputs=[X, condition])


def call(name, source, result):
    return onnx.node(name, [source], [result], name=f"call_{name}_{result}", domain=LOCAL)


def local_function(name, nodes, opsets=LOCAL_OPSETS):
    return onnx.function(LOCAL, name, ["a"], ["b"], nodes, opsets)


def calling(name, functions):
    return graph_model([call(name, "x", "y")], opsets=LOCAL_OPSETS, functions=functions)


def call_tree(prefix, depth, calls):
    """`depth` functions, each calling the next one `calls` times in a row."""
    last = local_function(f"{prefix}{depth - 1:02}", [onnx.node("Relu", ["a"], ["b"])])
    functions = []
    for level in range(depth - 1):
        names = ["a", *(f"t{i}" for i in range(1, calls)), "b"]
        body = [call(f"{prefix}{level + 1:02}", names[i], names[i + 1]) for i in range(calls)]
        functions.append(local_function(f"{prefix}{level:02}", body))
    return calling(f"{prefix}00", [*functions, last])


NOT_A_MODEL = {
    "empty": ("not an onnx model", b""),
    "random_bytes": ("not an onnx model", b"\xff" + random.Random(1).randbytes(255)),
    "text": ("not an onnx model", b"This is not the model you are looking for.\n"),
    "truncated": ("not an onnx model", SOUND_MODEL[:len(SOUND_MODEL) // 2]),
    "nesting_bomb": ("not an onnx model", nested_if(45)),
    "no_graph": ("graph", onnx.model(None)),
}

VERSIONS = {
    "ir_version_missing": ("ir_version", graph_model([RELU], ir_version=None)),
    "ir_version_zero": ("ir_version", graph_model([RELU], ir_version=0)),
    "ir_version_negative": ("ir_version", graph_model([RELU], ir_version=-3)),
    "ir_version_too_new": ("ir_version", graph_model([RELU], ir_version=1000)),
    "opset_missing": ("opset", graph_model([RELU], opsets=())),
    "opset_duplicate": ("opset", graph_model([RELU], opsets=(("", 13), ("ai.onnx", 12)))),
    "opset_zero": ("opset", graph_model([RELU], opsets=(("", 0),))),
    "opset_negative": ("opset", graph_model([RELU], opsets=(("", -1),))),
    "opset_above_int_max": ("opset", graph_model([RELU], opsets=(("", 2**40),))),
}

OPERATORS = {
    "unknown_operator": ("nosuchop", graph_model([onnx.node("NoSuchOp", ["x"], ["y"])])),
    "unknown_domain": ("com.example.nowhere", graph_model(
        [onnx.node("Relu", ["x"], ["y"], domain="com.example.nowhere")],
        opsets=(("", 13), ("com.example.nowhere", 1)))),
    "unknown_operators_all_listed": (("unknown_one", "unknown_two", "unknown_three"), graph_model([
        onnx.node("Unknown_One", ["x"], ["a"]), onnx.node("Unknown_Two", ["a"], ["b"]),
        onnx.node("Relu", ["b"], ["c"]), onnx.node("Unknown_Three", ["c"], ["y"])])),
    "domain_not_imported": ("treeensembleclassifier", graph_model(
        [onnx.node("TreeEnsembleClassifier", ["x"], ["label", "y"], domain="ai.onnx.ml")])),
    "operator_newer_than_opset": ("hardswish", graph_model(
        [onnx.node("HardSwish", ["x"], ["y"])], opsets=(("", 13),))),
}

FUNCTIONS = {
    "function_recursive": ("calls_itself", calling(
        "calls_itself", [local_function("calls_itself", [call("calls_itself", "a", "b")])])),
    "function_mutually_recursive": ("ping_pong", calling("ping_pong_a", [
        local_function("ping_pong_a", [call("ping_pong_b", "a", "b")]),
        local_function("ping_pong_b", [call("ping_pong_a", "a", "b")])])),
    "function_exponential": ("function", call_tree("twice_", 40, 2)),
    "function_wide": ("function", call_tree("wide_", 13, 4)),
    "function_duplicate": ("same_function", calling("same_function", [
        local_function("same_function", [onnx.node("Relu", ["a"], ["b"])]),
        local_function("same_function", [onnx.node("Identity", ["a"], ["b"])])])),
    "function_unknown": ("no_such_function", calling("no_such_function", [])),
    "function_without_opset": ("opsetless", calling("opsetless", [
        local_function("opsetless", [onnx.node("Relu", ["a"], ["b"])], opsets=())])),
    "function_output_undefined": ("half_done", calling("half_done", [
        local_function("half_done", [onnx.node("Relu", ["a"], ["c"])])])),
    "function_too_many_inputs": ("one_armed", graph_model(
        [onnx.node("one_armed", ["x", "x"], ["y"], name="call_one_armed", domain=LOCAL)],
        opsets=LOCAL_OPSETS,
        functions=[local_function("one_armed", [onnx.node("Relu", ["a"], ["b"])])])),
    "nested_if_25": ("depth", nested_if(25)),
}

CASES = {**NOT_A_MODEL, **VERSIONS, **OPERATORS, **FUNCTIONS}

SOUND = {"relu": SOUND_MODEL, "functions": call_tree("twice_", 4, 2)}
