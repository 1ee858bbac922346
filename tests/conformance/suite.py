"""Runs the shared conformance script and reads its figures."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.foreign import CHECKOUT, cache_folder

SCRIPT = CHECKOUT.parent / "shared" / "tools" / "conformance.sh"

Figures = dict[str, int]
"""Cases of one run: pass, fail, error, skip, disabled, total; and the suite's exit status as `exit`."""

_LINE = re.compile(r"^(\w+): ((?:\w+=\d+ ?)+)$", re.MULTILINE)


class Report:
    """What one call of the script found: its exit status, all it printed, and the figures of each version."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text
        self.figures: dict[str, Figures] = {
            spec: {name: int(count) for name, _, count in (pair.partition("=") for pair in pairs.split())}
            for spec, pairs in _LINE.findall(text)
        }


def run_suite(url: str, out: Path, environment: Mapping[str, str]) -> Report:
    """Runs the suite against a registry whose repositories are empty, with reports in `out`.

    `environment` is what the script documents, for example SPEC="stable dev". Fails the test when the script
    is missing: it belongs to the folder `shared` beside the checkout.
    """
    if not SCRIPT.is_file():
        pytest.fail(f"{SCRIPT} is missing: the folder `shared` belongs beside the checkout", pytrace=False)
    out.mkdir(parents=True, exist_ok=True)
    binaries = cache_folder() / "bin"
    binaries.mkdir(exist_ok=True)
    # Where the script looks for the suite it pins, and puts it when it has to build it.
    (out / "bin").symlink_to(binaries, target_is_directory=True)
    done = subprocess.run(
        ["bash", SCRIPT],
        env={
            **os.environ,
            "PATH": f"{os.environ['PATH']}:/usr/local/go/bin",
            **environment,
            "URL": url,
            "OUT": str(out),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Report(done.returncode, done.stdout)
