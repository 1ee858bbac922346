"""The ratios as a picture. The only module that imports matplotlib."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.figures import Row
from benchmarks.report import Run, machine_line, number

_BAR: Final = "#2a6f97"
_MISSED: Final = "#c8553d"
_TARGET: Final = "#1b1b1b"


def draw(run: Run, path: Path) -> None:
    """Bars for every rate; below them those of CPU and memory that have a target. SVG or PNG, by the path's suffix."""
    rates = [row for row in run.rows if row.group == "rate"]
    costs = [row for row in run.rows if row.group == "memory" or (row.group == "cpu" and row.target)]
    panels = [
        (rates, f"Rate against {run.names[1]} (more is better)"),
        (costs, f"CPU and memory against {run.names[1]} (less is better)"),
    ]
    panels = [(rows, title) for rows, title in panels if rows]
    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 9})
    heights = [len(rows) + 1.2 for rows, _ in panels]
    figure = Figure(figsize=(8.5, 0.36 * sum(heights) + 0.7), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axis, (rows, title) in zip(axes[:, 0], panels, strict=True):
        _bars(axis, rows)
        axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
    figure.supxlabel(
        f"bar: ratio of medians of {run.rounds} rounds; thin line: range; black mark: target; red: target missed\n"
        f"{machine_line(run)}",
        fontsize=7,
    )
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _bars(axis: Axes, rows: Sequence[Row]) -> None:
    furthest = max([1.0, *(row.high for row in rows), *(row.target.bound for row in rows if row.target)])
    for place, row in enumerate(rows):
        axis.barh(place, row.ratio, height=0.6, color=_MISSED if row.met is False else _BAR)
        axis.plot([row.low, row.high], [place, place], color="#9aa5b1", linewidth=1.5, solid_capstyle="butt")
        if row.target:
            axis.plot([row.target.bound] * 2, [place - 0.42, place + 0.42], color=_TARGET, linewidth=2)
        end = max(row.high, row.target.bound if row.target else 0)
        middles = (number(statistics.median(values)) for values in (row.mine, row.theirs))
        axis.text(
            end + furthest * 0.015,
            place,
            f"{row.ratio:.2f}   {' : '.join(middles)} {row.unit}",
            va="center",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    titles = [f"{row.title}: CPU" if row.group == "cpu" else row.title for row in rows]
    axis.set_yticks(range(len(rows)), titles)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, furthest * 1.45)
    axis.axvline(1, color="#9aa5b1", linewidth=0.8, linestyle="--", zorder=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="y", length=0)
