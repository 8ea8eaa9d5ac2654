"""The process: help, version, refused options, daemon and pid file, user, signals, shutdown."""

import os
import pwd
import signal
import subprocess
import tempfile
import unittest

from harness import settings
from harness.case import only_ours
from harness.server import Server, free_port, poll, run
from harness.wire import Connection

# What is refused, and a word that must appear in the message. memcached names the option in its own, looser way.
REFUSED = [
    (["--bogus"], "bogus"), (["-I", "100"], "-I"), (["-I", "2g"], "-I"), (["-I", "abc"], "-I"), (["-I", "600m", "-m", "64"], "-I"),
    (["-m", "abc"], "-m"), (["-p", "99999999"], "99999999"), (["-p", "abc"], "abc"), (["-o", "bogus"], 'Illegal suboption "bogus"'),
    (["-t", "0"], "-t"), (["-t", "abc"], "-t"), (["-c", "0"], "-c"), (["-R", "0"], "-R"), (["-n", "0"], "-n"), (["-f", "0.5"], "-f"),
    (["-B", "foo"], "foo"), (["-u", "no-such-user"], "no-such-user"), (["-l", "300.1.2.3"], "300.1.2.3"),
    (["-o", "idle_timeout"], "idle_timeout"), (["-S", "-B", "ascii"], "-S"), (["-e", "/nonexistent/file"], "/nonexistent/file"),
    (["-P"], "pidfile"), (["-D"], "-D"),
]

# Later issues bring these; until then they must not be ignored.
NOT_YET = [["-Z"], ["-S"], ["-Y", "/dev/null"]]

# Accepted, with or without a meaning here.
ACCEPTED = [
    ["-A"], ["-r"], ["-M"], ["-k"], ["-f", "1.5"], ["-n", "64"], ["-L"], ["-D", "."], ["-t", "2"], ["-R", "50"], ["-C"], ["-b", "64"],
    ["-B", "auto"], ["-B", "ascii"], ["-B", "binary"], ["-I", "2m"], ["-I", "1k"], ["-F"], ["-X"], ["-W"], ["-m", " 128"],
    ["--memory-limit=100"], ["--conn-limit=200"], ["--threads=3"], ["--max-item-size=512k"], ["--listen-backlog=10"],
    ["--disable-evictions"], ["--slab-growth-factor=1.1"], ["--max-reqs-per-event=10"],
    ["-o", "modern"], ["-o", "no_modern"], ["-o", "maxconns_fast,hashpower=16,lru_crawler,lru_maintainer,slab_reassign,slab_automove=1"],
    ["-o", "no_maxconns_fast,no_lru_crawler,no_lru_maintainer,no_hashexpand"], ["-o", "hash_algorithm=murmur3"],
    ["-o", "lru_crawler_sleep=200,lru_crawler_tocrawl=10,hot_lru_pct=30,warm_lru_pct=30,hot_max_factor=0.1,warm_max_factor=2.0"],
    ["-o", "temporary_ttl=61,idle_timeout=0,watcher_logbuf_size=64,worker_logbuf_size=64,track_sizes,no_chunked_items"],
    ["-o", "slab_automove_ratio=0.5,slab_automove_window=10,slab_chunk_max=512,inline_ascii_resp,no_inline_ascii_resp"],
    ["-o", "resp_obj_mem_limit=64,read_buf_mem_limit=64,tail_repair_time=600"],
]

_REFUSED_BY_MEMCACHED = [["-L"], ["-I", "1k"]]  # no huge pages; wants slab_chunk_max smaller too


def user_arguments():
    return ["-u", "root"] if os.geteuid() == 0 else []


