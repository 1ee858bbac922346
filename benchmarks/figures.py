"""From samples to rows: medians, spreads, ratios, and whether a target is met. No I/O."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.cases import Case, Target
from benchmarks.measure import Sample


class Row:
    """One line of the table: the values of each round on both servers, in `unit`, and their ratio.

    `ratio` is that of the medians; `low` and `high` are the least and largest ratio of a round's pair of runs.
    """

    __slots__ = ("group", "high", "low", "mine", "name", "ratio", "target", "theirs", "title", "unit")

    def __init__(
        self,
        group: str,
        name: str,
        title: str,
        unit: str,
        mine: Sequence[float],
        theirs: Sequence[float],
        target: Target | None = None,
    ) -> None:
        self.group = group
        self.name = name
        self.title = title
        self.unit = unit
        self.mine = list(mine)
        self.theirs = list(theirs)
        self.target = target
        self.ratio = _ratio(statistics.median(mine), statistics.median(theirs))
        pairs = [_ratio(one, other) for one, other in zip(mine, theirs, strict=True)]
        self.low, self.high = min(pairs), max(pairs)

    @property
    def met(self) -> bool | None:
        """None without a target."""
        return self.target.met(self.ratio) if self.target else None


def rows_of(case: Case, mine: Sequence[Sample], theirs: Sequence[Sample], *, targets: bool) -> list[Row]:
    """The case's rate and the CPU time that a unit of it cost; with their targets, if `targets`."""

    def rates(samples: Sequence[Sample]) -> list[float]:
        return [sample.work.amount / sample.work.seconds / case.unit.rate_size for sample in samples]

    def prices(samples: Sequence[Sample]) -> list[float]:
        return [sample.cpu / sample.work.amount / case.unit.cpu_size for sample in samples]

    return [
        Row(
            "rate", case.name, case.title, case.unit.rate, rates(mine), rates(theirs), case.target if targets else None
        ),
        Row(
            "cpu",
            case.name,
            case.title,
            case.unit.cpu,
            prices(mine),
            prices(theirs),
            case.cpu_target if targets else None,
        ),
    ]


def memory_row(name: str, title: str, mine: int, theirs: int, target: Target | None = None) -> Row:
    """PSS of all processes, from bytes."""
    return Row("memory", name, title, "MiB", [mine / 2**20], [theirs / 2**20], target)


def spread(values: Sequence[float]) -> float:
    """Half the distance from the least to the largest value, as a share of the median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def _ratio(one: float, other: float) -> float:
    return one / other if other else float("inf") if one else 1.0
