"""The first commands of the README, as they stand there, but for the port."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests import foreign
from tests.e2e.docker_engine import DockerEngine
from tests.e2e.podman_storage import PodmanStorage
from tests.project.checkout import CHECKOUT
from tests.servers import RunningRegistry

pytestmark = pytest.mark.e2e

README = (CHECKOUT / "README.md").read_text()
FIRST = README.partition("## A first push and pull")[2].partition("\n## ")[0]
DOCUMENTED = "127.0.0.1:5000"


def lines_of(program: str) -> list[str]:
    """The commands of the block that begins with this program."""
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", FIRST, re.DOTALL) if block.startswith(program + " ")]
    return block.splitlines()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with RunningRegistry(tmp_path_factory.mktemp("readme") / "data") as server:
        yield server


@pytest.fixture
def archive(tmp_path) -> str:
    """hello.tar, made as the README says."""
    (command,) = lines_of("tar")
    (tmp_path / "README.md").write_text(README)
    subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
    return str(tmp_path / "hello.tar")


def run_lines(program: str, registry: RunningRegistry, archive: str, run: Callable[..., str]) -> str:
    """What the last command of the block says."""
    said = ""
    for line in lines_of(program):
        # The programs run elsewhere, so that their files are named in full.
        words = [word.replace(DOCUMENTED, registry.address) for word in shlex.split(line)[1:]]
        said = run(*(archive if word == "hello.tar" else word.replace("oci:", f"oci:{archive}.") for word in words))
    return said


def test_docker_pushes_and_pulls(registry, archive):
    with DockerEngine() as engine:
        said = run_lines("docker", registry, archive, engine.docker)
    assert f"{registry.address}/hello:1" in said


def test_podman_and_then_skopeo_push_and_pull(registry, archive):
    with PodmanStorage() as storage:
        run_lines("podman", registry, archive, storage.podman)
    said = run_lines("skopeo", registry, archive, lambda *words: foreign.run(foreign.need("skopeo"), *words))
    assert f"{registry.address}/copies/hello" in said
    assert '"2"' in said


def test_the_blocks_are_for_what_make_run_serves():
    assert all(DOCUMENTED in line for line in lines_of("docker") + lines_of("podman") + lines_of("skopeo"))
    assert f"--listen {DOCUMENTED}" in (CHECKOUT / "Makefile").read_text()
