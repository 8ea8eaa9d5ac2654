"""Miss ratios of cache-aside loads at equal -m: the same requests, by seed, to every server."""

import sys

from servers import Server
from tables import Table, Target, write_results

KEYS_PER_GET = 20  # a batch of look-ups, then the sets of its misses


class Case:
    """`options` describe the load; keys and draws are for -m 64 and scale with the memory."""

    def __init__(self, name, options, limit, keys=1_000_000, draws=6_000_000, memory_mb=64):
        self.name, self.options, self.limit = name, options, limit
        self.keys, self.draws, self.memory_mb = keys, draws, memory_mb


AVERAGE_230 = ["--value-bytes", "uniform:60-400"]


def cases():
    return [
        Case("Zipf 0.7", AVERAGE_230 + ["--popularity", "zipf:0.7"], 1.0),
        Case("Zipf 0.9", AVERAGE_230 + ["--popularity", "zipf:0.9"], 1.0),
        Case("Zipf 1.0", AVERAGE_230 + ["--popularity", "zipf:1.0"], 0.88),
        Case("Zipf 1.0, -m 256", AVERAGE_230 + ["--popularity", "zipf:1.0"], 0.88, memory_mb=256),
        Case("Zipf 1.1", AVERAGE_230 + ["--popularity", "zipf:1.1"], 1.0),
        Case("Zipf 1.0 with scans (30 %)", AVERAGE_230 + ["--popularity", "zipf:1.0", "--scan", "0.3,50000,10000000"], 0.95),
        Case("drifting working set", AVERAGE_230 + ["--popularity", "zipf:1.0", "--drift", "4000000"], 1.0),
        Case("mixed sizes", ["--value-bytes", "list:50@0.5,500@0.4,5000@0.1", "--popularity", "zipf:1.0"], 1.0, keys=500_000),
        Case("mixed times to live", AVERAGE_230 + ["--popularity", "zipf:1.0", "--ttl", "list:2@0.4,10@0.2,600@0.2,0@0.2",
                                                   "--rate", "PACED"], 0.95),
        Case("overwrite-heavy (sets to gets 1:1)", AVERAGE_230 + ["--popularity", "zipf:1.0", "--ratio", "20:1",
                                                                  "--values-change"], 1.0, draws=4_000_000),
    ]


def scaled(context, case):
    """Number of keys and of draws, and the memory."""
    factor = case.memory_mb / 64
    if context.quick:
        return int(case.keys / 8), int(case.draws / 20), max(8, case.memory_mb // 8)
    return int(case.keys * factor), int(case.draws * factor), case.memory_mb


def load_of(case, keys, draws, seed):
    operations = draws // KEYS_PER_GET
    options = ["--cache-aside", "-c", 1, "-k", KEYS_PER_GET, "--keys", keys, "--operations", operations,
               "--warmup-operations", operations, "--seed", seed]
    if "--ratio" not in case.options:
        options += ["--ratio", "0:1"]
    else:  # sets are operations of one key, gets of many
        options[options.index("--operations") + 1] = operations * 10
        options[options.index("--warmup-operations") + 1] = operations * 10
    # Times to live need the same pace for all: slow enough for every server.
    paced = str(4_000 if not context_is_quick(draws) else 2_000)
    return options + [paced if option == "PACED" else option for option in case.options]


def context_is_quick(draws):
    return draws < 1_000_000


def run_case(context, case, table):
    keys, draws, memory_mb = scaled(context, case)
    for seed in range(1, context.rounds_of_misses + 1):
        for name in context.binaries.caches():
            with Server(context.binaries, name, memory_mb=memory_mb, cpus=context.server_cpus) as server:
                result = context.generator.run(server, load_of(case, keys, draws, seed))
                table.add(case.name, name, result["miss_ratio"])
                if result["bad"]:
                    table.note(case.name, f"{name}: {result['first_problem']}")
    table.set_target(case.name, Target(case.limit, "memcached"))
    print(f"compare: miss ratio: {case.name} done", file=sys.stderr)


def recovery(context, table):
    """All keys are replaced by others at once: misses from then on, and until the miss ratio has settled."""
    case = Case("", AVERAGE_230 + ["--popularity", "zipf:1.0"], 1.0)
    keys, draws, memory_mb = scaled(context, case)
    window = max(KEYS_PER_GET, draws // 40)
    for name in context.binaries.caches():
        with Server(context.binaries, name, memory_mb=memory_mb, cpus=context.server_cpus) as server:
            context.generator.run(server, load_of(case, keys, draws, 1))
            options = load_of(case, keys, draws, 2) + ["--key-offset", keys, "--hit-window", window]
            options[options.index("--warmup-operations") + 1] = 0
            windows = [1 - hits / asked for asked, hits in context.generator.run(server, options)["hit_windows"] if asked]
            settled = sum(windows[-8:]) / len(windows[-8:])
            recovered = next(i for i, ratio in enumerate(windows) if ratio <= settled * 1.1) + 1
            table.add("full replacement: miss ratio of what follows", name, sum(windows) / len(windows))
            table.add("full replacement: thousand keys until within 10 % of its final miss ratio", name,
                      recovered * window / 1e3)
    for row in table.rows:
        if row.startswith("full replacement"):
            table.set_target(row, Target(1.0, "memcached"))


def main(context):
    table = Table("Miss ratio, cache-aside", "misses per key asked for", context.binaries.caches(),
                  "One connection, look-ups in batches of 20, half of the requests are warm-up; figures over seeds.")
    for case in cases():
        if context.wants(case.name):
            run_case(context, case, table)
            write_results(context.out, "missratio", context.facts, [table])
    if context.wants("full replacement"):
        recovery(context, table)
    write_results(context.out, "missratio", context.facts, [table])
    return [table]
