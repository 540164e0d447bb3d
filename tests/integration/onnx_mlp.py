"""Writes small ONNX models of dense layers, with numpy alone."""

import numpy as np


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _bytes(field, value):
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _value(name, *dims):
    shape = b"".join(_bytes(1, _bytes(2, d) if isinstance(d, str) else _number(1, d)) for d in dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, shape)))


def _tensor(name, array):
    dims = b"".join(_number(1, d) for d in array.shape)
    return dims + _number(2, 1) + _bytes(8, name) + _bytes(9, array.astype("<f4").tobytes())


class Mlp:
    """Square layers x @ w with a Relu behind each; inputs "x", outputs "y" of [batch, width]."""

    def __init__(self, weights):
        self.weights = [np.asarray(w, np.float32) for w in weights]
        self.width = self.weights[0].shape[0]

    @classmethod
    def random(cls, width, layers, seed):
        """Weights drawn so that values neither grow nor vanish."""
        rng = np.random.default_rng(seed)
        scale = np.sqrt(2.0 / width)
        return cls([rng.standard_normal((width, width)) * scale for _ in range(layers)])

    def serialize(self):
        """The model file's bytes."""
        nodes, constants, at = b"", b"", "x"
        for i, w in enumerate(self.weights):
            out = "y" if i + 1 == len(self.weights) else f"h{i}"
            nodes += _bytes(1, _bytes(1, at) + _bytes(1, f"w{i}") + _bytes(2, f"m{i}")
                            + _bytes(4, "MatMul"))
            nodes += _bytes(1, _bytes(1, f"m{i}") + _bytes(2, out) + _bytes(4, "Relu"))
            constants += _bytes(5, _tensor(f"w{i}", w))
            at = out
        graph = (nodes + _bytes(2, "mlp") + constants + _bytes(11, _value("x", "batch", self.width))
                 + _bytes(12, _value("y", "batch", self.width)))
        return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))

    def write(self, repository, name, config="max_batch_size: 4\n"):
        """A model directory."""
        folder = repository / name / "1"
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(self.serialize())
        (repository / name / "config.pbtxt").write_text(config)

    def run(self, x):
        """What the model answers."""
        for w in self.weights:
            x = np.maximum(x.astype(np.float64) @ w, 0)
        return x.astype(np.float32)
