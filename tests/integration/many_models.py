"""Models of equal size, for servers that cannot hold all of them."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from .onnx_mlp import Mlp

WIDTH = 512
LAYERS = 4  # of 1 MiB
MIB = 1 << 20
MODELS = 6


class ManyModels(unittest.TestCase):
    """One repository for all tests: models m0 to m5 of 4 MiB, and an input of two rows."""

    CONFIG = "max_batch_size: 4\n"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="hadron-many-models-")
        cls.repository = Path(cls.folder.name)
        cls.models = {f"m{i}": Mlp.random(WIDTH, LAYERS, i) for i in range(MODELS)}
        for name, model in cls.models.items():
            model.write(cls.repository, name, cls.CONFIG)
        cls.x = np.random.default_rng(99).standard_normal((2, WIDTH)).astype(np.float32)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()
