# SPDX-License-Identifier: Apache-2.0
"""Models whose single operator has impossible attributes, shapes or types."""

import numpy as np

import onnx_wire as onnx
from malformed_base import Y, graph_model, one_node
from tree_ensemble import ML_DOMAIN, ML_OPSET

IMAGE = ["batch", 2, 8, 8]
ROWS = ["batch", 4]
NEAR_MAX = 2**63 - 2


def zeros(*shape):
    return np.zeros(shape, np.float32)


def ints(*values):
    return np.array(values, np.int64)


def conv(weight=(4, 2, 3, 3), image=IMAGE, bias=None, **attributes):
    weights = {"w": zeros(*weight)}
    if bias is not None:
        weights["b"] = zeros(bias)
    return one_node("Conv", image, weights, "bad_conv", **attributes)


def conv_transpose(**attributes):
    return one_node("ConvTranspose", IMAGE, {"w": zeros(2, 3, 4, 4)}, "bad_deconv", **attributes)


def pool(op_type="MaxPool", name="bad_pool", **attributes):
    return one_node(op_type, IMAGE, name=name, **attributes)


def gemm(b_shape, shape=ROWS, **attributes):
    return one_node("Gemm", shape, {"b": zeros(*b_shape)}, "bad_gemm", **attributes)


def norm(channels):
    weights = {key: zeros(channels) for key in ("scale", "shift", "mean", "variance")}
    return one_node("BatchNormalization", IMAGE, weights, "bad_norm")


def reshape(*target, shape=(2, 3)):
    return one_node("Reshape", shape, {"target": ints(*target)}, "bad_reshape",
                    out_rank=len(target))


def concat(second, axis):
    return one_node("Concat", ROWS, {"other": second}, "bad_concat", axis=axis)


def grow(op_type, inputs):
    """One more output: a constant of 2^51 elements that fits into a few bytes of file."""
    return graph_model(
        [onnx.node("Relu", ["x"], ["y"], name="relu"),
         onnx.node(op_type, inputs, ["big"], name="grow_" + op_type.lower())],
        [onnx.tensor("shape", ints(2**31, 2**20)), onnx.tensor("one", zeros(1))],
        outputs=[Y, onnx.value_info("big", onnx.FLOAT, ["rows", "columns"])])


def mixed_types():
    return graph_model([onnx.node("Add", ["x", "i"], ["y"], name="bad_add")],
                       [onnx.tensor("i", np.zeros(4, np.int32))])


def trees(**changes):
    """Two leaves below one test of feature 0; `changes` replace attributes (None drops one)."""
    attributes = {
        "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.5, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
        "class_treeids": [0, 0], "class_nodeids": [1, 2], "class_ids": [0, 0],
        "class_weights": [-1.0, 1.0], "classlabels_int64s": [0, 1], "post_transform": "LOGISTIC",
    }
    attributes.update(changes)
    attributes = {key: value for key, value in attributes.items() if value is not None}
    node = onnx.node("TreeEnsembleClassifier", ["x"], ["label", "y"], name="bad_trees",
                     domain=ML_DOMAIN, **attributes)
    outputs = [onnx.value_info("label", onnx.INT64, ["batch"]),
               onnx.value_info("y", onnx.FLOAT, ["batch", 2])]
    return graph_model([node], outputs=outputs, opsets=(("", onnx.OPSET), (ML_DOMAIN, ML_OPSET)))


def chained_trees(last_true):
    """Tests 0, 1, 2, each the true child of the one before; `last_true` is that of test 2."""
    leaves = [3, 4, 5, 6] if last_true == 6 else [3, 4, 5]
    count = len(leaves)
    pad = [0] * count
    return trees(
        nodes_treeids=[0] * 3 + pad, nodes_nodeids=[0, 1, 2, *leaves],
        nodes_featureids=[0, 1, 2, *pad], nodes_modes=["BRANCH_LEQ"] * 3 + ["LEAF"] * count,
        nodes_values=[0.5] * 3 + [0.0] * count, nodes_truenodeids=[1, 2, last_true, *pad],
        nodes_falsenodeids=[3, 4, 5, *pad], class_treeids=pad, class_nodeids=leaves,
        class_ids=pad, class_weights=[-1.0] * count)


