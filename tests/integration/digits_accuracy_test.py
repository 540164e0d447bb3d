"""Held-out handwritten digits through every protocol: right, and the same bytes everywhere."""

import unittest

import numpy as np
import tritonclient.grpc

from integration import rest
from integration.harness import DATA, ServerTestCase

MODEL = "digits"
ACCURACY = 0.97
MAX_BATCH = 64


class Digits(ServerTestCase):
    """One server, 360 images."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = np.load(DATA / "digits_images.npy")
        cls.labels = np.load(DATA / "digits_labels.npy")
        cls.client = rest.Client(cls.server.http)
        cls.grpc_client = tritonclient.grpc.InferenceServerClient(cls.server.grpc)
        cls.alone = cls.in_batches(cls.by_binary, [1] * len(cls.images))

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.grpc_client.close()
        super().tearDownClass()

    @classmethod
    def by_json(cls, images):
        """Probabilities over REST with JSON tensors."""
        return cls.client.infer_json(MODEL, {"image": images})["probabilities"]

    @classmethod
    def by_binary(cls, images):
        """Probabilities over REST with binary tensors."""
        return cls.client.infer_binary(MODEL, {"image": images})["probabilities"]

    @classmethod
    def by_grpc(cls, images):
        """Probabilities over gRPC."""
        tensor = tritonclient.grpc.InferInput("image", list(images.shape), "FP32")
        tensor.set_data_from_numpy(images)
        return cls.grpc_client.infer(MODEL, [tensor]).as_numpy("probabilities")

    @classmethod
    def in_batches(cls, infer, sizes):
        """All images, cut into batches of the given sizes."""
        cuts = np.cumsum(sizes)[:-1]
        return np.concatenate([infer(part) for part in np.split(cls.images, cuts)])

    def batch_sizes(self, seed):
        """Sizes at random that add up to all images."""
        rng = np.random.default_rng(seed)
        sizes = []
        while sum(sizes) < len(self.images):
            left = len(self.images) - sum(sizes)
            sizes.append(min(left, int(rng.integers(1, MAX_BATCH + 1))))
        return sizes

    def check(self, infer):
        """Accuracy, and the bytes of single images over binary REST."""
        probabilities = self.in_batches(infer, self.batch_sizes(seed=7))
        self.assertEqual(np.float32, probabilities.dtype)
        right = np.mean(probabilities.argmax(axis=1) == self.labels)
        self.assertGreaterEqual(right, ACCURACY)
        self.assertEqual(self.alone.tobytes(), probabilities.tobytes())

    def test_there_are_360_images(self):
        """The data is what the claim is about."""
        self.assertEqual((360, 1, 8, 8), self.images.shape)

    def test_rest_json(self):
        """Floats survive their way through JSON text."""
        self.check(self.by_json)

    def test_rest_binary(self):
        """Batches against single images."""
        self.check(self.by_binary)

    def test_grpc(self):
        """The other protocol."""
        self.check(self.by_grpc)

    def test_single_images_in_json_and_grpc(self):
        """Alone is alone in every protocol."""
        for infer in (self.by_json, self.by_grpc):
            with self.subTest(infer.__name__):
                alone = self.in_batches(infer, [1] * len(self.images))
                self.assertEqual(self.alone.tobytes(), alone.tobytes())


if __name__ == "__main__":
    unittest.main()
