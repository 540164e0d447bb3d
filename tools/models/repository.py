# SPDX-License-Identifier: Apache-2.0
"""Where the model scripts put their files, and how they write them."""

import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL_REPO = ROOT / "model_repo"
TEST_DATA = ROOT / "tests" / "data"
TEST_MODELS = TEST_DATA / "models"
MAX_MODEL_BYTES = 2_000_000


def model_path(name, version=1, root=MODEL_REPO):
    """Path of a model file in repository layout; creates its folder."""
    path = root / name / str(version) / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def shown(path):
    """A path as messages name it: from the top of the tree where it lies there."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def write_model(name, data, version=1, root=MODEL_REPO, limit=MAX_MODEL_BYTES):
    path = model_path(name, version, root)
    if len(data) > limit:
        raise ValueError(f"{path} would be {len(data)} bytes, more than {limit}")
    path.write_bytes(data)
    print(f"{shown(path)}: {len(data)} bytes")


def write_npy(path, array):
    """Writes a .npy file of format 1.0, C order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0))
    print(f"{shown(path)}: {array.dtype} {list(array.shape)}")
