"""A replicated group whose packets are dropped: between two nodes, in one direction, between a primary and everybody."""

import threading
import time
import unittest

from harness import network, settings
from harness.case import only_ours
from harness.group import Group, Refused
from harness.server import poll
from harness.witness import Counting, Reader, Transcript
from test_replication import GroupCase, after_silence, chronicle_for, end, write_for

_TERM_MS = round(settings.seconds(500))
_LONG_TERM_MS = 5 * _TERM_MS  # for what must happen before the group goes on without those cut off
_WITHIN = 60


@only_ours("it replicates nothing")
@unittest.skipUnless(network.available(), "no network namespaces, or no nftables, for this user here")
class PartitionCase(GroupCase):
    network = None

    @classmethod
    def setUpClass(cls):
        if PartitionCase.network is None:
            PartitionCase.network = network.Network()

    def group(self, backups=2, options=(), term_ms=_TERM_MS):
        group = Group(backups, ["-m", "64", "-t", "2", "--replication-timeout", str(term_ms), *options], self.network)
        self.addCleanup(group.stop)
        self.addCleanup(self.network.heal)
        return group

    def watch(self, group):
        """Somebody who counts at the primary, and a reader at every node; what they saw is judged at the end."""
        counting = Counting(group.primary.server)
        readers = [Reader(node.server, counting) for node in group.nodes]
        for thread in (counting, *readers):
            thread.start()
            self.addCleanup(thread.stop)
        return counting, readers

    def judge(self, counting, readers):
        for thread in (counting, *readers):
            thread.stop()
        for thread in (counting, *readers):
            thread.join(settings.seconds(60))
        for reader in readers:
            self.assertIsNone(reader.stale)
            self.assertGreater(reader.answers, 0)

    def check_all_is_well(self, group, counting, readers, writers):
        group.await_in_sync(within=_WITHIN)
        end(writers)
        self.judge(counting, readers)
        for node in group.nodes:
            self.check(node.server, writers)


