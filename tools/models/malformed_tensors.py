# SPDX-License-Identifier: Apache-2.0
"""Models whose tensors lie about their type, size or place."""

import numpy as np

import onnx_wire as onnx
from malformed_base import WEIGHTS, X, Y, graph_model

RAW = onnx.bytes_field(9, WEIGHTS.astype("<f4").tobytes())
FLOAT_DATA = onnx.packed_floats(4, WEIGHTS)
INT64_DATA = onnx.packed_ints(7, [0, 1, 2, 3])
EXTERNAL = onnx.int_field(14, 1)


def with_weight(weight, name="w_bad", elem_type=onnx.FLOAT):
    """A sound graph with one more output, the weight, given as a ready-made TensorProto."""
    return graph_model([onnx.node("Relu", ["x"], ["y"], name="relu"),
                        onnx.node("Identity", [name], ["z"], name="identity")],
                       [weight], outputs=[Y, onnx.value_info("z", elem_type)])


def declared(dims, data_type, *fields):
    return with_weight(onnx.tensor_fields("w_bad", dims, data_type, *fields),
                       elem_type=onnx.STRING if data_type == onnx.STRING else onnx.FLOAT)


def external(*fields, **entries):
    """An external weight of four floats; `entries` are its location, offset and length."""
    pairs = [onnx.bytes_field(1, key) + onnx.bytes_field(2, value)
             for key, value in entries.items()]
    return with_weight(onnx.tensor_fields("w_ext", [4], onnx.FLOAT, onnx.repeated(13, pairs),
                                          EXTERNAL, *fields), name="w_ext")


def constant(*raw_attributes):
    return graph_model([
        onnx.node("Constant", [], ["c"], name="bad_constant", raw_attributes=raw_attributes),
        onnx.node("Add", ["x", "c"], ["y"], name="add")])


def with_input(name, info):
    """Identity of one more input; only its declaration is at fault."""
    return graph_model([onnx.node("Relu", ["x"], ["y"], name="relu"),
                        onnx.node("Identity", [name], ["z"], name="identity")], inputs=[X, info])


def typed_input(name, type_proto):
    return with_input(name, onnx.bytes_field(1, name) + onnx.bytes_field(2, type_proto))


def sparse():
    values = onnx.tensor("w_sparse", np.ones(1, np.float32))
    indices = onnx.tensor("w_sparse_indices", np.zeros(1, np.int64))
    message = onnx.bytes_field(1, values) + onnx.bytes_field(2, indices) + onnx.int_field(3, 4)
    return graph_model([onnx.node("Add", ["x", "w_sparse"], ["y"], name="add")],
                       extra=onnx.bytes_field(15, message))


SIZES = {
    "dim_negative": ("w_bad", declared([-4], onnx.FLOAT, RAW)),
    "dims_overflow": ("w_bad", declared([2**32, 2**32, 4], onnx.FLOAT, RAW)),
    "dims_overflow_to_zero": ("w_bad", declared([2**32, 2**32], onnx.FLOAT)),
    "bytes_overflow": ("w_bad", declared([2**62], onnx.FLOAT, RAW)),
    "dims_larger_than_data": ("w_bad", declared([2**40], onnx.FLOAT, RAW)),
    "raw_data_too_short": ("w_bad", declared([5], onnx.FLOAT, RAW)),
    "raw_data_too_long": ("w_bad", declared([3], onnx.FLOAT, RAW)),
    "raw_data_partial_element": ("w_bad", declared(
        [4], onnx.FLOAT, onnx.bytes_field(9, WEIGHTS.tobytes()[:-1]))),
    "no_data": ("w_bad", declared([4], onnx.FLOAT)),
    "float_data_too_short": ("w_bad", declared([5], onnx.FLOAT, FLOAT_DATA)),
    "float_data_too_long": ("w_bad", declared([3], onnx.FLOAT, FLOAT_DATA)),
    "string_data_too_short": ("w_bad", declared(
        [2], onnx.STRING, onnx.repeated(6, ["one"]))),
    "zero_elements_with_data": ("w_bad", declared([0], onnx.FLOAT, RAW)),
}