CONVOLUTIONS = {
    "conv_stride_zero": ("bad_conv", conv(strides=[0, 0])),
    "conv_stride_negative": ("bad_conv", conv(strides=[-1, -1])),
    "conv_strides_count": ("bad_conv", conv(strides=[1])),
    "conv_dilation_zero": ("bad_conv", conv(dilations=[0, 0])),
    "conv_dilation_huge": ("bad_conv", conv(dilations=[NEAR_MAX, NEAR_MAX])),
    "conv_group_zero": ("bad_conv", conv(group=0)),
    "conv_group_negative": ("bad_conv", conv(group=-1)),
    "conv_group_not_dividing": ("bad_conv", conv(weight=(4, 1, 3, 3), group=3)),
    "conv_channels_mismatch": ("bad_conv", conv(weight=(4, 3, 3, 3))),
    "conv_kernel_shape_mismatch": ("bad_conv", conv(kernel_shape=[5, 5])),
    "conv_kernel_zero": ("bad_conv", conv(weight=(4, 2, 0, 0))),
    "conv_weight_rank": ("bad_conv", conv(weight=(4, 2, 3))),
    "conv_bias_length": ("bad_conv", conv(bias=5)),
    "conv_pads_huge": ("bad_conv", conv(pads=[NEAR_MAX] * 4)),
    "conv_pads_negative": ("bad_conv", conv(pads=[-1, -1, -1, -1])),
    "conv_pads_count": ("bad_conv", conv(pads=[1, 1])),
    "conv_auto_pad_unknown": ("bad_conv", conv(auto_pad="SAME_SOMEHOW")),
    "conv_output_negative": ("bad_conv", conv(image=["batch", 2, 2, 2])),
    "deconv_stride_zero": ("bad_deconv", conv_transpose(strides=[0, 0])),
    "deconv_pads_exceed_output": ("bad_deconv", conv_transpose(pads=[50, 50, 50, 50])),
    "deconv_output_padding_huge": ("bad_deconv", conv_transpose(output_padding=[NEAR_MAX] * 2)),
    "deconv_output_shape_count": ("bad_deconv", conv_transpose(output_shape=[16])),
    "deconv_group_zero": ("bad_deconv", conv_transpose(group=0)),
    "pool_kernel_missing": ("bad_pool", pool()),
    "pool_kernel_zero": ("bad_pool", pool(kernel_shape=[0, 0])),
    "pool_kernel_rank": ("bad_pool", pool(kernel_shape=[2, 2, 2])),
    "pool_stride_zero": ("bad_pool", pool(kernel_shape=[2, 2], strides=[0, 0])),
    "average_pool_stride_zero": ("averagepool", pool(
        "AveragePool", "averagepool", kernel_shape=[2, 2], strides=[0, 0])),
}

