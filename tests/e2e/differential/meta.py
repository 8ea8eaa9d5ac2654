"""Random requests of the meta protocol, within what memcached 1.6.18 already had and answers like later versions.

Left out, because 1.6.18 lacks or differs: E anywhere, C on mg and ma, x on md, N on ms, ms return flags s, q on an ma that
creates, mgdump; N on mg, append and prepend with a base64 key, after which 1.6.18 answers `k` with the raw bytes. Those are in probes.py and test_meta.py.
"""

import base64

from .session import Cas, Step, Ttl, fixed

_CODES = {b"HD", b"VA", b"EN", b"NF", b"NS", b"EX", b"MN", b"ME"}
_PLAIN = [b"m%d" % n for n in range(1, 8)]
_BINARY = [bytes([0, 1, 2, 200, 10]), b"m1", b"with space", bytes(range(60))]


def answer(reader, side):
    """One meta answer: code, flags with their kinds, and the value where there is one."""
    text = reader.line()
    words = text.split(b" ")
    if words[0] not in _CODES:
        return text
    while words and words[-1] == b"":
        words.pop()
    value = ()
    if words[0] == b"VA":
        value = (reader.block(int(words[1])),)
    if words[0] == b"ME":
        return _debug(words)
    key = next((word[1:] for word in words[1:] if word[:1] == b"k"), None)
    read = []
    for word in words:
        if word[:1] == b"c" and word[1:].isdigit():
            read.append(Cas(int(word[1:])))
            if key:
                side.saw(key, int(word[1:]))
        elif word[:1] == b"t":
            read.append(Ttl(int(word[1:])))
        elif word[:1] == b"l":
            read.append("age")
        else:
            read.append(word)
    return (*read, *value)


def _debug(words):
    """ME key exp= la= cas= fetch= cls= size=: ages and sizes are each server's own."""
    fields = dict(word.split(b"=", 1) for word in words[2:])
    return (words[0], words[1], Ttl(int(fields[b"exp"])), Cas(int(fields[b"cas"])), fields[b"fetch"], tuple(sorted(fields)))


def reader_for(flags):
    """How to read the answer to a request with these flags. With `q` there may be none: its opaque, unique, tells."""
    if b"q" not in flags:
        return answer
    opaque = next(flag for flag in flags if flag[:1] == b"O")

    def read(reader, side):
        start = reader.at
        words = reader.line().split(b" ")
        reader.at = start
        not_a_number = words[:2] == [b"CLIENT_ERROR", b"cannot"]  # comes without the opaque
        return answer(reader, side) if opaque in words or not_a_number else "quiet"
    return read


