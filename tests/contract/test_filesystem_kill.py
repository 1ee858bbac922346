"""kill -9 at every system call of every operation: old or new is there, whole, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.contract.crasher import NEW, OLD, OPERATIONS

MAY_BE: dict[str, tuple[set[str | None], set[int | None]]] = {
    "create": ({None, "new"}, {None}),
    "replace": ({"old", "new"}, {len(OLD)}),
    "delete": ({"old", None}, {len(OLD)}),
    "upload": ({None}, {None, 0, len(NEW)}),
    "upload again": ({"old"}, {len(OLD), 0, len(NEW)}),
    "delete bytes": ({"old"}, {len(OLD), None}),
}


def test_a_process_killed_at_any_system_call_leaves_old_or_new_and_no_temporary_file(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.contract.crasher", str(tmp_path / "store")],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
    )
    deaths = [json.loads(line) for line in told.stdout.splitlines()]
    assert {death["operation"] for death in deaths} == set(OPERATIONS)
    for death in deaths:
        records, sizes = MAY_BE[death["operation"]]
        assert death["record"] in records, death
        assert death["bytes"] in sizes, death
        assert (death["folders"], death["files"], death["left"]) == (1, [], []), death
    assert sum(death["died"] for death in deaths) >= 60
    for name in OPERATIONS:
        before, *_, after = [death for death in deaths if death["operation"] == name]
        assert before["died"] and not after["died"]
        assert (before["record"], before["bytes"]) != (after["record"], after["bytes"]), name
