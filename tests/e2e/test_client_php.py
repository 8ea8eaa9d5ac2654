"""php-memcached: its operations in both protocols, and PHP sessions with locking (binary by default)."""

import os
import subprocess
import unittest

from harness import settings
from harness.case import ServerCase
from harness.server import run

_CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")


class PhpExtension(ServerCase):
    def operations(self, protocol):
        result = run(["php", f"{_CLIENTS}/php_ext.php", "127.0.0.1", self.server.port, protocol])
        self.assertEqual((0, "OK"), (result.returncode, result.stdout.strip().splitlines()[-1:] and
                                     result.stdout.strip().splitlines()[-1]), result.stdout)

    def test_text(self):
        self.operations("text")

    def test_binary(self):
        self.operations("binary")


class PhpSessions(ServerCase):
    def command(self, *arguments, binary=True):
        ini = {"session.save_handler": "memcached", "session.save_path": self.server.host_port,
               "memcached.sess_binary_protocol": int(binary), "memcached.sess_locking": 1,
               "memcached.sess_lock_wait_min": 5, "memcached.sess_lock_wait_max": 20, "memcached.sess_lock_retries": 1000}
        options = [part for name, value in ini.items() for part in ("-d", f"{name}={value}")]
        return ["php", *options, f"{_CLIENTS}/php_session.php", *arguments]

    def php(self, *arguments, **how):
        result = run(self.command(*arguments, **how))
        self.assertEqual(0, result.returncode, result.stdout)
        self.assertTrue(result.stdout.endswith("OK\n"), result.stdout)
        return result.stdout.splitlines()[0]

    def test_a_session_is_kept_between_requests(self):
        for binary in (True, False):
            with self.subTest(binary=binary):
                session = f"kept{int(binary)}"
                self.php(session, "write", "hello", binary=binary)
                self.assertEqual("hello", self.php(session, "read", binary=binary))
                self.php(session, "read", binary=binary)  # unchanged: PHP only touches it
                self.php(session, "destroy", binary=binary)
                self.assertEqual("nothing", self.php(session, "read", binary=binary))

    def test_a_held_session_locks_others_out_until_it_is_released(self):
        self.php("locked", "write", "before")
        holder = subprocess.Popen(self.command("locked", "hold"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.stdout.close)
        self.assertEqual("held\n", holder.stdout.readline())
        with self.server.connect() as connection:
            self.assertIsNotNone(connection.get(b"memc.sess.key.lock.locked") or connection.get(b"memc.sess.lock.locked"))
        waiter = subprocess.Popen(self.command("locked", "read"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        with self.assertRaises(subprocess.TimeoutExpired):
            waiter.wait(0.3)
        holder.stdin.close()
        output, _ = waiter.communicate(timeout=settings.seconds(30))
        self.assertEqual("before\nOK\n", output)

    def test_parallel_requests_lose_no_update(self):
        workers = [subprocess.Popen(self.command("counted", "add"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
                   for _ in range(8)]
        for worker in workers:
            output, _ = worker.communicate(timeout=settings.seconds(60))
            self.assertEqual("OK\n", output)
        self.assertEqual("8", self.php("counted", "count"))


if __name__ == "__main__":
    unittest.main()
