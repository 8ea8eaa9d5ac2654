"""A replicated group: nodes on this machine, each a Server, and lmcctl to talk to them."""

import os
import signal
import subprocess
import tempfile

from . import settings
from .server import Server, ServerFailed, free_port, poll

_REPORTS = ("Sanitizer:", "runtime error:")


def lmcctl_path():
    return os.path.join(os.path.dirname(settings.server_path()), "..", "tools", "lmcctl")


class Refused(Exception):
    """A node, or lmcctl, said no. The message is what it said."""


def _host(number):
    """In the guest (tests/guest) each node has its own address, with an RDMA device; without a network all are on loopback."""
    hosts = os.environ.get("LMC_GUEST_ADDRESSES", "127.0.0.1").split()
    return hosts[number % len(hosts)]


class Node:
    def __init__(self, group, role, primary=None, options=(), listen=None, secret_file=None, number=None):
        self.secret_file = secret_file or group.secret_file
        self.number = len(group.nodes) if number is None else number
        network = group.network
        host = network.host(self.number) if network else _host(self.number)
        self.address = listen or f"{host}:{free_port()}"
        self.options = ["--replication-listen", self.address, "--group-secret-file", self.secret_file,
                        "--role", role, *options]
        if primary is not None:
            self.options += ["--primary", primary.address]
        where = {"listen": (host,), "prefix": network.prefix(self.number)} if network else {}
        self.server = Server(*self.options, **where)
        self.port = self.server.port

    def ctl(self, *words):
        limit = settings.seconds(30)
        done = subprocess.run([lmcctl_path(), "--group-secret-file", self.secret_file, "--timeout", str(round(limit * 1000)),
                               self.address, *words],
                              capture_output=True, text=True, timeout=limit + 10)
        if done.returncode != 0:
            raise Refused(done.stderr.strip())
        return done.stdout

    def status(self):
        return dict(line.split(" ", 1) for line in self.ctl("status").splitlines())

    def serves(self):
        try:
            return self.status()["serves"]
        except Refused:
            return None


class Group:
    """One primary and `backups` others, all in sync when it is made. With a Network each node is a host of it."""

    def __init__(self, backups=2, options=(), network=None):
        self.network = network
        self.directory = tempfile.TemporaryDirectory(prefix="lmc-group-")
        self.secret_file = self.new_secret("secret")
        self.options = list(options)
        self.nodes = []
        self._servers = []
        try:
            self.primary = self.add("primary")
            for _ in range(backups):
                self.add("backup", self.primary)
            self.await_in_sync()
        except BaseException:
            self.stop()
            raise

    def new_secret(self, name):
        """Writes a secret and returns the file."""
        path = os.path.join(self.directory.name, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(f"the {name} of a group in a test\n")
        return path

    def restart(self, node, primary):
        """A node whose process has ended comes back, empty, as a backup under its address."""
        self.nodes.remove(node)
        return self.add("backup", primary, node.address, number=node.number)

    def add(self, role, primary=None, listen=None, options=(), secret_file=None, number=None):
        node = Node(self, role, primary, [*self.options, *options], listen, secret_file, number)
        self.nodes.append(node)
        self._servers.append(node.server)
        return node

    def await_in_sync(self, primary=None, backups=None, within=20):
        """Until the set is complete, and every backup serves."""
        primary = primary or self.primary
        others = [node for node in self.nodes if node is not primary]
        wanted = {node.address for node in others} if backups is None else {node.address for node in backups}

        def complete():
            status = primary.status()
            listed = set(status["in_sync"].split(",")) - {"none"}
            return listed == wanted and all(node.serves() == "reads" for node in others if node.address in wanted)

        poll(complete, f"{len(wanted)} backups in sync", within)

    def stop(self):
        """The end of a test. Whoever still runs must end well, and nobody's log may hold a sanitizer's report."""
        problems = []
        for server in self._servers:
            problems += _end(server)
        self._servers.clear()
        self.directory.cleanup()
        if problems:
            raise ServerFailed("\n".join(problems))


def _end(server):
    """Ends a node, which may have been killed or stopped by the test; returns what was wrong with it."""
    problems = []
    if server.running():
        os.kill(server.pid, signal.SIGCONT)
        server.process.terminate()
        try:
            if server.wait() != 0:
                problems.append(f"pid {server.pid} ended with {server.process.returncode}")
        except ServerFailed as failure:
            problems.append(str(failure))
    elif server.process.returncode not in (0, -signal.SIGKILL):
        problems.append(f"pid {server.pid} had ended by itself with {server.process.returncode}")
    log = server.log()
    if problems or any(mark in log for mark in _REPORTS):
        problems.append(f"the log of pid {server.pid}:\n{log[-20_000:]}")
    server.remove_files()
    return problems