class CommandLine(unittest.TestCase):
    def test_help_lists_the_options(self):
        result = run([settings.server_path(), "-h"])
        self.assertEqual(0, result.returncode)
        for option in ("-p, --port=", "-U, --udp-port=", "-s, --unix-socket=", "-m, --memory-limit=", "-c, --conn-limit=",
                       "-P, --pidfile=", "-t, --threads=", "-I, --max-item-size=", "-o, --extended"):
            self.assertIn(option, result.stdout)

    def test_version_and_licence(self):
        result = run([settings.server_path(), "-V"])
        self.assertEqual(0, result.returncode)
        self.assertRegex(result.stdout, r"memcached \d+\.\d+")
        self.assertEqual(0, run([settings.server_path(), "-i"]).returncode)

    def test_bad_options_are_refused_with_a_message_that_names_them(self):
        for arguments, named in REFUSED:
            if settings.is_memcached() and arguments == ["-p", "abc"]:
                continue  # it listens nowhere then
            with self.subTest(" ".join(arguments)):
                command = [settings.server_path(), *user_arguments(), "-p", free_port(), "-l", "127.0.0.1", *arguments]
                result = run(command, within=10)
                if settings.is_memcached():
                    self.assertNotEqual(0, result.returncode)
                    continue
                self.assertIn(result.returncode, (1, 64, 67, 71), result.stdout)  # memcached's own codes; never a signal
                self.assertIn(named, result.stdout)

    @only_ours("has TLS, SASL and the auth file")
    def test_what_is_not_there_yet_is_refused_not_ignored(self):
        for arguments in NOT_YET:
            with self.subTest(" ".join(arguments)):
                result = run([settings.server_path(), *user_arguments(), "-p", free_port(), "-l", "127.0.0.1", *arguments], within=10)
                self.assertIn(result.returncode, (1, 64), result.stdout)
                self.assertIn(arguments[0], result.stdout)

    def test_every_other_option_starts(self):
        for arguments in ACCEPTED:
            if settings.is_memcached() and arguments in _REFUSED_BY_MEMCACHED:
                continue
            with self.subTest(" ".join(arguments)), Server(*arguments) as server:
                if arguments == ["-B", "binary"]:
                    continue  # text is closed at once
                with server.connect() as connection:
                    self.assertEqual(b"STORED\r\n", connection.set(b"a", b"1"))

    def test_options_show_in_the_settings(self):
        with Server("-m", "128", "-c", "500", "-t", "3", "-I", "2m", "-v", "-R", "33", "-b", "99") as server:
            values = server.stats(b"settings")
            expected = {"maxbytes": str(128 << 20), "maxconns": "500", "num_threads": "3", "item_size_max": str(2 << 20),
                        "reqs_per_event": "33", "tcp_backlog": "99", "cas_enabled": "yes", "evictions": "on",
                        "tcpport": str(server.port), "udpport": "0"}
            self.assertEqual(expected, {name: values.get(name) for name in expected})

    def test_an_occupied_port_is_said(self):
        with Server() as server:
            result = run([settings.server_path(), *user_arguments(), "-p", server.port, "-l", "127.0.0.1"], within=10)
            self.assertNotEqual(0, result.returncode)
            self.assertIn("in use", result.stdout)
            if not settings.is_memcached():
                self.assertIn(str(server.port), result.stdout)


class Protocols(unittest.TestCase):
    def test_only_text_with_b_ascii(self):
        with Server("-B", "ascii") as server, server.connect() as connection:
            connection.send(b"\x80" + b"\0" * 23)
            self.assertNotEqual(b"\x81", connection.read_to_close()[:1] if connection.closed_by_server(1) else bytes(connection.buffer[:1]))

    def test_only_binary_with_b_binary(self):
        with Server("-B", "binary") as server, server.connect() as connection:
            connection.send(b"version\r\n" + b"x" * 40)
            self.assertNotIn(b"VERSION", connection.read_to_close())


