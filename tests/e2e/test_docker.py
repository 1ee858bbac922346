"""docker, with an engine of its own."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.certificates import CertificateAuthority
from tests.e2e.debian_image import NAME as DEBIAN
from tests.e2e.docker_engine import NAME_OF_LOOPBACK, DockerEngine
from tests.e2e.oci_layout import OciLayout
from tests.e2e.served import Served
from tests.e2e.serving import serving
from tests.foreign import UNAUTHORIZED, need, run

pytestmark = pytest.mark.e2e

KEPT = "kept/debian:1"
"""The engine's name for the image while it is in no registry."""


@pytest.fixture(scope="session")
def engine(docker_engine: DockerEngine, debian: OciLayout) -> DockerEngine:
    """The docker engine, with the Debian image in it."""
    source, target = f"oci:{debian.folder}:{DEBIAN}", f"docker-daemon:{KEPT}"
    run(need("skopeo"), "copy", f"--dest-daemon-host={docker_engine.host}", source, target)
    return docker_engine


@pytest.fixture
def registry(served: Served, engine: DockerEngine, authority: CertificateAuthority) -> Iterator[tuple[Served, str]]:
    """The registry, and its host and port as docker is to write them.

    Over TLS it is one on `::1`, because docker trusts all certificates of 127.0.0.1 unseen.
    """
    if served.plain:
        yield served, served.address
        return
    with serving(authority=authority, credentials=served.credentials, host="::1") as on_ipv6:
        address = f"{NAME_OF_LOOPBACK}:{on_ipv6.address.rpartition(':')[2]}"
        engine.docker("push", _tagged(engine, f"{address}/e2e/docker:1"), fails_with="unknown authority")
        engine.trust(address, authority.certificate_file)
        yield on_ipv6, address


def test_docker_pushes_and_pulls_the_image(
    engine: DockerEngine, registry: tuple[Served, str], debian: OciLayout
) -> None:
    served, address = registry
    image = _tagged(engine, f"{address}/e2e/docker:1")
    if served.credentials:
        engine.docker("push", image, fails_with=UNAUTHORIZED)
        user, password = served.credentials
        engine.docker("login", "--username", user, "--password-stdin", address, stdin=password)

    # Docker compresses the layers anew, so the manifest is its own; the config is what was loaded.
    pushed = re.search(r"^1: digest: (sha256:[0-9a-f]{64}) ", engine.docker("push", image), re.MULTILINE)
    assert pushed is not None
    assert served.digest("e2e/docker", "1") == pushed[1]

    engine.docker("image", "rm", image, KEPT)
    assert engine.docker("image", "ls", "--all", "--quiet") == ""
    assert f"Digest: {pushed[1]}" in engine.docker("pull", image)
    (found,) = json.loads(engine.docker("image", "inspect", image))
    assert found["Id"] == debian.read_json(debian.entry()["digest"])["config"]["digest"]
    assert found["RepoDigests"] == [f"{address}/e2e/docker@{pushed[1]}"]

    engine.docker("tag", image, KEPT)
    engine.docker("image", "rm", image)


def _tagged(engine: DockerEngine, image: str) -> str:
    engine.docker("tag", KEPT, image)
    return image
