"""Connection limits: 10,000 at once, what happens at -c, fast refusal, idle ones closed, and -R's fairness."""

import resource
import select
import selectors
import socket
import unittest

from harness import settings
from harness.server import Server, poll

_MANY = 10_000
_SPARE = 200
_FEW = 60  # memcached with -c below about 50 has no descriptors left for its own threads


def descriptors(count):
    """Lets this process and its children open `count` files; False if the system forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return True
    if hard != resource.RLIM_INFINITY and hard < count:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
        except (ValueError, OSError):
            return False
        return True
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return True


class ManyConnections(unittest.TestCase):
    def test_ten_thousand_clients_are_served(self):
        count = _MANY if descriptors(_MANY + _SPARE) else resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE
        with Server("-c", str(count + 100)) as server:
            sockets = []
            try:
                for _ in range(count):
                    sockets.append(socket.create_connection(server.address, timeout=settings.seconds(30)))
                with server.connect() as control:
                    control.set(b"shared", b"value")
                    self.assertGreaterEqual(int(control.stats()["curr_connections"]), count)
                for turn in range(3):
                    self.everybody_asks(sockets, turn)
                if not settings.sanitized():
                    self.assertLess(server.resident_bytes() / count, 40 << 10, "bytes per connection")
            finally:
                for client in sockets:
                    client.close()
            with server.connect() as control:
                poll(lambda: int(control.stats()["curr_connections"]) < 10, "the connections to be forgotten", within=30)

    def everybody_asks(self, sockets, turn):
        selector = selectors.DefaultSelector()
        request = b"get shared\r\nset own%d 0 0 1\r\n1\r\n" % turn
        expected = b"VALUE shared 0 5\r\nvalue\r\nEND\r\nSTORED\r\n"
        for client in sockets:
            client.sendall(request)
            selector.register(client, selectors.EVENT_READ, bytearray())
        waiting = len(sockets)
        while waiting:
            ready = selector.select(settings.seconds(30))
            self.assertTrue(ready, f"{waiting} of {len(sockets)} connections got no answer")
            for entry, _ in ready:
                data = entry.fileobj.recv(4096)
                self.assertTrue(data, "closed")
                entry.data.extend(data)
                if len(entry.data) >= len(expected):
                    self.assertEqual(expected, bytes(entry.data))
                    selector.unregister(entry.fileobj)
                    waiting -= 1
        selector.close()


def _ask_those_connected(clients, at_least):
    """Sends `mn` on every connection that can be written to; those that answered, once they are `at_least` so many."""
    answered = []
    for client in clients:
        try:
            client.send(b"mn\r\n")
        except OSError:
            pass
    ready, _, _ = select.select(clients, [], [], 0.2)
    for client in ready:
        try:
            if client.recv(4096).startswith(b"MN\r\n"):
                answered.append(client)
        except OSError:
            pass
    return answered if len(answered) >= at_least else None


class Limits(unittest.TestCase):
    def test_beyond_the_limit_clients_are_refused_at_once(self):
        with Server("-c", _FEW, "-o", "maxconns_fast") as server:
            clients = []
            refused = None
            for _ in range(2 * _FEW):
                client = server.connect()
                self.addCleanup(client.close)
                clients.append(client)
                try:
                    answer = client.ask(b"mn\r\n")
                except (EOFError, OSError):
                    answer = b""
                if answer != b"MN\r\n":
                    refused = answer + client.read_to_close() if answer else b""
                    break
            self.assertIsNotNone(refused, "nobody was refused")
            self.assertIn(refused, (b"ERROR Too many open connections\r\n", b""))
            for client in clients[:-1]:
                client.close()

            def served():
                with server.connect() as client:
                    try:
                        return client.stats().get("rejected_connections")
                    except (EOFError, OSError):
                        return None
            self.assertGreater(int(poll(served, "room for a new client")), 0)

    def test_without_fast_refusal_the_next_client_waits_for_room(self):
        with Server("-c", _FEW, "-o", "no_maxconns_fast") as server:
            clients = []
            for _ in range(_FEW + 20):
                client = socket.socket()
                self.addCleanup(client.close)
                client.setblocking(False)
                client.connect_ex(server.address)
                clients.append(client)
            served = poll(lambda: _ask_those_connected(clients, at_least=_FEW // 2), "the first clients to be served")
            self.assertLess(len(served), len(clients), "nobody had to wait")
            for client in served:
                client.close()
            waiting = [client for client in clients if client not in served]
            poll(lambda: _ask_those_connected(waiting, at_least=1), "somebody who waited to be served", within=40)
            for client in clients:
                client.close()
            with server.connect(30) as newcomer:
                self.assertEqual(b"MN\r\n", newcomer.ask(b"mn\r\n"))

    def test_idle_connections_are_closed(self):
        with Server("-o", "idle_timeout=1") as server:
            idle = server.connect()
            self.addCleanup(idle.close)
            self.assertEqual(b"MN\r\n", idle.ask(b"mn\r\n"))
            self.assertTrue(idle.closed_by_server(within=15), "still open")
            self.assertEqual("1", server.stats()["idle_kicks"])

    def test_a_value_that_comes_slowly_is_not_idleness(self):
        with Server("-o", "idle_timeout=1", "-t", "1") as server:
            slow = server.connect(30)
            self.addCleanup(slow.close)
            slow.send(b"set slow 0 0 5\r\nhe")
            idle = server.connect(30)  # due later than the other
            self.addCleanup(idle.close)
            self.assertEqual(b"MN\r\n", idle.ask(b"mn\r\n"))
            self.assertTrue(idle.closed_by_server(within=15), "still open")
            slow.send(b"llo\r\n")
            self.assertEqual(b"STORED\r\n", slow.read_line())

    def test_clients_of_a_unix_socket_may_sleep(self):
        with Server("-o", "idle_timeout=1", unix=True) as server:
            sleeper = server.connect()
            self.addCleanup(sleeper.close)
            self.assertEqual(b"MN\r\n", sleeper.ask(b"mn\r\n"))
            self.assertFalse(sleeper.closed_by_server(within=4), "closed")
            self.assertEqual(b"MN\r\n", sleeper.ask(b"mn\r\n"))

    def test_a_busy_pipeline_does_not_starve_a_neighbour(self):
        with Server("-t", "1", "-R", "20") as server:
            with server.connect() as writer:
                writer.set(b"k", b"x" * 100)
            greedy = server.connect(60)
            self.addCleanup(greedy.close)
            greedy.socket.setblocking(False)
            pipeline = b"get k\r\n" * 5000
            modest = server.connect(10)
            self.addCleanup(modest.close)
            for _ in range(50):
                try:
                    greedy.socket.send(pipeline)
                    greedy.socket.recv(1 << 20)
                except BlockingIOError:
                    pass
                self.assertEqual(b"MN\r\n", modest.ask(b"mn\r\n"))
            self.assertIn("conn_yields", server.stats())


if __name__ == "__main__":
    unittest.main()