class Disabled(unittest.TestCase):
    def test_no_flush(self):
        with Server("-F") as server, server.connect() as connection:
            connection.set(b"a", b"1")
            self.assertEqual(b"CLIENT_ERROR flush_all not allowed\r\n", connection.ask(b"flush_all\r\n"))
            self.assertEqual(b"1", connection.get(b"a"))

    def test_no_watch_and_no_dump(self):
        with Server("-W", "-X") as server, server.connect() as connection:
            self.assertEqual(b"CLIENT_ERROR watch commands not allowed\r\n", connection.ask(b"watch\r\n"))
            self.assertRegex(connection.ask(b"lru_crawler metadump all\r\n"), rb"^(CLIENT_)?ERROR metadump not allowed\r\n$")
            self.assertRegex(connection.ask(b"stats cachedump 1 0\r\n"), rb"^(CLIENT_)?ERROR stats cachedump not allowed\r\n$")

    def test_no_eviction(self):
        with Server("-M", "-m", "64") as server, server.connect(60) as connection:
            answers = {connection.set(b"k%d" % number, b"x" * 100_000) for number in range(1000)}
            self.assertEqual({b"STORED\r\n", b"SERVER_ERROR out of memory storing object\r\n"}, answers)
            self.assertEqual("0", connection.stats()["evictions"])
            self.assertEqual(b"x" * 100_000, connection.get(b"k0"))

    def test_no_cas(self):
        with Server("-C") as server, server.connect() as connection:
            connection.set(b"a", b"1")
            self.assertRegex(connection.ask_until(b"gets a\r\n"), rb"^VALUE a 0 1( 0)?\r\n1\r\nEND\r\n$")


class Daemon(unittest.TestCase):
    def test_daemon_with_pid_file(self):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o777)
            pid_file, port = os.path.join(directory, "pid"), free_port()
            result = run([settings.server_path(), *user_arguments(), "-d", "-P", pid_file, "-p", port, "-l", "127.0.0.1"], within=20)
            self.assertEqual(0, result.returncode, result.stdout)
            pid = int(poll(lambda: _text(pid_file), "the pid file"))
            try:
                poll(lambda: _accepts(port), "the daemon to listen")
                with Connection(("127.0.0.1", port)) as connection:
                    self.assertEqual(str(pid), connection.stats()["pid"])
                self.assertEqual(pid, os.getsid(pid), "it leads a session of its own")
            finally:
                os.kill(pid, signal.SIGTERM)
            poll(lambda: not os.path.exists(f"/proc/{pid}"), "the daemon to end")
            self.assertFalse(os.path.exists(pid_file), "the pid file stays behind")

    def test_daemon_started_without_standard_descriptors(self):
        """As some supervisors and cron jobs start it: 0, 1 and 2 are closed, and must not become sockets."""
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o777)
            pid_file, port = os.path.join(directory, "pid"), free_port()
            command = [settings.server_path(), *user_arguments(), "-d", "-P", pid_file, "-p", str(port), "-l", "127.0.0.1"]
            launcher = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command])
            self.addCleanup(launcher.wait)
            self.addCleanup(launcher.kill)
            pid = int(poll(lambda: _text(pid_file), "the pid file"))
            try:
                self.assertEqual(0, launcher.wait(settings.seconds(20)))
                poll(lambda: _accepts(port), "the daemon to listen")
                with Connection(("127.0.0.1", port)) as connection:
                    self.assertEqual(b"STORED\r\n", connection.set(b"a", b"1"))
            finally:
                os.kill(pid, signal.SIGKILL)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_gives_its_rights_away(self):
        with Server("-u", "nobody", user=False) as server:
            self.assertEqual(pwd.getpwnam("nobody").pw_uid, os.stat(f"/proc/{server.pid}").st_uid)
            with server.connect() as connection:
                self.assertEqual(b"STORED\r\n", connection.set(b"a", b"1"))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_without_u_is_refused(self):
        result = run([settings.server_path(), "-p", free_port(), "-l", "127.0.0.1"], within=10)
        self.assertNotEqual(0, result.returncode)
        self.assertIn("-u", result.stdout)


def _text(path):
    """The complete lines of a file, or None while there are none."""
    try:
        with open(path) as file:
            text = file.read()
    except FileNotFoundError:
        return None
    return text if text.endswith("\n") else None


def _accepts(port):
    try:
        Connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


