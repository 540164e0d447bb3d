"""A PostgreSQL of one test, on loopback, in a folder of its own.

The programs come with the Debian package postgresql; the server refuses to be root, so that root
runs it as the user nobody.

    with Database() as database:
        database.query("SELECT 1")
"""

import csv
import io
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from .harness import SLOWDOWN, wait_until

SECONDS = 60 * SLOWDOWN
PASSWORD = "a word that nobody sees"


def programs():
    """The folder of the server's programs; None when it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def _free_port():
    """PostgreSQL takes no port 0: one that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Database:
    """The cluster and its server; a password for everybody who comes by TCP."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-postgres-"))
        self._data = self.dir / "data"
        self._as = []
        if os.getuid() == 0:
            os.chown(self.dir, 65534, -1)
            self._as = ["setpriv", "--reuid=65534", "--clear-groups", "--"]
        self.dir.chmod(0o755)
        self.port = None
        self._process = None
        self.passfile = self.dir / "pgpass"
        self.set_password(PASSWORD)

    def set_password(self, word):
        """What clients that use the file say."""
        self.passfile.write_text(f"*:*:*:*:{word}\n")
        self.passfile.chmod(0o600)

    def __enter__(self):
        word = self.dir / "word"
        word.write_text(PASSWORD)
        word.chmod(0o644)
        self._run("initdb", "-D", self._data, "-U", "hadron", "--pwfile", word,
                  "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _run(self, program, *arguments):
        subprocess.run([*self._as, programs() / program, *map(str, arguments)], check=True,
                       capture_output=True, timeout=SECONDS, cwd="/")

    def start(self):
        """Starts the server; on its old port, when it had one."""
        for _ in range(1 if self.port else 10):
            port = self.port or _free_port()
            with open(self.dir / "log", "ab") as log:
                self._process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *self._as[1:], *(() if self._as else ("--",)),
                     programs() / "postgres", "-D", self._data, "-h", "127.0.0.1", "-p", str(port),
                     "-k", "", "-F"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/")
            if wait_until(lambda p=port: self._answers(p), SECONDS, "no database") == "yes":
                self.port = port
                return
        raise AssertionError((self.dir / "log").read_text(errors="replace"))

    def _answers(self, port):
        if self._process.poll() is not None:
            return "no"
        ready = subprocess.run([programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)],
                               check=False)
        return "yes" if ready.returncode == 0 else None

    def stop(self):
        """Stops the server; what is in it stays."""
        if self._process is not None:
            self._process.terminate()  # SIGTERM waits for clients; SIGINT does not
            self._process.send_signal(2)
            self._process.wait(SECONDS)
            self._process = None

    @property
    def conninfo(self):
        """For a client that has the password's file."""
        return (f"host=127.0.0.1 port={self.port} user=hadron dbname=postgres "
                f"passfile={self.passfile}")

    def query(self, sql):
        """Rows of an answer as dictionaries."""
        done = subprocess.run([programs() / "psql", "-X", "--csv", "-v", "ON_ERROR_STOP=1",
                               "-d", self.conninfo, "-c", sql], capture_output=True,
                              timeout=SECONDS, check=False, cwd="/",
                              env={**os.environ, "PGPASSWORD": PASSWORD})
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode())
        return list(csv.DictReader(io.StringIO(done.stdout.decode())))
