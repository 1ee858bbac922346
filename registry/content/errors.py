"""What the content layer refuses. The API translates each to a status and an error code, once.

ContentError
├── NameUnknown        the repository does not exist, or was deleted meanwhile
├── BlobUnknown        this repository holds no such blob
├── ManifestUnknown    no such manifest or tag here
├── PartsUnknown       a manifest names blobs or manifests that are not here
├── UploadUnknown      no such session, another's, or closed
├── UploadConflict     bytes that do not follow on what was accepted
├── DigestMismatch     the bytes have another digest
├── SizeMismatch       the lengths stated do not agree
├── StillReferenced    something here names what should be deleted
├── Immutable          the tag, or what it shows, never moves or goes
└── ConditionFailed    If-Match or If-None-Match does not hold
"""

from __future__ import annotations

from collections.abc import Sequence

from oci_spec.digest import Digest


class ContentError(Exception):
    """Base of the tree; `str()` is the message for the client."""


class NameUnknown(ContentError):
    def __init__(self, repository: str) -> None:
        super().__init__(f"repository {repository!r} is not known here")
        self.repository = repository


class BlobUnknown(ContentError):
    def __init__(self, repository: str, digest: Digest) -> None:
        super().__init__(f"blob {digest} is not in repository {repository!r}")
        self.digest = digest


class ManifestUnknown(ContentError):
    def __init__(self, repository: str, reference: str) -> None:
        super().__init__(f"manifest {reference} is not in repository {repository!r}")
        self.reference = reference


class PartsUnknown(ContentError):
    """`blobs` and `manifests`: the digests that are missing; push them first, then the manifest again."""

    def __init__(self, repository: str, blobs: Sequence[Digest], manifests: Sequence[Digest]) -> None:
        parts = [*(f"blob {d}" for d in blobs), *(f"manifest {d}" for d in manifests)]
        super().__init__(
            f"repository {repository!r} lacks {', '.join(parts[:5])}"
            + (f" and {len(parts) - 5} more" if len(parts) > 5 else "")
            + ": push what is missing first, then the manifest again"
        )
        self.blobs = tuple(blobs)
        self.manifests = tuple(manifests)


class UploadUnknown(ContentError):
    def __init__(self, session: str) -> None:
        super().__init__(f"upload {session} is not known here: it was finished, cancelled or expired; begin a new one")
        self.session = session


class UploadConflict(ContentError):
    """`offset`: how many bytes the session holds; the next chunk begins there."""

    def __init__(self, session: str, offset: int, why: str) -> None:
        super().__init__(f"{why}; upload {session} holds {offset} bytes, go on from there")
        self.session = session
        self.offset = offset


class DigestMismatch(ContentError):
    def __init__(self, wanted: Digest, found: Digest) -> None:
        super().__init__(f"the bytes have digest {found}, not {wanted}")
        self.wanted = wanted
        self.found = found


class SizeMismatch(ContentError):
    pass


class StillReferenced(ContentError):
    def __init__(self, what: str, named_by: str) -> None:
        super().__init__(f"{what} is still named by {named_by}; delete that first")


class Immutable(ContentError):
    pass


class ConditionFailed(ContentError):
    pass
