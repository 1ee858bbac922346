"""The registry passes the whole suite, of the last release and of the main branch, with nothing left out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.suite import run_suite
from tests.credentials import Credentials, write_htpasswd
from tests.foreign import need
from tests.registry_under_test import registry_under_test

CREDENTIALS = Credentials("conformance", "a password")


# The suite may have to be built first.
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("store", "workers", "closed"),
    [("memory", 1, False), ("disk", 2, False), ("disk", 2, True)],
    ids=["in-memory", "on-disk-two-workers", "on-disk-htpasswd"],
)
def test_the_registry_passes_every_case_of_the_suite(
    store: str,
    workers: int,
    closed: bool,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    need("conformance")
    environment = {"SPEC": "stable dev", "SPARSE": "1", "STRICT": "1"}
    htpasswd = None
    if closed:
        htpasswd = write_htpasswd(tmp_path / "htpasswd", CREDENTIALS)
        environment |= {"REGUSER": CREDENTIALS.user, "REGPASS": CREDENTIALS.password}

    folder: Path | str = "memory:" if store == "memory" else tmp_path / "store"
    with registry_under_test(folder, workers=workers, htpasswd=htpasswd, sparse="conformance/*") as registry:
        report = run_suite(registry.url, tmp_path / "report", environment)

    for spec, figures in report.figures.items():
        record_property(f"conformance.{spec}", " ".join(f"{name}={count}" for name, count in figures.items()))
    with capsys.disabled():
        print(f"\n{report.text.strip()}")
    assert set(report.figures) == {"stable", "dev"}, report.text
    for spec, figures in report.figures.items():
        assert figures["total"] > 0, report.text
        assert (figures["fail"], figures["error"]) == (0, 0), (spec, report.text)
    dev = report.figures["dev"]
    assert (dev["skip"], dev["disabled"], dev["pass"]) == (0, 0, dev["total"]), report.text
