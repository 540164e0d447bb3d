# SPDX-License-Identifier: Apache-2.0
"""Exports a trained PyTorch module to ONNX with its batch normalisations kept."""

import io
import warnings

import torch

from onnx_wire import OPSET, operator_counts


def export(module, example_inputs, input_names, output_names):
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
            module, example_inputs, buffer, opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
            input_names=input_names, output_names=output_names,
            dynamic_axes={name: {0: "batch"} for name in (*input_names, *output_names)})
    data = buffer.getvalue()
    found = operator_counts(data).get("BatchNormalization", 0)
    if found != expected:
        raise RuntimeError(f"{found} of {expected} BatchNormalization nodes survived the export")
    return data