class MetaRequests:
    def __init__(self, randomness, now):
        del now
        self._random = randomness
        self._opaque = 0
        self.new_batch()
        self._makers = [self._get] * 30 + [self._set] * 25 + [self._delete] * 10 + [self._arithmetic] * 12 + [self._debug] * 4 + [
            self._noop, self._error]

    def new_batch(self):
        """In one batch a counter is either read or counted, as in text.py. Base64 keys are never counted: 1.6.18 forgets that
        they are base64 when (and only when) it cannot count in place.
        """
        self._counted = self._random.sample(_PLAIN, 2)
        self._readable = [key for key in _PLAIN if key not in self._counted]

    def next(self):
        return self._random.choice(self._makers)()

    def _key(self):
        """(word as sent, flags that go with it). Never a key that is counted in this batch."""
        if self._random.random() < 0.2:
            return base64.b64encode(self._random.choice([key for key in _BINARY if key not in self._counted])), [b"b"]
        return self._random.choice(self._readable), []

    def _opaque_flag(self):
        self._opaque += 1
        return b"O%d" % self._opaque

    def _flags(self, optional, fixed_flags):
        flags = [flag for flag in optional if self._random.random() < 0.35] + fixed_flags
        if self._random.random() < 0.3:
            flags.append(self._opaque_flag())
        if self._random.random() < 0.2:
            flags = list(dict.fromkeys(flags))  # an error would not carry the opaque: see reader_for
            flags += [b"q"] + ([] if flags and flags[-1][:1] == b"O" else [self._opaque_flag()])
        self._random.shuffle(flags)
        return flags

    @staticmethod
    def _line(command, key, flags):
        return b" ".join([command, key, *flags]) + b"\r\n"

    def _ttl(self):
        return self._random.choice([b"0", b"30", b"100", b"1000", b"-1"])

    def _get(self):
        key, needed = self._key()
        flags = self._flags([b"c", b"f", b"h", b"k", b"l", b"s", b"t", b"v", b"v", b"u"], needed)
        kind = self._random.random()
        if kind < 0.15:
            flags.append(b"T" + self._ttl())
        elif kind < 0.3 and not needed:
            flags.append(b"N" + self._random.choice([b"30", b"100"]))
        elif kind < 0.4:
            flags.append(b"R" + self._random.choice([b"10", b"60", b"500"]))
        return fixed(self._line(b"mg", key, flags), reader_for(flags), key)

    def _set(self):
        key, needed = self._key()
        value = self._random.choice([b"", b"1", b"41", b"text", b"x" * 200, self._random.randbytes(5000)])
        flags = self._flags([b"c", b"k"], needed)
        if self._random.random() < 0.4:
            flags.append(b"F%d" % self._random.choice([0, 1, 77, 4294967295]))
        if self._random.random() < 0.4:
            flags.append(b"T" + self._ttl())
        if self._random.random() < 0.4:
            joining = [] if needed else [b"A", b"P"] if b"q" in flags else [b"A", b"P", b"a"]
            flags.append(b"M" + self._random.choice([b"S", b"E", b"R", b"s", b"e", *joining]))
        compare = self._random.random()
        if compare >= 0.4:
            return fixed(self._set_line(key, value, flags), reader_for(flags), key)
        invalidate = [b"I"] if compare < 0.2 else []
        skew = self._random.choice([0, 0, -1, 1]) * (1 if compare < 0.2 else 1000003)
        return Step(lambda side: self._set_line(key, value, [*flags, b"C%d" % max(1, side.cas_of(key) + skew), *invalidate]),
                    reader_for(flags), key)

    @staticmethod
    def _set_line(key, value, flags):
        return b" ".join([b"ms", key, b"%d" % len(value), *flags]) + b"\r\n" + value + b"\r\n"

    def _delete(self):
        key, needed = self._key()
        flags = self._flags([b"k"], needed)
        if self._random.random() < 0.4:
            flags += [b"I"] + ([b"T" + self._ttl()] if self._random.random() < 0.6 else [])
        if self._random.random() < 0.2:
            return Step(lambda side: self._line(b"md", key, [*flags, b"C%d" % side.cas_of(key)]), reader_for(flags), key)
        return fixed(self._line(b"md", key, flags), reader_for(flags), key)

    def _arithmetic(self):
        key = self._random.choice(self._counted)
        flags = self._flags([b"c", b"t", b"v", b"k"], [])
        if b"q" not in flags and self._random.random() < 0.5:
            flags.append(b"N" + self._random.choice([b"0", b"100"]))
        if self._random.random() < 0.3:
            flags.append(b"J%d" % self._random.choice([0, 13, 1 << 40]))
        if self._random.random() < 0.5:
            flags.append(b"D%d" % self._random.choice([0, 1, 10, 1 << 40]))
        if self._random.random() < 0.5:
            flags.append(b"M" + self._random.choice([b"I", b"D", b"+", b"-", b"i", b"d"]))
        if self._random.random() < 0.2:
            flags.append(b"T" + self._ttl())
        return fixed(self._line(b"ma", key, flags), reader_for(flags), key)

    def _debug(self):
        key = self._random.choice(self._readable)
        return fixed(b"me %s\r\n" % key, answer, key)

    @staticmethod
    def _noop():
        return fixed(b"mn\r\n", answer)

    def _error(self):
        return fixed(self._random.choice([
            b"mg m1 v v\r\n", b"mg m1 Tx\r\n", b"mg %s v\r\n" % (b"K" * 251), b"mg !! b v\r\n", b"ms m1\r\n", b"ms m1 x\r\n",
            b"ma m1 Dx\r\n", b"ma m1 Mx\r\n", b"ms m1 1 Mx\r\n1\r\n", b"me\r\n", b"mg m1 v O%s\r\n" % (b"o" * 32)]), answer, b"m1")
