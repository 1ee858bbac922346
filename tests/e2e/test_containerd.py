"""containerd, through its client ctr."""

import json
from pathlib import Path

import pytest

from tests.e2e.containerd_engine import ContainerdEngine
from tests.e2e.debian_image import NAME as DEBIAN
from tests.e2e.many_platforms import NAME as MANY
from tests.e2e.oci_layout import OciLayout
from tests.e2e.served import Served
from tests.foreign import UNAUTHORIZED

pytestmark = pytest.mark.e2e


def test_ctr_pushes_and_pulls_the_image_unchanged(
    containerd: ContainerdEngine, served: Served, debian: OciLayout, tmp_path: Path
) -> None:
    image, digest = f"{served.address}/e2e/ctr:1", debian.entry()["digest"]
    _load(containerd, debian, DEBIAN, image, tmp_path)
    if served.credentials:
        containerd.ctr("images", "push", *_hosts(served, tmp_path), image, fails_with=UNAUTHORIZED)
    reach = [*_hosts(served, tmp_path), *_user(served)]

    containerd.ctr("images", "push", *reach, image)
    assert served.digest("e2e/ctr", "1") == digest

    # Nothing may be left in the content store, or the pull would fetch nothing.
    containerd.ctr("images", "remove", "--sync", image)
    assert containerd.blobs() == set()
    containerd.ctr("images", "pull", *reach, image)
    assert containerd.image_digest(image) == digest
    assert containerd.blobs() == debian.blobs()
    containerd.ctr("images", "remove", "--sync", image)


def test_ctr_pushes_and_pulls_an_index_whole(
    containerd: ContainerdEngine, served: Served, many: OciLayout, tmp_path: Path
) -> None:
    image, digest = f"{served.address}/e2e/ctr-many:1", many.entry()["digest"]
    _load(containerd, many, MANY, image, tmp_path)
    reach = [*_hosts(served, tmp_path), *_user(served)]

    containerd.ctr("images", "push", *reach, image)
    assert served.digest("e2e/ctr-many", "1") == digest

    containerd.ctr("images", "remove", "--sync", image)
    assert containerd.blobs() == set()
    containerd.ctr("content", "fetch", "--all-platforms", *reach, image)
    assert containerd.image_digest(image) == digest
    assert containerd.blobs() == many.blobs()
    containerd.ctr("images", "remove", "--sync", image)


def _load(containerd: ContainerdEngine, layout: OciLayout, name: str, image: str, scratch: Path) -> None:
    """Puts the layout's image or index into the content store under the name `image`."""
    archive = layout.archive(scratch / "archive.tar")
    containerd.ctr("images", "import", "--all-platforms", "--no-unpack", "--base-name=kept", str(archive))
    containerd.ctr("images", "tag", f"kept:{name}", image)
    containerd.ctr("images", "remove", f"kept:{name}")
    archive.unlink()


def _hosts(served: Served, scratch: Path) -> list[str]:
    """The flag that points ctr at a hosts folder, which says how to reach the registry."""
    lines = [f"server = {json.dumps(served.url)}", f"[host.{json.dumps(served.url)}]"]
    if served.authority:
        lines.append(f"ca = {json.dumps(str(served.authority))}")
    folder = scratch / "hosts" / served.address
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.toml").write_text("\n".join(lines) + "\n")
    return ["--hosts-dir", str(scratch / "hosts")]


def _user(served: Served) -> list[str]:
    return ["--user", f"{served.credentials.user}:{served.credentials.password}"] if served.credentials else []
