"""What `make check` asks for holds: ruff, its format, mypy --strict (the floors have a module of their own)."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.project.checkout import CHECKOUT

BIN = Path(sys.executable).parent


@pytest.mark.parametrize("command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]])
def test_it_is_clean(tmp_path, command):
    program, *arguments = command
    if program == "mypy":
        # What an earlier run kept of modules that have since moved is not to be believed.
        arguments = ["--cache-dir", str(tmp_path)]
    done = subprocess.run(
        [BIN / program, *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_is_strict_on_every_package():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["strict"] is True
    assert set(settings["packages"]) == {"wherry", "registry", "storage_backends", "oci_spec"}


def test_every_exception_from_a_tool_gives_its_reason():
    without = []
    for package in ("wherry", "registry", "storage_backends", "oci_spec"):
        for file in (CHECKOUT / package).rglob("*.py"):
            for number, line in enumerate(file.read_text().splitlines(), 1):
                _, marker, rest = (
                    line.partition("# type: ignore") if "# type: ignore" in line else line.partition("# noqa")
                )
                reason = rest.partition("]")[2] if marker == "# type: ignore" else rest.lstrip(": ").partition(" ")[2]
                if marker and not reason.strip(" #()"):
                    without.append(f"{file.relative_to(CHECKOUT)}:{number}")
    assert without == []
