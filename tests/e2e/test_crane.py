"""crane, and with it every program built on go-containerregistry."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.oci_layout import OciLayout
from tests.e2e.served import Served
from tests.foreign import UNAUTHORIZED, need, run

pytestmark = pytest.mark.e2e

Crane = Callable[..., str]


@pytest.fixture
def crane(served: Served, tmp_path: Path) -> Crane:
    """Runs crane, logged in where the registry asks for it. It finds out by itself whether to speak TLS."""
    program = need("crane")
    settings = tmp_path / "crane"
    settings.mkdir()
    env = {"HOME": str(settings), "DOCKER_CONFIG": str(settings)}
    if served.authority:
        env["SSL_CERT_FILE"] = str(served.authority)

    def crane(*arguments: str, fails_with: str = "") -> str:
        return run(program, *arguments, env=env, fails_with=fails_with)

    if served.credentials:
        crane("catalog", served.address, fails_with=UNAUTHORIZED)
        user, password = served.credentials
        crane("auth", "login", served.address, "--username", user, "--password", password)
    return crane


def test_crane_pushes_and_pulls_the_image_unchanged(
    crane: Crane, served: Served, debian: OciLayout, tmp_path: Path
) -> None:
    image, digest = f"{served.address}/e2e/crane:1", debian.entry()["digest"]

    assert crane("push", str(debian.folder), image).strip() == f"{served.address}/e2e/crane@{digest}"
    assert served.digest("e2e/crane", "1") == digest

    crane("pull", "--format=oci", image, str(tmp_path / "pulled"))
    pulled = OciLayout(tmp_path / "pulled")
    assert pulled.entry()["digest"] == digest
    assert pulled.blobs() == debian.blobs()


def test_crane_copies_an_index_whole_to_another_repository(crane: Crane, served: Served, nested: OciLayout) -> None:
    source, target = f"{served.address}/e2e/crane-many:1", f"{served.address}/e2e/crane-copied:1"
    crane("push", str(nested.folder), source)
    crane("copy", source, target)
    assert crane("digest", target).strip() == nested.entry()["digest"]
    assert served.digest("e2e/crane-copied", "1") == nested.entry()["digest"]


def test_crane_lists_and_deletes_what_it_pushed(crane: Crane, served: Served, many: OciLayout) -> None:
    repository = f"{served.address}/e2e/crane-listed"
    for tag in ("1", "2"):
        crane("push", str(many.folder), f"{repository}:{tag}")
    assert crane("ls", repository).split() == ["1", "2"]
    assert "e2e/crane-listed" in crane("catalog", served.address).split()
    crane("delete", f"{repository}@{many.entry()['digest']}")
    crane("manifest", f"{repository}:1", fails_with="MANIFEST_UNKNOWN")
