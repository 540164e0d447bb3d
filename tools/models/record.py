# SPDX-License-Identifier: Apache-2.0
"""Records what ONNX Runtime answers for every model of model_repo/.

Writes tests/data/recorded/<model>/input.<tensor>.npy and output.<tensor>.npy (string
tensors: .json, nested lists).  Dimension 0 is the batch.  Needs the PyPI wheel
`onnxruntime`; see the README beside this file.
"""

import json

import numpy as np
import onnxruntime

import jet_sample
import repository

SEED = 11
RECORDED = repository.TEST_DATA / "recorded"


def digits_inputs(_):
    return {"image": np.load(repository.TEST_DATA / "digits_images.npy")[:32]}


def calo_gan_inputs(rng):
    return {"noise": rng.standard_normal((8, 64), np.float32),
            "energy": np.geomspace(10, 100, 8, dtype=np.float32)[:, None]}


def jet_bdt_inputs(_):
    return {"features": jet_sample.generate(SEED, 32)[0]}


def simple_inputs(rng):
    """Small numbers, and one row whose sums and differences wrap around."""
    first, second = rng.integers(-1000, 1000, (2, 8, 16), np.int32)
    limits = np.iinfo(np.int32)
    first[7], second[7] = limits.max, limits.max
    first[7, ::2] = limits.min
    return {"INPUT0": first, "INPUT1": second}


def simple_string_inputs(rng):
    values = rng.integers(-100000, 100000, (2, 8, 16))
    text = values.astype(str).astype(object)
    text[:, 0, :4] = ["0", "-0", "007", "2147483"]
    return {"INPUT0": text[0], "INPUT1": text[1]}


def identity_inputs(rng):
    """Any float must come back bit for bit: both zeros, subnormals and the largest."""
    values = rng.standard_normal((8, 5), np.float32)
    info = np.finfo(np.float32)
    values[0] = [0.0, -0.0, info.smallest_subnormal, info.max, info.min]
    return {"INPUT0": values}


INPUTS = {
    "calo_gan": calo_gan_inputs,
    "digits": digits_inputs,
    "identity_fp32": identity_inputs,
    "jet_bdt": jet_bdt_inputs,
    "simple": simple_inputs,
    "simple_string": simple_string_inputs,
}


def write_tensor(folder, side, name, array):
    if array.dtype != object:
        repository.write_npy(folder / f"{side}.{name}.npy", array)
        return
    path = folder / f"{side}.{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(array.tolist()) + "\n")
    print(f"{path.relative_to(repository.ROOT)}: string {list(array.shape)}")


def record(name, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(repository.model_path(name)), options,
                                           providers=["CPUExecutionProvider"])
    outputs = session.run(None, inputs)
    folder = RECORDED / name
    for tensor, array in inputs.items():
        write_tensor(folder, "input", tensor, array)
    for tensor, array in zip(session.get_outputs(), outputs):
        write_tensor(folder, "output", tensor.name, array)


def main():
    print("ONNX Runtime", onnxruntime.__version__)
    for name, make_inputs in INPUTS.items():
        record(name, make_inputs(np.random.default_rng(SEED)))


if __name__ == "__main__":
    main()
