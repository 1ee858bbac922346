"""regctl, the client of regclient."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.debian_image import NAME as DEBIAN
from tests.e2e.many_platforms import NAME as MANY
from tests.e2e.oci_layout import OciLayout
from tests.e2e.served import Served
from tests.foreign import UNAUTHORIZED, need, run

pytestmark = pytest.mark.e2e

Regctl = Callable[..., str]


@pytest.fixture
def regctl(served: Served, tmp_path: Path) -> Regctl:
    """Runs regctl, set up for the registry and logged in where it asks for it."""
    program = need("regctl")
    env = {"HOME": str(tmp_path), "REGCTL_CONFIG": str(tmp_path / "regctl.json"), "DOCKER_CONFIG": str(tmp_path)}

    def regctl(*arguments: str, stdin: str = "", fails_with: str = "") -> str:
        return run(program, *arguments, env=env, stdin=stdin, fails_with=fails_with)

    tls = ["--cacert", served.authority.read_text()] if served.authority else ["--tls", "disabled"]
    regctl("registry", "set", served.address, "--skip-check", *tls)
    if served.credentials:
        regctl("repo", "ls", served.address, fails_with=UNAUTHORIZED)
        user, password = served.credentials
        regctl("registry", "login", served.address, "--user", user, "--pass-stdin", stdin=password)
    return regctl


def test_regctl_pushes_and_pulls_the_image_unchanged(
    regctl: Regctl, served: Served, debian: OciLayout, tmp_path: Path
) -> None:
    image, digest = f"{served.address}/e2e/regctl:1", debian.entry()["digest"]

    regctl("image", "copy", f"ocidir://{debian.folder}:{DEBIAN}", image)
    assert regctl("image", "digest", image).strip() == digest
    assert served.digest("e2e/regctl", "1") == digest

    regctl("image", "copy", image, f"ocidir://{tmp_path}/pulled:1")
    pulled = OciLayout(tmp_path / "pulled")
    assert pulled.entry()["digest"] == digest
    assert pulled.blobs() == debian.blobs()


def test_regctl_copies_an_index_whole_to_another_repository(regctl: Regctl, served: Served, nested: OciLayout) -> None:
    source, target = f"{served.address}/e2e/regctl-many:1", f"{served.address}/e2e/regctl-copied:1"
    regctl("image", "copy", f"ocidir://{nested.folder}:{MANY}", source)
    regctl("image", "copy", source, target)
    assert regctl("image", "digest", target).strip() == nested.entry()["digest"]
    assert served.digest("e2e/regctl-copied", "1") == nested.entry()["digest"]


def test_regctl_pushes_a_blob_in_chunks(regctl: Regctl, served: Served, debian: OciLayout, tmp_path: Path) -> None:
    regctl("registry", "set", served.address, "--skip-check", "--blob-chunk", "1000000", "--blob-max", "1000000")
    image = f"{served.address}/e2e/regctl-chunks:1"
    regctl("image", "copy", f"ocidir://{debian.folder}:{DEBIAN}", image)
    assert served.digest("e2e/regctl-chunks", "1") == debian.entry()["digest"]


def test_regctl_deletes_a_tag_and_leaves_the_other(regctl: Regctl, served: Served, many: OciLayout) -> None:
    repository = f"{served.address}/e2e/regctl-listed"
    for tag in ("1", "2"):
        regctl("image", "copy", f"ocidir://{many.folder}:{MANY}", f"{repository}:{tag}")
    assert regctl("tag", "ls", repository).split() == ["1", "2"]
    regctl("tag", "rm", f"{repository}:1")
    assert regctl("tag", "ls", repository).split() == ["2"]
    assert served.digest("e2e/regctl-listed", "2") == many.entry()["digest"]
