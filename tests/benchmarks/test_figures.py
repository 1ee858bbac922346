"""From samples to rows."""

from benchmarks.cases import CASES, Target
from benchmarks.figures import Row, rows_of, spread
from benchmarks.load.work import Work
from benchmarks.measure import Sample
from benchmarks.report import Run, as_json, text

_DOWNLOAD = next(case for case in CASES if case.name == "blob-get-100mb")
_MACHINE: dict[str, str | int] = {
    "cores": 2,
    "architecture": "x86_64",
    "sha_instructions": "yes",
    "memory_gib": 8,
    "kernel": "Linux 6.1",
    "file_system": "ext4",
    "python": "3.11.0",
}


def _sample(megabytes: float, seconds: float, cpu: float, busiest: float | None = 0.5) -> Sample:
    return Sample(Work(megabytes * 1e6, seconds, 0.1), cpu, busiest, 64 << 20, 0.1, 0.0)


def test_a_ratio_is_that_of_the_medians_and_its_range_that_of_the_pairs() -> None:
    row = Row("rate", "case", "Case", "MB/s", [100, 300, 200], [100, 100, 50])
    assert (row.ratio, row.low, row.high) == (2.0, 1.0, 4.0)
    assert row.met is None


def test_rates_count_seconds_and_prices_count_work() -> None:
    rate, price = rows_of(_DOWNLOAD, [_sample(2000, 2, 0.5)], [_sample(1000, 2, 0.5)], targets=True)
    assert (rate.mine, rate.theirs, rate.unit) == ([1000], [500], "MB/s")
    assert (price.mine, price.theirs, price.unit) == ([0.25], [0.5], "s/GB")
    assert (rate.met, price.met) == (True, True)


def test_a_target_may_be_a_floor_or_a_ceiling() -> None:
    assert Target(1.2, at_least=True).met(1.2)
    assert not Target(1.2, at_least=True).met(1.19)
    assert Target(0.7, at_least=False).met(0.7)
    assert not Target(0.7, at_least=False).met(0.71)


def test_spread_is_half_the_range_of_the_median() -> None:
    assert spread([90, 100, 110]) == 0.1
    assert spread([5]) == 0


def test_the_table_tells_what_was_missed_and_what_blurs_it() -> None:
    mine, theirs = [_sample(500, 1, 0.5, busiest=0.95)] * 2, [_sample(1000, 1, 0.5, busiest=None)] * 2
    rows = rows_of(_DOWNLOAD, mine, theirs, targets=True)
    run = Run(("wherry", "distribution"), {"wherry": "1"}, _MACHINE, 2, rows, {_DOWNLOAD.name: (mine, theirs)})
    table = text(run)
    assert [line.split()[-1] for line in table.splitlines() if "100 MB" in line] == ["MISSED", "MISSED"]
    assert "0.50 [0.50 to 0.50] >= 1 MISSED" in " ".join(table.split())
    assert "other programs 0% in the middle" in table
    assert as_json(run)["servers"] == ["wherry", "distribution"]


def test_the_table_tells_when_one_worker_did_nearly_all() -> None:
    case = next(case for case in CASES if case.name == "upload-4")
    for busiest, told in ((0.95, True), (0.55, False)):
        mine, theirs = [_sample(500, 1, 0.5, busiest)], [_sample(500, 1, 0.5, None)]
        run = Run(("wherry", "distribution"), {}, _MACHINE, 1, [], {case.name: (mine, theirs)})
        assert ("did more than 80 % of the work in: upload-4" in text(run)) is told
