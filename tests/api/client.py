"""A client that says exactly what a test means, and what images are made of."""

import hashlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCTETS = "application/octet-stream"
SECONDS = 20


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sha512(data: bytes) -> str:
    return "sha512:" + hashlib.sha512(data).hexdigest()


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the first error; the body has to be what every error's is."""
        assert self.headers["Content-Type"] == "application/json", (self.status, self.headers["Content-Type"])
        errors = self.json()["errors"]
        assert errors and all(set(error) <= {"code", "message", "detail"} and error["message"] for error in errors)
        code: str = errors[0]["code"]
        return code

    @property
    def location(self) -> str:
        location = self.headers["Location"]
        assert location is not None, self
        return location

    def header(self, name: str) -> str:
        values = self.headers.get_all(name) or []
        assert len(values) == 1, (name, values)
        return values[0]


class Client:
    """Keeps one connection; makes another where the server closed it."""

    def __init__(self, port: int, headers: Mapping[str, str] | None = None) -> None:
        self.port = port
        self.headers = dict(headers or {})
        self.connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | Sequence[tuple[str, str]] | None = None,
        *,
        chunked: bool = False,
    ) -> Answer:
        if query:
            target += ("&" if "?" in target else "?") + urlencode(query)
        self.connection.request(method, target, body, {**self.headers, **(headers or {})}, encode_chunked=chunked)
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def get(self, target: str, headers: Mapping[str, str] | None = None, **query: Any) -> Answer:
        return self.ask("GET", target, headers=headers, query=query)

    def head(self, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("HEAD", target, headers=headers)

    def delete(self, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("DELETE", target, headers=headers)

    def close(self) -> None:
        self.connection.close()

    # Pushing.

    def blob(self, repository: str, data: bytes, digest: str | None = None) -> str:
        """Pushes a blob in one POST; gives its digest."""
        digest = digest or sha256(data)
        answer = self.ask("POST", f"/v2/{repository}/blobs/uploads/", data, query={"digest": digest})
        assert answer.status == 201, answer
        return digest

    def begin(self, repository: str, **query: str) -> str:
        """Begins a session; gives its location."""
        answer = self.ask("POST", f"/v2/{repository}/blobs/uploads/", query=query)
        assert answer.status == 202, answer
        return answer.location

    def manifest(
        self,
        repository: str,
        reference: str,
        document: bytes | Mapping[str, Any],
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        tags: Sequence[str] = (),
    ) -> Answer:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        if content_type is None:
            content_type = json.loads(body).get("mediaType", OCI_MANIFEST)
        return self.ask(
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            body,
            {"Content-Type": content_type, **(headers or {})},
            query=[("tag", tag) for tag in tags],
        )

    def image(self, repository: str, tag: str, layer: bytes = b"layer", **more: Any) -> str:
        """Pushes an image of one layer; gives its digest."""
        document = self.image_document(repository, layer, **more)
        answer = self.manifest(repository, tag, document)
        assert answer.status == 201, answer
        return sha256(document)

    def image_document(self, repository: str, layer: bytes = b"layer", **more: Any) -> bytes:
        """Pushes an image's blobs; gives its manifest, which is not pushed."""
        self.blob(repository, b"{}")
        self.blob(repository, layer)
        return json.dumps(image_of(layer, **more)).encode()


def descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}


def image_of(layer: bytes = b"layer", **more: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b"{}", OCI_CONFIG),
        "layers": [descriptor(layer, OCI_LAYER)],
        **more,
    }


def index_of(*manifests: bytes, **more: Any) -> dict[str, Any]:
    entries = [descriptor(manifest, json.loads(manifest)["mediaType"]) for manifest in manifests]
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **more}


class Raw:
    """A socket to say anything on."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._received = self.socket.makefile("rb")

    def send(self, data: bytes) -> "Raw":
        self.socket.sendall(data)
        return self

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, of which the length is stated."""
        status = int(self._received.readline().split()[1])
        headers = http.client.parse_headers(self._received)
        bodyless = method == "HEAD" or status in (204, 304)
        length = 0 if bodyless else int(headers["Content-Length"])
        body = self._received.read(length)
        assert len(body) == length, f"cut after {len(body)} of {length} bytes"
        return Answer(status, headers, body)

    def line(self) -> bytes:
        """What has come up to the next empty line."""
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            line = self._received.readline()
            if not line:
                return received
            received += line
        return received

    def read(self, count: int) -> bytes:
        """Some of what comes, at most `count` bytes; none at the end."""
        return self._received.read1(count)

    def rest(self) -> bytes:
        """All that comes until the server closes; nothing more where it cuts."""
        received = b""
        with suppress(ConnectionError):
            while piece := self._received.read1(1 << 20):
                received += piece
        return received

    def close(self) -> None:
        self._received.close()
        self.socket.close()


def wait_until(what: str, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Returns once the condition holds; fails after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.005)
