"""compare: logmemcached, Debian's memcached and floor side by side, on the same work, in alternation.

    python3 tools/compare cpu                 CPU per operation and throughput, all workloads of issue section 7
    python3 tools/compare latency             open loop at 50 % and 80 % of memcached's saturation
    python3 tools/compare eviction            latency in a steady state where every set evicts
    python3 tools/compare memory              resident bytes per item beyond key and value
    python3 tools/compare missratio           miss ratios of cache-aside loads, the same requests to all
    python3 tools/compare restart             time to the first answer after kill -9
    python3 tools/compare replication         what replication costs, beside Redis and yrmcds; system calls; joins; reads
    python3 tools/compare all [--quick]       everything; --quick: toy sizes, to see that it works

Figures are medians with half the range of the runs; targets are judged where there is a logmemcached. Each part writes
NAME.md and NAME.json into --out. Servers are pinned to --server-cpus and the generator to --bench-cpus, so give them
different ones and leave the rest of the machine alone; runs during which others used a tenth of a CPU or more are noted.
tools/README.md says what the figures mean and what they do not.
"""

import argparse
import pathlib
import re
import shlex
import sys

import cpu
import latency
import machine
import memory
import missratio
import replication
import restart
from generator import Generator
from servers import Binaries

NOISY_FOREIGN_CPUS = 0.1

PARTS = {
    "cpu": cpu.main,
    "latency": latency.main,
    "eviction": latency.eviction,
    "memory": memory.main,
    "missratio": missratio.main,
    "restart": restart.main,
    "replication": replication.main,
}


class Context:
    """What every part needs: programs, sizes, where to write."""

    def __init__(self, arguments):
        self.binaries = Binaries(arguments)
        self.generator = Generator(self.binaries, arguments)
        self.quick = arguments.quick
        self.rounds = arguments.rounds or (2 if arguments.quick else 5)
        self.rounds_of_misses = arguments.rounds or (1 if arguments.quick else 2)
        self.duration_s = arguments.duration or (0.3 if arguments.quick else 3)
        self.server_cpus = arguments.server_cpus
        self.out = arguments.out
        self.only = re.compile(arguments.only)
        self.facts = machine.facts(self.binaries, "python3 tools/compare " + shlex.join(sys.argv[1:]))

    def wants(self, name):
        return self.only.search(name) is not None

    @staticmethod
    def note_noise(table, row, result):
        if result["foreign"] >= NOISY_FOREIGN_CPUS:
            table.note(row, "disturbed: other processes used the CPUs during some runs")
        if result["bad"]:
            table.note(row, f"errors: {result['first_problem']}")


def parse(argv):
    parser = argparse.ArgumentParser(prog="compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument("--servers", default="memcached,floor,logmemcached", help="columns, of these three (%(default)s)")
    parser.add_argument("--build", default=str(root / "build" / "release"), help="build tree with the programs (%(default)s)")
    for name in ("bench", "floor", "memcached", "logmemcached"):
        parser.add_argument(f"--{name}", metavar="PATH", help=f"the {'lmc-bench' if name == 'bench' else name} to use")
    parser.add_argument("--quick", action="store_true", help="toy sizes: checks that it works, its figures mean nothing")
    parser.add_argument("--rounds", type=int, help="alternating runs of each server (5; 2 seeds for miss ratios)")
    parser.add_argument("--duration", type=float, help="seconds of each run (3)")
    parser.add_argument("--only", default="", metavar="REGEX", help="of cpu, missratio and replication, only the groups or cases that match")
    parser.add_argument("--server-cpus", default="0", help="CPUs of the server (%(default)s); empty: anywhere")
    parser.add_argument("--bench-cpus", default="1", help="CPUs of the generator (%(default)s); empty: anywhere")
    parser.add_argument("--wait-quiet", type=float, default=0, metavar="SECONDS",
                        help="before each run wait up to so long until nobody else uses the machine (0)")
    parser.add_argument("--run-limit", type=float, default=600, metavar="SECONDS", help="of one run (%(default)s)")
    parser.add_argument("--out", default="compare-results", help="directory for the results (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="print each run's command")
    return parser.parse_args(argv)


def main(argv):
    arguments = parse(argv)
    context = Context(arguments)
    parts = list(PARTS) if arguments.part == "all" else [arguments.part]
    if arguments.part == "all" and "logmemcached" not in context.binaries.paths:
        parts = [part for part in parts if part not in ("restart", "replication")]
    missed = 0
    for part in parts:
        for table in PARTS[part](context):
            print(table.markdown(), flush=True)
            missed += sum(table.verdict(row)[0] == "MISSED" for row in table.rows)
        print(f"compare: {part}: written to {context.out}/{part}.md and .json", file=sys.stderr)
    print("Machine: " + "; ".join(f"{key} {value}" for key, value in context.facts.items()))
    print(f"compare: {missed} targets missed", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