VALUES = {
    "two_value_fields": ("w_bad", declared([4], onnx.FLOAT, RAW, FLOAT_DATA)),
    "wrong_value_field": ("w_bad", declared([4], onnx.FLOAT, INT64_DATA)),
    "string_raw_data": ("w_bad", declared([4], onnx.STRING, RAW)),
    "data_type_undefined": ("w_bad", declared([4], 0, RAW)),
    "data_type_unknown": ("w_bad", declared([4], 99, RAW)),
    "segment": ("w_bad", declared(
        [4], onnx.FLOAT, onnx.bytes_field(3, onnx.int_field(1, 0) + onnx.int_field(2, 4)), RAW)),
    "sparse_initializer": ("sparse", sparse()),
    "initializer_without_name": ("name", graph_model(
        [onnx.node("Relu", ["x"], ["y"], name="relu")],
        [onnx.tensor_fields("", [4], onnx.FLOAT, RAW)])),
    "constant_size_mismatch": ("bad_constant", constant(
        onnx.bytes_field(1, "value") + onnx.int_field(20, 4)
        + onnx.bytes_field(5, onnx.tensor_fields("", [7], onnx.FLOAT, RAW)))),
    "constant_two_values": ("bad_constant", constant(
        onnx.attribute("value", WEIGHTS), onnx.attribute("value_float", 1.0))),
    "constant_no_value": ("bad_constant", constant()),
}

# The tests put `weights.bin`, 16 bytes, beside the model file.
PLACES = {
    "external_parent_path": ("w_ext", external(location="../../etc/passwd", length="16")),
    "external_hidden_parent_path": ("w_ext", external(location="a/../../weights.bin")),
    "external_absolute_path": ("w_ext", external(location="/etc/passwd", length="16")),
    "external_drive_path": ("w_ext", external(location="C:\\weights.bin")),
    "external_backslash_path": ("w_ext", external(location="..\\weights.bin")),
    "external_nul_in_path": ("w_ext", external(location="weights.bin\0.txt")),
    "external_directory": ("w_ext", external(location=".", length="16")),
    "external_no_location": ("w_ext", external(offset="0", length="16")),
    "external_empty_location": ("w_ext", external(location="", length="16")),
    "external_missing_file": ("w_ext", external(location="no_such_file.bin")),
    "external_offset_negative": ("w_ext", external(location="weights.bin", offset="-4")),
    "external_offset_not_a_number": ("w_ext", external(location="weights.bin", offset="4x")),
    "external_offset_overflow": ("w_ext", external(
        location="weights.bin", offset="18446744073709551615", length="16")),
    "external_offset_too_big_to_parse": ("w_ext", external(
        location="weights.bin", offset="99999999999999999999999")),
    "external_beyond_file": ("w_ext", external(
        location="weights.bin", offset="4", length="16")),
    "external_length_mismatch": ("w_ext", external(location="weights.bin", length="12")),
    "external_length_negative": ("w_ext", external(location="weights.bin", length="-16")),
    "external_and_raw_data": ("w_ext", external(RAW, location="weights.bin", length="16")),
}

DECLARATIONS = {
    "input_complex": ("complex_x", with_input(
        "complex_x", onnx.value_info("complex_x", onnx.COMPLEX64, ["batch", 4]))),
    "input_sequence": ("sequence_x", typed_input("sequence_x", onnx.bytes_field(
        4, onnx.bytes_field(1, onnx.tensor_type(onnx.FLOAT, [4]))))),
    "input_map": ("map_x", typed_input("map_x", onnx.bytes_field(
        5, onnx.int_field(1, onnx.INT64)
        + onnx.bytes_field(2, onnx.tensor_type(onnx.FLOAT, []))))),
    "input_without_type": ("untyped_x", with_input(
        "untyped_x", onnx.bytes_field(1, "untyped_x"))),
    "input_elem_type_undefined": ("untyped_x", with_input(
        "untyped_x", onnx.value_info("untyped_x", 0, ["batch", 4]))),
    "input_elem_type_unknown": ("alien_x", with_input(
        "alien_x", onnx.value_info("alien_x", 99, ["batch", 4]))),
    "input_dim_below_minus_one": ("negative_x", with_input(
        "negative_x", onnx.value_info("negative_x", onnx.FLOAT, ["batch", -5]))),
    "output_type_contradiction": ("int_y", graph_model(
        [onnx.node("Relu", ["x"], ["int_y"], name="relu")],
        outputs=[onnx.value_info("int_y", onnx.INT64, ["batch", 4])])),
    "value_info_type_contradiction": ("int_hidden", graph_model(
        [onnx.node("Relu", ["x"], ["int_hidden"]), onnx.node("Relu", ["int_hidden"], ["y"])],
        outputs=[Y], value_infos=[onnx.value_info("int_hidden", onnx.INT64, ["batch", 4])])),
}

CASES = {**SIZES, **VALUES, **PLACES, **DECLARATIONS}

SOUND = {
    "raw_data": declared([4], onnx.FLOAT, RAW),
    "float_data": declared([4], onnx.FLOAT, FLOAT_DATA),
    "zero_elements": declared([0], onnx.FLOAT),
    "external": external(location="weights.bin", offset="0", length="16"),
    "constant": constant(onnx.attribute("value", WEIGHTS)),
}
