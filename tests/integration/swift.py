"""OpenStack Swift with its S3 door: the object store that the tests run against.

Five processes on ports of their own below one temporary directory; nothing of the packages' own
configuration is used but /etc/swift/swift.conf. `wanting()` says what is missing, if anything.
"""

import getpass
import http.client
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from integration.harness import SLOWDOWN, wait_until

ACCESS_KEY = "hadron:tester"
SECRET_KEY = "testsecret"
START_SECONDS = 90 * SLOWDOWN

_KINDS = ("account", "container", "object")
_PROGRAMS = ["memcached", "swift-ring-builder", "swift-proxy-server",
             *(f"swift-{kind}-server" for kind in _KINDS)]
_PIPELINE = ("catch_errors proxy-logging cache listing_formats s3api tempauth copy slo dlo "
             "versioned_writes symlink proxy-logging proxy-server")
_FILTERS = {
    "catch_errors": "", "proxy-logging": "", "listing_formats": "", "copy": "", "slo": "",
    "dlo": "", "symlink": "",
    "cache": "memcache_servers = 127.0.0.1:{memcache}\n",
    "s3api": "location = us-east-1\n",
    "tempauth": "user_hadron_tester = testsecret .admin\n",
    "versioned_writes": "allow_versioned_writes = true\nallow_object_versioning = true\n",
}
_EGGS = {"proxy-logging": "proxy_logging", "cache": "memcache"}


def wanting():
    """What keeps the service from being started; "" when nothing does."""
    missing = [p for p in _PROGRAMS if shutil.which(p) is None]
    return f"not installed: {' '.join(missing)} (./setup.sh object-store)" if missing else ""


def _free_ports(count):
    """Ports that nobody has; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Swift:
    """One instance, empty at its start."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hadron-swift-"))
        ports = _free_ports(len(_KINDS) + 2)
        self._ports = dict(zip((*_KINDS, "proxy", "memcache"), ports))
        self._processes = {}

    @property
    def address(self):
        """host:port of the S3 door."""
        return f"127.0.0.1:{self._ports['proxy']}"

    def start(self):
        """Returns when requests are answered."""
        (self.dir / "etc").mkdir()
        (self.dir / "d" / "sdb1").mkdir(parents=True)
        self._make_rings()
        self._write_configuration()
        self._spawn("memcache", ["memcached", "-l", "127.0.0.1", "-p",
                                 str(self._ports["memcache"]), "-m", "32", "-u",
                                 getpass.getuser()])
        for kind in _KINDS:
            self._spawn(kind, [f"swift-{kind}-server", self._conf(kind)])
        self.start_proxy()
        return self

    def start_proxy(self):
        """Starts what answers requests, once more after kill_proxy."""
        self._spawn("proxy", ["swift-proxy-server", self._conf("proxy")])
        wait_until(self._answers, START_SECONDS, "Swift does not answer")

    def kill_proxy(self):
        """Ends what answers requests, in the middle of whatever it does."""
        process = self._processes.pop("proxy")
        process.kill()
        process.wait()

    def _conf(self, kind):
        return str(self.dir / "etc" / f"{kind}-server.conf")

    def _make_rings(self):
        for kind in _KINDS:
            builder = str(self.dir / "etc" / f"{kind}.builder")
            for arguments in (["create", "4", "1", "0"],
                              ["add", f"r1z1-127.0.0.1:{self._ports[kind]}/sdb1", "1"],
                              ["rebalance"]):
                made = subprocess.run(["swift-ring-builder", builder, *arguments],
                                      capture_output=True, text=True, check=False)
                if made.returncode > 1:  # 1 is a warning
                    raise AssertionError(f"swift-ring-builder: {made.stdout}{made.stderr}")

    def _write_configuration(self):
        common = (f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {{port}}\n"
                  f"user = {getpass.getuser()}\nswift_dir = {self.dir}/etc\nworkers = 0\n"
                  f"log_level = WARNING\n")
        for kind in _KINDS:
            Path(self._conf(kind)).write_text(
                common.format(port=self._ports[kind]) +
                f"devices = {self.dir}/d\nmount_check = false\nfallocate_reserve = 0\n"
                f"disable_fallocate = true\n[pipeline:main]\npipeline = {kind}-server\n"
                f"[app:{kind}-server]\nuse = egg:swift#{kind}\n", encoding="utf-8")
        filters = "".join(
            f"[filter:{name}]\nuse = egg:swift#{_EGGS.get(name, name)}\n"
            + more.format(memcache=self._ports["memcache"]) for name, more in _FILTERS.items())
        Path(self._conf("proxy")).write_text(
            common.format(port=self._ports["proxy"]) +
            f"[pipeline:main]\npipeline = {_PIPELINE}\n[app:proxy-server]\n"
            f"use = egg:swift#proxy\nallow_account_management = true\n"
            f"account_autocreate = true\n"
            # Who asks before the inner servers are up must not have to wait a minute for them.
            f"error_suppression_interval = 1\n{filters}", encoding="utf-8")

    def _spawn(self, name, command):
        with open(self.dir / f"{name}.log", "ab") as log:
            if shutil.which("setpriv"):  # must not outlive a test that is killed
                command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
            self._processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                                     stdout=log, stderr=log)

    def _answers(self):
        for name, process in self._processes.items():
            if process.poll() is not None:
                log = (self.dir / f"{name}.log").read_text(errors="replace")[-2000:]
                raise AssertionError(f"Swift's {name} ended at start:\n{log}")
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", "/info")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self):
        """Ends exactly the processes that were started."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 5
        for process in self._processes.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
