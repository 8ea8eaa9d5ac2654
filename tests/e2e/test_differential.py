"""The same random requests to memcached 1.6.18 and to the server under test: the answers must be the same.

One class per dialect; python3 test_differential.py Text runs one. A failure prints its seed: LMC_SEED repeats it.
"""

import random
import time
import unittest

from differential.binary import BinaryRequests
from differential.meta import MetaRequests
from differential.session import Difference, Session
from differential.text import TextRequests
from harness import settings
from harness.server import Server

_BATCHES = 30
_ENOUGH_DIFFERENCES = 3  # then the rest of the seeds would say the same
_BATCH_REQUESTS = [1, 2, 5, 20, 60, 200]

# Equal after the same requests, whatever the engine. Left out: get_expired and get_flushed (lazy in both, at different
# moments), bytes and items (an expired item may still be counted by either).
_COUNTERS = [f"{command}_{result}" for command in ("get", "delete", "incr", "decr", "touch") for result in ("hits", "misses")] + [
    "cas_hits", "cas_badval", "cas_misses", "cmd_get", "cmd_set", "cmd_flush", "cmd_touch"]

# With meta commands: 1.6.18 counts a vivified miss as a hit, and `md` with I or a wrong C in ways of its own.
_COUNTERS_BESIDE_META = [name for name in _COUNTERS if not name.startswith(("get_", "delete_"))]


class Differential(unittest.TestCase):
    """`dialects` of a subclass: which protocols take turns, batch by batch, on the same items."""

    dialects = ()

    def test_answers_like_memcached(self):
        if not self.dialects:
            self.skipTest("the base class")
        undecided = different = 0
        seeds = settings.seeds(40)
        for seed in seeds:
            if different == _ENOUGH_DIFFERENCES:
                break
            with self.subTest(seed=seed):
                now = int(time.time())
                try:
                    self.compare(seed, now, Server)
                except Difference as difference:
                    if not self.oracle_contradicts_itself(seed, now, difference.batch):
                        different += 1
                        raise
                    undecided += 1
        self.assertLessEqual(undecided, max(1, len(seeds) // 10), "the generators ask for too many races")

    def oracle_contradicts_itself(self, seed, now, batch):
        """Whether memcached, asked the same again, differs from memcached in the same batch: then it decides nothing.

        It counts in place or not, and reads a number's neighbourhood in memory or not, by the timing of replies; the
        generators avoid the cases known, this catches the rest.
        """
        for _ in range(8):
            try:
                self.compare(seed, now, lambda: Server(path=settings.oracle_path()))
            except Difference as difference:
                if difference.batch == batch:
                    return True
        return False

    def compare(self, seed, now, make_server):
        randomness = random.Random(f"{self.dialects} {seed}")
        makers = {"text": TextRequests(randomness, now), "meta": MetaRequests(randomness, now),
                  "binary": BinaryRequests(randomness, now)}
        with Server(path=settings.oracle_path()) as oracle, make_server() as server:
            session = Session(oracle, server, randomness, f"dialects {'+'.join(self.dialects)}, seed {seed}")
            self.addCleanup(session.close)
            for _ in range(_BATCHES):
                dialect = randomness.choice(self.dialects)
                count = randomness.choice(_BATCH_REQUESTS)
                maker = makers[dialect]
                maker.new_batch()
                if dialect == "binary":
                    session.run_binary([maker.next(position) for position in range(count)])
                else:
                    session.run_text([maker.next() for _ in range(count)])
            session.compare_stats(_COUNTERS_BESIDE_META if "meta" in self.dialects else _COUNTERS)


class Text(Differential):
    dialects = ("text",)


class Meta(Differential):
    dialects = ("meta",)


class Binary(Differential):
    dialects = ("binary",)


class Mixed(Differential):
    dialects = ("text", "meta", "binary")


if __name__ == "__main__":
    unittest.main()
