"""Nothing imports upwards or sideways."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.checkout import CHECKOUT, copy_of_sources

LINT = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        LINT,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
    )


def test_the_floors_hold():
    done = lint(CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("storage_backends/base.py", "import oci_spec.digest"),
        ("storage_backends/base.py", "import registry.config"),
        ("oci_spec/digest.py", "import storage_backends.keys"),
        ("oci_spec/digest.py", "import socket"),
        ("registry/config.py", "import wherry.version"),
        ("registry/content/reads.py", "import registry.api.routes"),
        ("registry/content/reads.py", "import aiohttp"),
    ],
)
def test_a_step_upwards_or_sideways_is_caught(tmp_path, file, line):
    folder = copy_of_sources(tmp_path)
    with (folder / file).open("a") as source:
        source.write(f"\n{line}\n")
    done = lint(folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
