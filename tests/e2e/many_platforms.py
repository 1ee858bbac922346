"""A small image for several platforms, as an OCI image layout."""

import io
import tarfile
from pathlib import Path

from tests.e2e.oci_layout import INDEX, Descriptor, OciLayout

NAME = "many"
"""The name of the index in the layout."""


def many_platforms(folder: Path, *, nested: bool) -> OciLayout:
    """Writes the layout: an index of three images, the last of them inside a second index if `nested`.

    All the images share their first layer, as images built from one base do.
    """
    layout = OciLayout(folder)
    shared = layout.add_layer(_tar(folder / "shared.tar", "etc/motd", b"the same everywhere\n"))
    images = []
    for architecture in ("amd64", "arm64", "riscv64"):
        own = _tar(folder / f"{architecture}.tar", "etc/architecture", architecture.encode() * 40_000)
        images.append(layout.add_image([shared, layout.add_layer(own)], architecture, Cmd=["/bin/true"]))
    if nested:
        images[2:] = [_index(layout, images[2:])]
    layout.name(_index(layout, images), NAME)
    return layout


def _index(layout: OciLayout, manifests: list[Descriptor]) -> Descriptor:
    return layout.add_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, INDEX)


def _tar(path: Path, name: str, content: bytes) -> Path:
    with tarfile.open(path, "w") as out:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        out.addfile(member, io.BytesIO(content))
    return path
