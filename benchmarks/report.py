"""The figures as a text table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.cases import CASES
from benchmarks.figures import Row, spread
from benchmarks.measure import Sample

_GROUPS: Final = {
    "rate": "Rate, higher is better",
    "cpu": "CPU time of all server processes, lower is better",
    "memory": "Memory (PSS) of all server processes, lower is better",
}

_COLUMNS: Final = 8
_TO_THE_LEFT: Final = frozenset({0, 1, 5, 7})

Samples = Mapping[str, tuple[Sequence[Sample], Sequence[Sample]]]


class Run:
    """Everything that one run found. `names` are the two servers', `samples` what each case's rows come from."""

    __slots__ = ("machine", "names", "rounds", "rows", "samples", "versions")

    def __init__(
        self,
        names: tuple[str, str],
        versions: Mapping[str, str],
        machine: Mapping[str, str | int],
        rounds: int,
        rows: Sequence[Row],
        samples: Samples,
    ) -> None:
        self.names = names
        self.versions = dict(versions)
        self.machine = dict(machine)
        self.rounds = rounds
        self.rows = list(rows)
        self.samples = dict(samples)


def number(value: float) -> str:
    """Three digits that mean something, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def text(run: Run) -> str:
    """The table, with the machine above it and what could blur the figures below."""
    lines = [machine_line(run), ", ".join(f"{name} {version}" for name, version in run.versions.items())]
    lines.append(
        f"median of {run.rounds} alternating rounds (± half the range); "
        "ratio of the medians [range of the rounds' ratios]"
    )
    table: list[list[str]] = [["", "", *run.names, "ratio", "", "target", ""]]
    for group, title in _GROUPS.items():
        rows = [row for row in run.rows if row.group == group]
        if rows:
            table += [[""] * _COLUMNS, [title] + [""] * (_COLUMNS - 1), *(_cells(row) for row in rows)]
    lines += ["", *_aligned(table), "", *_blur(run)]
    return "\n".join(line.rstrip() for line in lines)


def machine_line(run: Run) -> str:
    """One line on the machine."""
    machine = run.machine
    return (
        f"{machine['cores']} cores ({machine['architecture']}, SHA instructions: {machine['sha_instructions']}), "
        f"{machine['memory_gib']} GiB, {machine['kernel']}, {machine['file_system']}, Python {machine['python']}"
    )


def as_json(run: Run) -> dict[str, object]:
    """Every value behind the table, ready for json.dumps."""
    return {
        "machine": run.machine,
        "versions": run.versions,
        "rounds": run.rounds,
        "servers": list(run.names),
        "rows": [
            {
                "group": row.group,
                "case": row.name,
                "title": row.title,
                "unit": row.unit,
                "ratio": round(row.ratio, 4),
                "ratio_range": [round(row.low, 4), round(row.high, 4)],
                "target": str(row.target) if row.target else None,
                "met": row.met,
                "values": [[float(f"{value:.5g}") for value in values] for values in (row.mine, row.theirs)],
            }
            for row in run.rows
        ],
        "samples": {
            case: [[_sample(sample) for sample in samples] for samples in both] for case, both in run.samples.items()
        },
    }


def _sample(sample: Sample) -> dict[str, float | None]:
    busiest = sample.busiest
    work = sample.work
    return {
        "amount": work.amount,
        "seconds": round(work.seconds, 4),
        "median_latency_seconds": work.median_seconds,
        "server_cpu_seconds": round(sample.cpu, 3),
        "busiest_process_share": None if busiest is None else round(busiest, 3),
        "peak_pss_bytes": sample.peak,
        "load_share_of_cores": round(sample.client_share, 4),
        "others_share_of_cores": round(sample.other_share, 4),
    }


def _cells(row: Row) -> list[str]:
    several = len(row.mine) > 1

    def value(values: Sequence[float]) -> str:
        about = f" ±{spread(values):.0%}" if several else ""
        return f"{number(statistics.median(values))}{about}"

    return [
        f"  {row.title}",
        row.unit,
        value(row.mine),
        value(row.theirs),
        f"{row.ratio:.2f}",
        f"[{row.low:.2f} to {row.high:.2f}]" if several else "",
        str(row.target) if row.target else "",
        "" if row.met is None else "met" if row.met else "MISSED",
    ]


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    # Titles of groups may run into the columns beside them, which are empty in their lines.
    widths = [max(len(line[place]) for line in lines if any(line[1:])) for place in range(_COLUMNS)]
    return [
        "  ".join(
            cell.ljust(width) if place in _TO_THE_LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def _blur(run: Run) -> list[str]:
    every = [(case, sample) for case, both in run.samples.items() for samples in both for sample in samples]
    if not every:
        return []
    others = [sample.other_share for _, sample in every]
    case, heaviest = max(every, key=lambda pair: pair[1].client_share)
    lines = [
        f"The load used at most {heaviest.client_share:.0%} of the cores (in {case}); "
        f"other programs {statistics.median(others):.0%} in the middle, {max(others):.0%} at most."
    ]
    if statistics.median(others) > 0.05:
        lines.append("The machine was not quiet: the figures above are not to be trusted.")
    uneven = [
        case.name
        for case in CASES
        if case.several and case.workers > 1 and case.name in run.samples
        if any(_one_sided(sample) for sample in run.samples[case.name][0])
    ]
    if uneven:
        lines.append(f"One of {run.names[0]}'s processes did more than 80 % of the work in: {', '.join(uneven)}.")
    return lines


def _one_sided(sample: Sample) -> bool:
    return sample.busiest is not None and sample.busiest > 0.8