class Backups(PartitionCase):
    def check_a_backup_behind(self, fault):
        """`fault` hits the link between the primary and the second backup."""
        group = self.group()
        primary, one, other = group.nodes
        counting, readers = self.watch(group)
        writers = write_for(0.3, primary.server, range(2))
        epoch = int(primary.status()["epoch"])
        fault()
        poll(lambda: primary.status()["in_sync"] == one.address, "the set without it", _WITHIN)
        self.assertGreater(int(primary.status()["epoch"]), epoch)
        self.await_progress(writers)
        self.network.heal()
        group.await_in_sync(within=_WITHIN)
        self.await_progress(writers)
        end(writers)
        self.judge(counting, readers)
        self.assert_none_waited(after_silence(_TERM_MS), [*writers, counting, *readers[:2]])
        self.check(primary.server, writers)
        self.assert_equal_answers(group.nodes, writers[:1])

    def test_a_backup_that_is_cut_off_leaves_and_comes_back(self):
        self.check_a_backup_behind(lambda: self.network.cut(0, 2))

    def test_a_backup_that_hears_nothing_leaves_and_comes_back(self):
        self.check_a_backup_behind(lambda: self.network.drop(0, 2))

    def test_a_backup_that_is_not_heard_leaves_and_comes_back(self):
        self.check_a_backup_behind(lambda: self.network.drop(2, 0))

    def test_a_backup_that_vanishes_without_a_word_leaves_and_comes_back_empty(self):
        group = self.group()
        primary, one, other = group.nodes
        writers = write_for(0.3, primary.server, range(2))
        self.network.cut(0, 2)
        other.server.kill()  # nobody hears of it: the links stay half open
        poll(lambda: primary.status()["in_sync"] == one.address, "the set without it", _WITHIN)
        self.await_progress(writers)
        self.network.heal()
        group.restart(other, primary)
        group.await_in_sync(within=_WITHIN)
        end(writers)
        self.assert_none_waited(after_silence(_TERM_MS), writers)
        self.check(primary.server, writers)
        self.assert_equal_answers(group.nodes, writers[:1])

    def test_a_copy_over_a_link_that_is_slower_than_the_writes_ends(self):
        group = self.group(backups=0, options=["-m", "24"])
        self.network.slow(0, 1, megabytes=6)
        writers = write_for(0.3, group.primary.server, range(4), (20_000, 50_000))
        backup = group.add("backup", group.primary)
        copying = self.watch_copy(group.primary, backup)
        group.await_in_sync(within=_WITHIN)
        self.network.heal()
        end(writers)
        group.await_in_sync(within=_WITHIN)  # as long as packets were dropped it may have been lost once more
        for writer in writers:
            self.assertIsNone(writer.wrong)
        self.assert_equal_answers(group.nodes, writers[:1])
        self.assert_the_copy_was_seen(copying, group.primary, backup)
        if not settings.sanitized():  # there the link is the faster
            self.assertIn("does not gain on the writes", group.primary.server.log())

    def watch_copy(self, primary, backup):
        """What a backup that joins says of its copy, each time that it says something else."""
        seen = []

        def over():
            status = backup.status()
            copy = {name: int(status.get(f"copy_{name}", "0"))
                    for name in ("received_bytes", "left_bytes", "bytes_per_second", "seconds_left")}
            if not seen or copy["received_bytes"] != seen[-1]["received_bytes"]:
                seen.append(copy)
            return primary.status()["in_sync"] == backup.address

        poll(backup.serves, "it answers", _WITHIN)  # a process listens to nodes a moment after it listens to clients
        poll(over, "the backup in sync", _WITHIN)
        return seen

    def assert_the_copy_was_seen(self, copying, primary, backup):
        """In bytes, with the rate and the time left: in both nodes' status, and in the backup's log."""
        end, told = backup.status(), primary.status()
        with primary.server.connect(60) as connection:
            self.assertIn("history:0", connection.stats(b"replication"))
        log = backup.server.log()
        if "session with" not in log:  # else it began anew
            self.assertEqual((end["copy_left_bytes"], end["copy_seconds_left"]), ("0", "0"))
            of_backup = f"backup:{backup.address}:copy_"
            self.assertEqual((told[of_backup + "left_bytes"], told[of_backup + "seconds_left"]), ("0", "0"))
            self.assertEqual(told[of_backup + "sent_bytes"], end["copy_received_bytes"])
            received = [copy["received_bytes"] for copy in copying]
            self.assertEqual(received, sorted(received))
        self.assertRegex(log, rf"copy of {primary.address}: has its [0-9.]+ MB, at [0-9.]+ MB/s; indexes them")
        if settings.sanitized():  # the copy may be small, and there in a moment
            return
        half_way = [copy for copy in copying if copy["received_bytes"] and copy["left_bytes"]]
        self.assertGreater(len(half_way), 1)
        for copy in half_way:
            self.assertGreater(copy["bytes_per_second"], 0)
            self.assertAlmostEqual(copy["seconds_left"], copy["left_bytes"] / copy["bytes_per_second"], delta=1)
        self.assertRegex(log, rf"copy of {primary.address}: has [0-9.]+ MB, lacks [0-9.]+ MB; [0-9.]+ MB/s, [0-9]+ s left")

    def test_links_that_break_again_and_again_lose_nothing(self):
        group = self.group()
        counting, readers = self.watch(group)
        writers = write_for(0.2, group.primary.server, range(2))
        for turn in range(settings.effort(6, at_least=2)):
            self.network.cut(0, 1 + turn % 2)
            time.sleep(settings.seconds(0.3 * (1 + turn % 3)))  # shorter than a term, and longer
            self.network.heal()
            self.await_progress(writers)
        self.check_all_is_well(group, counting, readers, writers)

    def test_lost_packets_lose_nothing_else(self):
        group = self.group(term_ms=4 * _TERM_MS)
        counting, readers = self.watch(group)
        self.network.lose(10)
        writers = write_for(2, group.primary.server, range(4))
        self.await_progress(writers)
        self.network.heal()
        self.check_all_is_well(group, counting, readers, writers)

    def test_a_client_of_a_backup_reads_what_it_wrote_while_another_is_cut_off(self):
        group = self.group()
        with group.nodes[1].server.connect(60) as connection:
            for number in range(150):
                if number == 50:
                    self.network.cut(0, 2)
                if number == 100:
                    self.network.heal()
                self.assertEqual(connection.set(b"own", b"%d" % number), b"STORED\r\n")
                self.assertEqual(connection.get(b"own"), b"%d" % number)
        group.await_in_sync(within=_WITHIN)

    def test_answers_stay_in_order_while_a_backup_is_cut_off(self):
        """At the primary and at the other backup nothing is lost; at the one cut off there may be an end, nothing else."""
        group = self.group()
        connections = [node.server.connect(60) for node in group.nodes]
        for connection in connections:
            self.addCleanup(connection.close)
        transcripts = [Transcript(connection, b"node%d" % number) for number, connection in enumerate(connections)]
        for turn in range(3):
            for transcript in transcripts:
                transcript.send(20)
            if turn == 0:
                self.network.cut(0, 2)
            for number, transcript in enumerate(transcripts):
                whole = transcript.receive()
                self.assertTrue(transcript.expected.startswith(transcript.received), bytes(transcript.received[-300:]))
                self.assertTrue(whole or number == 2, f"node {number} closed a connection")
        self.network.heal()
        group.await_in_sync(within=_WITHIN)

    def test_a_stalled_backup_costs_the_primary_no_memory(self):
        group = self.group(term_ms=round(settings.seconds(3000)))
        primary = group.primary
        writers = write_for(2, primary.server, range(4), (10_000, 30_000))  # until the memory of -m is in use
        end(writers)
        before = primary.server.resident_bytes()
        floods = [threading.Thread(target=flood, args=(primary.server, 5), daemon=True) for _ in range(4)]
        self.network.cut(0, 2)
        for thread in floods:
            thread.start()
        peak = before
        deadline = time.monotonic() + settings.seconds(60)
        while any(thread.is_alive() for thread in floods):
            self.assertLess(time.monotonic(), deadline, "the primary goes on")
            peak = max(peak, primary.server.resident_bytes())
            time.sleep(0.02)
        if not settings.sanitized():
            self.assertLess(peak - before, 48 << 20)
        poll(lambda: group.nodes[2].address not in primary.status()["in_sync"], "the set without it", _WITHIN)
        self.network.heal()
        group.await_in_sync(within=_WITHIN)


