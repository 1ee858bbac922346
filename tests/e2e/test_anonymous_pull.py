"""Clients that never logged in pull from a registry that wants credentials for pushes alone."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.containerd_engine import ContainerdEngine
from tests.e2e.docker_engine import DockerEngine
from tests.e2e.oci_layout import OciLayout
from tests.e2e.podman_storage import PodmanStorage
from tests.e2e.served import Served
from tests.e2e.serving import CREDENTIALS, serving
from tests.foreign import UNAUTHORIZED, need, run

pytestmark = pytest.mark.e2e

REPOSITORY = "e2e/public"


@pytest.fixture(scope="module")
def public(many: OciLayout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The registry, with the image for several platforms in it."""
    with serving(credentials=CREDENTIALS, anonymous_pull=True) as registry:
        login = tmp_path_factory.mktemp("login")
        pair = base64.b64encode(":".join(CREDENTIALS).encode()).decode()
        (login / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": pair}}}))
        _crane(login, "push", str(many.folder), f"{registry.address}/{REPOSITORY}:1")
        yield registry


def _crane(settings: Path, *arguments: str, fails_with: str = "") -> str:
    env = {"HOME": str(settings), "DOCKER_CONFIG": str(settings)}
    return run(need("crane"), *arguments, env=env, fails_with=fails_with)


def test_crane_pulls_without_login_and_cannot_push(public: Served, many: OciLayout, tmp_path: Path) -> None:
    image = f"{public.address}/{REPOSITORY}:1"
    _crane(tmp_path, "pull", "--format=oci", image, str(tmp_path / "pulled"))
    assert OciLayout(tmp_path / "pulled").blobs() == many.blobs()
    _crane(tmp_path, "push", str(many.folder), f"{public.address}/{REPOSITORY}:2", fails_with=UNAUTHORIZED)
    _crane(tmp_path, "push", str(many.folder), f"{public.address}/e2e/new:1", fails_with=UNAUTHORIZED)


def test_skopeo_pulls_without_login(public: Served, many: OciLayout, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}
    source, target = f"docker://{public.address}/{REPOSITORY}:1", f"oci:{tmp_path}/pulled:1"
    run(need("skopeo"), "copy", "--all", "--src-tls-verify=false", source, target, env=env)
    assert OciLayout(tmp_path / "pulled").blobs() == many.blobs()


def test_regctl_pulls_without_login(public: Served, many: OciLayout, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "REGCTL_CONFIG": str(tmp_path / "regctl.json"), "DOCKER_CONFIG": str(tmp_path)}
    run(need("regctl"), "registry", "set", public.address, "--tls", "disabled", "--skip-check", env=env)
    source, target = f"{public.address}/{REPOSITORY}:1", f"ocidir://{tmp_path}/pulled:1"
    run(need("regctl"), "image", "copy", source, target, env=env)
    assert OciLayout(tmp_path / "pulled").blobs() == many.blobs()


def test_oras_pulls_without_login(public: Served, many: OciLayout, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)}
    source, target = f"{public.address}/{REPOSITORY}:1", f"{tmp_path}/pulled:1"
    run(need("oras"), "cp", "--from-plain-http", source, "--to-oci-layout", target, env=env)
    assert OciLayout(tmp_path / "pulled").blobs() == many.blobs()


def test_ctr_pulls_without_login(containerd: ContainerdEngine, public: Served, many: OciLayout) -> None:
    image = f"{public.address}/{REPOSITORY}:1"
    containerd.ctr("content", "fetch", "--plain-http", "--all-platforms", image)
    assert containerd.image_digest(image) == many.entry()["digest"]
    containerd.ctr("images", "remove", "--sync", image)


def test_docker_pulls_without_login(docker_engine: DockerEngine, public: Served, many: OciLayout) -> None:
    image = f"{public.address}/{REPOSITORY}:1"
    assert f"Digest: {many.entry()['digest']}" in docker_engine.docker("pull", image)
    docker_engine.docker("push", image, fails_with=f"{UNAUTHORIZED}|denied")
    docker_engine.docker("image", "rm", image)


def test_podman_pulls_without_login(podman_storage: PodmanStorage, public: Served, many: OciLayout) -> None:
    image = f"{public.address}/{REPOSITORY}:1"
    podman_storage.podman("pull", "--quiet", "--tls-verify=false", image)
    (found,) = json.loads(podman_storage.podman("image", "inspect", image))
    assert f"{public.address}/{REPOSITORY}@{many.entry()['digest']}" in found["RepoDigests"]
    podman_storage.podman("image", "rm", image)
