"""skopeo, and with it every program built on containers/image."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.debian_image import NAME as DEBIAN
from tests.e2e.many_platforms import NAME as MANY
from tests.e2e.oci_layout import OciLayout
from tests.e2e.served import Served
from tests.foreign import UNAUTHORIZED, need, run

pytestmark = pytest.mark.e2e

Skopeo = Callable[..., str]


@pytest.fixture
def skopeo(served: Served, tmp_path: Path) -> Skopeo:
    """Runs skopeo, logged in where the registry asks for it. Flags for TLS come from `tls`."""
    program = need("skopeo")
    env = {"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}

    def skopeo(*arguments: str, stdin: str = "", fails_with: str = "") -> str:
        return run(program, *arguments, env=env, stdin=stdin, fails_with=fails_with)

    if served.credentials:
        skopeo("list-tags", *tls(served), f"docker://{served.address}/e2e/skopeo", fails_with=UNAUTHORIZED)
        user, password = served.credentials
        skopeo("login", *tls(served), "--username", user, "--password-stdin", served.address, stdin=password)
    return skopeo


def tls(served: Served, *sides: str) -> list[str]:
    """How skopeo is to reach the registry; `sides` are `src` and `dest` where a command knows both."""
    prefixes = [f"--{side}-" for side in sides] or ["--"]
    if served.authority is None:
        return [f"{prefix}tls-verify=false" for prefix in prefixes]
    return [f"{prefix}cert-dir={served.authority.parent}" for prefix in prefixes]


def test_skopeo_pushes_and_pulls_the_image_unchanged(
    skopeo: Skopeo, served: Served, debian: OciLayout, tmp_path: Path
) -> None:
    image, digest = f"docker://{served.address}/e2e/skopeo:1", debian.entry()["digest"]

    # Without --preserve-digests, skopeo may use layers that podman compressed anew, which it knows of.
    said = tmp_path / "digest"
    flags = ["--preserve-digests", "--digestfile", str(said)]
    skopeo("copy", *tls(served, "dest"), *flags, f"oci:{debian.folder}:{DEBIAN}", image)
    assert said.read_text() == digest
    assert served.digest("e2e/skopeo", "1") == digest

    skopeo("copy", *tls(served, "src"), image, f"oci:{tmp_path}/pulled:1")
    pulled = OciLayout(tmp_path / "pulled")
    assert pulled.entry()["digest"] == digest
    assert pulled.blobs() == debian.blobs()


def test_skopeo_pushes_the_image_in_dockers_format(
    skopeo: Skopeo, served: Served, debian: OciLayout, tmp_path: Path
) -> None:
    said = tmp_path / "digest"
    skopeo(
        *("copy", *tls(served, "dest"), "--format=v2s2", "--digestfile", str(said)),
        *(f"oci:{debian.folder}:{DEBIAN}", f"docker://{served.address}/e2e/skopeo-v2s2:1"),
    )
    assert served.digest("e2e/skopeo-v2s2", "1") == said.read_text()


def test_skopeo_copies_an_index_whole_to_another_repository_and_back_to_disk(
    skopeo: Skopeo, served: Served, many: OciLayout, tmp_path: Path
) -> None:
    source, target = (f"docker://{served.address}/e2e/skopeo-{name}:1" for name in ("many", "copied"))
    skopeo("copy", "--all", *tls(served, "dest"), f"oci:{many.folder}:{MANY}", source)
    skopeo("copy", "--all", *tls(served, "src", "dest"), source, target)
    assert served.digest("e2e/skopeo-copied", "1") == many.entry()["digest"]

    skopeo("copy", "--all", *tls(served, "src"), target, f"oci:{tmp_path}/pulled:1")
    pulled = OciLayout(tmp_path / "pulled")
    assert pulled.entry()["digest"] == many.entry()["digest"]
    assert pulled.blobs() == many.blobs()
