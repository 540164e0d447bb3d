"""What every other object store is put through: the tests that the product's own one passes."""

import os
import shutil
import subprocess
import sys

SUITE_SECONDS = 900


def spawn(command, log, environment=None):
    """A process that does not outlive a test that is killed; it writes into the file `log`."""
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
    with open(log, "ab") as output:
        return subprocess.Popen(  # pylint: disable=consider-using-with
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def end(process):
    """Asks the process to end, and sees to it."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(test, address, access_key, secret_key):
    """All of integration.object_store_test that needs no restart of the store."""
    environment = {**os.environ, "HADRON_TEST_S3_ADDRESS": address,
                   "HADRON_TEST_S3_ACCESS_KEY": access_key,
                   "HADRON_TEST_S3_SECRET_KEY": secret_key}
    done = subprocess.run([sys.executable, "-m", "integration.object_store_test", "-v"],
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=SUITE_SECONDS, check=False)
    text = done.stdout.decode(errors="replace")
    print(text, file=sys.stderr)
    test.assertEqual(0, done.returncode, text[-2000:])
