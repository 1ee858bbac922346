"""`python -m tests.upkeep.gc_loop FOLDER`: collects with all times 0, again and again, until SIGTERM; then what it did.

The last line on standard output is JSON: runs, and the counts of all reports added up.
"""

import json
import signal
import sys
from collections import Counter

from registry.stores import open_store
from registry.upkeep.ages import Ages
from registry.upkeep.collector import Report, collect
from storage_backends.base import Store

NOW = Ages(grace=0, trash_time=0, session_time=0)


def add(totals: Counter[str], report: Report) -> None:
    """Raises where a run was not finished."""
    counts = report.as_dict()
    assert counts.pop("error") is None, report.error
    counts.pop("seconds")
    counts.pop("dry_run")
    totals.update(counts)
    totals["runs"] += 1


def main(store: Store) -> None:
    """Ends between two runs."""
    ends: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ends.append(number))
    totals: Counter[str] = Counter()
    while not ends:
        add(totals, collect(store, NOW))
    print(json.dumps(totals), flush=True)


if __name__ == "__main__":
    main(open_store(sys.argv[1]))
