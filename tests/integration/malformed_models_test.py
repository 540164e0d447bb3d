"""Malformed model files are refused with a reason while other models serve on."""

import shutil
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np

from integration import rest
from integration.harness import DATA, MODEL_REPO, SLOWDOWN, Server

MALFORMED = DATA / "malformed"
LEAST = 30
LOAD_SECONDS = 20 * SLOWDOWN
GOOD = ("simple", "digits")
UNCONFIGURABLE = {"zero_elements"}  # sound, but a configuration cannot have a dimension of 0


def expectations():
    """Texts that the reason for each file must contain: {name: {text, ...}}."""
    texts = {}
    for line in (MALFORMED / "EXPECT.tsv").read_text().splitlines():
        name, _, text = line.partition("\t")
        texts.setdefault(name, set()).add(text.lower())
    return texts


def add_model(repository, name, source):
    """A model directory from one file, with the external data beside it."""
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    shutil.copy(source, folder / "model.onnx")
    shutil.copy(source.parent / "weights.bin", folder)


class Malformed(unittest.TestCase):
    """One server with every malformed file, every sound twin and two real models."""

    @classmethod
    def setUpClass(cls):
        cls.dir = Path(tempfile.mkdtemp(prefix="hadron-malformed-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.names = sorted(path.stem for path in MALFORMED.glob("*.onnx"))
        cls.sound = sorted(path.stem for path in (MALFORMED / "sound").glob("*.onnx"))
        for name in cls.names:
            add_model(cls.dir, f"bad_{name}", MALFORMED / f"{name}.onnx")
        for name in cls.sound:
            add_model(cls.dir, f"sound_{name}", MALFORMED / "sound" / f"{name}.onnx")
        for name in GOOD:
            shutil.copytree(MODEL_REPO / name, cls.dir / name)
        begun = time.monotonic()
        cls.server = Server([cls.dir], exit_on_error="false", strict_readiness="false").start()
        cls.addClassCleanup(cls.server.kill)
        cls.seconds = time.monotonic() - begun
        index = rest.call(cls.server.http, "POST", "/v2/repository/index").json()
        cls.index = {entry["name"]: entry for entry in index}

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_there_are_enough(self):
        """Every file has an expectation and every expectation a file."""
        self.assertGreaterEqual(len(self.names), LEAST)
        self.assertEqual(set(self.names), set(expectations()))

    def test_every_one_is_refused_with_a_reason(self):
        """The reason names the tensor, the node or the defect."""
        for name, texts in expectations().items():
            with self.subTest(name):
                entry = self.index[f"bad_{name}"]
                self.assertEqual("UNAVAILABLE", entry.get("state"))
                for text in texts:
                    self.assertIn(text, entry.get("reason", "").lower())

    def test_the_reason_is_readable(self):
        """One line of moderate length, whatever stands in the file."""
        for name in self.names:
            with self.subTest(name):
                reason = self.index[f"bad_{name}"].get("reason", "")
                self.assertTrue(reason.isprintable(), reason)
                self.assertLess(len(reason), 4000)

    def test_sound_twins_are_served(self):
        """What is refused is the defect and not the operator."""
        for name in self.sound:
            with self.subTest(name):
                entry = self.index[f"sound_{name}"]
                expected = "UNAVAILABLE" if name in UNCONFIGURABLE else "READY"
                self.assertEqual(expected, entry.get("state"), entry.get("reason"))

    def test_a_refused_model_does_not_answer(self):
        """Inference on it is refused, too."""
        for name in self.names:
            with self.subTest(name):
                answer = rest.call(self.server.http, "POST", f"/v2/models/bad_{name}/infer",
                                   b'{"inputs":[]}')
                self.assertIn(answer.status, (404, 503))
                self.assertIn(f"bad_{name}", answer.json()["error"])

    def test_good_models_answer(self):
        """The server is alive and right."""
        self.assertEqual(200, rest.call(self.server.http, "GET", "/v2/health/ready").status)
        ones = np.ones((1, 16), np.int32)
        with rest.Client(self.server.http) as client:
            outputs = client.infer_json("simple", {"INPUT0": ones * 2, "INPUT1": ones})
            np.testing.assert_array_equal(ones * 3, outputs["OUTPUT0"])
            images = np.load(DATA / "digits_images.npy")[:8]
            labels = np.load(DATA / "digits_labels.npy")[:8]
            outputs = client.infer_binary("digits", {"image": images})
            self.assertGreaterEqual((outputs["probabilities"].argmax(1) == labels).sum(), 7)

    def test_loading_all_takes_bounded_time(self):
        """No file costs more than its size."""
        self.assertLess(self.seconds, LOAD_SECONDS)


if __name__ == "__main__":
    unittest.main()
