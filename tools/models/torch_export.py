# SPDX-License-Identifier: Apache-2.0
"""Exports a trained PyTorch module to ONNX with its batch normalisations kept."""

import io
import warnings

import torch
from torch.onnx import symbolic_helper

from onnx_wire import OPSET, operator_counts


@symbolic_helper.parse_args("v", "v", "v", "is", "s", "is", "i")
def _convolution_same(g, x, weight, bias, stride, padding, dilation, groups):
    """PyTorch 1.13 cannot export padding="same"; ONNX has a word for it."""
    if padding != "same":
        raise ValueError(f"padding {padding!r}")
    return g.op("Conv", x, weight, bias, auto_pad_s="SAME_UPPER", strides_i=stride,
                dilations_i=dilation, group_i=groups,
                kernel_shape_i=weight.type().sizes()[2:])


torch.onnx.register_custom_op_symbolic("aten::_convolution_mode", _convolution_same, OPSET)


def export(module, example_inputs, input_names, output_names, opset=OPSET, fold_constants=False):
    """Returns the model file's bytes; dimension 0 of every tensor is the symbol `batch`.

    The exporter's evaluation mode would fold BatchNormalization into the convolution
    before it.  Folding is the server's own work, so the module goes out in PRESERVE mode,
    with each layer already switched to evaluation.
    """
    module.eval()
    expected = sum(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in module.modules())
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, example_inputs, buffer, opset_version=opset,
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=fold_constants,
            input_names=input_names, output_names=output_names,
            dynamic_axes={name: {0: "batch"} for name in (*input_names, *output_names)})
    data = buffer.getvalue()
    found = operator_counts(data).get("BatchNormalization", 0)
    if found != expected:
        raise RuntimeError(f"{found} of {expected} BatchNormalization nodes survived the export")
    return data
