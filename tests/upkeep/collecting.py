"""Collections as tests ask for them."""

import time
from typing import Any

from registry.upkeep.ages import DAY, Ages
from registry.upkeep.collector import Report, collect
from storage_backends.base import Store

NOW = Ages(grace=0, trash_time=0, session_time=0)
UNTAGGED = Ages(grace=0, trash_time=0, session_time=0, delete_untagged=True, older_than=0)


def run(store: Store, ages: Ages = NOW, *, later: float = 0, **options: Any) -> Report:
    """One collection `later` seconds from now, which nothing stopped."""
    report = collect(store, ages, clock=lambda: time.time() + later, **options)
    assert report.error is None
    return report


def run_out(store: Store, ages: Ages = NOW) -> None:
    """Two collections: what the first drops, the second deletes."""
    run(store, ages)
    run(store, ages)


__all__ = ["DAY", "NOW", "UNTAGGED", "run", "run_out"]
