"""GET of something small, over and over, by wrk."""

from __future__ import annotations

import re
import subprocess

from benchmarks import usage
from benchmarks.content import MANIFEST
from benchmarks.http_wire import Address, LoadFailed
from benchmarks.load.work import Work

_FIELDS = ("Accept: " + MANIFEST, "User-Agent: benchmarks")


def get_small(wrk: str, address: Address, target: str, seconds: int, connections: int) -> Work:
    """As many GETs of `target` as the server answers within `seconds`. Raises LoadFailed unless all are 200."""
    command = [wrk, "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--latency"]
    for field in _FIELDS:
        command += ["--header", field]
    cpu = usage.own_cpu_seconds()
    done = subprocess.run(
        [*command, f"http://{address[0]}:{address[1]}{target}"], capture_output=True, text=True, check=False
    )
    cpu = usage.own_cpu_seconds() - cpu
    counted = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m),", done.stdout)
    if done.returncode or counted is None:
        raise LoadFailed(f"wrk exited {done.returncode}:\n{done.stdout}{done.stderr}")
    if re.search(r"Socket errors|Non-2xx", done.stdout):
        raise LoadFailed(f"wrk met errors:\n{done.stdout}")
    median = re.search(r"50%\s+([\d.]+)(us|ms|s|m)\b", done.stdout)
    return Work(
        int(counted[1]),
        _seconds(counted[2], counted[3]),
        cpu,
        _seconds(median[1], median[2]) if median else None,
    )


def _seconds(number: str, unit: str) -> float:
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[unit]
