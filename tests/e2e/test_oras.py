"""oras: images, and artifacts that have a subject."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.debian_image import NAME as DEBIAN
from tests.e2e.many_platforms import NAME as MANY
from tests.e2e.oci_layout import OciLayout
from tests.e2e.served import Served
from tests.foreign import UNAUTHORIZED, need, run

pytestmark = pytest.mark.e2e

Oras = Callable[..., str]
SBOM = "application/vnd.example.sbom.v1"
SIGNATURE = "application/vnd.example.signature.v1"


@pytest.fixture
def oras(served: Served, tmp_path: Path) -> Oras:
    """Runs oras in `tmp_path`, logged in where the registry asks for it. Flags for TLS come from `tls`."""
    program = need("oras")
    env = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)}

    def oras(*arguments: str, stdin: str = "", fails_with: str = "") -> str:
        return run(program, *arguments, env=env, cwd=tmp_path, stdin=stdin, fails_with=fails_with)

    if served.credentials:
        oras("repo", "ls", *tls(served), served.address, fails_with=UNAUTHORIZED)
        user, password = served.credentials
        oras("login", *tls(served), served.address, "--username", user, "--password-stdin", stdin=password)
    return oras


def tls(served: Served, *sides: str) -> list[str]:
    """How oras is to reach the registry; `sides` are `from` and `to` where a command knows both."""
    prefixes = [f"--{side}-" for side in sides] or ["--"]
    if served.plain:
        return [f"{prefix}plain-http" for prefix in prefixes]
    return [word for prefix in prefixes for word in (f"{prefix}ca-file", str(served.authority))]


def test_oras_pushes_and_pulls_the_image_unchanged(
    oras: Oras, served: Served, debian: OciLayout, tmp_path: Path
) -> None:
    image, digest = f"{served.address}/e2e/oras:1", debian.entry()["digest"]

    oras("cp", "--from-oci-layout", f"{debian.folder}:{DEBIAN}", *tls(served, "to"), image)
    assert oras("resolve", *tls(served), image).strip() == digest
    assert served.digest("e2e/oras", "1") == digest

    oras("cp", *tls(served, "from"), image, "--to-oci-layout", f"{tmp_path}/pulled:1")
    pulled = OciLayout(tmp_path / "pulled")
    assert pulled.entry()["digest"] == digest
    assert pulled.blobs() == debian.blobs()


def test_oras_copies_an_index_whole_to_another_repository(oras: Oras, served: Served, nested: OciLayout) -> None:
    source, target = f"{served.address}/e2e/oras-many:1", f"{served.address}/e2e/oras-copied:1"
    oras("cp", "--from-oci-layout", f"{nested.folder}:{MANY}", *tls(served, "to"), source)
    oras("cp", *tls(served, "from", "to"), source, target)
    assert oras("resolve", *tls(served), target).strip() == nested.entry()["digest"]
    assert served.digest("e2e/oras-copied", "1") == nested.entry()["digest"]


def test_oras_discovers_what_it_attached_and_copies_it_along(
    oras: Oras, served: Served, many: OciLayout, tmp_path: Path
) -> None:
    repository = f"{served.address}/e2e/oras-subject"
    oras("cp", "--from-oci-layout", f"{many.folder}:{MANY}", *tls(served, "to"), f"{repository}:1")
    sbom = _attach(oras, served, f"{repository}:1", SBOM, tmp_path / "sbom.json")
    signature = _attach(oras, served, f"{repository}@{sbom}", SIGNATURE, tmp_path / "signature.json")

    assert _discovered(oras, served, f"{repository}:1") == {SBOM: (sbom, {SIGNATURE: (signature, {})})}
    assert _discovered(oras, served, f"{repository}:1", "--artifact-type", SIGNATURE) == {}

    copied = f"{served.address}/e2e/oras-subject-copied"
    oras("cp", "--recursive", *tls(served, "from", "to"), f"{repository}:1", f"{copied}:1")
    assert _discovered(oras, served, f"{copied}:1") == {SBOM: (sbom, {SIGNATURE: (signature, {})})}
    assert served.digest("e2e/oras-subject-copied", signature) == signature

    oras("manifest", "delete", "--force", *tls(served), f"{repository}@{sbom}")
    assert _discovered(oras, served, f"{repository}:1") == {}


def test_oras_uses_the_registrys_own_list_of_referrers(
    oras: Oras, served: Served, many: OciLayout, tmp_path: Path
) -> None:
    # The reference, distribution v3, has no such list; oras then keeps one itself, under a tag.
    name, subject = "e2e/oras-referrers", many.entry()["digest"]
    oras("cp", "--from-oci-layout", f"{many.folder}:{MANY}", *tls(served, "to"), f"{served.address}/{name}:1")
    sbom = _attach(oras, served, f"{served.address}/{name}:1", SBOM, tmp_path / "sbom.json")

    answer = served.ask("GET", f"{name}/referrers/{subject}")
    assert answer.status == 200, answer
    listed = [(entry["digest"], entry["artifactType"]) for entry in json.loads(answer.body)["manifests"]]
    assert listed == [(sbom, SBOM)]
    assert oras("repo", "tags", *tls(served), f"{served.address}/{name}").split() == ["1"]


def test_oras_pushes_and_pulls_files_that_are_no_image(oras: Oras, served: Served, tmp_path: Path) -> None:
    artifact = f"{served.address}/e2e/oras-files:1"
    (tmp_path / "values.txt").write_text("one\ntwo\n")
    arguments = ["--format", "json", "--artifact-type", SBOM, artifact, "values.txt:text/plain"]
    pushed = json.loads(oras("push", *tls(served), *arguments))
    assert served.digest("e2e/oras-files", "1") == pushed["digest"]

    oras("pull", *tls(served), artifact, "--output", "pulled")
    assert (tmp_path / "pulled" / "values.txt").read_text() == "one\ntwo\n"


def _attach(oras: Oras, served: Served, subject: str, artifact_type: str, file: Path) -> str:
    """Attaches a file, made here, to a manifest; gives the digest of the artifact."""
    file.write_text(json.dumps({"of": subject}))
    arguments = ["--format", "json", "--artifact-type", artifact_type, subject, f"{file.name}:application/json"]
    digest = json.loads(oras("attach", *tls(served), *arguments))["digest"]
    assert isinstance(digest, str)
    return digest


Tree = dict[str, tuple[str, "Tree"]]


def _discovered(oras: Oras, served: Served, subject: str, *arguments: str) -> Tree:
    """The tree of referrers: by artifact type, the digest and the referrers of each."""

    def tree(node: dict[str, Any]) -> Tree:
        return {below["artifactType"]: (below["digest"], tree(below)) for below in node.get("referrers") or []}

    return tree(json.loads(oras("discover", *tls(served), "--format", "json", *arguments, subject)))
