"""What the server costs where nobody asks for much: megabytes a process."""

from pathlib import Path

from tests.serve.clients import children
from tests.servers import RunningRegistry


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
