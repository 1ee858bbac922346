"""The ways a client gets at a registry: by its steps on an open store, or by HTTP from a server."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from oci_spec.digest import Digest
from oci_spec.manifest import parse_manifest
from registry.content import blobs, catalog, manifests, tags, uploads
from registry.content.errors import ContentError, ManifestUnknown, NameUnknown, StillReferenced
from registry.content.layout import DataKey
from registry.content.reads import Reads
from registry.content.records import Author
from registry.content.steps import drive
from storage_backends.base import Store
from storage_backends.errors import BytesBusy, BytesGone, BytesShort
from tests.upkeep.pushing import WriteBytes


class Door(Protocol):
    """False and None: a clear no. Whatever else goes wrong is raised."""

    def upload(self, repository: str, data: bytes) -> bool: ...

    def has(self, repository: str, digest: Digest) -> bool: ...

    def mount(self, source: str, repository: str, digest: Digest) -> bool: ...

    def put(self, repository: str, body: bytes, names: Sequence[str]) -> bool: ...

    def manifest(self, repository: str, reference: str) -> bytes | None: ...

    def blob(self, repository: str, digest: Digest) -> bytes | None: ...

    def delete(self, repository: str, digest: Digest) -> bool: ...

    def delete_tag(self, repository: str, tag: str) -> bool: ...

    def delete_repository(self, repository: str) -> None: ...

    def referrers(self, repository: str, digest: Digest) -> list[str]: ...


class StepsDoor:
    """Drives the registry's steps on a store."""

    def __init__(self, store: Store) -> None:
        self.store, self.reads = store, Reads(store)

    def upload(self, repository: str, data: bytes) -> bool:
        uuid = secrets.token_hex(16)
        try:
            session = drive(uploads.begin(repository, uuid, AUTHOR), self.store)
            WriteBytes(uuid, data).do(self.store)
            drive(uploads.complete(uuid, session, Digest.of(data), len(data), None), self.store)
        except (ContentError, BytesGone, BytesShort, BytesBusy):
            return False
        return True

    def has(self, repository: str, digest: Digest) -> bool:
        with contextlib.suppress(ContentError):
            self.reads.blob(repository, digest)
            return drive(blobs.refresh(repository, digest, time.time() - 60), self.store)
        return False

    def mount(self, source: str, repository: str, digest: Digest) -> bool:
        return drive(blobs.mount(source, repository, digest, AUTHOR), self.store) is not None

    def put(self, repository: str, body: bytes, names: Sequence[str]) -> bool:
        steps = manifests.put(repository, Digest.of(body), parse_manifest(body, None), names, AUTHOR)
        try:
            drive(steps, self.store)
        except ContentError:
            return False
        return True

    def manifest(self, repository: str, reference: str) -> bytes | None:
        with contextlib.suppress(NameUnknown, ManifestUnknown):
            if ":" in reference:
                return self.reads.manifest(repository, Digest.parse(reference)).tail
            return self.reads.tagged(repository, reference)[1].tail
        return None

    def blob(self, repository: str, digest: Digest) -> bytes | None:
        for _ in range(20):
            try:
                record = self.reads.blob(repository, digest)
            except ContentError:
                return None
            assert record.data is not None
            with contextlib.suppress(BytesGone):  # others serve by now
                return self.store.bytes.read(DataKey(record.data).path, 0, record.size + 1)
        return None

    def delete(self, repository: str, digest: Digest) -> bool:
        try:
            drive(manifests.delete(repository, digest), self.store)
        except StillReferenced:
            return False
        return True

    def delete_tag(self, repository: str, tag: str) -> bool:
        try:
            drive(tags.delete(repository, tag), self.store)
        except ContentError:
            return False
        return True

    def delete_repository(self, repository: str) -> None:
        drive(catalog.delete(repository), self.store)

    def referrers(self, repository: str, digest: Digest) -> list[str]:
        found = self.reads.referrers(repository, digest)
        descriptors = found if isinstance(found, list) else list(found)
        return [each["digest"] for each in descriptors]


AUTHOR = Author("ann", "2026-01-01T00:00:00Z")


class HttpDoor:
    """One connection to a server; what has no route is done on its store, as `wherry repository rm` does."""

    def __init__(self, url: str, store: Store) -> None:
        self._store = store
        self._host = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=60)

    def ask(
        self, method: str, path: str, body: bytes | Iterator[bytes] = b"", *, accept: Sequence[int], **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Raises for an answer whose status is not accepted."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, path, body or None, named)
            answer = self._connection.getresponse()
            content = answer.read()
        except (http.client.HTTPException, OSError):
            self._connection.close()
            raise
        assert answer.status in accept, f"{method} {path}: {answer.status} {content[:300]!r}"
        return answer.status, content, answer.headers

    def upload(self, repository: str, data: bytes) -> bool:
        status, _, headers = self.ask("POST", f"/v2/{repository}/blobs/uploads/", accept=(202,))
        location = headers["Location"]
        if len(data) % 2:  # half of them in two pieces
            half = len(data) // 2
            status, _, headers = self.ask(
                "PATCH", location, data[:half], accept=(202, 404, 416), Content_Range=f"0-{half - 1}"
            )
            if status != 202:
                return False
            location, data, whole = headers["Location"], data[half:], data
        else:
            whole = data
        path = f"{location}{'&' if '?' in location else '?'}digest={Digest.of(whole)}"
        return self.ask("PUT", path, data, accept=(201, 404, 416))[0] == 201

    def has(self, repository: str, digest: Digest) -> bool:
        return self.ask("HEAD", f"/v2/{repository}/blobs/{digest}", accept=(200, 404))[0] == 200

    def mount(self, source: str, repository: str, digest: Digest) -> bool:
        path = f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}"
        return self.ask("POST", path, accept=(201, 202))[0] == 201

    def put(self, repository: str, body: bytes, names: Sequence[str]) -> bool:
        path = f"/v2/{repository}/manifests/{Digest.of(body)}"
        if names:
            path += "?" + "&".join(f"tag={name}" for name in names)
        media_type = json.loads(body)["mediaType"]
        return self.ask("PUT", path, body, accept=(201, 404), Content_Type=media_type)[0] == 201

    def manifest(self, repository: str, reference: str) -> bytes | None:
        status, content, _ = self.ask("GET", f"/v2/{repository}/manifests/{reference}", accept=(200, 404))
        return content if status == 200 else None

    def blob(self, repository: str, digest: Digest) -> bytes | None:
        status, content, _ = self.ask("GET", f"/v2/{repository}/blobs/{digest}", accept=(200, 404))
        return content if status == 200 else None

    def delete(self, repository: str, digest: Digest) -> bool:
        return self.ask("DELETE", f"/v2/{repository}/manifests/{digest}", accept=(202, 405))[0] == 202

    def delete_tag(self, repository: str, tag: str) -> bool:
        return self.ask("DELETE", f"/v2/{repository}/manifests/{tag}", accept=(202, 404))[0] == 202

    def delete_repository(self, repository: str) -> None:
        drive(catalog.delete(repository), self._store)

    def referrers(self, repository: str, digest: Digest) -> list[str]:
        _, content, _ = self.ask("GET", f"/v2/{repository}/referrers/{digest}", accept=(200,))
        return [each["digest"] for each in json.loads(content)["manifests"]]
