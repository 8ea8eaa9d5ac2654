"""memcached over UDP: one datagram per request, numbered datagrams per answer."""

import socket
import struct

from . import settings

_HEADER = struct.Struct(">HHHH")  # request id, sequence number, datagrams in all, reserved


class UdpClient:
    def __init__(self, address, family=socket.AF_INET):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(settings.seconds(5))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.connect(address)
        self._request = 0x1230

    def close(self):
        self.socket.close()

    def send(self, payload, request=None, sequence=0, total=1):
        self._request = (self._request + 1) & 0xFFFF if request is None else request
        self.socket.send(_HEADER.pack(self._request, sequence, total, 0) + payload)
        return self._request

    def receive(self, request):
        """The whole answer to a request; datagrams may come in any order, of other requests none may come."""
        parts, total = {}, None
        while total is None or len(parts) < total:
            datagram = self.socket.recv(65536)
            assert len(datagram) <= 1400, f"a datagram of {len(datagram)} bytes"
            number, sequence, total, reserved = _HEADER.unpack_from(datagram)
            assert number == request, f"answer to {number}, asked {request}"
            assert reserved == 0 and sequence < total and sequence not in parts
            parts[sequence] = datagram[_HEADER.size:]
        return b"".join(parts[sequence] for sequence in range(total))

    def ask(self, payload):
        return self.receive(self.send(payload))
