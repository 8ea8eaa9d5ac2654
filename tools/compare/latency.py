"""Open-loop latency at 50 % and 80 % of memcached's saturation, and in a steady state where every set evicts."""

import pathlib
import re
import statistics

from servers import Server
from tables import Table, Target, write_results

QUANTILES = ("p50", "p99", "p99.9")


def saturation(context, server, options):
    """Operations per second of a closed loop that keeps the server busy all the time."""
    runs = [context.generator.run(server, options + ["-p", 1, "--duration", context.duration_s])
            for _ in range(max(2, context.rounds // 2))]
    return statistics.median(run["operations_per_s"] for run in runs)


def measure(context, table, servers, label, options):
    """Alternating open-loop runs; the last round of each server is drawn."""
    for round_number in range(context.rounds):
        for server in servers:
            words = re.sub(r"[^a-z0-9]+", "-", label.partition("(")[0].strip().lower()).strip("-")
            picture = pathlib.Path(context.out) / f"latency-{words}-{server.name}.svg"
            result = context.generator.run(
                server, options + ["--duration", context.duration_s, "--warmup", context.duration_s / 4, "--svg", picture,
                                   "--title", f"{server.name}: {label}", "--seed", round_number + 1])
            for quantile in QUANTILES:
                row = f"{label}, {quantile}"
                table.add(row, server.name, result["latency_us"]["all"][quantile])
                table.set_target(row, Target(1.0, "memcached"))
                context.note_noise(table, row, result)
            for doubt in result["generator"]["doubts"]:
                table.note(f"{label}, {QUANTILES[-1]}", f"{server.name}: {doubt}")


def start_all(context, memory_mb):
    return [Server(context.binaries, name, memory_mb=memory_mb, cpus=context.server_cpus).start()
            for name in context.binaries.caches()]


def base_server(servers):
    return next((server for server in servers if server.name == "memcached"), servers[0])


def main(context):
    pathlib.Path(context.out).mkdir(parents=True, exist_ok=True)
    load = ["--keys", 10_000 if context.quick else 100_000, "-c", 64]
    table = Table("Open-loop latency", "us", context.binaries.caches(), "Poisson arrivals, 64 connections, sets to gets 1:10.")
    servers = start_all(context, 1024)
    try:
        for server in servers:
            context.generator.run(server, load + ["--prefill-only"])
        full = saturation(context, base_server(servers), load)
        for share in (0.5, 0.8):
            measure(context, table, servers, f"{share * 100:.0f} % of saturation ({full * share:.0f} per s)",
                    load + ["--rate", int(full * share)])
    finally:
        for server in servers:
            server.stop()
    write_results(context.out, "latency", context.facts, [table])
    return [table]


def eviction(context):
    """The same load on a set of keys that fits and on one ten times the memory."""
    memory_mb = 16 if context.quick else 256
    value_bytes = 500
    fitting = memory_mb * 2**20 // 4 // (value_bytes + 100)
    pathlib.Path(context.out).mkdir(parents=True, exist_ok=True)
    table = Table("Latency while every set evicts", "us", context.binaries.caches(),
                  f"-m {memory_mb}, values of {value_bytes} bytes, sets to gets 1:1. "
                  "'fits': nothing is evicted; the reclaimer shows as the difference.")
    for label, keys in (("fits", fitting), ("evicts", fitting * 40)):
        load = ["--keys", keys, "--value-bytes", value_bytes, "--ratio", "1:1", "-c", 64]
        servers = start_all(context, memory_mb)
        try:
            for server in servers:
                context.generator.run(server, load + ["--prefill-only"])
            if label == "fits":
                rate = int(saturation(context, base_server(servers), load) * 0.5)
            measure(context, table, servers, label, load + ["--rate", rate])
            for server in servers:
                if label == "evicts":
                    table.note(f"evicts, {QUANTILES[-1]}", f"{server.name}: {server.stats()['evictions']} evictions")
        finally:
            for server in servers:
                server.stop()
    write_results(context.out, "eviction", context.facts, [table])
    return [table]
