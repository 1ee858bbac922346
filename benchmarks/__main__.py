"""`python -m benchmarks`: measures wherry beside distribution v3 and prints the table of ratios."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, programs, usage
from benchmarks.cases import CASES, PEAK_MEMORY_TARGET, Bench, Case
from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.figures import Row, memory_row, rows_of
from benchmarks.http_wire import LoadFailed
from benchmarks.measure import Sample, alternate
from benchmarks.progress import Progress
from benchmarks.report import Run, as_json, text
from benchmarks.servers import Server, ServerFailed, start_distribution, start_wherry

_HERE = Path(__file__).resolve().parent


def main() -> int:
    """0 when everything was measured, targets met or not; 1 with a message when something could not be."""
    parser = _parser()
    arguments = parser.parse_args()
    for name in arguments.only or ():
        if not any(case.name.startswith(name) for case in CASES):
            parser.error(f"--only {name}: no case of that name; there are {', '.join(case.name for case in CASES)}")
    progress = Progress()
    try:
        effort = QUICK if arguments.quick else FULL
        if arguments.rounds:
            effort = effort.replace(rounds=arguments.rounds)
        with tempfile.TemporaryDirectory(prefix="benchmark-data-", dir=arguments.data) as folder:
            run = _measure(
                Path(folder),
                _chosen(arguments.only, arguments.against_itself),
                effort,
                progress,
                itself=arguments.against_itself,
                cache=not arguments.without_cache,
            )
    except (LoadFailed, ServerFailed, programs.ProgramMissing, machine.NotOnDisk, OSError) as error:
        progress.clear()
        print(f"Error: {error}", file=sys.stderr)
        return 1
    progress.clear()
    print(text(run))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(run), indent=1) + "\n")
    if not arguments.no_picture:
        # Half a second of imports, and not before everything is measured.
        from benchmarks.picture import draw

        draw(run, arguments.picture)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three short rounds: a look, not a result")
    parser.add_argument("--rounds", type=_positive, metavar="N", help="rounds per case and server (default: 5)")
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help=f"measure the cases whose name starts with NAME; may be repeated: {', '.join(c.name for c in CASES)}",
    )
    parser.add_argument(
        "--against-itself",
        action="store_true",
        help="distribution in both places: every ratio should be 1, and how far it is off is the machine's noise",
    )
    parser.add_argument(
        "--without-cache",
        action="store_true",
        help="distribution without the cache of blob descriptors, which its example configuration has on",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=_HERE,
        metavar="FOLDER",
        help="where both servers' data folders are made, and removed at the end; must be on a disk (default: here)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every value as JSON")
    parser.add_argument(
        "--picture",
        type=Path,
        default=_HERE / "results.svg",
        metavar="FILE",
        help="where the picture goes, SVG or PNG (default: results.svg in this package)",
    )
    parser.add_argument("--no-picture", action="store_true", help="draw no picture")
    return parser


def _positive(word: str) -> int:
    count = int(word)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is not positive")
    return count


def _chosen(only: Sequence[str] | None, itself: bool) -> list[Case]:
    return [
        case
        for case in CASES
        # distribution knows no workers: against itself, one of each pair of rows is enough.
        if not (itself and case.workers == 1) and (not only or any(case.name.startswith(name) for name in only))
    ]


def _measure(
    folder: Path, cases: Sequence[Case], effort: Effort, progress: Progress, *, itself: bool, cache: bool
) -> Run:
    described = machine.describe(folder)
    theirs_folder, mine_folder = machine.data_folders(folder, ("distribution", "mine"))
    wrk = programs.wrk()
    program, version = programs.distribution(progress.tell)
    names = ("distribution", "itself") if itself else ("wherry", "distribution")
    versions = {"distribution": version if cache else f"{version} without its cache"}
    if not itself:
        versions = {"wherry": importlib.metadata.version("wherry"), **versions}
    rows: list[Row] = []
    samples: dict[str, tuple[list[Sample], list[Sample]]] = {}
    progress.tell("preparing content")
    bench = Bench(wrk, folder)
    with contextlib.ExitStack() as stack:

        def started(server: Server) -> Server:
            stack.enter_context(server)
            return server

        theirs = started(start_distribution(program, theirs_folder, cache=cache))
        mine = started(
            start_distribution(program, mine_folder, cache=cache) if itself else start_wherry(mine_folder, 2)
        )
        progress.tell("waiting for both servers to be idle")
        idle = [_idle_memory(server) for server in (mine, theirs)]
        for server in (mine, theirs):
            progress.tell(f"pushing what is pulled to {server.name}")
            bench.seed(server.address)
        for case in cases:
            with contextlib.ExitStack() as during:
                subject = mine
                if case.workers != 2 and not itself:
                    subject = during.enter_context(start_wherry(mine_folder, case.workers))
                found = alternate(case, (subject, theirs), bench, effort, progress.tell)
            samples[case.name] = (found[0], found[1])
            rows += rows_of(case, *samples[case.name], targets=not itself)
        peaks = _peaks(cases, samples, idle)
    bench.file.close()
    # A peak is one only where all that drives it up was run.
    target = PEAK_MEMORY_TARGET if list(cases) == list(CASES) else None
    rows.append(memory_row("memory-idle", "Memory, idle", idle[0], idle[1]))
    rows.append(memory_row("memory-peak", "Memory, peak of these cases", peaks[0], peaks[1], target))
    return Run(names, versions, described, effort.rounds, rows, samples)


def _idle_memory(server: Server) -> int:
    server.settle()
    return usage.pss_bytes(server.pid)


def _peaks(
    cases: Sequence[Case], samples: dict[str, tuple[list[Sample], list[Sample]]], idle: Sequence[int]
) -> tuple[int, int]:
    """The largest PSS of either server over the cases in which wherry has its two workers."""
    both = [samples[case.name] for case in cases if case.workers == 2]
    return (
        max([idle[0], *(sample.peak for mine, _ in both for sample in mine)]),
        max([idle[1], *(sample.peak for _, theirs in both for sample in theirs)]),
    )


if __name__ == "__main__":
    sys.exit(main())
