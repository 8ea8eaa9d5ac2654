"""Counters over all 64 bits: wrapping, growing, shrinking, padded, and what is too long for a number.

Apart from text.py and meta.py because no minus sign may ever be stored: 1.6.18 looks for one in the memory behind a value of
2^63 and more, and what lies there is an accident.
"""

from .meta import answer, reader_for
from .session import Step, fixed, line, nothing, values

_KEYS = [b"c%d" % n for n in range(1, 7)]
_NUMBERS = [b"0", b"1", b"9", b"10", b"99", b"100", b"007", b"12 ", b" 5", b"+5", b"5 x", b"1e3", b"x", b"", b"5" + b" " * 40,
            b"0" * 30 + b"12", b"9223372036854775807", b"9223372036854775808", b"18446744073709551614",
            b"18446744073709551615", b"18446744073709551616", b"99999999999999999999999", b"1" + b" " * 5000]
_DELTAS = [0, 1, 1, 2, 9, 10, 90, 255, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


class CounterRequests:
    def __init__(self, randomness):
        self._random = randomness
        self.new_batch()
        self._makers = [self._count] * 20 + [self._meta_count] * 20 + [self._store] * 14 + [self._get] * 16 + [
            self._meta_get] * 6 + [self._delete] * 2 + [self._touch] * 3 + [self._cas] * 3

    def new_batch(self):
        """As in text.py: in one batch a counter is either read or counted."""
        self._counted = self._random.sample(_KEYS, 3)
        self._readable = [key for key in _KEYS if key not in self._counted]

    def next(self):
        return self._random.choice(self._makers)()

    def _count(self):
        key = self._random.choice(self._counted)
        command, delta = self._random.choice([b"incr", b"decr"]), self._random.choice(_DELTAS)
        tail, read = self._random.choice([(b"", line)] * 4 + [(b" noreply", nothing)])
        return fixed(b"%s %s %d%s\r\n" % (command, key, delta, tail), read, key)

    def _meta_count(self):
        key = self._random.choice(self._counted)
        flags = [flag for flag in (b"c", b"t", b"v", b"v", b"k") if self._random.random() < 0.4]
        flags = list(dict.fromkeys(flags))
        flags += [b"D%d" % self._random.choice(_DELTAS)] if self._random.random() < 0.7 else []
        flags += [b"M" + self._random.choice([b"I", b"D", b"+"])] if self._random.random() < 0.6 else []
        flags += [b"N0", b"J%d" % self._random.choice(_DELTAS)] if self._random.random() < 0.3 else []
        self._random.shuffle(flags)
        return fixed(b" ".join([b"ma", key, *flags]) + b"\r\n", reader_for(flags), key)

    def _store(self):
        command = self._random.choice([b"set"] * 6 + [b"add", b"replace", b"append", b"prepend"])
        key, value = self._random.choice(_KEYS), self._random.choice(_NUMBERS)
        if command in (b"append", b"prepend"):
            value = self._random.choice([b"0", b"7", b"7 "])
        flags, exptime = self._random.choice([0, 0, 7]), self._random.choice([0, 0, 1000])
        return fixed(b"%s %s %d %d %d\r\n%s\r\n" % (command, key, flags, exptime, len(value), value), line, key)

    def _cas(self):
        key, value = self._random.choice(_KEYS), self._random.choice(_NUMBERS)
        return Step(lambda side: b"cas %s 0 0 %d %d\r\n%s\r\n" % (key, len(value), side.cas_of(key), value), line, key)

    def _get(self):
        key = self._random.choice(self._readable)
        return fixed(b"%s %s\r\n" % (self._random.choice([b"get", b"gets"]), key), values, key)

    def _meta_get(self):
        key = self._random.choice(self._readable)
        return fixed(b"mg %s s v h f t c\r\n" % key, answer, key)

    def _delete(self):
        key = self._random.choice(_KEYS)
        return fixed(b"delete %s\r\n" % key, line, key)

    def _touch(self):
        key = self._random.choice(_KEYS)
        return fixed(b"touch %s %d\r\n" % (key, self._random.choice([0, 1000])), line, key)
