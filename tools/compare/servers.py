"""The servers under comparison: how each is started on a free port, measured, and ended (only what was started here)."""

import getpass
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

START_LIMIT_S = 20
STOP_LIMIT_S = 10


def free_port():
    """A port that was free a moment ago; a server that loses the race fails to start and is started again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_binary(build, name):
    """The executable `name` somewhere in the build tree, or None."""
    for path in sorted(pathlib.Path(build).rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return None


class Binaries:
    """Where the programs are. `servers` is the order of the columns."""

    def __init__(self, arguments):
        self.bench = arguments.bench or find_binary(arguments.build, "lmc-bench")
        if not self.bench:
            raise SystemExit(f"compare: no lmc-bench in {arguments.build}; build it, or name it with --bench PATH")
        paths = {
            "floor": arguments.floor or find_binary(arguments.build, "floor"),
            "memcached": arguments.memcached or shutil.which("memcached"),
            "logmemcached": arguments.logmemcached or find_binary(arguments.build, "logmemcached"),
        }
        self.paths = {}
        for name in arguments.servers.split(","):
            if name not in paths:
                raise SystemExit(f"compare: --servers {name}: unknown; choose from {','.join(paths)}")
            if not paths[name]:
                raise SystemExit(f"compare: there is no {name}; build or install it, name it with --{name} PATH, "
                                 "or leave it out of --servers")
            self.paths[name] = paths[name]

    def caches(self):
        """The servers that keep what they are given."""
        return [name for name in self.paths if name != "floor"]


class Server:
    """One running server. Use as a context manager; leaving it ends the process by its id."""

    def __init__(self, binaries, name, memory_mb=1024, threads=1, value_bytes=100, cpus=None, extra=()):
        self.name = name
        self.binary = binaries.paths[name]
        self.options = dict(memory_mb=memory_mb, threads=threads, value_bytes=value_bytes)
        self.cpus = cpus
        self.extra = list(extra)
        self.process = None
        self.port = None

    def _command(self):
        pin = ["taskset", "-c", self.cpus] if self.cpus else []
        if self.name == "floor":
            return pin + [self.binary, "-p", str(self.port), "-s", str(self.options["value_bytes"])]
        user = ["-u", getpass.getuser()] if os.geteuid() == 0 else []
        return pin + [self.binary, "-p", str(self.port), "-l", "127.0.0.1", "-U", "0", "-c", "2048",
                      "-m", str(self.options["memory_mb"]), "-t", str(self.options["threads"])] + user + self.extra

    def start(self):
        for _ in range(3):
            self.port = free_port()
            self.process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if self._wait_until_it_answers():
                return self
            self.stop()
        raise SystemExit(f"compare: {self.name} did not start: {' '.join(self._command())}")

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.ask(b"version\r\n", b"\r\n").startswith(b"VERSION"):
                    return True
            except OSError:
                time.sleep(0.001)
        return False

    def ask(self, request, end, limit_s=10):
        """One request on a connection of its own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=limit_s) as connection:
            connection.sendall(request)
            answer = b""
            while not answer.endswith(end):
                more = connection.recv(65536)
                if not more:
                    break
                answer += more
            return answer

    def stats(self, group=b""):
        lines = self.ask(b"stats%s\r\n" % group, b"END\r\n").decode().splitlines()
        return dict(line.split(" ", 2)[1:] for line in lines if line.startswith("STAT "))

    def resident_bytes(self):
        """Resident memory of the process: anonymous, file and shared pages, and huge pages."""
        total = 0
        for line in pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            field, _, rest = line.partition(":")
            if field in ("Rss", "Shared_Hugetlb", "Private_Hugetlb"):
                total += int(rest.split()[0]) * 1024
        return total

    @property
    def pid(self):
        return self.process.pid

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_LIMIT_S)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_LIMIT_S)
        self.process.stderr.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
