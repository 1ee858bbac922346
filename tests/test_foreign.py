"""A program that a test needs and the machine lacks: a failure in CI, a skip with its remedy elsewhere."""

from pathlib import Path

import pytest

from tests.foreign import need, run, sources


@pytest.fixture(autouse=True)
def nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder in which no Go program is."""
    monkeypatch.setenv("WHERRY_CI_CACHE", str(tmp_path / "cache"))


def test_in_ci_a_missing_program_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"crane-v\S+ is missing: run \.ci/run, which builds "):
        need("crane")


def test_elsewhere_a_missing_program_skips_the_test_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"crane-v\S+ is missing"):
        need("crane")


def test_every_go_program_is_pinned_to_one_version() -> None:
    for command, (kind, source) in sources().items():
        assert kind in ("debian", "go"), command
        assert (kind == "go") == ("@v" in source), f"{command}: {source}"


def test_a_program_that_succeeds_where_it_has_to_fail_is_an_error() -> None:
    with pytest.raises(AssertionError, match="exited 0"):
        run("true", fails_with=".")
    with pytest.raises(AssertionError, match="wrong reason"):
        run("sh", "-c", "echo wrong reason >&2; exit 1", fails_with="right reason")
    with pytest.raises(AssertionError, match="exited 3"):
        run("sh", "-c", "exit 3")
