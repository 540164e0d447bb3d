"""Every model of model_repo/ answers as recorded, and a row's bytes do not depend on its batch."""

import json
import unittest

import numpy as np

from integration import rest
from integration.harness import DATA, MODEL_REPO, ServerTestCase

RELATIVE_L2 = 5e-6
PROFILE_L1 = 0.03
PROFILE_SHOWERS = 512
ROWS = 200
MAX_BATCH = {"calo_gan": 16, "simple": 8, "simple_string": 8}


def load(path):
    """A recorded tensor: .npy, or .json for strings."""
    if path.suffix == ".json":
        return np.array(json.loads(path.read_text()), dtype=object)
    return np.load(path)


def recorded(model, direction):
    """Recorded tensors by name; direction is input or output."""
    files = sorted((DATA / "recorded" / model).glob(f"{direction}.*"))
    return {path.name.split(".")[1]: load(path) for path in files}


def rows(tensors, indices):
    """The same tensors with only some rows."""
    return {name: array[indices] for name, array in tensors.items()}


class Recorded(ServerTestCase):
    """One server for all models."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = rest.Client(cls.server.http)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        super().tearDownClass()

    def check_equal(self, expected, got):
        """Exact for integers and strings, close for floats."""
        got = got.reshape(expected.shape)  # [n] recorded may be [n,1] in the configuration
        if expected.dtype == object:
            self.assertEqual(expected.tolist(), [[s.decode() for s in row] for row in got])
        elif expected.dtype.kind != "f":
            self.assertEqual(expected.dtype, got.dtype)
            np.testing.assert_array_equal(expected, got)
        else:
            self.assertEqual(expected.dtype, got.dtype)
            distance = np.linalg.norm(np.float64(got) - expected)
            norm = np.linalg.norm(np.float64(expected))
            self.assertLessEqual(distance, RELATIVE_L2 * norm)

    def check_rows(self, model, indices):
        """Some rows of a model in one request."""
        outputs = self.client.infer_binary(model, rows(recorded(model, "input"), indices))
        expected = rows(recorded(model, "output"), indices)
        self.assertEqual(set(expected), set(outputs))
        for name, array in expected.items():
            with self.subTest(model=model, batch=len(indices), output=name):
                self.check_equal(array, outputs[name])

    def test_every_model_has_recorded_outputs(self):
        """A model without any would not be tested."""
        models = {path.name for path in MODEL_REPO.iterdir() if path.is_dir()}
        self.assertEqual(models, {p.name for p in (DATA / "recorded").iterdir()})

    def test_as_recorded(self):
        """All rows, in batches of 1, 3 and 8."""
        for path in sorted((DATA / "recorded").iterdir()):
            count = len(next(iter(recorded(path.name, "input").values())))
            for batch in (1, 3, 8):
                for at in range(0, count, batch):
                    self.check_rows(path.name, np.arange(at, min(at + batch, count)))

    def test_no_rows(self):
        """A batch of nothing is answered with nothing, in the right shape."""
        for path in sorted((DATA / "recorded").iterdir()):
            inputs = rows(recorded(path.name, "input"), slice(0, 0))
            for name, array in self.client.infer_json(path.name, inputs).items():
                with self.subTest(model=path.name, output=name):
                    expected = recorded(path.name, "output")[name]
                    self.assertEqual(0, array.shape[0])
                    self.assertEqual(expected[0].size, np.prod(array.shape[1:]))

    def test_identity_gives_the_same_bytes(self):
        """Zeros, subnormal and largest values included."""
        inputs = recorded("identity_fp32", "input")
        outputs = self.client.infer_binary("identity_fp32", inputs)
        self.assertEqual(inputs["INPUT0"].tobytes(), outputs["OUTPUT0"].tobytes())


class Invariance(ServerTestCase):
    """200 rows alone and inside random batches give identical bytes."""

    def inputs_of(self, model, rng):
        """Random rows in the range that the model knows."""
        if model == "digits":
            return {"image": rng.integers(0, 17, (ROWS, 1, 8, 8)).astype(np.float32)}
        if model == "jet_bdt":
            drawn = rng.integers(0, 64, ROWS)
            return rows(recorded(model, "input"), drawn)
        return {"noise": rng.standard_normal((ROWS, 64), np.float32),
                "energy": rng.uniform(10, 100, (ROWS, 1)).astype(np.float32)}

    def answers(self, client, model, inputs, batches):
        """Rows of all outputs, in the order of the rows, whatever batch they were in."""
        result = {}
        for indices in batches:
            for name, array in client.infer_binary(model, rows(inputs, indices)).items():
                for index, row in zip(indices, array):
                    result[name, int(index)] = row.tobytes()
        return result

    def random_batches(self, model, rng):
        """Every row once, in random order and batches of random sizes."""
        order = rng.permutation(ROWS)
        sizes = rng.integers(1, MAX_BATCH.get(model, 64) + 1, ROWS)
        cuts = np.cumsum(sizes)
        return [part for part in np.split(order, cuts[cuts < ROWS]) if len(part)]

    def test_rows_do_not_depend_on_their_batch(self):
        """Batches that a client made."""
        with rest.Client(self.server.http) as client:
            for model in ("digits", "jet_bdt", "calo_gan"):
                with self.subTest(model=model):
                    rng = np.random.default_rng(11)
                    inputs = self.inputs_of(model, rng)
                    alone = self.answers(client, model, inputs, np.arange(ROWS)[:, None])
                    mixed = self.answers(client, model, inputs, self.random_batches(model, rng))
                    self.assertEqual(alone, mixed)


class Showers(ServerTestCase):
    """The physics of calo_gan."""

    def profile(self, client, energy, rng):
        """Mean longitudinal profile of showers of one energy, normalised."""
        total = np.zeros(16)
        for _ in range(PROFILE_SHOWERS // 16):
            inputs = {"noise": rng.standard_normal((16, 64), np.float32),
                      "energy": np.full((16, 1), energy, np.float32)}
            shower = client.infer_binary("calo_gan", inputs)["shower"]
            total += shower.sum(axis=(0, 2, 3), dtype=np.float64)
        return total / total.sum()

    def test_longitudinal_profile(self):
        """Close to the parametrisation at four energies."""
        energies = np.load(DATA / "calo_profile_energies.npy")
        expected = np.load(DATA / "calo_profile_expected.npy")
        rng = np.random.default_rng(5)
        with rest.Client(self.server.http) as client:
            for energy, truth in zip(energies, expected):
                with self.subTest(energy=float(energy)):
                    distance = np.abs(self.profile(client, energy, rng) - truth).sum()
                    self.assertLessEqual(distance, PROFILE_L1)


if __name__ == "__main__":
    unittest.main()
