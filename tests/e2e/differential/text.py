"""Random requests of the classic text protocol."""

from .session import Step, exactly, fixed, line, nothing, values

BIG_KEY = b"K" * 250
NUMBERS = [b"0", b"1", b"9", b"10", b"99", b"100", b"007", b"12 ", b" 5", b"+5", b"-5", b"5 x", b"1e3", b"abc", b"",
           b"4611686018427387904", b"18446744073709551616", b"99999999999999999999999"]
# Small enough that no counter reaches 2^63: above, 1.6.18 searches the memory behind the value for a minus sign.
DELTAS = [0, 1, 2, 9, 10, 11, 255, 1 << 32]

_BAD_FORMAT = b"CLIENT_ERROR bad command line format\r\n"

# (line, 1.6.18's answer, ours). Ours is 1.6.45's: one word for everything malformed, and a malformed storage line takes its
# data block with it, where 1.6.18 reads the data as a command.
VERSION_DIFFERENCES = [
    (b"get\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"gets\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"z\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"gat\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"gat 0\r\n", b"END\r\n", _BAD_FORMAT),
    (b"delete\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"incr k1\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"touch k1\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"set k1 0 0\r\n", b"ERROR\r\n", _BAD_FORMAT),
    (b"set k1 x 0 2\r\nab\r\n", _BAD_FORMAT + b"ERROR\r\n", _BAD_FORMAT),
    (b"set k1 0 x 2\r\nab\r\n", _BAD_FORMAT + b"ERROR\r\n", _BAD_FORMAT),
    (b"add k1 -1 0 2\r\nab\r\n", _BAD_FORMAT + b"ERROR\r\n", _BAD_FORMAT),
    (b"set %s 0 0 2\r\nab\r\n" % (b"K" * 251), _BAD_FORMAT + b"ERROR\r\n", _BAD_FORMAT),
    (b"cas k1 0 0 2\r\nab\r\n", b"ERROR\r\nERROR\r\n", _BAD_FORMAT),
    (b"cas k1 0 0 2 x\r\nab\r\n", _BAD_FORMAT + b"ERROR\r\n", _BAD_FORMAT),
    # 1.6.45 looks for noreply before it knows the command, and behind a length only once that is a number.
    (b"bogus noreply\r\n", b"ERROR\r\n", b""),
    (b"set k1 0 0 -1 noreply\r\n", b"", _BAD_FORMAT),
    (b"shutdown\r\n", b"ERROR: shutdown not enabled\r\n", b"SERVER_ERROR: shutdown not enabled\r\n"),
    (b"stats sizes_enable\r\n", b"STAT sizes_status enabled\r\n", b"ERROR\r\n"),
]

# Malformed lines that both versions answer alike; each gives as many lines as stand beside it. Not among them: get with a
# key too long, which in 1.6.18 takes an unsent reply of the request before it away, a race (probes.py asks it alone).
ALIKE_ERRORS = [
    (b"gat x k1\r\n", 1),
    (b"incr k1 x\r\n", 1), (b"decr k1 -1\r\n", 1), (b"incr %s 1\r\n" % (b"K" * 251), 1), (b"touch k1 x\r\n", 1),
    (b"delete k1 10\r\n", 1), (b"delete k1 a b c d\r\n", 1), (b"delete %s\r\n" % (b"K" * 251), 1),
    (b"set k1 0 0 -1\r\n", 1), (b"set k1 0 0 abc\r\n", 1), (b"set k1 0 0 3\r\nabcdefgh\r\n", 2),
    (b"add k1 0 0 8\r\nabc\r\nversion\r\n", 2), (b"flush_all x\r\n", 1), (b"GET k1\r\n", 1), (b"bogus\r\n", 1),
    (b"verbosity x\r\n", 1), (b"stats bogus\r\n", 1), (b"lru mode x\r\n", 1), (b"slabs\r\n", 1), (b"refresh_certs\r\n", 1),
    (b"incr k1 18446744073709551616\r\n", 1), (b"cache_memlimit 1\r\n", 1), (b"cas k1 0 0 -1 5\r\n", 1),
    (b"incr k1 x noreply\r\n", 0), (b"touch k1 x noreply\r\n", 0), (b"delete k1 10 noreply\r\n", 0),
    (b"flush_all x noreply\r\n", 0), (b"flush_all noreply x\r\n", 1),
    (b"set k1 0 0 3 noreply\r\nabcdefgh\r\n", 1), (b"verbosity x noreply\r\n", 0),
    (b"touch %s 0\r\n" % (b"K" * 251), 1), (b"decr %s 1 noreply\r\n" % (b"K" * 251), 0), (b"touch k1 99999999999999999999\r\n", 1),
    (b"incr k1 +1x\r\n", 1), (b"cas k1 0 0 2 1 noreply\r\nabcdefgh\r\n", 1), (b"quitx\r\n", 1),
    (b"slabs reassign 1\r\n", 1), (b"lru_crawler tocrawl x\r\n", 1), (b"stats detail\r\n", 1), (b"stats cachedump\r\n", 1),
]


def not_blank(value):
    """memcached counts a value of white space only by the memory behind it."""
    return b"-" * len(value) if value.isspace() else value


class Flushes:
    """When the flushes of a run come due, whichever dialect asks: far ones first, then only immediate ones. memcached keeps one
    time for both, so that a delayed flush behind an immediate one would give back what that one had killed.
    """

    def __init__(self, randomness, now):
        self._random = randomness
        self._now = now
        self._immediate = False

    def exptime(self):
        self._immediate = self._immediate or self._random.random() < 0.4
        return 0 if self._immediate else self._random.choice([1000, 2592000, self._now + 1000])


class TextRequests:
    """next() yields one Step. `now` is fixed per run, so that absolute times are part of the seed's bytes."""

    def __init__(self, randomness, now, flushes):
        self._random = randomness
        self._now = now
        self._flushes = flushes
        self._counters = [b"k%d" % n for n in range(1, 5)]
        self._keys = self._counters + [b"k%d" % n for n in range(5, 9)] + [BIG_KEY, b"utf8-\xc3\xa4", b"a:b:c"]
        self.new_batch()
        self._makers = ([self._store] * 30 + [self._cas] * 8 + [self._get] * 22 + [self._get_and_touch] * 6 +
                        [self._delete] * 8 + [self._arithmetic] * 14 + [self._touch] * 4 + [self._error] * 4 +
                        [self._differing] * 2 + [self._rare] * 2)

    def new_batch(self):
        """In one batch a counter is either read or counted. memcached counts in place, keeping the value's length, unless a
        reply that was not sent yet still holds the item: whether `get n, decr n` in one pipeline leaves "9 " or "9" is a
        race there, and the oracle cannot say which is right.
        """
        counted = self._random.sample(self._counters, 2)
        self._counted = counted
        self._readable = [key for key in self._keys if key not in counted]

    def next(self):
        return self._random.choice(self._makers)()

    def key(self):
        return self._random.choice(self._keys)

    def readable_key(self):
        return self._random.choice(self._readable)

    def exptime(self):
        """Far enough from now in either direction that no clock tick matters."""
        return self._random.choice([0] * 12 + [100, 2592000, 2592001, self._now - 10, self._now + 1000, 2147483647, -1, -100])

    def value(self):
        kind = self._random.random()
        if kind < 0.35:
            return self._random.choice(NUMBERS)
        if kind < 0.9:
            return not_blank(self._random.randbytes(self._random.choice([0, 1, 2, 7, 30, 100, 300])))
        if kind < 0.995:
            return self._random.randbytes(self._random.choice([1000, 1400, 4096, 16384, 20000, 70000]))
        return bytes(self._random.choice([600_000, 1_000_000, 1_048_064, 1_048_576, 1_200_000]))

    def _store(self):
        command = self._random.choice([b"set"] * 5 + [b"add", b"add", b"replace", b"append", b"prepend"])
        key, value = self.key(), self.value()
        flags = self._random.choice([0, 0, 1, 65535, 4294967295])
        quiet = self._random.random() < 0.2
        space = b" " if self._random.random() < 0.1 else b""
        head = b"%s %s %d %d %d%s%s\r\n" % (command, key, flags, self.exptime(), len(value), b" noreply" if quiet else b"", space)
        return fixed(head + value + b"\r\n", nothing if quiet else line, key)

    def _cas(self):
        key, value = self.key(), self.value()
        skew = self._random.choice([0, 0, 0, 1])
        flags, exptime = self._random.choice([0, 5]), self.exptime()
        return Step(lambda side: b"cas %s %d %d %d %d\r\n%s\r\n" % (key, flags, exptime, len(value), side.cas_of(key) + skew * 1000003,
                                                                  value), line, key)

    def _get(self):
        keys = [self.readable_key() for _ in range(self._random.choice([1, 1, 1, 2, 3, 10, 100]))]
        command = self._random.choice([b"get", b"get", b"gets"])
        end = self._random.choice([b"\r\n", b"\r\n", b"\r\n", b" \r\n", b"\n"])
        return fixed(command + b" " + b" ".join(keys) + end, values, keys[0])

    def _get_and_touch(self):
        keys = [self.readable_key() for _ in range(self._random.choice([1, 1, 2, 5]))]
        return fixed(b"%s %d %s\r\n" % (self._random.choice([b"gat", b"gats"]), self.exptime(), b" ".join(keys)), values, keys[0])

    def _delete(self):
        key = self.key()
        tail, read = self._random.choice([(b"", line), (b"", line), (b" 0", line), (b" noreply", nothing), (b" 0 noreply", nothing)])
        return fixed(b"delete %s%s\r\n" % (key, tail), read, key)

    def _arithmetic(self):
        key = self._random.choice(self._counted)
        tail, read = self._random.choice([(b"", line)] * 4 + [(b" noreply", nothing)])
        command = self._random.choice([b"incr", b"decr"])
        return fixed(b"%s %s %d%s\r\n" % (command, key, self._random.choice(DELTAS), tail), read, key)

    def _touch(self):
        key = self.key()
        tail, read = self._random.choice([(b"", line)] * 3 + [(b" noreply", nothing)])
        return fixed(b"touch %s %d%s\r\n" % (key, self.exptime(), tail), read, key)

    def _error(self):
        request, lines = self._random.choice(ALIKE_ERRORS)
        return fixed(request, lambda reader, _: tuple(reader.line() for _ in range(lines)), b"k1")

    def _differing(self):
        request, oracle, ours = self._random.choice(VERSION_DIFFERENCES)
        return fixed(request, exactly(oracle, ours), b"k1")

    def _rare(self):
        if self._random.random() < 0.35:
            return self._flush()
        request, read = self._random.choice([
            (b"verbosity 0\r\n", line), (b"mn\r\n", line), (b"verbosity 0 noreply\r\n", nothing),
            (b"lru_crawler sleep 2000000\r\n", line), (b"slabs automove 0\r\n", line)])
        return fixed(request, read, b"*")

    def _flush(self):
        exptime = self._flushes.exptime()
        word = b" %d" % exptime if exptime else self._random.choice([b"", b"", b" 0", b" -1"])
        tail, read = self._random.choice([(b"", line), (b" ", line), (b" noreply", nothing)])
        return fixed(b"flush_all" + word + tail + b"\r\n", read, b"*")
