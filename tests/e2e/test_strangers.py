"""Who does not belong comes to the replication port: other versions, other memory, other secrets, garbage, silence. Each is told
why, or closed; the log names both sides; the group goes on as if nobody had come.
"""

import random
import socket
import unittest

from harness import control, settings
from harness.case import only_ours
from harness.server import free_port, poll
from test_replication import GroupCase, end, write_for

_SILENT = 200  # more than a listener keeps undecided


@only_ours("it replicates nothing")
class Strangers(GroupCase):
    def setUp(self):
        self.made = self.group(backups=1)
        self.primary, self.backup = self.made.nodes
        self.writers = write_for(0.1, self.primary.server, range(2))
        self.before = self.primary.status()

    def check_undisturbed(self):
        """No change of the set, and every write is there."""
        self.await_progress(self.writers)
        end(self.writers)
        after = self.primary.status()
        for name in ("role", "epoch", "in_sync", "serves"):
            self.assertEqual(after[name], self.before[name], name)
        for node in self.made.nodes:
            self.check(node.server, self.writers)

    def connect(self, node):
        host, port = node.address.rsplit(":", 1)
        connection = socket.create_connection((host, int(port)), settings.seconds(20))
        self.addCleanup(connection.close)
        return connection

    def await_closed(self, connection):
        """Whatever is answered, the end comes."""
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass

    def await_log(self, node, *words):
        poll(lambda: any(all(word in line for word in words) for line in node.server.log().splitlines()),
             f"a line with {words} in the log", 20)

    def test_another_control_version_is_refused_and_both_are_named(self):
        for node in self.made.nodes:
            connection = self.connect(node)
            connection.sendall(control.MAGIC + b"\x63\0" + bytes(range(32)))
            self.assertEqual(connection.recv(2), b"\1\0", "it names its own, so that the other can say so too")
            self.await_closed(connection)
            self.await_log(node, "control protocol version 99 there, 1 here")
        self.check_undisturbed()

    def test_a_data_link_of_another_version_is_refused_and_both_are_named(self):
        for node in self.made.nodes:
            connection = self.connect(node)
            connection.sendall(b"LMCDATA1" + b"\x63\0" + bytes(300))
            answer = connection.recv(20, socket.MSG_WAITALL)
            self.assertEqual(answer, b"\1\0" + bytes(18), "it names its own, so that the other can say so too")
            self.await_closed(connection)
            self.await_log(node, "version 99 of data links there, 1 here")
        self.check_undisturbed()

    def test_a_node_of_another_version_is_refused_and_both_are_named(self):
        for versions, rest in (((2, 1), b"what only version 2 knows"), ((1, 9), b""), ((7, 7), bytes(200))):
            with control.Control(self.primary.address, self.made.secret_file) as stranger:
                stranger.send(control.join(b"10.1.2.3:4", *versions, rest))
                refusal = stranger.receive()
            words = "protocol %d and ledger format %d there, 1 and 1 here" % versions
            self.assertEqual(refusal[0], control.REFUSED)
            self.assertIn(words.encode(), refusal)
            self.await_log(self.primary, "10.1.2.3:4", words)
        self.check_undisturbed()

    def check_refused_with(self, options, what, there, here):
        other = self.made.add("backup", self.primary, options=options)
        self.made.nodes.remove(other)
        poll(lambda: what in other.status().get("session_last_end", ""), "the refusal", 20)
        words = f"{what} {there} at the backup, {here} at the primary"
        self.await_log(self.primary, other.address, words)
        self.await_log(other, words)
        self.assertEqual(other.status()["serves"], "nothing")
        self.check_undisturbed()

    def test_a_node_with_another_memory_is_refused_and_both_are_named(self):
        self.check_refused_with(["-m", "64"], "bytes of memory (-m)", 64 << 20, 256 << 20)

    def test_a_node_with_another_largest_item_is_refused_and_both_are_named(self):
        self.check_refused_with(["-I", "512k"], "largest item (-I)", 512 << 10, 1 << 20)

    def test_a_node_with_another_secret_is_refused(self):
        node = self.made.add("backup", self.primary, secret_file=self.made.new_secret("other secret"))
        self.made.nodes.remove(node)
        poll(lambda: "does not hold the group secret" in node.status().get("session_last_end", ""), "the refusal", 20)
        self.await_log(self.primary, "refused a control connection")
        self.assertEqual(node.status()["serves"], "nothing")
        self.check_undisturbed()

    def test_garbage_is_closed(self):
        randomness = random.Random(1)
        garbage = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"set key 0 0 1\r\nx\r\n", bytes(100),
                   b"LMCDATA1" + bytes(20), b"LMCDATA1\1\0\0\0" + randomness.randbytes(16), b"LMCDATA1" + randomness.randbytes(300),
                   control.MAGIC + b"\1\0" + randomness.randbytes(64), control.MAGIC + randomness.randbytes(500)]
        garbage += [randomness.randbytes(randomness.randrange(8, 3000)) for _ in range(settings.effort(50))]
        for node in self.made.nodes:
            for data in garbage:
                connection = self.connect(node)
                try:
                    connection.sendall(data)
                    self.await_closed(connection)
                except (BrokenPipeError, ConnectionResetError):
                    pass
            self.await_log(node, "does not speak replication")
            self.assertLess(node.server.log().count("\n"), 200, "strangers do not fill the log")
        self.check_undisturbed()

    def test_garbage_of_who_holds_the_secret_is_closed(self):
        randomness = random.Random(2)
        messages = [b"", bytes([0]), bytes([255]) * 50, control.join(b"x")[:-1], control.join(b"10.1.2.3:4", rest=b"\xff" * 7)]
        messages += [bytes([kind]) + randomness.randbytes(randomness.randrange(100))
                     for kind in range(1, 16) for _ in range(settings.effort(4))]
        for node in self.made.nodes:
            for message in messages:
                if message[:1] == b"\x0b":
                    continue  # a command: who holds the secret may give any
                with control.Control(node.address, self.made.secret_file) as stranger:
                    stranger.send(message)
                    self.await_closed(stranger.connection.socket)
            with control.Control(node.address, self.made.secret_file) as stranger:
                stranger.connection.send(b"\xff\xff\xff\x7f" + bytes(100))  # two gigabytes to come
                self.await_closed(stranger.connection.socket)
            with control.Control(node.address, self.made.secret_file) as stranger:
                altered = bytearray(stranger.frame(b"\x0b" + control.text(b"demote")))
                altered[8] ^= 1
                stranger.connection.send(altered)
                self.await_closed(stranger.connection.socket)
        self.check_undisturbed()

    def test_who_says_nothing_keeps_nobody_out(self):
        for node in self.made.nodes:
            for number in range(_SILENT):
                connection = self.connect(node)
                connection.sendall(control.MAGIC[:number % 9])
        self.made.add("backup", self.primary)
        self.made.await_in_sync(within=60)
        self.before = self.primary.status()
        self.check_undisturbed()

    def test_a_primary_that_accepts_and_never_answers_is_given_up(self):
        with socket.create_server(("127.0.0.1", free_port())) as silent:
            address = "%s:%d" % silent.getsockname()
            node = self.made.add("backup", options=["--primary", address])
            self.made.nodes.remove(node)
            accepted = [silent.accept()[0], silent.accept()[0]]  # it gives up, and tries again
            self.assertEqual(node.status()["serves"], "nothing")
            self.primary.ctl("add", node.address)
            self.made.nodes.append(node)
            self.made.await_in_sync(within=60)
            for connection in accepted:
                connection.close()
        self.before = self.primary.status()
        self.check_undisturbed()


if __name__ == "__main__":
    unittest.main()
