"""Starts the registry that the clients are pointed at, in one of its configurations."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.certificates import CertificateAuthority
from tests.credentials import Credentials, write_htpasswd
from tests.e2e.docker_engine import NAME_OF_LOOPBACK
from tests.e2e.served import Served
from tests.registry_under_test import registry_under_test

# Characters that clients have to escape, in one place or another.
CREDENTIALS = Credentials("robot", "correct horse: battery+staple/%")


@contextlib.contextmanager
def serving(
    *,
    authority: CertificateAuthority | None = None,
    credentials: Credentials | None = None,
    anonymous_pull: bool = False,
    host: str = "127.0.0.1",
) -> Iterator[Served]:
    """A registry with an empty store on disk, over TLS if an authority is given, closed if credentials are."""
    with tempfile.TemporaryDirectory(prefix="registry-") as folder:
        certificate = key = htpasswd = None
        if authority is not None:
            certificate, key = authority.issue("127.0.0.1", "::1", NAME_OF_LOOPBACK)
        if credentials is not None:
            htpasswd = write_htpasswd(Path(folder) / "htpasswd", credentials)
        with registry_under_test(
            Path(folder) / "store",
            host=host,
            htpasswd=htpasswd,
            anonymous_pull=anonymous_pull,
            tls_cert=certificate,
            tls_key=key,
        ) as registry:
            yield Served(registry, authority.certificate_file if authority else None, credentials)
