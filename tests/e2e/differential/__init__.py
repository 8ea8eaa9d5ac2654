"""memcached as the oracle: the same random requests to two servers, and every answer compared.

session.py   two servers side by side: sends batches, cuts answers, compares them with CAS uniques matched as a pattern
text.py, meta.py, binary.py   what a random request of each dialect looks like, and how long its answer is
counters.py, large.py         the same for what only some values show: numbers of all 64 bits; values in pieces
"""
