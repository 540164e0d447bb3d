"""The tests of the object store once more, against MinIO.

Asked for by HADRON_TEST_MINIO, the program (tests/services/build_minio.sh makes one); skipped
otherwise. What restarts the store is Swift's alone and is skipped here, too.
"""

import http.client
import os
import shutil
import socket
import tempfile
import unittest
from pathlib import Path

from integration.harness import START_SECONDS, wait_until
from services.object_store_suite import end, run, spawn

ACCESS_KEY = "hadron-tester"
SECRET_KEY = "a-secret-for-tests"


class Minio:
    """One instance over an empty directory."""

    def __init__(self, program):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-minio-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        environment = {"HOME": str(self.dir), "PATH": os.environ["PATH"],
                       "MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY,
                       "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}
        self.process = spawn([program, "server", "--quiet", "--address", self.address,
                              str(self.dir / "data")], self.dir / "log", environment)

    def wait(self):
        """Returns when requests are answered."""
        wait_until(self._answers, START_SECONDS, "MinIO does not answer")

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError("MinIO ended at start:\n" + (self.dir / "log").read_text())
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", "/minio/health/live")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self):
        """Ends the process and removes what it kept."""
        end(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


class Suite(unittest.TestCase):
    """Everything of object_store_test that needs no restart of the store."""

    def test_object_store(self):
        program = os.environ.get("HADRON_TEST_MINIO")
        if not program:
            self.skipTest("HADRON_TEST_MINIO names no program (tests/services/build_minio.sh)")
        minio = Minio(program)
        self.addCleanup(minio.stop)
        minio.wait()
        run(self, minio.address, ACCESS_KEY, SECRET_KEY)


if __name__ == "__main__":
    unittest.main()
