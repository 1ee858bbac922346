"""Pushing as containerd does it: POST for a session, one PUT with the bytes, and the manifest last."""

from __future__ import annotations

from typing import Final

from benchmarks.content import MANIFEST, Blob, Image, LargeBlob, LargeFile
from benchmarks.http_wire import Connection

_OCTETS: Final = b"Content-Type: application/octet-stream\r\n"
_MANIFEST_TYPE: Final = b"Content-Type: %b\r\n" % MANIFEST.encode()


def push_image(connection: Connection, repository: str, image: Image) -> None:
    """Every blob, then the manifest under its tag. Raises LoadFailed for anything but the answers of success."""
    for blob in image.blobs:
        push_blob(connection, repository, blob)
    target = f"/v2/{repository}/manifests/{image.tag}".encode()
    head = connection.request(b"PUT", target, _MANIFEST_TYPE, len(image.manifest))
    connection.send(head + image.manifest)
    connection.answer().expect(201, "PUT manifest")


def push_blob(connection: Connection, repository: str, blob: Blob) -> None:
    """One blob from memory. Raises LoadFailed for anything but 202, then 201."""
    target = _session(connection, repository, blob.digest)
    connection.send(connection.request(b"PUT", target, _OCTETS, len(blob.data)) + blob.data)
    connection.answer().expect(201, "PUT blob")


def push_large(connection: Connection, repository: str, file: LargeFile, blob: LargeBlob) -> None:
    """One blob by sendfile. Raises LoadFailed for anything but 202, then 201."""
    target = _session(connection, repository, blob.digest)
    connection.send(connection.request(b"PUT", target, _OCTETS, blob.size) + blob.prefix)
    connection.send_file(file.descriptor, blob.offset, blob.size - blob.offset)
    connection.answer().expect(201, "PUT blob")


def _session(connection: Connection, repository: str, digest: str) -> bytes:
    connection.send(connection.request(b"POST", f"/v2/{repository}/blobs/uploads/".encode(), length=0))
    location = connection.answer().expect(202, "POST uploads").field(b"location")
    if not location.startswith(b"/"):
        # An absolute URL; the connection is there already.
        location = location[location.index(b"/", location.index(b"//") + 2) :]
    return location + (b"&" if b"?" in location else b"?") + b"digest=" + digest.encode()
