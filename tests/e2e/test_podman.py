"""podman, with storage of its own."""

import json
from pathlib import Path

import pytest

from tests.e2e.debian_image import NAME as DEBIAN
from tests.e2e.oci_layout import OciLayout
from tests.e2e.podman_storage import PodmanStorage
from tests.e2e.served import Served
from tests.foreign import UNAUTHORIZED

pytestmark = pytest.mark.e2e

KEPT = "localhost/kept:1"
"""Podman's name for the image while it is in no registry."""


@pytest.fixture(scope="session")
def storage(
    podman_storage: PodmanStorage, debian: OciLayout, tmp_path_factory: pytest.TempPathFactory
) -> PodmanStorage:
    """The podman, with the Debian image in it."""
    archive = debian.archive(tmp_path_factory.mktemp("podman") / "archive.tar")
    podman_storage.podman("load", "--quiet", "--input", str(archive))
    archive.unlink()
    podman_storage.podman("tag", DEBIAN, KEPT)
    podman_storage.podman("untag", DEBIAN, DEBIAN)
    return podman_storage


def test_podman_pushes_and_pulls_the_image(
    storage: PodmanStorage, served: Served, debian: OciLayout, tmp_path: Path
) -> None:
    podman = storage.podman
    image, said = f"{served.address}/e2e/podman:1", tmp_path / "digest"
    tls = f"--cert-dir={served.authority.parent}" if served.authority else "--tls-verify=false"
    podman("tag", KEPT, image)
    if served.credentials:
        podman("push", tls, image, fails_with=UNAUTHORIZED)
        user, password = served.credentials
        podman("login", tls, "--username", user, "--password-stdin", served.address, stdin=password)

    # Podman compresses the layers anew, so the manifest is its own; the config is what was loaded.
    podman("push", "--quiet", tls, "--digestfile", str(said), image)
    digest = said.read_text()
    assert served.digest("e2e/podman", "1") == digest

    podman("image", "rm", "--all", "--force")
    assert podman("image", "ls", "--all", "--quiet") == ""
    podman("pull", "--quiet", tls, image)
    (found,) = json.loads(podman("image", "inspect", image))
    assert found["Digest"] == digest
    assert f"sha256:{found['Id']}" == debian.read_json(debian.entry()["digest"])["config"]["digest"]

    podman("tag", image, KEPT)
    podman("untag", KEPT, image)
