"""Values that take more than a piece: stored, joined, counted, read and refused.

Lengths are multiples of 50,000, so that no item comes near the largest size, where the two headers' lengths would decide, nor
near the half of it, from which on memcached cuts an item into chunks and counts it no more.
"""

from .meta import answer
from .session import Step, fixed, line, nothing, values

_KEYS = [b"L%d" % n for n in range(1, 4)]
_STEP = 50_000
_TOO_LARGE = 22  # steps


class LargeRequests:
    def __init__(self, randomness):
        self._random = randomness
        self.new_batch()
        self._makers = [self._store] * 8 + [self._meta_store] * 8 + [self._join] * 10 + [self._cas] * 4 + [self._get] * 10 + [
            self._meta_get] * 6 + [self._count] * 6 + [self._rare] * 3

    def new_batch(self):
        """As in text.py: in one batch a key is either read or counted."""
        self._counted = self._random.choice(_KEYS)
        self._readable = [key for key in _KEYS if key != self._counted]

    def next(self):
        return self._random.choice(self._makers)()

    def _key(self):
        return self._random.choice(_KEYS)

    def _value(self, most_steps):
        size = self._random.randint(1, most_steps) * _STEP
        if self._random.random() < 0.3:
            return self._random.choice([b"5", b"99", b"x"]).ljust(size)
        block = self._random.randbytes(self._random.choice([1, 997, _STEP]))
        if block.isspace():
            block = b"-"  # we do not look for a number behind more white space than fits into a piece
        return (block * (size // len(block) + 1))[:size]

    def _store(self):
        command = self._random.choice([b"set"] * 4 + [b"add", b"replace"])
        key, value = self._key(), self._value(_TOO_LARGE)
        tail, read = self._random.choice([(b"", line)] * 3 + [(b" noreply", nothing)])
        return fixed(b"%s %s %d 0 %d%s\r\n%s\r\n" % (command, key, self._random.choice([0, 9]), len(value), tail, value), read, key)

    def _meta_store(self):
        key, value = self._key(), self._value(_TOO_LARGE)
        mode = self._random.choice([b"", b"", b" MS", b" ME", b" MR", b" MA", b" MP"])
        return fixed(b"ms %s %d c F3%s\r\n%s\r\n" % (key, len(value), mode, value), answer, key)

    def _join(self):
        command = self._random.choice([b"append", b"prepend"])
        key, value = self._key(), self._random.choice([b"", b"0123456789", self._value(10)])
        return fixed(b"%s %s 0 0 %d\r\n%s\r\n" % (command, key, len(value), value), line, key)

    def _cas(self):
        key, value = self._key(), self._value(_TOO_LARGE)
        skew = self._random.choice([0, 0, 1000003])
        return Step(lambda side: b"cas %s 0 0 %d %d\r\n%s\r\n" % (key, len(value), side.cas_of(key) + skew, value), line, key)

    def _get(self):
        keys = [self._random.choice(self._readable) for _ in range(self._random.choice([1, 1, 2, 4]))]
        command = self._random.choice([b"get", b"gets", b"gat 0", b"gats 1000"])
        return fixed(command + b" " + b" ".join(keys) + b"\r\n", values, keys[0])

    def _meta_get(self):
        key = self._random.choice(self._readable)
        return fixed(b"mg %s %s\r\n" % (key, self._random.choice([b"s v c", b"s f t", b"v h k", b"v R30 c"])), answer, key)

    def _count(self):
        command = self._random.choice([b"incr", b"decr"])
        return fixed(b"%s %s 1\r\n" % (command, self._counted), line, self._counted)

    def _rare(self):
        key = self._key()
        request, read = self._random.choice([(b"delete %s\r\n", line), (b"touch %s 1000\r\n", line), (b"md %s I T100\r\n", answer),
                                             (b"md %s q\r\n", None)])
        if read is None:  # its miss is not hidden, so it is asked only together with what makes it a hit
            return fixed(b"set %s 0 0 1\r\n1\r\n%s" % (key, request % key), line, key)
        return fixed(request % key, read, key)
