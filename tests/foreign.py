"""Programs made by others: where they are, and what happens when one is missing.

`tests/tools.txt` is the list of them, read by `.ci/run` as well. A missing program fails the test where
the environment says CI=true, and skips it elsewhere, with a reason that names what to install: this module
is the only place that decides so.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

# The list names Debian's programs, so they come before another build of the same name on PATH.
_SEARCH_PATH = os.pathsep.join(("/usr/bin", "/usr/sbin", os.environ.get("PATH", "")))

UNAUTHORIZED = r"(?i)\b401\b|unauthorized|authentication required|basic (auth )?credentials?"
"""How clients put it when a registry answers 401, for `run(fails_with=...)`."""


def cache_folder() -> Path:
    """The folder outside the checkout that keeps what is slow to make; made when absent."""
    named = os.environ.get("WHERRY_CI_CACHE")
    parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(named) if named else parent / "wherry-ci"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sources() -> dict[str, tuple[str, str]]:
    """Every command of `tests/tools.txt` with its kind (`debian`, `go`) and its source."""
    lines = (CHECKOUT / "tests" / "tools.txt").read_text().splitlines()
    fields = [line.split() for line in lines if line and not line.startswith("#")]
    return {command: (kind, source) for kind, command, source in fields}


def need(command: str) -> str:
    """The path of a program named in `tests/tools.txt`; fails or skips the test when it is missing."""
    kind, source = sources()[command]
    if kind == "go":
        built = cache_folder() / "bin" / f"{command}-{source.partition('@')[2]}"
        if os.access(built, os.X_OK):
            return str(built)
        missing(f"{built} is missing: run .ci/run, which builds {source} there")
    found = shutil.which(command, path=_SEARCH_PATH)
    return found or missing(f"{command} is missing: apt-get install {source}")


def missing(reason: str) -> NoReturn:
    """Ends the test for something the machine lacks: a failure where CI=true, else a skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def run(
    *command: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    seconds: float = 300,
    fails_with: str = "",
) -> str:
    """Runs a program to its end and gives its standard output; `env` is added to the environment.

    With `fails_with`, a regular expression, the program has to fail, and what it says has to match; that is
    then given. Raises AssertionError with everything the program said when it ends in another way,
    subprocess.TimeoutExpired after `seconds`.
    """
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    story = f"{' '.join(os.fspath(word) for word in command)}\nexited {done.returncode}:\n{said}"
    if fails_with:
        assert done.returncode != 0, story
        assert re.search(fails_with, said), story
        return said
    assert done.returncode == 0, story
    return done.stdout
