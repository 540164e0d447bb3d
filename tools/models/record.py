# SPDX-License-Identifier: Apache-2.0
"""Records what ONNX Runtime answers for every model of model_repo/, or for other models.

Writes tests/data/recorded/<model>/input.<tensor>.npy and output.<tensor>.npy (string
tensors: .json, nested lists).  Dimension 0 is the batch.  Needs the PyPI wheel
`onnxruntime`; see the README beside this file.

    record.py                                   the models of model_repo/
    record.py --repository R --into D MODEL...  those models of R, with random inputs
"""

import argparse
import json
import pathlib
import zlib

import numpy as np
import onnxruntime

import jet_sample
import repository

SEED = 11
ROWS = 8
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
    print(f"{repository.shown(path)}: string {list(array.shape)}")


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def record(session, inputs, folder):
    outputs = session.run(None, inputs)
    for tensor, array in inputs.items():
        write_tensor(folder, "input", tensor, array)
    for tensor, array in zip(session.get_outputs(), outputs):
        write_tensor(folder, "output", tensor.name, array)
    return outputs


def random_inputs(session, rng):
    """ROWS rows: normal floats; integers are masks of a sequence, ones and then zeros."""
    inputs = {}
    for tensor in session.get_inputs():
        shape = (ROWS, *tensor.shape[1:])
        if tensor.type == "tensor(float)":
            inputs[tensor.name] = rng.standard_normal(shape, np.float32)
        else:
            lengths = rng.integers(1, shape[1] + 1, (ROWS, 1))
            inputs[tensor.name] = (np.arange(shape[1]) < lengths).astype(np.int64)
    return inputs


def distance(first, second):
    """Relative L2."""
    return np.linalg.norm(np.float64(first) - second) / np.linalg.norm(np.float64(second))


def check_usefulness(name, session, inputs, outputs):
    """Rows must stand for themselves whatever the batch, and tell one input from another."""
    for index, tensor in enumerate(session.get_outputs()):
        whole = outputs[index]
        for rows in (1, 3):
            part = session.run(None, {key: value[:rows] for key, value in inputs.items()})[index]
            if part.shape != whole[:rows].shape or distance(part, whole[:rows]) > 1e-6:
                raise RuntimeError(f"{name}: {tensor.name} of {rows} rows depends on the batch")
        if not np.isfinite(whole).all() or distance(whole[0], whole[1]) < 1e-2:
            raise RuntimeError(f"{name}: {tensor.name} hardly depends on the input")


def record_others(models, into, names):
    for name in names:
        session = open_session(models / name / "1" / "model.onnx")
        inputs = random_inputs(session, np.random.default_rng(zlib.crc32(name.encode())))
        outputs = record(session, inputs, into / name)
        check_usefulness(name, session, inputs, outputs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    print("ONNX Runtime", onnxruntime.__version__)
    if options.repository:
        record_others(options.repository, options.into, options.names)
        return
    for name, make_inputs in INPUTS.items():
        inputs = make_inputs(np.random.default_rng(SEED))
        record(open_session(repository.model_path(name)), inputs, RECORDED / name)


if __name__ == "__main__":
    main()