SHAPES = {
    "batch_norm_length": ("bad_norm", norm(3)),
    "gemm_inner_mismatch": ("bad_gemm", gemm((5, 2))),
    "gemm_rank": ("bad_gemm", gemm((4, 2), shape=["batch", 2, 4])),
    "matmul_inner_mismatch": ("matmul", one_node("MatMul", ROWS, {"b": zeros(5, 2)}, "matmul")),
    "add_broadcast_mismatch": ("bad_add", one_node("Add", ROWS, {"b": zeros(3)}, "bad_add")),
    "add_mixed_types": ("bad_add", mixed_types()),
    "relu_of_string": ("relu", one_node("Relu", ROWS, name="relu", elem_type=onnx.STRING)),
    "concat_axis_out_of_range": ("bad_concat", concat(zeros(1, 4), 2)),
    "concat_dims_mismatch": ("bad_concat", concat(zeros(7, 5), 0)),
    "concat_rank_mismatch": ("bad_concat", concat(zeros(4), 0)),
    "softmax_axis_out_of_range": ("bad_softmax", one_node(
        "Softmax", ROWS, name="bad_softmax", axis=2)),
    "flatten_axis_out_of_range": ("bad_flatten", one_node(
        "Flatten", ROWS, name="bad_flatten", axis=-3)),
    "reshape_product_mismatch": ("bad_reshape", reshape(4, 2)),
    "reshape_not_divisible": ("bad_reshape", reshape(-1, 4)),
    "reshape_two_unknown": ("bad_reshape", reshape(-1, -1)),
    "reshape_negative": ("bad_reshape", reshape(-2, 3)),
    "reshape_overflow": ("bad_reshape", reshape(2**62, 2**62)),
    "reshape_zero_beyond_rank": ("bad_reshape", reshape(2, 3, 0)),
    "transpose_not_a_permutation": ("transpose", one_node(
        "Transpose", ROWS, name="transpose", perm=[0, 0])),
    "transpose_rank": ("transpose", one_node("Transpose", ROWS, name="transpose", perm=[0, 2, 1])),
    "unsqueeze_axis_repeated": ("unsqueeze", one_node(
        "Unsqueeze", ROWS, {"axes": ints(1, 1)}, "unsqueeze", out_rank=4)),
    "split_sizes_mismatch": ("split", one_node(
        "Split", ROWS, {"sizes": ints(1, 1)}, "split", outputs=("y", "z"), axis=1)),
    "cast_to_unknown": ("cast", one_node("Cast", ROWS, name="cast", to=99)),
    "cast_to_undefined": ("cast", one_node("Cast", ROWS, name="cast", to=0)),
    "constant_of_shape_huge": ("constantofshape", grow("ConstantOfShape", ["shape"])),
    "expand_huge": ("expand", grow("Expand", ["one", "shape"])),
}

TREES = {
    "trees_cycle": ("bad_trees", chained_trees(2)),
    "trees_long_cycle": ("bad_trees", chained_trees(1)),
    "trees_no_root": ("bad_trees", chained_trees(0)),
    "trees_child_out_of_range": ("bad_trees", trees(nodes_truenodeids=[9, 0, 0])),
    "trees_child_negative": ("bad_trees", trees(nodes_falsenodeids=[-1, 0, 0])),
    "trees_array_length": ("bad_trees", trees(nodes_values=[0.5])),
    "trees_leaf_array_length": ("bad_trees", trees(class_weights=[1.0])),
    "trees_mode_unknown": ("bad_trees", trees(nodes_modes=["BRANCH_MAYBE", "LEAF", "LEAF"])),
    "trees_node_duplicate": ("bad_trees", trees(nodes_nodeids=[0, 1, 1])),
    "trees_leaf_unknown": ("bad_trees", trees(class_nodeids=[1, 7])),
    "trees_class_out_of_range": ("bad_trees", trees(class_ids=[0, 5])),
    "trees_feature_negative": ("bad_trees", trees(nodes_featureids=[-1, 0, 0])),
    "trees_feature_out_of_range": ("bad_trees", trees(nodes_featureids=[4, 0, 0])),
    "trees_post_transform_unknown": ("bad_trees", trees(post_transform="SOMETHING")),
    "trees_no_labels": ("bad_trees", trees(classlabels_int64s=None)),
    "trees_no_nodes": ("bad_trees", trees(**{
        key: None for key in ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes",
                              "nodes_values", "nodes_truenodeids", "nodes_falsenodeids")})),
}

CASES = {**CONVOLUTIONS, **SHAPES, **TREES}

SOUND = {
    "conv": conv(strides=[2, 2], pads=[1, 1, 1, 1], bias=4),
    "conv_transpose": conv_transpose(strides=[2, 2], pads=[1, 1, 1, 1]),
    "max_pool": pool(kernel_shape=[2, 2], strides=[2, 2]),
    "batch_norm": norm(2),
    "gemm": gemm((4, 2)),
    "concat": concat(zeros(1, 4), 0),
    "reshape": reshape(3, -1),
    "trees": trees(),
    "trees_chained": chained_trees(6),
    }
