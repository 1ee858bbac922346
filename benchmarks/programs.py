"""The two programs made by others: distribution's registry, and wrk."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent
# The tests' list pins the version, so that figures and tests speak of the same distribution.
_LIST = _CHECKOUT / "tests" / "tools.txt"


class ProgramMissing(Exception):
    """A program is neither there nor can it be built; the message says what to install."""


def wrk() -> str:
    """The path of wrk. Raises ProgramMissing."""
    found = shutil.which("wrk")
    if found is None:
        raise ProgramMissing("wrk is missing: apt-get install wrk")
    return found


def distribution(say: Callable[[str], None]) -> tuple[str, str]:
    """The path of distribution's registry and its version; built into the tests' cache when it is not there.

    `say` is told when a build starts, which takes a minute. Raises ProgramMissing.
    """
    module = _module("registry")
    version = module.partition("@")[2]
    built = _cache() / "bin" / f"registry-{version}"
    if not os.access(built, os.X_OK):
        say(f"building {module}")
        _build(module, built)
    return str(built), version


def _module(command: str) -> str:
    for line in _LIST.read_text().splitlines():
        words = line.split()
        if words[:2] == ["go", command]:
            return words[2]
    raise ProgramMissing(f"{_LIST.name} has no line `go {command} MODULE@VERSION`")


def _cache() -> Path:
    named = os.environ.get("WHERRY_CI_CACHE")
    parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else parent / "wherry-ci"


def _build(module: str, built: Path) -> None:
    go = shutil.which("go", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/go/bin")))
    if go is None:
        raise ProgramMissing(f"{module} is not built and Go is missing: install Go, or run .ci/run first")
    built.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own, then a rename: a build that is cut short leaves nothing that looks finished.
    with tempfile.TemporaryDirectory(prefix="build.", dir=built.parent.parent) as scratch:
        done = subprocess.run(
            [go, "install", module],
            env={**os.environ, "GOBIN": scratch, "GOFLAGS": "-mod=mod"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ProgramMissing(f"go install {module} failed:\n{done.stderr[-2000:]}")
        os.replace(os.path.join(scratch, module.partition("@")[0].rsplit("/", 1)[1]), built)