class Signals(unittest.TestCase):
    def test_term_int_and_usr1_end_it_well_with_clients_connected(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            with self.subTest(number.name):
                server = Server()
                clients = [server.connect() for _ in range(20)]
                clients[0].set(b"a", b"1")
                clients[1].send(b"set half 0 0 1000\r\nx")
                server.stop(number)
                for client in clients:
                    client.close()

    def test_hup_and_pipe_change_nothing(self):
        with Server() as server, server.connect() as connection:
            connection.set(b"a", b"1")
            for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGHUP):
                os.kill(server.pid, number)
                self.assertEqual(b"1", connection.get(b"a"))

    def test_shutdown_command(self):
        for request in (b"shutdown\r\n", b"shutdown graceful\r\n"):
            with self.subTest(request):
                server = Server("-A")
                with server.connect() as connection:
                    self.assertEqual(b"CLIENT_ERROR invalid shutdown mode\r\n", connection.ask(b"shutdown bogus\r\n"))
                    connection.send(request)
                    self.assertEqual(0, server.wait())
                server.remove_files()

    def test_shutdown_is_refused_without_a(self):
        with Server() as server, server.connect() as connection:
            self.assertIn(b"ERROR: shutdown not enabled\r\n", connection.ask(b"shutdown\r\n"))
            self.assertEqual(b"MN\r\n", connection.ask(b"mn\r\n"))


class Watch(unittest.TestCase):
    def watch(self, server, what):
        watcher = server.connect()
        self.addCleanup(watcher.close)
        self.assertEqual(b"OK\r\n", watcher.ask(b"watch %s\r\n" % what))
        return watcher

    def test_fetchers_and_mutations(self):
        with Server() as server:
            watcher = self.watch(server, b"fetchers mutations")
            with server.connect() as connection:
                connection.set(b"seen", b"1")
                connection.get(b"seen")
                connection.get(b"absent")
                connection.ask(b"delete seen\r\n")
            lines = watcher.read_until(b"type=item_get key=absent") + watcher.read_until(b"\n")
            text = lines.decode()
            self.assertRegex(text, r"ts=\d+\.\d+ gid=\d+ type=item_store key=seen status=stored cmd=set ttl=0 clsid=\d+ cfd=\d+ size=1")
            self.assertRegex(text, r"type=item_get key=seen status=found clsid=\d+ cfd=\d+ size=1")
            self.assertRegex(text, r"type=item_get key=absent status=not_found clsid=0")

    def test_connection_events(self):
        with Server() as server:
            watcher = self.watch(server, b"connevents")
            server.connect().close()
            text = (watcher.read_until(b"type=conn_new") + watcher.read_until(b"type=conn_close") + watcher.read_until(b"\n")).decode()
            self.assertRegex(text, r"rip=127\.0\.0\.1 rport=\d+ transport=tcp cfd=\d+")
            self.assertRegex(text, r"reason=normal cfd=\d+")

    def test_why_a_connection_ends(self):
        with Server() as server:
            watcher = self.watch(server, b"connevents")
            for bytes_sent, reason in ((b"quit\r\n", "normal"), (b"x" * 3000, "error"), (b"GET / HTTP/1.1\r\n", "error")):
                with server.connect() as connection:
                    port = connection.socket.getsockname()[1]
                    connection.send(bytes_sent)
                    self.assertTrue(connection.closed_by_server())
                # By its port: others end too, like the one by which the server was found ready.
                watcher.read_until(b"type=conn_close rip=127.0.0.1 rport=%d " % port)
                self.assertRegex(watcher.read_until(b"\n").decode(), rf"reason={reason} cfd=\d+")

    def test_connection_events_of_a_unix_socket(self):
        with Server(unix=True) as server:
            watcher = self.watch(server, b"connevents")
            server.connect().close()
            text = (watcher.read_until(b"type=conn_new") + watcher.read_until(b"type=conn_close") + watcher.read_until(b"\n")).decode()
            self.assertRegex(text, r"type=conn_new rip=unix rport=0 transport=local cfd=\d+")
            self.assertRegex(text, r"type=conn_close rip=unix rport=0 transport=local reason=normal cfd=\d+")


if __name__ == "__main__":
    unittest.main()
