"""A replicated group over RDMA devices: what only those can show. Runs in the guest, as guest.replication_verbs."""

import os
import subprocess
import time
import unittest

from harness import settings
from harness.server import free_port, poll
from test_replication import GroupCase, end, write_for


def tc(*words):
    subprocess.run(["tc", "qdisc", *words], check=True)


@unittest.skipUnless("LMC_GUEST_ADDRESSES" in os.environ, "needs RDMA devices: run by tests/guest")
class Verbs(GroupCase):
    def test_all_nodes_take_verbs_by_themselves(self):
        group = self.group()
        for node in group.nodes:
            self.assertEqual(node.status()["fabric"], "verbs")

    def test_a_backup_whose_packets_are_lost_leaves_and_comes_back(self):
        group = self.group()
        lost = group.nodes[2]
        writers = write_for(0.5, group.primary.server, range(2))
        tc("add", "dev", "node3", "root", "netem", "loss", "100%")  # everything that this node sends by RDMA
        try:
            poll(lambda: lost.address not in group.primary.status()["in_sync"], "the set without it", 30)
            self.await_progress(writers)
        finally:
            tc("del", "dev", "node3", "root")
        group.await_in_sync(within=60)
        end(writers)
        for node in group.nodes:
            self.check(node.server, writers)

    def test_delayed_and_reordered_packets_lose_nothing(self):
        group = self.group()
        for node in (1, 2, 3):
            tc("add", "dev", f"node{node}", "root", "netem", "delay", "1ms", "2ms", "loss", "1%", "reorder", "20%")
        try:
            end(writers := write_for(2, group.primary.server, range(2)))
        finally:
            for node in (1, 2, 3):
                tc("del", "dev", f"node{node}", "root")
        group.await_in_sync(within=60)
        for node in group.nodes:
            self.check(node.server, writers)

    def test_a_node_whose_device_goes_says_so_and_does_not_spin(self):
        removal = None

        def restore():  # soft-RoCE's device goes when no process has it open any more: after the group
            removal.wait()
            subprocess.run(["rdma", "link", "add", "rxe3", "type", "rxe", "netdev", "node3"], check=True)

        self.addCleanup(lambda: removal and restore())
        group = self.group()
        without = group.nodes[2]
        writers = write_for(0.5, group.primary.server, range(2))
        removal = subprocess.Popen(["rdma", "link", "delete", "rxe3"])
        poll(lambda: "the RDMA device rxe3 is gone: " in without.server.log(), "it says so", 30)
        poll(lambda: without.address not in group.primary.status()["in_sync"], "the set without it", 30)
        self.await_progress(writers)
        end(writers)
        before, since = without.server.cpu_seconds(), time.monotonic()
        time.sleep(6)  # at first it tries again every 20 ms, which is much in the guest; later every 2 s
        self.assertLess(without.server.cpu_seconds() - before, (time.monotonic() - since) / 2)
        self.assertEqual(without.server.log().count("until it is restarted with a device"), 1)
        for node in group.nodes[:2]:
            self.check(node.server, writers)

    def test_a_node_with_another_fabric_is_refused(self):
        group = self.group(backups=1)
        other = group.add("backup", group.primary, options=("--fabric", "tcp"))
        poll(lambda: "fabrics differ: tcp there, verbs here" in other.server.log(), "the refusal in its log")

    def test_an_address_without_a_device_is_refused(self):
        group = self.group(backups=0)
        done = subprocess.run([settings.server_path(), "-u", "root", "-p", str(free_port()), "--role", "primary",
                               "--replication-listen", f"127.0.0.1:{free_port()}", "--fabric", "verbs",
                               "--group-secret-file", group.secret_file],
                              capture_output=True, text=True, timeout=settings.seconds(20))
        self.assertEqual(done.returncode, 71)
        self.assertIn("no RDMA device carries", done.stderr)


if __name__ == "__main__":
    unittest.main()
