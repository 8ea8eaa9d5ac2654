"""A server process: started on an address nobody else has, found ready by connecting, ended by its process id only."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import settings
from .wire import Connection

_START_ATTEMPTS = 5


class ServerFailed(Exception):
    """The server did not start, did not stop, or ended badly. The message carries what it printed."""


class _Ports:
    """Ports that no other test takes: a range for each process, its own while it holds the lock of a file.

    Below the kernel's range for outgoing connections, so that none of these can be in the way either.
    """

    _FIRST, _RANGES, _SIZE = 20000, 120, 100

    def __init__(self):
        self._lock = None
        self._first = None
        self._next = 0

    def take(self):
        """A port of this process's range that nobody listens on now; each of them in turn."""
        if self._lock is None:
            self._claim()
        for _ in range(self._SIZE):
            port = self._first + self._next % self._SIZE
            self._next += 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind(("127.0.0.1", port))
                    return port
        raise ServerFailed("others listen on every port that these tests may use")

    def _claim(self):
        directory = os.path.join(tempfile.gettempdir(), f"lmc-e2e-ports-{os.getuid()}")
        os.makedirs(directory, exist_ok=True)
        for number in range(self._RANGES):
            lock = os.open(os.path.join(directory, str(number)), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            self._lock, self._first = lock, self._FIRST + number * self._SIZE
            return
        raise ServerFailed(f"{self._RANGES} other processes hold the ports for tests ({directory})")


free_port = _Ports().take


def poll(condition, what, within=10):
    """Waits until condition() is true and returns its value; fails after `within` (scaled) seconds, naming `what`."""
    deadline = time.monotonic() + settings.seconds(within)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {settings.seconds(within):g} s: {what}")
        time.sleep(0.005)


class Server:
    """One running server.

    `options` are passed behind -p and -l. `unix` listens on a socket file instead. `env` adds environment variables.
    `pinned_port` insists on one port (restarts that clients must find again); otherwise a lost race for a port is retried.
    `prefix` goes before the command: words that execute it somewhere else, in the same process.
    """

    def __init__(self, *options, path=None, listen=("127.0.0.1",), unix=False, env=None, pinned_port=None, user=True,
                 prefix=()):
        self.path = path or settings.server_path()
        self.options = [str(option) for option in options]
        self.listen = listen
        self.env = dict(os.environ, **(env or {}))
        self.directory = tempfile.mkdtemp(prefix="lmc-e2e-")
        self.socket_path = os.path.join(self.directory, "socket") if unix else None
        self.log_path = os.path.join(self.directory, "log")
        self.port = pinned_port
        self._user = user
        self._prefix = list(prefix)
        self.process = None
        attempts = 1 if pinned_port or unix else _START_ATTEMPTS
        for attempt in range(attempts):
            if not pinned_port:
                self.port = free_port()
            if self._start(last=attempt == attempts - 1):
                return

    def command_line(self):
        arguments = [*self._prefix, self.path]
        if self._user and os.geteuid() == 0:
            arguments += ["-u", "root"]  # memcached refuses to run as root unless told to
        if self.socket_path:
            arguments += ["-s", self.socket_path]
        else:
            arguments += ["-p", str(self.port)]
            for address in self.listen:
                arguments += ["-l", address]
        return arguments + self.options

    def _start(self, last):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.command_line(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.env)
        deadline = time.monotonic() + settings.seconds(20)
        while time.monotonic() < deadline:
            code = self.process.poll()
            if code is not None:
                if not last and "in use" in self.log():
                    return False
                raise ServerFailed(f"{self.command_line()} ended with {code} at start:\n{self.log()}")
            try:
                self.connect().close()
                return True
            except OSError:
                time.sleep(0.005)
        self.kill()
        raise ServerFailed(f"{self.command_line()} does not accept connections:\n{self.log()}")

    @property
    def pid(self):
        return self.process.pid

    @property
    def address(self):
        """What socket.connect takes: (host, port), or the path of the unix socket."""
        return self.socket_path or (self.listen[0], self.port)

    @property
    def host_port(self):
        return f"{self.listen[0]}:{self.port}"

    def connect(self, within=10):
        return Connection(self.address, within=within)

    def stats(self, what=b""):
        with self.connect() as connection:
            return connection.stats(what)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def cpu_seconds(self):
        """Processor time that all of its threads have used."""
        with open(f"/proc/{self.pid}/stat") as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def running(self):
        return self.process.poll() is None

    def wait(self, within=20):
        """The exit code; fails if the process does not end by itself."""
        try:
            return self.process.wait(settings.seconds(within))
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"{self.command_line()} (pid {self.pid}) did not end:\n{self.log()}") from None

    def stop(self, how=signal.SIGTERM):
        """Ends the server and removes its files. A bad exit (sanitizer report, assertion, hang) is a failure."""
        try:
            if self.running():
                self.process.send_signal(how)
            code = self.wait()
            if code != 0:
                raise ServerFailed(f"{self.command_line()} ended with {code}:\n{self.log()}")
        finally:
            self.remove_files()

    def finish(self):
        """The end of a test. Ours must end well; memcached takes a second for that, and is not what is tested."""
        if settings.is_memcached(self.path):
            self.kill()
            self.remove_files()
        else:
            self.stop()

    def kill(self):
        """kill -9. The files stay, so that its log can be read."""
        if self.running():
            self.process.kill()
        self.process.wait()

    def remove_files(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.finish()
            return
        crashed = not self.running()
        log = self.log()
        self.kill()
        self.remove_files()
        if crashed:
            raise ServerFailed(f"the server had ended by itself with {self.process.returncode}:\n{log}") from value


def run(arguments, within=60, **kwargs):
    """Runs a program to its end, bounded; returns CompletedProcess with text output, stdout and stderr together."""
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(argument) for argument in arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=settings.seconds(within), check=False, **kwargs)
