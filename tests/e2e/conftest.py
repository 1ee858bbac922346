"""What the client modules share: the registry in its four configurations, and the images they move.

Everything is made once for the session. pytest runs the tests of one configuration together, so that one
registry is up at a time.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.certificates import CertificateAuthority
from tests.e2e.containerd_engine import ContainerdEngine
from tests.e2e.debian_image import debian_image
from tests.e2e.docker_engine import DockerEngine
from tests.e2e.many_platforms import many_platforms
from tests.e2e.oci_layout import OciLayout
from tests.e2e.podman_storage import PodmanStorage
from tests.e2e.served import Served
from tests.e2e.serving import CREDENTIALS, serving
from tests.processes import ServerProcess


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves time for making the Debian image, which counts for the first test that asks for it."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(1200))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows with a failure what the servers and engines of the test printed last."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, value in item.funcargs.items():
            process = value.process if isinstance(value, Served) else value
            if isinstance(process, ServerProcess) and process.log_file.exists():
                report.sections.append((f"Log of {name}", process.log()[-8000:]))
    return report


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    """The authority that signs the registries' certificates and that every client is told to trust."""
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session", params=["http", "http-htpasswd", "tls", "tls-htpasswd"])
def served(request: pytest.FixtureRequest, authority: CertificateAuthority) -> Iterator[Served]:
    """A registry on 127.0.0.1, with and without TLS, open and closed."""
    tls, closed = request.param.startswith("tls"), request.param.endswith("htpasswd")
    with serving(authority=authority if tls else None, credentials=CREDENTIALS if closed else None) as registry:
        yield registry


@pytest.fixture(scope="session")
def debian() -> OciLayout:
    """An image of a Debian root file system in several layers, under the name `debian`."""
    return debian_image()


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> OciLayout:
    """A small image for three platforms, under the name `many`."""
    return many_platforms(tmp_path_factory.mktemp("many"), nested=False)


@pytest.fixture(scope="session")
def nested(tmp_path_factory: pytest.TempPathFactory) -> OciLayout:
    """A small image for three platforms, one of them in an index inside the index, under the name `many`."""
    return many_platforms(tmp_path_factory.mktemp("nested"), nested=True)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """A docker engine that no other test run sees."""
    with DockerEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def containerd() -> Iterator[ContainerdEngine]:
    """A containerd that no other test run sees."""
    with ContainerdEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def podman_storage() -> Iterator[PodmanStorage]:
    """A podman that no other test run sees."""
    with PodmanStorage() as storage:
        yield storage
