"""One client's story: push, chunks, mount, tag moves, an artifact, deletions; and what it was promised on the way.

`Story.tell` goes on until the server is gone. `Story.check` then holds a restarted server to what was accepted.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

from oci_spec import media_type
from oci_spec.digest import Digest


class Gone(Exception):
    """The server does not answer any more."""


class Client:
    """Small synchronous requests to one server; a new connection where the old one was closed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """(status, body, headers with lower-case names). Raises Gone."""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            self._connection.request(method, path, body or None, named)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Gone(f"{method} {path}: {error}") from error
        return answer.status, content, {name.lower(): value for name, value in answer.getheaders()}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def image(note: str, *layers: bytes, subject: bytes | None = None) -> bytes:
    """A manifest whose config and layers are these bytes."""
    first, *rest = [
        {"mediaType": media_type.OCI_LAYER, "digest": str(Digest.of(layer)), "size": len(layer)} for layer in layers
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": media_type.OCI_MANIFEST,
        "config": {**first, "mediaType": media_type.OCI_CONFIG},
        "layers": rest,
        "annotations": {"note": note},
    }
    if subject is not None:
        document["subject"] = {
            "mediaType": media_type.OCI_MANIFEST,
            "digest": str(Digest.of(subject)),
            "size": len(subject),
        }
    return json.dumps(document).encode()


