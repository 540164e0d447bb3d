"""The tests of the object store once more, against Ceph: the S3 that many labs run.

One monitor, one storage daemon that keeps everything in memory, one gateway. Skipped where its
packages are not installed (./setup.sh ceph). What restarts the store is Swift's alone and is
skipped here, too.
"""

import http.client
import shutil
import socket
import subprocess
import tempfile
import unittest
import uuid
from pathlib import Path

from integration.harness import START_SECONDS, wait_until
from services.object_store_suite import end, run, spawn

ACCESS_KEY = "hadron-tester"
SECRET_KEY = "a-secret-for-tests"
PROGRAMS = ["ceph", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool", "radosgw",
            "radosgw-admin"]

CONFIGURATION = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon},v1:127.0.0.1:{mon_v1}]
public addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd crush chooseleaf type = 0
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon max pg per osd = 1000
mon data avail crit = 1
run dir = {dir}
admin socket = {dir}/$cluster-$name.asok
log file = {dir}/$cluster-$name.log
pid file = {dir}/$cluster-$name.pid
keyring = {dir}/keyring
[mon.a]
mon data = {dir}/mon
[osd.0]
osd data = {dir}/osd
keyring = {dir}/osd/keyring
osd objectstore = memstore
memstore device bytes = 2147483648
[client.rgw.a]
keyring = {dir}/rgw.keyring
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw thread pool size = 16
"""


def free_ports(count):
    """Ports that nobody has; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Ceph:
    """One cluster, empty at its start."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-ceph-"))
        self._fsid = str(uuid.uuid4())
        mon, mon_v1, gateway = free_ports(3)
        self._monitors = f"[v2:127.0.0.1:{mon},v1:127.0.0.1:{mon_v1}]"
        self.address = f"127.0.0.1:{gateway}"
        self._conf = str(self.dir / "ceph.conf")
        (self.dir / "osd").mkdir()
        Path(self._conf).write_text(
            CONFIGURATION.format(fsid=self._fsid, mon=mon, mon_v1=mon_v1, gateway=gateway,
                                 dir=self.dir), encoding="utf-8")
        self._processes = []

    def start(self):
        """Returns when requests are answered."""
        self._start_monitor()
        self._start_storage()
        capabilities = ["mon", "allow rw", "osd", "allow rwx"]
        self._ceph("auth", "get-or-create", "client.rgw.a", *capabilities, "-o",
                   str(self.dir / "rgw.keyring"))
        self._spawn("radosgw", "-c", self._conf, "-n", "client.rgw.a", "-f")
        wait_until(self._answers, 2 * START_SECONDS, "Ceph's gateway does not answer")
        self._run("radosgw-admin", "-c", self._conf, "user", "create", "--uid=tester",
                  "--display-name=tester", f"--access-key={ACCESS_KEY}",
                  f"--secret-key={SECRET_KEY}")

    def stop(self):
        """Ends the processes, last come first, and removes what they kept."""
        for process in reversed(self._processes):
            end(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    def _start_monitor(self):
        keyring = str(self.dir / "keyring")
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.",
                  "--cap", "mon", "allow *")
        self._run("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", "--cap", "mon",
                  "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
        monmap = str(self.dir / "monmap")
        self._run("monmaptool", "--create", "--clobber", "--fsid", self._fsid, "--addv", "a",
                  self._monitors, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring,
                  "-c", self._conf)
        self._spawn("ceph-mon", "-i", "a", "-c", self._conf, "-f")

    def _start_storage(self):
        """Without the same identity in all steps the daemon never comes up, and says nothing."""
        identity = str(uuid.uuid4())
        keyring = str(self.dir / "osd" / "keyring")
        self._ceph("osd", "new", identity)
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "osd.0")
        self._ceph("auth", "add", "osd.0", "osd", "allow *", "mon", "allow profile osd", "mgr",
                   "allow profile osd", "-i", keyring)
        self._run("ceph-osd", "-i", "0", "-c", self._conf, "--osd-uuid", identity, "--mkfs")
        self._ceph("osd", "crush", "add", "osd.0", "1.0", "host=h", "root=default")
        self._spawn("ceph-osd", "-i", "0", "-c", self._conf, "-f")

    def _spawn(self, *command):
        self._processes.append(spawn(list(command), self.dir / "out"))

    def _ceph(self, *arguments):
        self._run("ceph", "-c", self._conf, "--connect-timeout", "60", *arguments)

    def _run(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}\n"
                                 f"{self._output()}")

    def _output(self):
        out = self.dir / "out"
        return out.read_text(encoding="utf-8", errors="replace")[-4000:] if out.exists() else ""

    def _answers(self):
        if any(process.poll() is not None for process in self._processes):
            raise AssertionError("a daemon of Ceph ended at its start:\n" + self._output())
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Suite(unittest.TestCase):
    """Everything of object_store_test that needs no restart of the store."""

    def test_object_store(self):
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            self.skipTest(f"not installed: {' '.join(missing)} (./setup.sh ceph)")
        ceph = Ceph()
        self.addCleanup(ceph.stop)
        ceph.start()
        run(self, ceph.address, ACCESS_KEY, SECRET_KEY)


if __name__ == "__main__":
    unittest.main()
