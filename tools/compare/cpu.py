"""CPU time of the server process per operation, and throughput, side by side (issue section 7)."""

import sys

from servers import Server
from tables import Table, Target, write_results

BATCHES = {"pipeline 1": (["-p", 1], 1.08), "pipeline 10": (["-p", 10], 1.5), "pipeline 50": (["-p", 50], 2.2)}
MULTIGETS = {"multiget of 10": (["-k", 10, "--ratio", "0:1"], 1.4), "multiget of 100": (["-k", 100, "--ratio", "0:1"], 2.5)}


class Group:
    """Workloads that share servers and prefill."""

    def __init__(self, name, rows, common=(), keys=10_000, value_bytes=100, threads=1, memory_mb=1024):
        self.name = name
        self.rows = rows  # row -> (options, target)
        self.common = list(common)
        self.keys = keys
        self.value_bytes = value_bytes
        self.threads = threads
        self.memory_mb = memory_mb

    def options(self):
        return self.common + ["--keys", self.keys, "--value-bytes", self.value_bytes]


def at_most_floor(rows):
    return {row: (options, Target(factor, "floor")) for row, (options, factor) in rows.items()}


def groups(quick):
    million = 100_000 if quick else 1_000_000
    base = at_most_floor(BATCHES | MULTIGETS)
    batches = at_most_floor(BATCHES)
    found = [
        Group("16 connections, 100-byte values, sets to gets 1:10", base, ["-c", 16]),
        Group("64 connections", base, ["-c", 64]),
        Group("sets only", batches, ["-c", 16, "--ratio", "1:0"]),
        Group("gets only", batches, ["-c", 16, "--ratio", "0:1"]),
        Group("1 M keys", base, ["-c", 16], keys=million),
        Group("4 KiB values", {"pipeline 1": (["-p", 1], Target(1.3, "floor")),
                               "pipeline 10": (["-p", 10], Target(1.8, "floor"))}, ["-c", 16], value_bytes=4096),
        Group("100 KiB values", {"pipeline 1": (["-p", 1], Target(1.0, "memcached")),
                                 "pipeline 10": (["-p", 10], Target(1.0, "memcached"))},
              ["-c", 16], keys=1_000, value_bytes=102_400),
    ]
    for dialect in ("meta", "binary"):
        rows = {}
        for row, (options, _) in (BATCHES | MULTIGETS).items():
            rows[f"{row}, text"] = (options, None)
            rows[f"{row}, {dialect}"] = (options + ["-P", dialect], Target(1.1, "text", f"{row}, text"))
        found.append(Group(f"{dialect} protocol against text", rows, ["-c", 16]))
    two = {row: (options, Target(1.0, "memcached")) for row, (options, _) in (BATCHES | MULTIGETS).items()}
    found.append(Group("-t 2 on two cores (generator on the same two)", two, ["-c", 16], threads=2))
    return found


def run_group(context, group):
    names = [name for name in context.binaries.paths if group.threads == 1 or name != "floor"]
    cost = Table(f"CPU per operation: {group.name}", "server CPU us per operation (user + system)", names)
    speed = Table(f"Throughput: {group.name}", "thousand operations per second, closed loop", names,
                  "No targets: a closed loop is bounded by server and generator together.")
    pinned = group.threads == 1
    servers = [Server(context.binaries, name, memory_mb=group.memory_mb, threads=group.threads,
                      value_bytes=group.value_bytes, cpus=context.server_cpus if pinned else None).start()
               for name in names]
    try:
        for server in servers:
            context.generator.run(server, group.options() + ["--prefill-only"])
        for row, (options, target) in group.rows.items():
            if target is not None:
                cost.set_target(row, target)
            for round_number in range(context.rounds):
                for server in servers:
                    result = context.generator.run(
                        server, group.options() + options + ["--duration", context.duration_s, "--warmup",
                                                             context.duration_s / 5, "--seed", round_number + 1], pinned)
                    cost.add(row, server.name, result["server_cpu"]["us_per_operation"])
                    speed.add(row, server.name, result["operations_per_s"] / 1e3)
                    context.note_noise(cost, row, result)
            print(f"compare: {group.name}: {row} done", file=sys.stderr)
    finally:
        for server in servers:
            server.stop()
    return [cost, speed]


def main(context):
    tables = []
    for group in groups(context.quick):
        if context.wants(group.name):
            tables += run_group(context, group)
            write_results(context.out, "cpu", context.facts, tables)
    return tables
