"""Replicated servers under comparison: a primary and its replicas, in the kinds that there are.

Each has `address` and `pid` of the primary, `pids` of all, and `bench_options` for lmc-bench; use as context managers.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from servers import START_LIMIT_S, Server, free_port


def _poll(condition, what):
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit(f"compare: {what} did not come about")


class LogMemcachedGroup:
    """`ack` None: the server alone, as memcached runs."""

    bench_options = []

    def __init__(self, context, ack, memory_mb=1024):
        self.name = "logmemcached"
        self.context, self.ack, self.memory_mb = context, ack, memory_mb
        self.directory = tempfile.mkdtemp(prefix="lmc-compare-")
        self.primary = None
        self.backups = []

    def _node(self, *options):
        extra = [] if self.ack is None else [*options, "--group-secret-file", self.secret, "--ack", self.ack, "--fabric", "tcp"]
        return Server(self.context.binaries, "logmemcached", memory_mb=self.memory_mb, extra=extra).start()

    def __enter__(self):
        self.secret = os.path.join(self.directory, "secret")
        with open(os.open(self.secret, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("the secret of a group that is measured\n")
        self.at = f"127.0.0.1:{free_port()}"
        self.primary = self._node("--role", "primary", "--replication-listen", self.at)
        if self.ack is not None:
            self.join()
            _poll(lambda: self.in_sync() == 1, "a group in sync")
        return self

    def join(self):
        """Starts another backup; it is in sync later."""
        self.backups.append(self._node("--role", "backup", "--primary", self.at,
                                       "--replication-listen", f"127.0.0.1:{free_port()}"))
        return self.backups[-1]

    def statistics(self):
        return self.primary.stats(b" replication")

    def in_sync(self):
        return len([node for node in self.statistics().get("in_sync", "none").split(",") if node != "none"])

    def __exit__(self, *_):
        for server in [*self.backups, self.primary]:
            if server is not None:
                server.stop()
        shutil.rmtree(self.directory)

    @property
    def address(self):
        return self.primary.address

    @property
    def pid(self):
        return self.primary.pid

    @property
    def pids(self):
        return [server.pid for server in (self.primary, *self.backups)]


class RedisGroup:
    """Redis with one replica, nothing on disk. `wait`: each batch ends with WAIT 1."""

    def __init__(self, context, wait):
        self.name = "redis"
        self.context = context
        self.bench_options = ["-P", "redis", "--wait", 1 if wait else 0]
        self.processes = []

    def _start(self, port, *options):
        self.processes.append(subprocess.Popen(
            ["redis-server", "--dir", self.directory, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--repl-diskless-sync-delay", "0", *options], stdout=subprocess.DEVNULL))

    def _ask(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, check=False).stdout

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="lmc-compare-")  # it leaves a dump of what its replica was sent
        self.port = free_port()
        self._start(self.port)
        _poll(lambda: "PONG" in self._ask("PING"), "redis")
        self._start(free_port(), "--replicaof", "127.0.0.1", str(self.port))
        _poll(lambda: "state=online" in self._ask("INFO", "replication"), "redis' replica")
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(START_LIMIT_S)
        shutil.rmtree(self.directory)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.processes[0].pid

    @property
    def pids(self):
        return [process.pid for process in self.processes]


class YrmcdsGroup:
    """yrmcds with one slave. Who has the virtual address is the master, so the slave lives in a network namespace."""

    bench_options = []
    NAMESPACE = "lmc-compare"

    def __init__(self, _context):
        self.name = "yrmcds"
        self.processes = []

    def _start(self, number, *prefix):
        config = pathlib.Path(self.directory) / f"{number}.conf"
        config.write_text(f"user = root\ngroup = root\nvirtual_ip = 10.99.99.1\nport = 11311\nrepl_port = 11313\n"
                          f"temp_dir = \"{self.directory}\"\nlog.file = \"{self.directory}/{number}.log\"\n"
                          "memory_limit = 1024M\nworkers = 1\n")
        self.processes.append(subprocess.Popen([*prefix, "yrmcdsd", "-f", str(config)], stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL))

    @staticmethod
    def _ip(*words):
        subprocess.run(["ip", *words], check=True)

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="lmc-compare-")
        self._ip("netns", "add", self.NAMESPACE)
        self._ip("link", "add", "lmccmp0", "type", "veth", "peer", "name", "lmccmp1", "netns", self.NAMESPACE)
        self._ip("address", "add", "10.99.99.1/24", "dev", "lmccmp0")
        self._ip("link", "set", "lmccmp0", "up")
        self._ip("-n", self.NAMESPACE, "address", "add", "10.99.99.2/24", "dev", "lmccmp1")
        self._ip("-n", self.NAMESPACE, "link", "set", "lmccmp1", "up")
        self._ip("-n", self.NAMESPACE, "link", "set", "lo", "up")
        self._start(1)
        time.sleep(1)
        self._start(2, "ip", "netns", "exec", self.NAMESPACE)
        _poll(lambda: "slave" in (pathlib.Path(self.directory) / "1.log").read_text().lower(), "yrmcds' slave")
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(START_LIMIT_S)
        subprocess.run(["ip", "link", "del", "lmccmp0"], check=False)
        subprocess.run(["ip", "netns", "del", self.NAMESPACE], check=False)
        shutil.rmtree(self.directory)

    address = "10.99.99.1:11311"

    @property
    def pid(self):
        return self.processes[0].pid

    @property
    def pids(self):
        return [process.pid for process in self.processes]
