# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/models: identities of further types, and `scale` with three versions."""

import numpy as np

import onnx_wire as onnx
import repository
from make_simple import identity, pairs

IDENTITIES = {
    "identity_bf16": onnx.BFLOAT16,
    "identity_bool": onnx.BOOL,
    "identity_fp16": onnx.FLOAT16,
    "identity_int64": onnx.INT64,
    "identity_string": onnx.STRING,
}
SCALE_VERSIONS = (1, 2, 3)


def scale(factor):
    """OUTPUT0 = INPUT0 * factor, FP32 [4]."""
    return onnx.model(onnx.graph(
        [onnx.node("Mul", ["INPUT0", "factor"], ["OUTPUT0"], name="scale")],
        pairs(["INPUT0"], onnx.FLOAT, 4), pairs(["OUTPUT0"], onnx.FLOAT, 4),
        [onnx.tensor("factor", np.array([factor], np.float32))], name="scale"))


def main():
    root = repository.TEST_MODELS
    for name, elem_type in IDENTITIES.items():
        repository.write_model(name, identity(elem_type), root=root)
    for version in SCALE_VERSIONS:
        repository.write_model("scale", scale(version), version=version, root=root)


if __name__ == "__main__":
    main()
