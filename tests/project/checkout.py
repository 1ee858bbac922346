"""The checkout, and a copy of what goes into the wheel, so that no test writes among the sources."""

import shutil
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("wherry", "registry", "storage_backends", "oci_spec")


def copy_of_sources(folder: Path) -> Path:
    """The packages, pyproject.toml, README.md and LICENSE, in `folder`."""
    for package in PACKAGES:
        shutil.copytree(CHECKOUT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / file, folder)
    return folder
