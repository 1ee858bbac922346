"""What the server costs where nobody asks for much: microseconds a request, megabytes a process."""

import os
import subprocess
import sys
from pathlib import Path

from tests.serve.clients import children
from tests.servers import RunningRegistry

MEASURE = """
import os, sys, tempfile, time
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
from registry.observe.metrics import Metrics
metrics = Metrics()
best = 1.0
for _ in range(5):
    begun = time.perf_counter()
    for _ in range(5000):
        metrics.answered("GET", "manifest", 200, 0.002, 0, 500)
    best = min(best, (time.perf_counter() - begun) / 5000)
print(best * 1e6)
"""


def test_counting_a_request_takes_less_than_ten_microseconds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, os.fspath(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(done.stdout) < 10


def test_two_idle_workers_and_their_parent_take_less_than_100_megabytes(tmp_path):
    """Forked from a parent that has loaded everything; each on its own would take about 60."""
    with RunningRegistry(tmp_path / "data", "--workers", "2") as server:
        total = sum(_pss(pid) for pid in (server.pid, *children(server.pid)))
        assert len(children(server.pid)) == 2
    assert total < 100_000_000


def _pss(pid: int) -> int:
    """Proportional set size, bytes."""
    (line,) = [line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) * 1024
