"""Restarts with -e FILE: clean ones, and kill -9 under load at random moments, checked against what was acknowledged."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import settings
from harness.case import only_ours
from harness.record import Restarted, Writer
from harness.server import Server, ServerFailed, poll

_WRITERS = 4


class RestartCase(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="lmc-e2e-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.file = os.path.join(self.directory, "arena")

    def start(self, *options, megabytes=64, port=None):
        return Server("-e", self.file, "-m", megabytes, *options, pinned_port=port)

    def end(self, server, how):
        """kill -9, or a clean end by signal; either way the files of the server process itself go."""
        if how == signal.SIGKILL:
            server.kill()
            server.remove_files()
        else:
            server.stop(how)
            if settings.is_memcached():
                stopped = int(time.time())
                poll(lambda: int(time.time()) > stopped, "memcached's clock to go on: it takes up only what ended a second ago")


class CleanRestart(RestartCase):
    # memcached writes its state down on SIGUSR1 only.
    signals = (signal.SIGUSR1,) if settings.is_memcached() else (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)

    def test_items_their_flags_times_and_cas_are_kept(self):
        for how in self.signals:
            with self.subTest(how.name):
                self.setUp()
                server = self.start()
                with server.connect() as connection:
                    connection.set(b"plain", b"value", flags=12345)
                    connection.set(b"expiring", b"soon", exptime=1000)
                    connection.set(b"large", b"x" * 900_000)
                    connection.set(b"empty", b"")
                    connection.set(b"deleted", b"x")
                    connection.ask(b"delete deleted\r\n")
                    connection.ask(b"ms AAEC 3 b F7\r\nbin\r\n")
                    connection.ask(b"ms stale 1 T900\r\n1\r\n")
                    connection.ask(b"md stale I T800\r\n")
                    before = connection.ask_until(b"gets plain expiring empty\r\n")
                self.end(server, how)
                server = self.start()
                with server.connect() as connection:
                    self.assertEqual(before, connection.ask_until(b"gets plain expiring empty deleted\r\n"))
                    self.assertEqual(b"x" * 900_000, connection.get(b"large"))
                    self.assertRegex(connection.ask(b"mg expiring t\r\n"), rb"^HD t(99\d|1000)\r\n$")
                    self.assertEqual(b"VA 3 f7\r\n", connection.ask(b"mg AAEC b f v\r\n"))
                    connection.read_exactly(5)
                    self.assertRegex(connection.ask(b"mg stale t v\r\n"), rb"^VA 1 t(79\d|800) X W\r\n$|^VA 1 t(79\d|800) W X\r\n$")
                    connection.read_exactly(3)
                    self.assertEqual("6", connection.stats()["curr_items"])
                server.finish()

    def test_a_restart_under_load_loses_nothing_acknowledged(self):
        restart_under_load(self, signal.SIGUSR1, rounds=3, megabytes=256, writers={}, may_be_evicted=False)

    def test_flush_before_the_restart_stays_a_flush(self):
        server = self.start()
        with server.connect() as connection:
            connection.set(b"flushed", b"1")
            connection.ask(b"flush_all\r\n")
            connection.set(b"later", b"2")
        self.end(server, signal.SIGUSR1)
        with self.start() as server, server.connect() as connection:
            self.assertIsNone(connection.get(b"flushed"))
            self.assertEqual(b"2", connection.get(b"later"))


def restart_under_load(case, how, rounds, megabytes, writers, may_be_evicted):
    """Writers, a random moment, the end, a restart, the check; `rounds` times on the same file."""
    randomness = random.Random(megabytes)
    server = case.start("-t", 2, megabytes=megabytes)
    team = [Writer(server, seed, **writers) for seed in range(_WRITERS)]
    for turn in range(rounds):
        for writer in team:
            writer.start()
        time.sleep(settings.seconds(randomness.uniform(0.05, 0.6)))  # the moment is the test's subject, not a wait
        case.end(server, how)
        for writer in team:
            writer.join(60)
            case.assertIsNone(writer.wrong)
        server = case.start("-t", 2, megabytes=megabytes, port=server.port)
        restarted = Restarted(server, team, may_be_evicted)
        operations = sum(writer.operations for writer in team)
        case.assertFalse(restarted.problems, f"round {turn}, {operations} operations:\n" + "\n".join(restarted.problems[:10]))
        case.assertGreater(restarted.kept, 0)
        team = [writer.successor(server) for writer in team]
    for writer in team:
        writer.close()
    case.end(server, signal.SIGKILL)


@only_ours("a warm restart needs SIGUSR1 there")
class KillNine(RestartCase):
    def test_every_acknowledged_item_survives(self):
        """Everything fits: nothing may be missing."""
        restart_under_load(self, signal.SIGKILL, rounds=settings.effort(12, at_least=3), megabytes=256, writers={},
                           may_be_evicted=False)

    def test_nothing_stale_comes_back_when_segments_are_reclaimed(self):
        """Overwriting more than memory: what is there must be right, though an item may have been evicted."""
        restart_under_load(self, signal.SIGKILL, rounds=settings.effort(10, at_least=3), megabytes=64,
                           writers={"keys": 400, "value_bytes": (100, 10_000, 60_000)}, may_be_evicted=True)

    def test_flush_all_survives(self):
        for request in (b"flush_all\r\n", b"flush_all 0\r\n"):
            server = self.start()
            with server.connect() as connection:
                for number in range(1000):
                    connection.set(b"flushed%d" % number, b"1")
                self.assertEqual(b"OK\r\n", connection.ask(request))
                connection.set(b"later", b"2")
            self.end(server, signal.SIGKILL)
            server = self.start()
            with server.connect() as connection:
                self.assertEqual(b"END\r\n", connection.ask_until(b"get " + b" ".join(b"flushed%d" % n for n in range(1000)) + b"\r\n"))
                self.assertEqual(b"2", connection.get(b"later"))
            self.end(server, signal.SIGKILL)

    def test_a_value_half_received_is_not_there(self):
        server = self.start()
        with server.connect() as connection:
            connection.set(b"half", b"old")
        half = server.connect()
        half.send(b"set half 0 0 500000\r\n" + b"x" * 400000)
        with server.connect() as connection:
            self.assertEqual(b"old", connection.get(b"half"))
        self.end(server, signal.SIGKILL)
        half.close()
        with self.start() as server, server.connect() as connection:
            self.assertEqual(b"old", connection.get(b"half"))

    def test_killed_while_starting(self):
        server = self.start()
        with server.connect() as connection:
            for number in range(5000):
                connection.send(b"set k%d 0 0 100 noreply\r\n%s\r\n" % (number, b"x" * 100))
            connection.ask(b"mn\r\n")
        randomness = random.Random(5)
        self.end(server, signal.SIGKILL)
        for _ in range(settings.effort(10, at_least=3)):
            user = ["-u", "root"] if os.geteuid() == 0 else []
            process = subprocess.Popen([settings.server_path(), *user, "-e", self.file, "-m", "64", "-p", str(server.port), "-l",
                                        "127.0.0.1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(settings.seconds(randomness.uniform(0, 0.03)))  # the moment is the test's subject
            process.kill()
            process.wait()
        with self.start() as server, server.connect() as connection:
            found = connection.ask_until(b"get " + b" ".join(b"k%d" % n for n in range(5000)) + b"\r\n").count(b"VALUE")
            self.assertEqual(5000, found)


@only_ours("it maps what it finds")
class DamagedFiles(RestartCase):
    def fill(self):
        server = self.start()
        with server.connect() as connection:
            for number in range(2000):
                connection.set(b"k%d" % number, b"%d:" % number + b"x" * 1000)
        self.end(server, signal.SIGKILL)

    def serves_or_explains(self, *options, megabytes=64):
        """It starts and holds nothing wrong, or it says what is wrong with which file; a crash is neither."""
        try:
            server = self.start(*options, megabytes=megabytes)
        except ServerFailed as failure:
            self.assertRegex(str(failure), r"ended with (1|64|71) at start")
            self.assertIn(self.file, str(failure).split("at start:", 1)[1])
            return
        with server.connect() as connection:
            for number in range(2000):
                value = connection.get(b"k%d" % number)
                self.assertIn(value, (None, b"%d:" % number + b"x" * 1000))
            self.assertEqual(b"STORED\r\n", connection.set(b"new", b"1"))
            self.assertEqual(b"1", connection.get(b"new"))
        self.end(server, signal.SIGKILL)

    def test_another_memory_size(self):
        self.fill()
        self.serves_or_explains(megabytes=128)
        self.serves_or_explains(megabytes=64)

    def test_a_truncated_file(self):
        self.fill()
        size = os.path.getsize(self.file)
        for keep in (size // 2, 4096, 100, 0):
            os.truncate(self.file, keep)
            self.serves_or_explains()

    def test_a_file_of_something_else(self):
        with open(self.file, "wb") as file:
            file.write(random.Random(1).randbytes(1 << 20))
        self.serves_or_explains()

    def test_random_damage(self):
        for seed in settings.seeds(15):
            with self.subTest(seed=seed):
                self.fill()
                randomness = random.Random(seed)
                size = os.path.getsize(self.file)
                with open(self.file, "r+b") as file:
                    for _ in range(randomness.choice([1, 10, 1000])):
                        file.seek(randomness.randrange(min(size, 1 << 20) if seed % 2 else size))
                        file.write(randomness.randbytes(randomness.choice([1, 8, 64])))
                self.serves_or_explains()


if __name__ == "__main__":
    unittest.main()