class Story:
    """What happened to one store. Bodies are known beforehand, so all that shows can be held against them."""

    CONFIG, LAYER, SECOND, EXTRA = b"{}", b"layer " * 3000, b"second " * 2000, b"extra " * 500
    FIRST = image("first", CONFIG, LAYER)
    NEXT = image("next", SECOND, LAYER)
    SIGNATURE = image("signature", CONFIG, EXTRA, subject=FIRST)
    INDEX = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_type.OCI_INDEX,
            "manifests": [
                {"mediaType": media_type.OCI_MANIFEST, "digest": str(Digest.of(body)), "size": len(body)}
                for body in (FIRST, NEXT)
            ],
        }
    ).encode()
    BODIES = {str(Digest.of(body)): body for body in (CONFIG, LAYER, SECOND, EXTRA, FIRST, NEXT, SIGNATURE, INDEX)}

    def __init__(self) -> None:
        self.blobs: set[tuple[str, str]] = set()
        self.manifests: set[tuple[str, str]] = set()
        self.tags: dict[tuple[str, str], set[str | None]] = {}
        self.answers = 0

    def tell(self, client: Client) -> bool:
        """True: the story was told to its end. False: the server was gone before."""
        try:
            for _ in self._parts(client):
                self.answers += 1
        except Gone:
            return False
        return True

    def _parts(self, client: Client) -> Iterator[None]:
        for blob in (self.CONFIG, self.LAYER):
            yield from self._push(client, "team/app", blob)
        yield from self._put(client, "team/app", self.FIRST, "v1")
        for blob in (self.CONFIG, self.LAYER):
            yield from self._mount(client, "team/app", "other", blob)
        yield from self._put(client, "other", self.FIRST, "latest", "stable")
        yield from self._push(client, "team/app", self.SECOND, chunks=2)
        yield from self._put(client, "team/app", self.NEXT, "v1")
        yield from self._push(client, "team/app", self.EXTRA)
        yield from self._put(client, "team/app", self.SIGNATURE)
        yield from self._put(client, "team/app", self.INDEX, "all")
        yield from self._delete(client, "other", "stable")
        yield from self._delete(client, "other", str(Digest.of(self.FIRST)))
        yield from self._delete_blob(client, "other", self.LAYER)
        yield from self._delete(client, "team/app", "all")

    def _expect(self, answer: tuple[int, bytes, dict[str, str]], *statuses: int) -> dict[str, str]:
        assert answer[0] in statuses, answer
        return answer[2]

    def _push(self, client: Client, repository: str, blob: bytes, chunks: int = 0) -> Iterator[None]:
        digest = str(Digest.of(blob))
        location = self._expect(client.ask("POST", f"/v2/{repository}/blobs/uploads/"), 202)["location"]
        yield
        rest = blob
        for n in range(chunks):
            piece = rest[: len(blob) // (chunks + 1)]
            first = len(blob) - len(rest)
            location = self._expect(
                client.ask("PATCH", location, piece, Content_Range=f"{first}-{first + len(piece) - 1}"), 202
            )["location"]
            rest = rest[len(piece) :]
            assert n >= 0
            yield
        join = "&" if "?" in location else "?"
        self._expect(client.ask("PUT", f"{location}{join}digest={digest}", rest), 201)
        self.blobs.add((repository, digest))
        yield

    def _mount(self, client: Client, source: str, repository: str, blob: bytes) -> Iterator[None]:
        digest = str(Digest.of(blob))
        self._expect(client.ask("POST", f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}"), 201)
        self.blobs.add((repository, digest))
        yield

    def _put(self, client: Client, repository: str, body: bytes, *tags: str) -> Iterator[None]:
        digest = str(Digest.of(body))
        for tag in tags:
            self.tags.setdefault((repository, tag), {None}).add(digest)
        reference = tags[0] if len(tags) == 1 else f"{digest}?{'&'.join(f'tag={tag}' for tag in tags)}"
        kind = media_type.OCI_INDEX if b'"manifests"' in body else media_type.OCI_MANIFEST
        self._expect(client.ask("PUT", f"/v2/{repository}/manifests/{reference}", body, Content_Type=kind), 201)
        self.manifests.add((repository, digest))
        for tag in tags:
            self.tags[repository, tag] = {digest}
        yield

    def _delete(self, client: Client, repository: str, reference: str) -> Iterator[None]:
        if ":" in reference:
            self.manifests.discard((repository, reference))
            for (where, _), shown in self.tags.items():
                if where == repository and reference in shown:
                    shown.add(None)
        else:
            self.tags[repository, reference].add(None)
        self._expect(client.ask("DELETE", f"/v2/{repository}/manifests/{reference}"), 202)
        for (where, name), shown in self.tags.items():
            if where == repository and (name == reference or reference in shown):
                shown.intersection_update({None})
        yield

    def _delete_blob(self, client: Client, repository: str, blob: bytes) -> Iterator[None]:
        digest = str(Digest.of(blob))
        self.blobs.discard((repository, digest))
        self._expect(client.ask("DELETE", f"/v2/{repository}/blobs/{digest}"), 202)
        yield

    def named(self) -> None:
        """A collection without grace ran: blobs that no manifest names are promised no longer."""
        kept: set[tuple[str, str]] = set()
        for repository, digest in self.manifests:
            document = json.loads(self.BODIES[digest])
            parts = [document["config"], *document["layers"]] if "config" in document else []
            kept |= {(repository, part["digest"]) for part in parts}
        self.blobs &= kept

    # ---------------------------------------------------------------------------------------------- afterwards
    def check(self, client: Client) -> list[str]:
        """What was broken of the promises, and what shows in part."""
        broken: list[str] = []
        for repository, digest in sorted(self.blobs):
            broken += self._whole(client, repository, "blobs", digest)
        for repository, digest in sorted(self.manifests):
            broken += self._whole(client, repository, "manifests", digest)
        for (repository, tag), shown in sorted(self.tags.items()):
            status, body, _ = client.ask("GET", f"/v2/{repository}/manifests/{tag}")
            found = str(Digest.of(body)) if status == 200 else None
            if status not in (200, 404) or found not in shown:
                broken.append(f"{repository}:{tag} shows {found} ({status}), not one of {shown}")
        for repository in ("team/app", "other"):
            broken += self._visible(client, repository)
        return broken

    def _visible(self, client: Client, repository: str) -> list[str]:
        """All that shows, whoever was promised it, is whole."""
        broken: list[str] = []
        for digest, body in self.BODIES.items():
            status, content, _ = client.ask("GET", f"/v2/{repository}/blobs/{digest}")
            if status not in (200, 404) or (status == 200 and content != body):
                broken.append(f"blob {digest} of {repository}: {status}, {len(content)} bytes of {len(body)}")
            status, content, _ = client.ask("GET", f"/v2/{repository}/manifests/{digest}")
            if status not in (200, 404) or (status == 200 and content != body):
                broken.append(f"manifest {digest} of {repository}: {status}, {len(content)} bytes of {len(body)}")
            if status == 200:
                document = json.loads(body)
                parts = [document["config"], *document["layers"]] if "config" in document else []
                for part in parts:
                    broken += self._whole(client, repository, "blobs", part["digest"])
                for child in document.get("manifests", []):
                    broken += self._whole(client, repository, "manifests", child["digest"])
        status, content, _ = client.ask("GET", f"/v2/{repository}/tags/list")
        for tag in json.loads(content).get("tags", []) if status == 200 else []:
            if client.ask("GET", f"/v2/{repository}/manifests/{tag}")[0] != 200:
                broken.append(f"{repository}:{tag} is listed and shows nothing")
        subject = str(Digest.of(self.FIRST))
        _, content, _ = client.ask("GET", f"/v2/{repository}/referrers/{subject}")
        listed = {entry["digest"] for entry in json.loads(content)["manifests"]}
        signature = str(Digest.of(self.SIGNATURE))
        readable = client.ask("HEAD", f"/v2/{repository}/manifests/{signature}")[0] == 200
        if (signature in listed) != readable:
            broken.append(f"{repository}: the signature reads {readable}, is listed {signature in listed}")
        return broken

    def _whole(self, client: Client, repository: str, what: str, digest: str) -> list[str]:
        status, content, _ = client.ask("GET", f"/v2/{repository}/{what}/{digest}")
        if status == 200 and content == self.BODIES[digest]:
            return []
        return [f"{what} {digest} of {repository}: {status}, {len(content)} bytes"]
