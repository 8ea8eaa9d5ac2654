"""What a reader must know about the machine to judge the figures."""

import os
import pathlib
import platform
import subprocess
import time


def _first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "unknown"
    lines = (done.stdout + done.stderr).splitlines()
    return lines[0] if lines else "unknown"


def _cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def facts(binaries, command_line):
    memory_kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    found = {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} CPUs",
        "memory": f"{memory_kb / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "command": command_line,
    }
    for name, path in binaries.paths.items():
        if name != "floor":
            found[name] = _first_line([path, "-V"])
    return found
