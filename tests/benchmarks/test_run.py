"""A short run, and the page about it."""

import json
import re
import sys
from pathlib import Path

from benchmarks.cases import CASES
from tests.foreign import CHECKOUT, need, run

_PAGE = CHECKOUT / "docs" / "benchmarks.md"


def test_the_page_names_every_case_and_option() -> None:
    page = _PAGE.read_text()
    usage = run(sys.executable, "-m", "benchmarks", "--help", cwd=CHECKOUT)
    named = set(re.findall(r"--[a-z-]+", usage)) - {"--help"}
    assert len(named) >= 8
    assert [option for option in sorted(named) if f"| `{option}" not in page] == []
    assert [case.name for case in CASES if f"`{case.name}`" not in page] == []
    promised = {name: float(bound) for name, bound in re.findall(r"\| `([a-z0-9-]+)` \| at least ([\d.]+)", page)}
    assert promised == {case.name: case.target.bound for case in CASES if case.target}


def test_a_short_run_measures_every_case_on_a_real_server(tmp_path: Path) -> None:
    """distribution in both places: the loads are proved against a server that is not ours."""
    need("registry")
    need("wrk")
    results, picture = tmp_path / "results.json", tmp_path / "results.svg"
    table = run(
        *(sys.executable, "-m", "benchmarks", "--against-itself", "--quick", "--rounds", "1"),
        *("--data", tmp_path, "--json", results, "--picture", picture),
        cwd=CHECKOUT,
        seconds=240,
    )
    found = json.loads(results.read_text())
    measured = {row["case"] for row in found["rows"] if row["group"] == "rate"}
    assert measured == {case.name for case in CASES if case.workers == 2}
    assert all(value > 0 for row in found["rows"] if row["group"] != "cpu" for both in row["values"] for value in both)
    for row in found["rows"]:
        assert row["title"] in table
        assert row["title"] in picture.read_text()
    assert list(tmp_path.glob("benchmark-data-*")) == []


def test_an_unknown_case_is_an_error_that_names_the_known_ones() -> None:
    run(sys.executable, "-m", "benchmarks", "--only", "nothing", cwd=CHECKOUT, fails_with="there are manifest-tag-1")
