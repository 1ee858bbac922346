"""Where everything lives: the only place that spells a key.

::

    format.json                                        what this store is, and who may write to it
    catalog/REPO                                       the repository's life: its id
    data/XX/UUID                                       bytes
    blobs/ALG/XX/HEX                                   blob record: which bytes have this digest
    links/ALG/XX/HEX/REPO                              the repository holds the blob
    repos/REPO/manifests/ALG/XX/HEX                    a manifest and its exact bytes
    repos/REPO/tags/TAG                                what a tag shows, and what it is about to show
    repos/REPO/referrers/ALG/XX/HEX/ALG/HEX            subject, then the manifest that names it
    uploads/UUID                                       an upload session
    trash/UUID                                         bytes that nothing owns any more
    gc/NAME                                            the collector's probe

REPO is the name with `!` for `/` (`!` sorts below every character of a name, so repositories come in order of their
components). XX are the first two digits of what follows. One UUID (32 hex digits) names a session, its bytes and
their trash.
"""

from __future__ import annotations

from typing import ClassVar, Final

from oci_spec.digest import Digest

CATALOG: Final = "catalog/"
BLOBS: Final = "blobs/"
LINKS: Final = "links/"
REPOS: Final = "repos/"
SESSIONS: Final = "uploads/"
DATA: Final = "data/"
TRASH: Final = "trash/"
GC: Final = "gc/"
FORMAT: Final = "format.json"


def folded(repository: str) -> str:
    return repository.replace("/", "!")


def unfolded(component: str) -> str:
    return component.replace("!", "/")


def digest_path(digest: Digest) -> str:
    return f"{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"


class Key:
    """A key as a value: equal and ordered by its path. Subclasses say what it names."""

    __slots__ = ("path",)
    kind: ClassVar[str] = ""
    path: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __lt__(self, other: Key) -> bool:
        return self.path < other.path

    def __repr__(self) -> str:
        return self.path


class CatalogKey(Key):
    __slots__ = ("repository",)
    kind = "catalog"

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.path = CATALOG + folded(repository)


class BlobKey(Key):
    __slots__ = ("digest",)
    kind = "blob"

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self.path = BLOBS + digest_path(digest)


class LinkKey(Key):
    __slots__ = ("digest", "repository")
    kind = "link"

    def __init__(self, repository: str, digest: Digest) -> None:
        self.repository = repository
        self.digest = digest
        self.path = f"{links_to(digest)}{folded(repository)}"


class ManifestKey(Key):
    __slots__ = ("digest", "repository")
    kind = "manifest"

    def __init__(self, repository: str, digest: Digest) -> None:
        self.repository = repository
        self.digest = digest
        self.path = f"{manifests_of(repository)}{digest_path(digest)}"


class TagKey(Key):
    __slots__ = ("repository", "tag")
    kind = "tag"

    def __init__(self, repository: str, tag: str) -> None:
        self.repository = repository
        self.tag = tag
        self.path = f"{tags_of(repository)}{tag}"


class ReferrerKey(Key):
    __slots__ = ("digest", "repository", "subject")
    kind = "referrer"

    def __init__(self, repository: str, subject: Digest, digest: Digest) -> None:
        self.repository = repository
        self.subject = subject
        self.digest = digest
        self.path = f"{referrers_of(repository, subject)}{digest.algorithm}/{digest.hex}"


class SessionKey(Key):
    __slots__ = ("uuid",)
    kind = "session"

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.path = SESSIONS + uuid


class TrashKey(Key):
    __slots__ = ("uuid",)
    kind = "trash"

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.path = TRASH + uuid


class DataKey(Key):
    """Names bytes, not a record."""

    __slots__ = ("uuid",)
    kind = "data"

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.path = f"{DATA}{uuid[:2]}/{uuid}"


class ProbeKey(Key):
    """What collectors keep: a probe that is put before anything is listed, whose turn it is, who is at work."""

    __slots__ = ()
    kind = "probe"

    def __init__(self, name: str) -> None:
        self.path = GC + name


class Below(Key):
    """Every key under a prefix, for syncs and listings."""

    __slots__ = ()
    kind = "below"

    def __init__(self, prefix: str) -> None:
        self.path = prefix


def links_to(digest: Digest) -> str:
    return f"{LINKS}{digest_path(digest)}/"


def manifests_of(repository: str) -> str:
    return f"{REPOS}{folded(repository)}/manifests/"


def tags_of(repository: str) -> str:
    return f"{REPOS}{folded(repository)}/tags/"


def referrers_in(repository: str) -> str:
    return f"{REPOS}{folded(repository)}/referrers/"


def referrers_of(repository: str, subject: Digest) -> str:
    return f"{referrers_in(repository)}{digest_path(subject)}/"


class StrayKey(ValueError):
    """A key in the store that nothing of ours spells."""


def parse(path: str) -> Key:
    """The key that a listing gave, as a value. Raises StrayKey for one that is not spelled as above."""
    try:
        key = _parsed(path.split("/"))
    except ValueError:
        key = None
    if key is None or key.path != path:
        raise StrayKey(f"{path}: no key of this store")
    return key


def _parsed(parts: list[str]) -> Key | None:
    match parts:
        case ["catalog", name]:
            return CatalogKey(unfolded(name))
        case ["blobs", algorithm, _, hexadecimal]:
            return BlobKey(Digest.parse(f"{algorithm}:{hexadecimal}"))
        case ["links", algorithm, _, hexadecimal, name]:
            return LinkKey(unfolded(name), Digest.parse(f"{algorithm}:{hexadecimal}"))
        case ["repos", name, "manifests", algorithm, _, hexadecimal]:
            return ManifestKey(unfolded(name), Digest.parse(f"{algorithm}:{hexadecimal}"))
        case ["repos", name, "tags", tag]:
            return TagKey(unfolded(name), tag)
        case ["repos", name, "referrers", subject_algorithm, _, subject, algorithm, hexadecimal]:
            return ReferrerKey(
                unfolded(name),
                Digest.parse(f"{subject_algorithm}:{subject}"),
                Digest.parse(f"{algorithm}:{hexadecimal}"),
            )
        case ["uploads", uuid]:
            return SessionKey(uuid)
        case ["trash", uuid]:
            return TrashKey(uuid)
        case ["data", _, uuid]:
            return DataKey(uuid)
        case ["gc", name]:
            return ProbeKey(name)
    return None
