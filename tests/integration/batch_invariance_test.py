"""Loads check that a row has the same bytes alone and in a batch, unless told not to."""

import re
import unittest

from integration import rest
from integration.harness import MODEL_REPO, START_SECONDS, SLOWDOWN, Server, wait_until

CHECKED = re.compile(r"batch invariance checked model='(\w+)'.* rows=(\d+) .*ms=([\d.]+)")
SANE_MS = 2000 * SLOWDOWN  # digits needs 2; the machine may be busy


class LoadCheck(unittest.TestCase):
    """What a server says of the example models, and what it promises to clients."""

    def serve(self, **options):
        """The log of a server that has loaded its models, and the properties of digits."""
        server = Server([MODEL_REPO], log_verbose=1, **options)
        try:
            server.start()
            wait_until(lambda: rest.call(server.http, "GET", "/v2/health/ready").status == 200,
                       START_SECONDS, "not ready")
            metadata = rest.call(server.http, "GET", "/v2/models/digits").json()
            return server.stop(), metadata["properties"]
        finally:
            server.kill()

    def test_is_on_by_default(self):
        log, properties = self.serve()
        checked = {m[1]: (int(m[2]), float(m[3])) for m in CHECKED.finditer(log)}
        self.assertLessEqual({"digits", "calo_gan", "jet_bdt", "simple"}, set(checked), log)
        self.assertEqual(checked["digits"][0], 8)
        self.assertLess(checked["digits"][1], SANE_MS)
        self.assertRegex(log, r"batch invariance not checked.*simple_string.*strings")
        self.assertEqual(properties["batch_invariant"], "true")

    def test_can_be_switched_off(self):
        log, properties = self.serve(batch_invariant="off")
        self.assertNotIn("batch invariance", log)
        self.assertEqual(properties["batch_invariant"], "false")


if __name__ == "__main__":
    unittest.main()
