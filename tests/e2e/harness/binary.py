"""memcached's binary protocol: building requests and cutting replies into frames."""

import struct
from typing import NamedTuple

GET, SET, ADD, REPLACE, DELETE, INCREMENT, DECREMENT, QUIT = range(0x08)
FLUSH, GETQ, NOOP, VERSION, GETK, GETKQ, APPEND, PREPEND = range(0x08, 0x10)
STAT, SETQ, ADDQ, REPLACEQ, DELETEQ, INCREMENTQ, DECREMENTQ, QUITQ = range(0x10, 0x18)
FLUSHQ, APPENDQ, PREPENDQ, VERBOSITY, TOUCH, GAT, GATQ = range(0x18, 0x1F)
SASL_LIST, SASL_AUTH, SASL_STEP, GATK, GATKQ = range(0x20, 0x25)

OK, NOT_FOUND, EXISTS, TOO_LARGE, INVALID, NOT_STORED, NON_NUMERIC = range(7)
AUTH_FAILURE, UNKNOWN_COMMAND, OUT_OF_MEMORY = 0x20, 0x81, 0x82

NO_CREATE = 0xFFFFFFFF
HEADER = struct.Struct(">BBHBBHIIQ")


class Frame(NamedTuple):
    magic: int
    opcode: int
    data_type: int
    status: int
    opaque: int
    cas: int
    extras: bytes
    key: bytes
    value: bytes


def request(opcode, key=b"", value=b"", extras=b"", opaque=0, cas=0):
    return HEADER.pack(0x80, opcode, len(key), len(extras), 0, 0, len(extras) + len(key) + len(value), opaque,
                       cas) + extras + key + value


def storage(opcode, key, value, flags=0, exptime=0, opaque=0, cas=0):
    """Set, Add, Replace and their quiet forms."""
    return request(opcode, key, value, struct.pack(">II", flags, exptime & 0xFFFFFFFF), opaque, cas)


def arithmetic(opcode, key, delta=1, initial=0, exptime=0, opaque=0, cas=0):
    return request(opcode, key, b"", struct.pack(">QQI", delta, initial, exptime & 0xFFFFFFFF), opaque, cas)


def timed(opcode, key, exptime, opaque=0):
    """Touch and the GAT family."""
    return request(opcode, key, b"", struct.pack(">I", exptime & 0xFFFFFFFF), opaque)


def parse(buffer):
    """(frames, rest): every complete reply frame at the front of the buffer."""
    frames, at = [], 0
    while len(buffer) - at >= HEADER.size:
        magic, opcode, key_bytes, extra_bytes, data_type, status, body, opaque, cas = HEADER.unpack_from(buffer, at)
        if magic != 0x81:
            raise ValueError(f"not a reply header: {bytes(buffer[at:at + 48])!r}")
        if len(buffer) - at - HEADER.size < body:
            break
        at += HEADER.size
        extras = bytes(buffer[at:at + extra_bytes])
        key = bytes(buffer[at + extra_bytes:at + extra_bytes + key_bytes])
        value = bytes(buffer[at + extra_bytes + key_bytes:at + body])
        at += body
        frames.append(Frame(magic, opcode, data_type, status, opaque, cas, extras, key, value))
    return frames, bytes(buffer[at:])


def ask(connection, packet):
    """Sends one request and reads one reply frame."""
    connection.send(packet)
    return read(connection)


def read(connection):
    head = connection.read_exactly(HEADER.size)
    body = connection.read_exactly(struct.unpack_from(">I", head, 8)[0])
    frames, rest = parse(head + body)
    assert len(frames) == 1 and not rest, (head, body)
    return frames[0]
