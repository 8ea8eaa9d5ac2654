"""A network of its own for the nodes of a group: each in a network namespace, with an address that packets reach through the
test's, where nftables can drop those from one node to another. Nobody else on the machine sees any of it.

A test file calls enter() before unittest.main(): the process goes on in a namespace of its own, which ends with its last process.
"""

import os
import subprocess
import sys

_INSIDE = "LMC_OWN_NETWORK"
_SKIPPED = 77  # as automake and ctest have it
_NODES = 3


def _run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


def available():
    return os.environ.get(_INSIDE) == "yes"


def enter():
    """Returns in the namespaces, once there are some. Where none can be made it says why, and ends as skipped."""
    if _INSIDE in os.environ:
        return
    own = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    try:
        possible = subprocess.run([*own, "sh", "-c", "nft list tables && ip link set lo up"], capture_output=True, text=True,
                                  check=False)
        why = possible.stderr.strip()
        if possible.returncode == 0:
            os.execvpe(own[0], [*own, sys.executable, "-B", *sys.argv], dict(os.environ, **{_INSIDE: "yes"}))
    except OSError as error:
        why = str(error)
    print(f"SKIPPED: no network namespaces, or no nftables, for this user here: {why}")
    sys.exit(_SKIPPED)


class Network:
    """Made once per process. Node N of a group, counted from 0, lives at host(N)."""

    def __init__(self):
        _run("mount", "-t", "tmpfs", "tmpfs", "/run")  # where ip keeps its namespaces: in this mount namespace only
        _run("ip", "link", "set", "lo", "up")
        with open("/proc/sys/net/ipv4/ip_forward", "w") as forward:
            forward.write("1")
        for number in range(_NODES):
            name, here = f"node{number}", f"hub{number}"
            _run("ip", "netns", "add", name)
            _run("ip", "link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", name)
            _run("ip", "addr", "add", f"10.77.{number}.254/24", "dev", here)
            _run("ip", "link", "set", here, "up")
            _run("ip", "-n", name, "link", "set", "lo", "up")
            _run("ip", "-n", name, "addr", "add", f"{self.host(number)}/24", "dev", "eth0")
            _run("ip", "-n", name, "link", "set", "eth0", "up")
            _run("ip", "-n", name, "route", "add", "default", "via", f"10.77.{number}.254")
        _run("nft", "add", "table", "ip", "faults")
        # Behind the forwarding decision: clients and lmcctl, which are in this namespace, always get through.
        _run("nft", "add", "chain", "ip", "faults", "between", "{ type filter hook forward priority 0; }")

    @staticmethod
    def host(number):
        return f"10.77.{number}.1"

    @staticmethod
    def prefix(number):
        """The words that start a program as that node."""
        return ["ip", "netns", "exec", f"node{number}"]

    def drop(self, source, destination, *what):
        """From now on nothing that the one node sends to the other arrives. Nobody is told. `what`: of it, in nft's words."""
        _run("nft", "add", "rule", "ip", "faults", "between", "ip", "saddr", self.host(source), "ip", "daddr",
             self.host(destination), *what, "drop")

    def cut(self, one, other):
        self.drop(one, other)
        self.drop(other, one)

    @staticmethod
    def lose(percent):
        """Of all that nodes send to each other this share is lost, packet by packet."""
        _run("nft", "add", "rule", "ip", "faults", "between", "numgen", "random", "mod", "100", "<", str(percent), "drop")

    def slow(self, source, destination, megabytes):
        """What the one node sends to the other beyond so much in a second is lost."""
        self.drop(source, destination, "limit", "rate", "over", str(megabytes), "mbytes/second", "burst", "1", "mbytes")

    @staticmethod
    def heal():
        _run("nft", "flush", "chain", "ip", "faults", "between")
