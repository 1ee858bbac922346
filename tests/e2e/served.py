"""A registry as the clients see it: where it is, whom it trusts, and what it says to a plain HTTP request."""

import base64
import hashlib
import http.client
import json
import ssl
from pathlib import Path
from typing import Any, NamedTuple

from tests.credentials import Credentials
from tests.distribution_v3 import DistributionRegistry
from tests.e2e.oci_layout import INDEX, MANIFEST
from tests.processes import ServerProcess
from tests.servers import RunningRegistry

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_ACCEPT = ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX))


class Answer(NamedTuple):
    """What the registry said to one request."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Served:
    """A running registry; `authority` is the CA certificate, None without TLS."""

    def __init__(
        self,
        registry: RunningRegistry | DistributionRegistry,
        authority: Path | None,
        credentials: Credentials | None,
    ) -> None:
        self.process: ServerProcess = registry
        self.address = registry.address
        self.authority = authority
        self.credentials = credentials

    @property
    def plain(self) -> bool:
        """Whether it speaks HTTP without TLS."""
        return self.authority is None

    @property
    def url(self) -> str:
        """Where it is, with the scheme."""
        return f"{'http' if self.plain else 'https'}://{self.address}"

    def ask(self, method: str, path: str, *, anonymous: bool = False, **headers: str) -> Answer:
        """One request for `/v2/PATH`, with the credentials unless `anonymous`."""
        if self.credentials and not anonymous:
            pair = f"{self.credentials.user}:{self.credentials.password}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        connection: http.client.HTTPConnection
        if self.authority is None:
            connection = http.client.HTTPConnection(self.address, timeout=30)
        else:
            trust = ssl.create_default_context(cafile=str(self.authority))
            connection = http.client.HTTPSConnection(self.address, timeout=30, context=trust)
        try:
            connection.request(method, f"/v2/{path}", headers=headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def digest(self, repository: str, reference: str) -> str:
        """The digest of a manifest, from its bytes; what the registry says of it has to agree.

        Everything that the manifest names, down to the last layer, has to be there in the size it says.
        """
        answer = self.ask("GET", f"{repository}/manifests/{reference}", Accept=_ACCEPT)
        assert answer.status == 200, (repository, reference, answer)
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        assert answer.headers["Docker-Content-Digest"] == digest, (repository, reference, answer)
        manifest: dict[str, Any] = json.loads(answer.body)
        for child in manifest.get("manifests", []):
            assert self.digest(repository, child["digest"]) == child["digest"]
        for part in [manifest[key] for key in ("config",) if key in manifest] + manifest.get("layers", []):
            found = self.ask("HEAD", f"{repository}/blobs/{part['digest']}")
            assert (found.status, found.headers["Content-Length"]) == (200, str(part["size"])), (part, found)
        return digest
