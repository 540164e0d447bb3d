"""Batches whose tensors take much of the memory that models are in: idle ones leave for them."""

import unittest
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from . import rest
from .harness import Server
from .many_models import MIB, MODELS, WIDTH, ManyModels

BUDGET = 28  # MiB: all six models, and hardly anything beside them


class LargeBatches(ManyModels):
    """Rows take 2 KiB as input, as output, and twice that between the layers."""

    CONFIG = "max_batch_size: 32768\n"

    def server(self):
        """A server whose models run on the CPU."""
        return Server([self.repository], device_memory_budget=BUDGET * MIB)

    def ask(self, server, name, rows):
        """The status of an inference, whose answer has to be right, and its body."""
        x = np.random.default_rng(rows).standard_normal((rows, WIDTH)).astype(np.float32)
        body, headers = rest.binary_body({"x": x})
        response = rest.call(server.http, "POST", f"/v2/models/{name}/infer", body, headers)
        if response.status == 200:
            np.testing.assert_allclose(rest.arrays(response)["y"], self.models[name].run(x),
                                       rtol=1e-3, atol=1e-3)
        return response.status, response.body

    def test_models_leave_for_it_and_come_back(self):
        """A batch takes the place of idle models, and gives it back for their next requests."""
        with self.server() as server:
            for rows in (2, 600, 2, 1000, 2):
                for name in self.models:
                    status, body = self.ask(server, name, rows)
                    self.assertEqual(200, status, (name, rows, body))

    def test_says_what_cannot_fit(self):
        """The failure names the memory and the remedy; everything else goes on."""
        with self.server() as server:
            status, body = self.ask(server, "m1", 20000)
            self.assertEqual(503, status, body)
            self.assertRegex(body.decode(), "between the layers take .* MiB of host memory .*: "
                             "send smaller batches or give the server more memory")
            for name in self.models:
                self.assertEqual(200, self.ask(server, name, 2)[0])

    def test_everybody_wants_the_memory_of_everybody_else(self):
        """Large and small requests for all models at once: all are answered."""
        with self.server() as server, ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(self.ask, server, f"m{i % MODELS}", 700 if i % 2 else 2)
                     for i in range(60)]
            answers = [done.result() for done in asked]
        self.assertEqual([], [answer for answer in answers if answer[0] != 200])


if __name__ == "__main__":
    unittest.main()
