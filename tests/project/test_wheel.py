"""What is installed: our packages and nothing else that could collide with somebody's."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.project.checkout import PACKAGES, copy_of_sources
from wherry.version import VERSION


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = copy_of_sources(tmp_path_factory.mktemp("wheel"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (folder / "dist").glob("*.whl")
    return zipfile.ZipFile(made)


def test_the_top_level_names_are_the_packages(wheel):
    assert {Path(name).parts[0] for name in wheel.namelist()} == {*PACKAGES, f"wherry-{VERSION}.dist-info"}


def test_the_command_is_the_only_script(wheel):
    entries = wheel.read(f"wherry-{VERSION}.dist-info/entry_points.txt").decode()
    assert entries.split() == ["[console_scripts]", "wherry", "=", "wherry.__main__:main"]


def test_every_package_says_that_it_has_types(wheel):
    names = wheel.namelist()
    assert all(f"{package}/py.typed" in names for package in PACKAGES)


def test_every_package_is_whole(wheel):
    names = set(wheel.namelist())
    for folder in {Path(name).parent for name in names if name.endswith(".py")}:
        assert f"{folder}/__init__.py" in names, folder


def test_the_metadata_name_the_licence_and_the_oldest_python(wheel):
    metadata = wheel.read(f"wherry-{VERSION}.dist-info/METADATA").decode()
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())
