"""Time from start to the first answered get after kill -9, with a full arena in a file on tmpfs."""

import pathlib
import tempfile
import time

from servers import Server
from tables import Table, Target, write_results

MOST_SECONDS = 1.0  # the target
VALUE_BYTES = 200


def key(number):
    return f"key:{number:016d}"


def first_answer_s(server):
    """Starts the server and asks until a get is answered, with or without a value."""
    began = time.monotonic()
    server.start()
    server.ask(f"get {key(0)}\r\n".encode(), b"END\r\n")
    return time.monotonic() - began


def share_found(server, items):
    """How many of the keys written last are there again."""
    sample = [key(number) for number in range(items - 1, max(items // 2, 0), -max(1, items // 2_000))]
    found = sum(server.ask(f"get {name}\r\n".encode(), b"END\r\n").startswith(b"VALUE") for name in sample)
    return found / len(sample)


def main(context):
    if "logmemcached" not in context.binaries.paths:
        raise SystemExit("compare: restart needs logmemcached among --servers: memcached does not survive kill -9")
    memory_mb = 64 if context.quick else 1024
    items = int(1.1 * memory_mb * 2**20 / (VALUE_BYTES + 50))
    table = Table("Start after kill -9", "seconds to the first answered get", ["logmemcached"],
                  f"-m {memory_mb} -e FILE on tmpfs, full; the pages are still in memory.")
    row = f"{memory_mb} MiB, {VALUE_BYTES}-byte values"
    rows = {row: None, f"{row}, one CPU": context.server_cpus}
    table.set_target(row, Target(MOST_SECONDS))
    for row, cpus in list(rows.items()) * context.rounds:
        with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="lmc-compare-") as directory:
            file = pathlib.Path(directory) / "arena"
            server = Server(context.binaries, "logmemcached", memory_mb=memory_mb, cpus=cpus,
                            extra=["-e", str(file)])
            with server:
                # One connection, so that the highest numbers are the newest.
                context.generator.run(server, ["--prefill-only", "--keys", items, "-c", 1, "--value-bytes", VALUE_BYTES])
                held = int(server.stats()["curr_items"])
                server.kill()
            try:
                table.add(row, "logmemcached", first_answer_s(server))
                table.note(row, f"{held} items before, {server.stats()['curr_items']} after; "
                                f"{100 * share_found(server, items):.1f} % of a sample of the newer half found")
            finally:
                server.stop()
    write_results(context.out, "restart", context.facts, [table])
    return [table]
