"""What replication costs a primary, beside a server without; against Redis and yrmcds; system calls; joins; reads; idling."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from generator import processes_s
from groups import LogMemcachedGroup, RedisGroup, YrmcdsGroup
from tables import Table, Target, write_results

SETS = ["-c", 16, "--ratio", "1:0", "--keys", 10_000, "--value-bytes", 100]
PIPELINES = (1, 10, 50)
COST = {("none", 1): 1.4, ("none", 50): 1.25, ("all", 1): 2.0, ("all", 50): 1.5}  # times the CPU without replication


def run(context, target, options, seed=1):
    return context.generator.run(target, [*options, "--duration", context.duration_s, "--warmup", context.duration_s / 5,
                                          "--seed", seed])


def cost(context):
    """CPU of the primary per set, with one backup."""
    table = Table("Cost of replication on the primary", "CPU us per set (user + system of the whole process)",
                  ["alone", "logmemcached"], "16 connections, 100-byte values, one backup over tcp, one worker each.")
    wall = Table("The same runs by the clock", "us of wall time per set, closed loop", ["alone", "logmemcached"])
    with contextlib.ExitStack() as stack:
        groups = {ack: stack.enter_context(LogMemcachedGroup(context, ack)) for ack in (None, "none", "all")}
        for pipeline in PIPELINES:
            for round_number in range(context.rounds):
                for ack, group in groups.items():
                    result = run(context, group, [*group.bench_options, *SETS, "-p", pipeline], round_number + 1)
                    rows = [f"pipeline {pipeline}, ack={ack}"] if ack else [f"pipeline {pipeline}, ack={a}" for a in ("none", "all")]
                    for row in rows:
                        name = "logmemcached" if ack else "alone"
                        table.add(row, name, result["server_cpu"]["us_per_operation"])
                        wall.add(row, name, 1e6 / result["operations_per_s"])
                        context.note_noise(table, row, result)
            print(f"compare: replication: cost at pipeline {pipeline} done", file=sys.stderr)
    for (ack, pipeline), factor in COST.items():
        table.set_target(f"pipeline {pipeline}, ack={ack}", Target(factor, "alone"))
    return [table, wall]


def against_others(context):
    """The same sets for each; all of them with one replica on this machine."""
    speed = Table("Against Redis and yrmcds: time per set", "us of wall time per set, closed loop",
                  ["redis", "yrmcds", "logmemcached"],
                  "16 connections, 100-byte values, one replica. Waiting: Redis ends each batch with WAIT 1, we run with "
                  "--ack=all; yrmcds cannot.")
    cpu = Table("Against Redis and yrmcds: CPU of the primary", "us of CPU per set, of the same runs", ["redis", "yrmcds", "logmemcached"],
                "All threads of the process: Redis has one that matters, we a worker and the replication thread.")
    tail = Table("Against Redis and yrmcds: p99 of a set, each at its own speed", "us, closed loop",
                 ["redis", "yrmcds", "logmemcached"])
    paced = Table("Against Redis: p99 of a set at the same rate", "us, open loop (Poisson arrivals)", ["redis", "logmemcached"],
                  "Rates are shares of what Redis does in the closed loop at the same pipeline. The generator sleeps between "
                  "arrivals: spinning it would take a CPU from servers that have more threads than there are CPUs.")
    kinds = [("not waiting", [lambda: RedisGroup(context, False), lambda: LogMemcachedGroup(context, "none")]),
             ("waiting", [lambda: RedisGroup(context, True), lambda: LogMemcachedGroup(context, "all")])]
    if not shutil.which("redis-server"):
        print("compare: replication: no redis-server, so nothing to compare with", file=sys.stderr)
        return []
    if shutil.which("yrmcdsd"):
        kinds[0][1].append(lambda: YrmcdsGroup(context))
    else:
        print("compare: replication: no yrmcds, so no figures of it (apt-get install yrmcds)", file=sys.stderr)
    for kind, makers in kinds:
        with contextlib.ExitStack() as stack:
            groups = [stack.enter_context(make()) for make in makers]
            for pipeline in PIPELINES:
                row = f"{kind}, pipeline {pipeline}"
                for round_number in range(context.rounds):
                    for group in groups:
                        result = run(context, group, [*group.bench_options, *SETS, "-p", pipeline], round_number + 1)
                        speed.add(row, group.name, 1e6 / result["operations_per_s"])
                        cpu.add(row, group.name, result["server_cpu"]["us_per_operation"])
                        tail.add(row, group.name, result["latency_us"]["all"]["p99"])
                        context.note_noise(speed, row, result)
                for table in (speed, tail):
                    table.set_target(row, Target(1.0, "redis,yrmcds"))
                pace(context, paced, row, pipeline, groups[:2], 1e6 / speed.median(row, "redis"))
            print(f"compare: replication: against others, {kind}: done", file=sys.stderr)
    return [speed, cpu, tail, paced]


def pace(context, table, label, pipeline, groups, full):
    for share in (0.5, 0.8):
        row = f"{label}, {share * 100:.0f} %"
        for round_number in range(context.rounds):
            for group in groups:
                load = [*group.bench_options, *SETS, "-p", pipeline, "--rate", int(full * share), "--sleep"]
                result = run(context, group, load, round_number + 1)
                table.add(row, group.name, result["latency_us"]["all"]["p99"])
                context.note_noise(table, row, result)
        table.set_target(row, Target(1.0, "redis"))


CALLS = ("recvfrom", "read", "readv", "sendto", "sendmsg", "write", "epoll_wait", "epoll_ctl")


COUNTED = {  # by the end of its name in stats replication
    "batches": ":batches", "reports": ":reports", "doorbells": "fabric_doorbells", "acknowledgements": "fabric_acknowledgements"}


def counted(statistics, key):
    return sum(int(value) for name, value in statistics.items() if name.endswith(key))


def count_calls(pid, work):
    """System calls of the process meanwhile, by name."""
    with tempfile.NamedTemporaryFile("r", prefix="lmc-compare-") as summary:
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", summary.name, "-p", str(pid)], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        work()
        tracer.send_signal(2)
        tracer.wait(20)
        counts = {}
        for line in summary.read().splitlines():
            words = line.split()
            if words and words[-1] in CALLS:
                counts[words[-1]] = int(words[3])
        return counts


def settled(group):
    """A node makes its numbers anew twice a second."""
    time.sleep(1)
    return group.statistics()


def calls(context):
    """Of the primary, counted under strace: so slowed down that batches differ, but not what a batch takes."""
    table = Table("System calls of the primary", "per set", CALLS, "16 connections, --ack=all, one backup.")
    own = Table("Of them for the backup", "per set, by the server's own count (stats replication)", COUNTED,
                "A batch is a chain of log bytes and ledger entries, a report one that keeps a lease; a doorbell is a sendmsg "
                "that brings them, an acknowledgement one that only says what has landed of the backup's reports.")
    each = Table("Doorbells", "per chain and backup", ["logmemcached"])
    if not shutil.which("strace"):
        print("compare: replication: no strace, so no system calls", file=sys.stderr)
        return []
    with LogMemcachedGroup(context, "all") as group:
        for pipeline in PIPELINES:
            row = f"pipeline {pipeline}"
            done = {}

            def work():
                before = settled(group)
                result = context.generator.run(group, [*SETS, "-p", pipeline, "--duration", context.duration_s, "--warmup", 0])
                done["sets"] = result["measured"]["sets"]
                after = settled(group)
                for name, key in COUNTED.items():
                    done[name] = counted(after, key) - counted(before, key)

            counts = count_calls(group.pid, work)
            for name in counts:
                table.add(row, name, counts[name] / done["sets"])
            for name in COUNTED:
                own.add(row, name, done[name] / done["sets"])
            each.add(row, "logmemcached", done["doorbells"] / (done["batches"] + done["reports"]))
            each.set_target(row, Target(1.0))
    return [table, own, each]


def join(context):
    """p99 of sets at a steady rate, without and with a second backup being copied to."""
    table = Table("Sets while a node joins", "us: p99 of sets, open loop", ["without", "logmemcached"],
                  "--ack=all, one backup in sync; a second one joins. Full: what the closed loop does.")
    facts = Table("The join", "as said", ["logmemcached"])
    megabytes = 60 if context.quick else 1000
    second = min(1, context.duration_s)  # of one run: several fit into a join
    sets = ["-c", 16, "--ratio", "1:0", "--keys", 10_000, "--key-prefix", "fg:", "--duration", second, "--warmup", 0, "--seed"]
    full = None
    for number in range(2 * max(2, context.rounds - 2)):
        with LogMemcachedGroup(context, "all", memory_mb=3 * megabytes) as group:
            context.generator.run(group, ["--keys", megabytes * 1000, "--value-bytes", 950, "--prefill-only"])
            full = full or context.generator.run(group, [*sets, 1])["operations_per_s"]
            row, rate = (("5000 sets/s", 5000), ("60 % of full", int(0.6 * full)))[number % 2]
            load = [*sets[:-1], "--rate", rate, "--sleep", "--seed"]
            for run_number in range(3):
                quiet = context.generator.run(group, [*load, run_number + 1])
                table.add(row, "without", quiet["latency_us"]["all"]["p99"])
            began, seen = time.monotonic(), {}
            group.join()

            def watch():
                while group.in_sync() < 2:
                    for key, value in group.statistics().items():
                        if key.endswith(":copy_sent_bytes") and int(value) != seen.get(key, (0, 0))[0]:
                            seen[key] = (int(value), time.monotonic() - began)
                    time.sleep(0.02)
                seen["done"] = time.monotonic() - began

            watcher = threading.Thread(target=watch)
            watcher.start()
            measured = 0
            while watcher.is_alive():
                during = context.generator.run(group, [*load, measured + 1])
                if measured == 0 or watcher.is_alive():  # a run that was mostly after the join says nothing of it
                    table.add(row, "logmemcached", during["latency_us"]["all"]["p99"])
                    context.note_noise(table, row, during)
                    measured += 1
            watcher.join()
            sent, took = max((value for key, value in seen.items() if key != "done"), default=(0, 1))
            facts.add("MB copied", "logmemcached", sent / 1e6)
            facts.add("bulk MB/s", "logmemcached", sent / 1e6 / took)
            facts.add("seconds until in sync", "logmemcached", seen["done"])
    for row in table.rows:
        table.set_target(row, Target(2.0, "without"))
    print("compare: replication: join done", file=sys.stderr)
    return [table, facts]


def reads(context):
    """A backup answers gets from its own memory."""
    table = Table("Reads on a backup", "CPU us per get", ["alone", "logmemcached"], "16 connections, 100-byte values.")
    load = ["-c", 16, "--ratio", "0:1", "--keys", 10_000, "--value-bytes", 100]
    rounds = 2 * context.rounds  # what is to be told apart is little
    with LogMemcachedGroup(context, None) as alone, LogMemcachedGroup(context, "all") as group:
        for each in (alone, group):
            context.generator.run(each, ["--keys", 10_000, "--value-bytes", 100, "--prefill-only"])
        for pipeline in PIPELINES:
            row = f"pipeline {pipeline}"
            for round_number in range(rounds):
                for name, server in (("alone", alone.primary), ("logmemcached", group.backups[0])):
                    result = run(context, server, [*load, "-p", pipeline], round_number + 1)
                    table.add(row, name, result["server_cpu"]["us_per_operation"])
                    context.note_noise(table, row, result)
            table.set_target(row, Target(1.0, "alone"))
    print("compare: replication: reads done", file=sys.stderr)
    return [table]


def idle(context):
    """A group of three that has nothing to do."""
    table = Table("An idle group of three", "share of one core, all three processes together", ["logmemcached"])
    with LogMemcachedGroup(context, "all") as group:
        group.join()
        while group.in_sync() < 2:
            time.sleep(0.1)
        for _ in range(context.rounds):
            seconds = 2 if context.quick else 20  # CPU is counted in hundredths of a second
            before = processes_s(group)
            time.sleep(seconds)
            table.add("share", "logmemcached", (processes_s(group) - before) / seconds)
    table.set_target("share", Target(0.01))
    print("compare: replication: idle done", file=sys.stderr)
    return [table]


PARTS = {"cost": cost, "others": against_others, "calls": calls, "join": join, "reads": reads, "idle": idle}


def main(context):
    tables = []
    for name, part in PARTS.items():
        if context.wants(name):
            tables += part(context)
            write_results(context.out, "replication", context.facts, tables)
    return tables
