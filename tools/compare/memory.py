"""Resident bytes per item beyond its key and value, of a server filled to its limit."""

from servers import Server
from tables import Table, Target, write_results

KEY_BYTES = 20
MOST_BYTES_PER_ITEM = 40  # the target
EXPECTED_OVERHEAD = 30    # so many items are written that even a lean server is full


def main(context):
    memory_mb = 64 if context.quick else 1024
    names = context.binaries.caches()
    table = Table("Memory per item", "resident bytes per item beyond key and value", names,
                  f"{KEY_BYTES}-byte keys, -m {memory_mb}, filled until it evicts; all of the process divided by curr_items.")
    for value_bytes in (10, 100) if context.quick else (10, 50, 100, 200, 500):
        items = int(1.1 * memory_mb * 2**20 / (KEY_BYTES + value_bytes + EXPECTED_OVERHEAD))
        row = f"{value_bytes}-byte values"
        table.set_target(row, Target(MOST_BYTES_PER_ITEM))
        for name in names:
            with Server(context.binaries, name, memory_mb=memory_mb, cpus=context.server_cpus) as server:
                empty = server.resident_bytes()
                context.generator.run(server, ["--prefill-only", "--keys", items, "--key-bytes", KEY_BYTES,
                                               "--value-bytes", value_bytes])
                held = int(server.stats()["curr_items"])
                resident = server.resident_bytes()
                table.add(row, name, resident / held - KEY_BYTES - value_bytes)
                table.note(row, f"{name}: {held} of {items} items, {resident / 2**20:.0f} MiB resident "
                                f"({empty / 2**20:.0f} when empty), {server.stats()['evictions']} evictions")
    write_results(context.out, "memory", context.facts, [table])
    return [table]
