"""137 recorded dialogues: every answer byte for byte (probes.py says where the answers come from)."""

import re
import unittest

from harness import settings
from harness.case import ServerCase
from probes import CLOSED, PROBES

# `watch` turns the connection into a stream: it reads no further commands.
_NO_COMMAND_FOLLOWS = {"watch"}
# A dump wants the connection to itself until it has ended.
_NOT_PIPELINED = {"lru_crawler metadump all", "lru_crawler metadump hash", "lru_crawler mgdump hash"}
_SENTINEL = (b"mg after-the-probe k\r\n", b"EN kafter-the-probe\r\n")


def pattern(answer):
    """The regular expression of an expected answer: see probes.py for its placeholders."""
    expression = re.escape(answer)
    expression = expression.replace(b"<n>", rb"\d+")
    return re.compile(expression.replace(b"<t30>", b"t(?:29|30)").replace(b"<t60>", b"t(?:59|60)"), re.DOTALL)


class Probes(ServerCase):
    def check(self, probe, expected):
        self.flush()
        connection = self.connect(within=5)
        if expected is CLOSED:
            connection.send(probe.sent)
            self.assertEqual(b"", connection.read_to_close())
            return
        if probe.name in _NO_COMMAND_FOLLOWS:
            self.assertEqual(expected, connection.ask(probe.sent))
            return
        # The sentinel's answer shows where the probe's ends: what stands before it is all there is.
        question, end = _SENTINEL
        dumped = self.dump(connection, probe, expected) if probe.name in _NOT_PIPELINED else b""
        rest = question if dumped else probe.sent + question
        answer = dumped + connection.exchange([rest], lambda buffer: buffer.endswith(end))
        self.assertTrue(answer.endswith(end), answer)
        answer = answer[:-len(end)]
        if not pattern(expected).fullmatch(answer):
            self.fail(f"\n  sent     {probe.sent[:200]!r}\n  expected {expected!r}\n  got      {answer[:500]!r}")

    def dump(self, connection, probe, expected):
        """Sends the command before the dump, if there is one, and the dump; reads to the dump's last line."""
        *before, command = probe.sent.rsplit(b"\r\n", 2)[:-1]
        answer = b"".join(connection.ask(part + b"\r\n") for part in before)
        return answer + connection.ask_until(command + b"\r\n", expected.splitlines(keepends=True)[-1])

    def test_each_answer_is_the_recorded_one(self):
        for probe in PROBES:
            with self.subTest(probe.name):
                self.check(probe, probe.debian if settings.is_memcached() else probe.ours)

    def test_no_probe_was_lost(self):
        self.assertEqual(137, len({probe.name for probe in PROBES}))


if __name__ == "__main__":
    unittest.main()
