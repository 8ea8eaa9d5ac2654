"""Control connections as replication/FORMAT.md has them: for tests that say to a node what no node of this version would."""

import hashlib
import hmac
import os
import struct

from .wire import Connection

MAGIC = b"LMCCTRL1"
VERSION = 1
JOIN, REFUSED = 1, 2
_TAG_BYTES = 16


class Control:
    """A connection that has proved that it holds the secret."""

    def __init__(self, address, secret_file):
        with open(secret_file, "rb") as file:
            self._secret = file.read().removesuffix(b"\n")
        host, port = address.rsplit(":", 1)
        self.connection = Connection((host, int(port)), within=20)
        nonce = os.urandom(32)
        version = struct.pack("<H", VERSION)
        self.connection.send(MAGIC + version + nonce)
        peer_version = self.connection.read_exactly(2)
        assert peer_version == version, peer_version
        nonces = nonce + self.connection.read_exactly(32)
        derive = lambda label: self._mac(self._secret, b"LogMemcached control: ", label, version, version, nonces)
        assert self.connection.read_exactly(32) == derive(b"server proves")
        self.connection.send(derive(b"client proves"))
        self._send_key, self._receive_key = derive(b"client sends"), derive(b"server sends")
        self._sent = self._received = 0

    @staticmethod
    def _mac(key, *parts):
        return hmac.new(key, b"".join(parts), hashlib.sha256).digest()

    def frame(self, message):
        tag = self._mac(self._send_key, struct.pack("<Q", self._sent), message)[:_TAG_BYTES]
        self._sent += 1
        return struct.pack("<I", len(message)) + message + tag

    def send(self, message):
        self.connection.send(self.frame(message))

    def receive(self):
        size, = struct.unpack("<I", self.connection.read_exactly(4))
        message = self.connection.read_exactly(size)
        tag = self._mac(self._receive_key, struct.pack("<Q", self._received), message)[:_TAG_BYTES]
        assert self.connection.read_exactly(_TAG_BYTES) == tag
        self._received += 1
        return message

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def text(value):
    return struct.pack("<I", len(value)) + value


def join(address, protocol=1, ledger_format=1, rest=b""):
    """The first fields of a Join, which are the first of every version's, and whatever another version has behind them."""
    return struct.pack("<BII", JOIN, protocol, ledger_format) + text(address) + rest
