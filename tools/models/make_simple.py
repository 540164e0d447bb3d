# SPDX-License-Identifier: Apache-2.0
"""Makes model_repo/simple, simple_string and identity_fp32: models without weights."""

import onnx_wire as onnx
import repository


def pairs(names, elem_type, length=16):
    return [onnx.value_info(name, elem_type, ["batch", length]) for name in names]


def simple():
    """OUTPUT0 = INPUT0 + INPUT1 and OUTPUT1 = INPUT0 - INPUT1, all INT32 [16]."""
    nodes = [
        onnx.node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"], name="add"),
        onnx.node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"], name="subtract"),
    ]
    return onnx.model(onnx.graph(nodes, pairs(["INPUT0", "INPUT1"], onnx.INT32),
                                 pairs(["OUTPUT0", "OUTPUT1"], onnx.INT32), name="simple"))


def simple_string():
    """The same on decimal integers written as strings."""
    nodes = [
        onnx.node("Cast", ["INPUT0"], ["A"], name="parse_0", to=onnx.INT32),
        onnx.node("Cast", ["INPUT1"], ["B"], name="parse_1", to=onnx.INT32),
        onnx.node("Add", ["A", "B"], ["SUM"], name="add"),
        onnx.node("Sub", ["A", "B"], ["DIFFERENCE"], name="subtract"),
        onnx.node("Cast", ["SUM"], ["OUTPUT0"], name="print_0", to=onnx.STRING),
        onnx.node("Cast", ["DIFFERENCE"], ["OUTPUT1"], name="print_1", to=onnx.STRING),
    ]
    return onnx.model(onnx.graph(nodes, pairs(["INPUT0", "INPUT1"], onnx.STRING),
                                 pairs(["OUTPUT0", "OUTPUT1"], onnx.STRING),
                                 name="simple_string"))


def identity(elem_type, length="size"):
    """OUTPUT0 = INPUT0, one variable-length row per batch item unless a length is given."""
    return onnx.model(onnx.graph(
        [onnx.node("Identity", ["INPUT0"], ["OUTPUT0"], name="identity")],
        pairs(["INPUT0"], elem_type, length), pairs(["OUTPUT0"], elem_type, length),
        name="identity"))


def main():
    repository.write_model("simple", simple())
    repository.write_model("simple_string", simple_string())
    repository.write_model("identity_fp32", identity(onnx.FLOAT))


if __name__ == "__main__":
    main()
