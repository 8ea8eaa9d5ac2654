"""One run of lmc-bench, and whether the machine was quiet meanwhile."""

import json
import os
import pathlib
import subprocess
import sys
import time

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def machine_busy_s():
    """CPU seconds of all processes and interrupts so far, and those that the hypervisor took away."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / CLOCK_TICKS


def processes_s(server):
    """CPU seconds of all processes that belong to the server."""
    return sum(process_s(pid) for pid in getattr(server, "pids", [server.pid]))


def process_s(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def children_s():
    times = os.times()
    return times.children_user + times.children_system


class Generator:
    def __init__(self, binaries, arguments):
        self.binary = binaries.bench
        self.cpus = arguments.bench_cpus
        self.wait_quiet_s = arguments.wait_quiet
        self.verbose = arguments.verbose
        self.limit_s = arguments.run_limit

    def wait_until_quiet(self):
        """Waits, at most --wait-quiet seconds, for a second in which others use less than a tenth of a CPU."""
        deadline = time.monotonic() + self.wait_quiet_s
        while time.monotonic() < deadline:
            before = machine_busy_s()
            time.sleep(1)
            if machine_busy_s() - before < 0.1:
                return

    def run(self, server, options, pinned=True):
        """The JSON of one run against `server`, with `foreign`: CPUs that other processes (or the host) used meanwhile."""
        self.wait_until_quiet()
        command = [self.binary, "--server", server.address, "--server-pid", str(server.pid), "--json", "-", "--quiet"]
        if pinned and self.cpus:
            command += ["--cpus", self.cpus]
        command += [str(option) for option in options]
        if self.verbose:
            print("  " + " ".join(command), file=sys.stderr)
        busy, own, began = machine_busy_s(), processes_s(server) + children_s(), time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=self.limit_s, check=False)
        elapsed = time.monotonic() - began
        foreign = (machine_busy_s() - busy) - (processes_s(server) + children_s() - own)
        if done.returncode == 1 or not done.stdout:
            raise SystemExit(f"compare: {' '.join(command)}\nfailed: {done.stderr.strip()}")
        result = json.loads(done.stdout)
        result["foreign"] = max(0.0, foreign / max(elapsed, 0.01))
        result["bad"] = done.returncode != 0
        if result["bad"]:
            print(f"compare: {server.name}: {result['measured']['errors']} errors, "
                  f"{result['measured']['unanswered']} unanswered: {result['first_problem']}", file=sys.stderr)
        return result
