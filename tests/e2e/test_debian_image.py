"""What the clients move is as large and as layered as it is said to be."""

import gzip
import posixpath
import tarfile

import pytest

from tests.e2e.oci_layout import OciLayout

pytestmark = pytest.mark.e2e


def test_the_image_has_tens_of_thousands_of_files_in_several_layers(debian: OciLayout) -> None:
    manifest = debian.read_json(debian.entry()["digest"])
    files, whiteouts = [], []
    for layer in manifest["layers"]:
        blob = debian.folder / "blobs" / "sha256" / layer["digest"].removeprefix("sha256:")
        with gzip.open(blob) as content, tarfile.open(fileobj=content) as members:
            names = [member.name for member in members if not member.isdir()]
        removed = {name for name in names if posixpath.basename(name).startswith(".wh.")}
        whiteouts.append(len(removed))
        files.append(len(names) - len(removed))
    assert len(files) >= 4
    assert sum(files) > 20_000
    assert whiteouts[-1] >= 1
