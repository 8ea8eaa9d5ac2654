"""A replicated group: nodes on this machine, each a Server, and lmcctl to talk to them."""

import os
import subprocess
import tempfile

from . import settings
from .server import Server, free_port, poll


def lmcctl_path():
    return os.path.join(os.path.dirname(settings.server_path()), "..", "tools", "lmcctl")


class Refused(Exception):
    """A node, or lmcctl, said no. The message is what it said."""


def _host(number):
    """In the guest (tests/guest) each node has its own address, with an RDMA device; else all are on loopback."""
    hosts = os.environ.get("LMC_GUEST_ADDRESSES", "127.0.0.1").split()
    return hosts[number % len(hosts)]


class Node:
    def __init__(self, group, role, primary=None, options=(), listen=None):
        self.group = group
        self.address = listen or f"{_host(len(group.nodes))}:{free_port()}"
        self.options = ["--replication-listen", self.address, "--group-secret-file", group.secret_file,
                        "--role", role, *options]
        if primary is not None:
            self.options += ["--primary", primary.address]
        self.server = Server(*self.options)
        self.port = self.server.port

    def ctl(self, *words):
        done = subprocess.run([lmcctl_path(), "--group-secret-file", self.group.secret_file, self.address, *words],
                              capture_output=True, text=True, timeout=settings.seconds(30))
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
    """One primary and `backups` others, all in sync when it is made."""

    def __init__(self, backups=2, options=()):
        self.directory = tempfile.TemporaryDirectory(prefix="lmc-group-")
        self.secret_file = os.path.join(self.directory.name, "secret")
        with open(os.open(self.secret_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("the secret of a group in a test\n")
        self.options = list(options)
        self.nodes = []
        self.primary = self.add("primary")
        for _ in range(backups):
            self.add("backup", self.primary)
        self.await_in_sync()

    def add(self, role, primary=None, listen=None, options=()):
        node = Node(self, role, primary, [*self.options, *options], listen)
        self.nodes.append(node)
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
        for node in self.nodes:
            if node.server.process is not None and node.server.process.poll() is None:
                node.server.kill()
            node.server.remove_files()
        self.directory.cleanup()