def flood(server, seconds):
    """Writes without waiting for answers, as fast as they are taken."""
    value = b"v" * 50_000
    until = time.monotonic() + settings.seconds(seconds)
    try:
        with server.connect(60) as connection:
            number = 0
            while time.monotonic() < until:
                number += 1
                connection.send(b"set flood%d 0 0 50000 noreply\r\n%s\r\n" % (number % 500, value))
            connection.ask(b"mn\r\n")
    except (OSError, EOFError):
        pass


class Primaries(PartitionCase):
    def test_a_primary_cut_off_from_all_is_replaced_and_what_it_had_not_committed_goes(self):
        """Without a coordinator it goes on alone when its backups have not answered for two terms; until then, nothing."""
        term_ms = round(settings.seconds(2000))
        group = self.group(term_ms=term_ms)
        primary, one, other = group.nodes
        writers = write_for(0.3, primary.server, range(2))
        end(writers)
        held = primary.server.connect(60)
        self.assertEqual(held.set(b"key", b"old"), b"STORED\r\n")
        cut_at = time.monotonic()
        self.network.cut(0, 1)
        self.network.cut(0, 2)
        held.send(b"set key 0 0 4\r\nlost\r\n")
        one.ctl("promote")
        poll(lambda: one.serves() == "all", "the promoted one serves", _WITHIN)
        with one.server.connect(60) as connection:
            self.assertEqual(connection.get(b"key"), b"old")
            self.assertEqual(connection.set(b"key", b"new"), b"STORED\r\n")
        self.network.heal()
        try:
            answer = held.read_line()
        except (EOFError, OSError):
            answer = b""
        if time.monotonic() - cut_at < 1.8 * term_ms / 1000:
            self.assertEqual(answer, b"", "it acknowledged what no backup had")
        held.close()
        group.await_in_sync(one, within=_WITHIN)
        for node in group.nodes:
            with node.server.connect(60) as connection:
                self.assertEqual(connection.get(b"key"), b"new")
            self.check(node.server, writers)

    def test_a_primary_that_one_backup_cannot_reach_hears_of_its_replacement_from_the_other(self):
        group = self.group()
        primary, one, other = group.nodes
        counting, readers = self.watch(group)
        writers = write_for(0.3, primary.server, range(2))
        self.network.cut(0, 1)
        promoted = False
        try:
            one.ctl("promote")
            promoted = True
        except Refused as refused:  # it had left the set before
            self.assertIn("not in sync", str(refused))
        if promoted:
            counting.server = one.server
            poll(lambda: primary.status()["role"] != "primary", "the old one is deposed", _WITHIN)
        self.network.heal()
        end(writers)
        leads = one if promoted else primary
        group.await_in_sync(leads, within=_WITHIN)
        counting.server = leads.server
        self.judge(counting, readers)
        self.check(leads.server, writers)
        self.assert_equal_answers(group.nodes, writers[:1])

    def test_what_a_replaced_primary_answered_is_in_order_and_true(self):
        group = self.group()
        primary, one, other = group.nodes
        connections = [primary.server.connect(60) for _ in range(3)]
        transcripts = [Transcript(connection, b"client%d" % number) for number, connection in enumerate(connections)]
        for connection in connections:
            self.addCleanup(connection.close)
        for transcript in transcripts:
            transcript.send(20)
            self.assertTrue(transcript.receive())
        for transcript in transcripts:
            transcript.send(100)
        self.network.cut(0, 1)
        self.network.cut(0, 2)
        for transcript in transcripts:
            transcript.send(20)
        primary.server.kill()
        for transcript in transcripts:
            transcript.receive()
            self.assertTrue(transcript.expected.startswith(transcript.received), bytes(transcript.received[-300:]))
        one.ctl("promote")
        group.await_in_sync(one, [other], within=_WITHIN)
        for node in (one, other):
            with node.server.connect(60) as connection:
                for number, transcript in enumerate(transcripts):
                    value = int(connection.get(b"client%d" % number).rstrip(b"+"))
                    self.assertGreaterEqual(value, transcript.last_answered())
                    self.assertLessEqual(value, transcript.rounds)

    def test_with_ack_one_who_has_less_of_the_log_is_not_promoted(self):
        group = self.group(options=["--ack", "one"], term_ms=_LONG_TERM_MS)
        primary, one, other = group.nodes
        writers = write_for(0.3, primary.server, range(2))
        self.network.cut(0, 1)
        for _ in range(3):
            self.await_progress(writers)  # what the other has is enough
        self.network.cut(0, 2)
        time.sleep(settings.seconds(0.1))
        before = [writer.operations for writer in writers]
        time.sleep(settings.seconds(0.3))
        self.assertEqual([writer.operations for writer in writers], before, "acknowledged what no backup has")
        primary.server.kill()
        end(writers)
        with self.assertRaisesRegex(Refused, f"{other.address} has more of the log .*: promote that one, or force"):
            one.ctl("promote")
        self.assertIn("primary of epoch", other.ctl("promote"))
        group.await_in_sync(other, [one], within=_WITHIN)
        for node in (one, other):
            self.check(node.server, writers)
        self.assert_equal_answers([one, other], writers[:1])

    def test_with_ack_none_what_no_backup_had_is_lost_and_nothing_before_it(self):
        group = self.group(options=["--ack", "none"], term_ms=_LONG_TERM_MS)
        primary, one, other = group.nodes
        kept = chronicle_for(0.3, primary.server, range(2))
        end(kept)
        for chronicle in kept:
            for node in (one, other):
                poll(lambda: chronicle.kept(node.server) == chronicle.operations, "the backups have what was acknowledged")
        self.network.cut(0, 1)
        self.network.cut(0, 2)
        lost = chronicle_for(0.1, primary.server, range(2, 4))
        self.await_progress(lost)  # whoever has it
        primary.server.kill()
        end(lost)
        leads, follows = self.promote_who_has_most(one, other)
        group.await_in_sync(leads, [follows], within=_WITHIN)
        for node in (leads, follows):
            self.assertEqual([chronicle.kept(node.server) for chronicle in kept], [chronicle.operations for chronicle in kept])
            self.assertEqual([chronicle.kept(node.server) for chronicle in lost], [0, 0])

    def test_a_primary_that_vanishes_without_a_word_is_replaced(self):
        group = self.group()
        primary, one, other = group.nodes
        counting, readers = self.watch(group)
        writers = write_for(0.3, primary.server, range(2))
        self.network.cut(0, 1)
        self.network.cut(0, 2)
        primary.server.kill()
        end(writers)
        one.ctl("promote")
        counting.server = one.server
        group.await_in_sync(one, [other], within=_WITHIN)
        self.network.heal()
        group.restart(primary, one)
        group.await_in_sync(one, within=_WITHIN)
        self.judge(counting, readers[1:])
        self.check(one.server, writers)
        self.assert_equal_answers(group.nodes, writers[:1])


if __name__ == "__main__":
    network.enter()
    unittest.main()
