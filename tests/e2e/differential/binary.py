"""Random requests of the binary protocol, loud and quiet."""

import struct

from harness import binary as wire

from .text import DELTAS, NUMBERS, not_blank

_STORAGE = [wire.SET, wire.SET, wire.SET, wire.ADD, wire.REPLACE]
_QUIET = {wire.SET: wire.SETQ, wire.ADD: wire.ADDQ, wire.REPLACE: wire.REPLACEQ, wire.DELETE: wire.DELETEQ,
          wire.INCREMENT: wire.INCREMENTQ, wire.DECREMENT: wire.DECREMENTQ, wire.APPEND: wire.APPENDQ,
          wire.PREPEND: wire.PREPENDQ, wire.FLUSH: wire.FLUSHQ}

_TOUCHING = {wire.TOUCH, wire.GAT, wire.GATQ, wire.GATK, wire.GATKQ}
_KNOWN = {*range(wire.VERBOSITY), *_TOUCHING}
# Statistics are each server's own, and SASL's opcodes are the build's.
_ODD_LEFT_OUT = {wire.STAT, wire.SASL_LIST, wire.SASL_AUTH, wire.SASL_STEP}


class BinaryRequests:
    """next(position) yields (key, maker of the packet for one side); the position becomes the opaque."""

    def __init__(self, randomness, now, flushes):
        self._random = randomness
        self._now = now
        self._flushes = flushes
        self._keys = [b"k%d" % n for n in range(1, 9)] + [b"K" * 250, bytes([0, 32, 10, 255]), b"with space"]
        self.new_batch()
        self._makers = [self._store] * 26 + [self._get] * 22 + [self._delete] * 8 + [self._arithmetic] * 14 + [
            self._concatenate] * 8 + [self._timed] * 8 + [self._rare] * 2

    def new_batch(self):
        """In one batch a counter is either read or counted, as in text.py."""
        self._counted = self._random.sample(self._keys[:4], 2)
        self._readable = [key for key in self._keys if key not in self._counted]

    def next(self, position):
        return self._random.choice(self._makers)(position)

    def _key(self):
        return self._random.choice(self._keys)

    def _exptime(self):
        return self._random.choice([0] * 12 + [100, 2592000, 2592001, self._now - 10, self._now + 1000])

    def _value(self):
        if self._random.random() < 0.4:
            return self._random.choice(NUMBERS)
        if self._random.random() < 0.99:
            return not_blank(self._random.randbytes(self._random.choice([0, 1, 5, 30, 100, 1000, 16384, 70000])))
        return bytes(self._random.choice([400_000, 1_000_000, 1_100_000]))

    def _maybe_quiet(self, opcode):
        return _QUIET[opcode] if self._random.random() < 0.3 else opcode

    def _cas(self, key):
        """A function of the side: no comparison mostly, else the last seen unique or a wrong one."""
        kind = self._random.random()
        if kind < 0.7:
            return lambda side: 0
        if kind < 0.9:
            return lambda side: side.cas_of(key)
        return lambda side: side.cas_of(key) + 1000003

    def _store(self, position):
        key, value = self._key(), self._value()
        opcode = self._maybe_quiet(self._random.choice(_STORAGE))
        flags, exptime = self._random.choice([0, 1, 0xDEADBEEF]), self._exptime()
        cas = self._cas(key) if opcode not in (wire.ADD, wire.ADDQ) else lambda side: 0
        return key, lambda side: wire.storage(opcode, key, value, flags, exptime, position, cas(side))

    def _get(self, position):
        key = self._random.choice(self._readable)
        opcode = self._random.choice([wire.GET, wire.GET, wire.GETQ, wire.GETK, wire.GETKQ])
        return key, lambda side: wire.request(opcode, key, opaque=position)

    def _delete(self, position):
        key, opcode = self._key(), self._maybe_quiet(wire.DELETE)
        cas = self._cas(key)
        return key, lambda side: wire.request(opcode, key, opaque=position, cas=cas(side))

    def _arithmetic(self, position):
        key = self._random.choice(self._counted)
        opcode = self._maybe_quiet(self._random.choice([wire.INCREMENT, wire.DECREMENT]))
        delta, initial = self._random.choice(DELTAS), self._random.choice(DELTAS)
        exptime = self._random.choice([0, 0, 100, wire.NO_CREATE])
        cas = self._cas(key) if self._random.random() < 0.3 else lambda side: 0
        return key, lambda side: wire.arithmetic(opcode, key, delta, initial, exptime, position, cas(side))

    def _concatenate(self, position):
        key, value = self._key(), self._random.randbytes(self._random.choice([0, 1, 10, 300]))
        opcode = self._maybe_quiet(self._random.choice([wire.APPEND, wire.PREPEND]))
        cas = self._cas(key)
        return key, lambda side: wire.request(opcode, key, value, opaque=position, cas=cas(side))

    def _timed(self, position):
        key, exptime = self._random.choice(self._readable), self._exptime()
        opcode = self._random.choice([wire.TOUCH, wire.GAT, wire.GATQ, wire.GATK, wire.GATKQ])
        return key, lambda side: wire.timed(opcode, key, exptime, position)

    def _rare(self, position):
        packet = self._random.choice([
            self._flush(position), self._flush(position), wire.request(wire.NOOP, opaque=position),
            wire.request(0x30, opaque=position), wire.request(0x7F, opaque=position),
            wire.request(wire.VERBOSITY, opaque=position)])
        return b"*", lambda side: packet

    def _flush(self, position):
        opcode, exptime = self._maybe_quiet(wire.FLUSH), self._flushes.exptime()
        with_extras = exptime or self._random.random() < 0.5
        return wire.request(opcode, extras=struct.pack(">I", exptime) if with_extras else b"", opaque=position)

    def odd(self):
        """A packet whose lengths need not be what its opcode prescribes, for a connection of its own."""
        opcode = self._random.choice([code for code in range(0x26) if code not in _ODD_LEFT_OUT] + [0x30, 0x3F, 0x80, 0xFF])
        key = b"o" * self._random.choice([0, 1, 1, 2, 250, 251, 300])
        extras = bytes(self._random.choice([0, 0, 4, 8, 20, 1, 12, 24]))
        value = b"7" * self._random.choice([0, 0, 0, 1, 5])
        cas = self._random.choice([0, 0, 0, 987654321])
        if opcode in _TOUCHING and key and len(extras) == 4:
            value = b""  # memcached does not look for one, and takes it for the next request
        if opcode not in _KNOWN:
            key = extras = b""  # memcached takes them twice, and waits for bytes that never come
        packet = bytearray(wire.request(opcode, key, value, extras, opaque=1, cas=cas))
        kind = self._random.random()
        if kind < 0.05:
            packet[0] = self._random.choice([0x81, 0x00, 0x67])
        elif kind < 0.1:
            packet[5:8] = self._random.choice([b"\1\0\0", b"\0\0\1"])  # data type, vbucket: nobody looks
        elif kind < 0.15 and key + extras:
            packet[8:12] = struct.pack(">I", self._random.randrange(len(key) + len(extras)))
        return bytes(packet)
