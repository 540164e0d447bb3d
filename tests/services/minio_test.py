"""The tests of the object store once more, against MinIO.

Asked for by HADRON_TEST_MINIO, the program (tests/services/build_minio.sh makes one); skipped
otherwise. What restarts the store is Swift's alone and is skipped here, too.
"""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from integration.harness import START_SECONDS, wait_until

ACCESS_KEY = "hadron-tester"
SECRET_KEY = "a-secret-for-tests"
SUITE_SECONDS = 900


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
        command = [program, "server", "--quiet", "--address", self.address, str(self.dir / "data")]
        if shutil.which("setpriv"):  # must not outlive a test that is killed
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

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
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
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
        environment = {**os.environ, "HADRON_TEST_S3_ADDRESS": minio.address,
                       "HADRON_TEST_S3_ACCESS_KEY": ACCESS_KEY,
                       "HADRON_TEST_S3_SECRET_KEY": SECRET_KEY}
        done = subprocess.run([sys.executable, "-m", "integration.object_store_test", "-v"],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=SUITE_SECONDS, check=False)
        text = done.stdout.decode(errors="replace")
        print(text, file=sys.stderr)
        self.assertEqual(0, done.returncode, text[-2000:])


if __name__ == "__main__":
    unittest.main()
