"""Where the server listens: several addresses, IPv6, port files, unix sockets and their mode."""

import os
import socket
import stat
import subprocess
import tempfile
import unittest

from harness import settings
from harness.server import Server, free_port, poll
from harness.wire import Connection


def works(address):
    with Connection(address) as connection:
        return connection.set(b"listener", b"1") == b"STORED\r\n" and connection.get(b"listener") == b"1"


class Listeners(unittest.TestCase):
    def test_several_l_options(self):
        with Server(listen=("127.0.0.1", "127.0.0.2")) as server:
            self.assertTrue(works(("127.0.0.1", server.port)))
            self.assertTrue(works(("127.0.0.2", server.port)))
            with self.assertRaises(OSError):
                Connection(("127.0.0.3", server.port))

    def test_a_list_of_addresses_in_one_l(self):
        with Server("-l", "127.0.0.2,127.0.0.3") as server:
            for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
                self.assertTrue(works((host, server.port)), host)

    def test_an_address_given_twice(self):
        with Server(listen=("127.0.0.1", "127.0.0.1")) as server:
            self.assertTrue(works(("127.0.0.1", server.port)))

    def test_an_address_with_its_own_port(self):
        other = free_port()
        with Server("-l", f"127.0.0.2:{other}") as server:
            self.assertTrue(works(("127.0.0.1", server.port)))
            self.assertTrue(works(("127.0.0.2", other)))

    def test_ipv6(self):
        other = free_port()
        with Server("-l", f"[::1]:{other}"):
            self.assertTrue(works(("::1", other)))

    def test_without_l_it_listens_on_both_families(self):
        with _Everywhere() as server:
            self.assertTrue(works(("127.0.0.1", server.port)))
            self.assertTrue(works(("::1", server.port)))

    def test_the_port_file_names_the_ports(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "ports")
            user = ["-u", "root"] if os.geteuid() == 0 else []
            process = subprocess.Popen([settings.server_path(), *user, "-l", "127.0.0.1", "-p", "-1", "-U", "0"],
                                       env=dict(os.environ, MEMCACHED_PORT_FILENAME=path), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            poll(lambda: os.path.exists(path), "the port file")
            with open(path) as file:
                lines = file.read().splitlines()
            self.assertEqual(1, len(lines), lines)
            self.assertRegex(lines[0], r"^TCP INET: \d+$")
            self.assertTrue(works(("127.0.0.1", int(lines[0].rsplit(" ", 1)[1]))))


class _Everywhere(Server):
    """Without -l; found through 127.0.0.1."""

    def command_line(self):
        return [word for word in super().command_line() if word not in ("-l", "127.0.0.1")]


class UnixSocket(unittest.TestCase):
    def test_default_mode_is_700(self):
        with Server(unix=True) as server:
            self.assertTrue(works(server.socket_path))
            self.assertEqual(0o700, stat.S_IMODE(os.stat(server.socket_path).st_mode))

    def test_the_mask_sets_the_mode(self):
        with Server("-a", "0755", unix=True) as server:
            self.assertEqual(0o755, stat.S_IMODE(os.stat(server.socket_path).st_mode))
            self.assertTrue(works(server.socket_path))

    def test_with_a_socket_file_there_is_no_tcp(self):
        with Server("-p", "0", unix=True) as server:
            inodes = set()
            for link in os.listdir(f"/proc/{server.pid}/fd"):
                try:
                    target = os.readlink(f"/proc/{server.pid}/fd/{link}")
                except OSError:
                    continue
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
            for table in ("tcp", "tcp6", "udp", "udp6"):
                with open(f"/proc/net/{table}") as rows:
                    self.assertFalse([row for row in rows if row.split()[9] in inodes], table)

    def test_a_stale_socket_file_is_replaced(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "stale")
            with socket.socket(socket.AF_UNIX) as stale:
                stale.bind(path)
            user = ["-u", "root"] if os.geteuid() == 0 else []
            process = subprocess.Popen([settings.server_path(), *user, "-s", path], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)

            def answers():
                try:
                    return works(path)
                except OSError:
                    self.assertIsNone(process.poll(), "the server ended")
                    return False
            poll(answers, "the server on the stale path")


if __name__ == "__main__":
    unittest.main()
