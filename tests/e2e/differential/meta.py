"""Random requests of the meta protocol, within what memcached 1.6.18 already had and answers like later versions.

Left out, because 1.6.18 lacks or differs: E anywhere, C on mg and ma, x on md, N on ms, ms return flags s, q on an ma that
creates, mgdump; N on mg, append and prepend with a base64 key, after which 1.6.18 answers `k` with the raw bytes; T on an ma
that may make the number longer, where 1.6.18 gives the new time to the item that it has just replaced. And an opaque too long
for mg and ma: memcached refuses that only after it has read, counted or created. Those are in probes.py and test_meta.py.
"""

import base64

from .session import Cas, Fetched, Step, Ttl, exactly, fixed

_BAD_FLAG = b"CLIENT_ERROR invalid or duplicate flag\r\n"
_BAD_FORMAT = b"CLIENT_ERROR bad command line format\r\n"

# (line, 1.6.18's answer, ours), as in text.py: 1.6.45's md says what is wrong with a flag, and its ms takes the data block of a
# line that it refuses.
_VERSION_DIFFERENCES = [
    (b"md m1 q q\r\n", _BAD_FLAG, b"CLIENT_ERROR duplicate flag\r\n"),
    (b"md !! b\r\n", _BAD_FLAG, b"CLIENT_ERROR error decoding key\r\n"),
    (b"ms %s 1\r\n1\r\n" % (b"K" * 251), _BAD_FORMAT + b"ERROR\r\n", _BAD_FORMAT),
    (b"mg\r\n", b"ERROR\r\n", _BAD_FORMAT),
]

_CODES = {b"HD", b"VA", b"EN", b"NF", b"NS", b"EX", b"MN", b"ME"}
_PLAIN = [b"m%d" % n for n in range(1, 8)]
_SHARED = [b"k5", b"k6", b"k7", b"k8"]  # with the other dialects, which join values: so never as base64 (see above)
_EITHER = b"m8"  # sent as it is and as base64
_BINARY = [bytes([0, 1, 2, 200, 10]), _EITHER, b"base64 space", bytes(range(60))]


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
        elif word in (b"h0", b"h1"):
            read.append(Fetched(word))
        else:
            read.append(word)
    return (*read, *value)


def _debug(words):
    """ME key exp= la= cas= fetch= cls= size=: ages and sizes are each server's own."""
    fields = dict(word.split(b"=", 1) for word in words[2:])
    return (words[0], words[1], Ttl(int(fields[b"exp"])), Cas(int(fields[b"cas"])), Fetched(fields[b"fetch"]), tuple(sorted(fields)))


def reader_for(flags):
    """How to read the answer to a request with these flags. With `q` there may be none: its opaque, unique, tells."""
    if b"q" not in flags:
        return answer
    opaque = next(flag for flag in flags if flag[:1] == b"O")

    def read(reader, side):
        start = reader.at
        words = reader.line().split(b" ")
        reader.at = start
        return answer(reader, side) if opaque in words else "quiet"
    return read


def _before_noop(reader, side):
    """What came before the MN that follows. Quiet counting is asked so: its error does not carry the opaque."""
    answers = []
    while not answers or answers[-1] != (b"MN",):
        answers.append(answer(reader, side))
    return tuple(answers)


class MetaRequests:
    def __init__(self, randomness):
        self._random = randomness
        self._opaque = 0
        self.new_batch()
        self._makers = [self._get] * 30 + [self._set] * 25 + [self._delete] * 10 + [self._arithmetic] * 12 + [self._debug] * 4 + [
            self._noop, self._error, self._error, self._differing]

    def new_batch(self):
        """In one batch a counter is either read or counted, as in text.py. Base64 keys are never counted: 1.6.18 forgets that
        they are base64 when (and only when) it cannot count in place.
        """
        self._counted = self._random.sample(_PLAIN, 2)
        self._readable = [key for key in [*_PLAIN, *_SHARED, _EITHER] if key not in self._counted]

    def next(self):
        return self._random.choice(self._makers)()

    def _key(self):
        """(word as sent, flags that go with it). Never a key that is counted in this batch."""
        if self._random.random() < 0.2:
            return base64.b64encode(self._random.choice(_BINARY)), [b"b"]
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
            joining = [] if needed or key == _EITHER else [b"A", b"P"]
            wrong = [] if b"q" in flags else [b"s", b"e", b"a"]  # an error would not carry the opaque
            flags.append(b"M" + self._random.choice([b"S", b"E", b"R", *joining, *wrong]))
        compare = self._random.random()
        if compare >= 0.4:
            return fixed(self._set_line(key, value, flags), reader_for(flags), key)
        invalidate = [b"I"] if compare < 0.2 else []
        skew = self._random.choice([0, 0, -1, 1000003])  # one more than seen may be the item's own, at one of the servers
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
            flags = [flag for flag in flags if flag[:1] != b"D"] + [b"D0", b"T" + self._ttl()]
        if b"q" in flags:
            return fixed(self._line(b"ma", key, flags) + b"mn\r\n", _before_noop, key)
        return fixed(self._line(b"ma", key, flags), answer, key)

    def _debug(self):
        key = self._random.choice(self._readable)
        return fixed(b"me %s\r\n" % key, answer, key)

    def _differing(self):
        request, oracle, ours = self._random.choice(_VERSION_DIFFERENCES)
        return fixed(request, exactly(oracle, ours), b"m1")

    @staticmethod
    def _noop():
        return fixed(b"mn\r\n", answer)

    def _error(self):
        return fixed(self._random.choice([
            b"mg m1 v v\r\n", b"mg m1 Tx\r\n", b"mg %s v\r\n" % (b"K" * 251), b"mg !! b v\r\n", b"ms m1\r\n", b"ms m1 x\r\n",
            b"ma m1 Dx\r\n", b"ma m1 Mx\r\n", b"ms m1 1 Mx\r\n1\r\n", b"me\r\n",
            b"mg %s k O%s\r\n" % (_EITHER, b"o" * 31), b"md m1 O%s\r\n" % (b"o" * 32),
            b"ms m1 1 O%s\r\n1\r\n" % (b"o" * 32), b"ma m1 v v\r\n", b"ms m1 1 c c\r\n1\r\n",
            b"mg m1 Nx\r\n", b"mg m1 R\r\n", b"ma m1 Jx\r\n", b"ma !! b\r\n", b"ms !! 1 b\r\n1\r\n",
            b"mg %s k b\r\n" % base64.b64encode(b"z" * 187), b"ms m1 -1\r\n",
            b"md %s\r\n" % (b"K" * 251), b"mg %s k\r\n" % (b"K" * 250),
            b"mn x\r\n", b"me %s\r\n" % (b"K" * 251)]), answer, b"m1")
