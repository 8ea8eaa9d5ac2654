"""Meta commands as memcached 1.6.45 has them and 1.6.18, the oracle, has not: what test_differential cannot compare."""

import unittest

from harness.case import ServerCase, only_ours


@only_ours("E, C on mg and ma, x, N on ms came later")
class NewerMeta(ServerCase):
    def setUp(self):
        self.flush()
        self.connection = self.connect()

    def says(self, request, answer):
        """Sends, and compares all that is answered up to a sentinel."""
        end = b"EN kend\r\n"
        got = self.connection.exchange([request + b"mg end k\r\n"], lambda buffer: buffer.endswith(end))
        self.assertEqual(answer, got[:-len(end)], request)

    def test_e_gives_the_item_a_chosen_cas(self):
        self.says(b"ms k 1 E1000 c\r\n1\r\n", b"HD c1000\r\n")
        self.says(b"mg k c v\r\n", b"VA 1 c1000\r\n1\r\n")
        self.says(b"ms k 1 C1000 E5 c\r\n2\r\n", b"HD c5\r\n")
        self.says(b"md k C6\r\n", b"EX\r\n")
        self.says(b"ms n 1 E7\r\n1\r\n", b"HD\r\n")
        self.says(b"ma n E9 c v\r\n", b"VA 1 c9\r\n2\r\n")
        self.says(b"ma n C8\r\n", b"EX\r\n")
        self.says(b"ma n C9 E10 c\r\n", b"HD c10\r\n")
        self.says(b"mg vivified N30 E77 c v\r\n", b"VA 0 c77 W\r\n\r\n")

    def test_the_largest_cas_is_a_number_of_64_bits(self):
        self.says(b"ms k 1 E18446744073709551615 c\r\n1\r\n", b"HD c18446744073709551615\r\n")
        self.says(b"gets k\r\n", b"VALUE k 0 1 18446744073709551615\r\n1\r\nEND\r\n")

    def test_mg_with_c_leaves_out_a_value_the_client_has(self):
        self.says(b"ms k 5 E50\r\nhello\r\n", b"HD\r\n")
        self.says(b"mg k C50 v c\r\n", b"HD c50\r\n")
        self.says(b"mg k C49 v c\r\n", b"VA 5 c50\r\nhello\r\n")

    def test_x_drops_the_value_and_keeps_the_item(self):
        self.says(b"ms k 5 F9 T100\r\nhello\r\n", b"HD\r\n")
        self.says(b"md k x\r\n", b"HD\r\n")
        self.says(b"mg k s f v\r\n", b"VA 0 s0 f0\r\n\r\n")
        self.says(b"ms k2 5 F9 T100\r\nhello\r\n", b"HD\r\n")
        self.says(b"md k2 x I T50\r\n", b"HD\r\n")
        self.says(b"mg k2 s v\r\n", b"VA 0 s0 X W\r\n\r\n")

    def test_append_may_create_with_n(self):
        self.says(b"ms fresh 1 MA\r\n1\r\n", b"NS\r\n")
        self.says(b"ms fresh 1 MA N100\r\n1\r\n", b"HD\r\n")
        self.says(b"ms fresh 1 MA N100\r\n2\r\n", b"HD\r\n")
        self.says(b"ms front 1 MP N100\r\n1\r\n", b"HD\r\n")
        self.says(b"mg fresh v s\r\n", b"VA 2 s2\r\n12\r\n")

    def test_ms_returns_size_and_key(self):
        self.says(b"ms k 5 s k Oq\r\nhello\r\n", b"HD s5 kk Oq\r\n")

    def test_ma_quiet_hides_success_also_when_it_creates(self):
        self.says(b"ma n N0 J5 q\r\n", b"")
        self.says(b"ma n q\r\n", b"")
        self.says(b"mg n v\r\n", b"VA 1\r\n6\r\n")
        self.says(b"ma missing q\r\n", b"NF\r\n")

    def test_ma_sets_the_time_also_of_a_number_that_grows(self):
        self.says(b"ms n 1 T1000\r\n9\r\n", b"HD\r\n")
        self.says(b"ma n T0\r\n", b"HD\r\n")
        self.says(b"mg n t v\r\n", b"VA 2 t-1\r\n10\r\n")

    def test_an_old_cas_with_i_stores_a_stale_value(self):
        self.says(b"ms k 3 E100\r\nnew\r\n", b"HD\r\n")
        self.says(b"md k I E200\r\n", b"HD\r\n")
        self.says(b"ms k 3 C300\r\ntoo\r\n", b"EX\r\n")
        self.says(b"ms k 3 C100 I\r\nold\r\n", b"HD\r\n")
        self.says(b"mg k v\r\n", b"VA 3 X W\r\nold\r\n")

    def test_proxy_hints_are_ignored(self):
        self.says(b"ms k 1 P1 L2\r\n1\r\n", b"HD\r\n")
        self.says(b"mg k P1 L2 v\r\n", b"VA 1\r\n1\r\n")
        self.says(b"md k P L\r\n", b"HD\r\n")

    def test_a_me_of_a_base64_key(self):
        self.says(b"ms AAEC 1 b\r\n1\r\n", b"HD\r\n")
        self.assertRegex(self.connection.ask(b"me AAEC b\r\n"), rb"^ME AAEC exp=-1 la=\d+ cas=\d+ fetch=no cls=\d+ size=\d+\r\n$")

    def test_twenty_tokens_are_enough(self):
        line = b"mg k " + b" ".join(b"abcdefgh"[n:n + 1] for n in range(8)) + b" s t v" + b" i" * 20 + b"\r\n"
        self.assertRegex(self.connection.ask(line), rb"^CLIENT_ERROR ")
        self.says(b"mn\r\n", b"MN\r\n")


if __name__ == "__main__":
    unittest.main()
