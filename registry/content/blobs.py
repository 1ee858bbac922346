"""Blobs of a repository: held by a link, never by what the store happens to have.

Mount, delete, refresh (distribution-spec, Mounting a blob, Deleting blobs), and quarantine of bad bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from oci_spec.digest import Digest
from registry.content import catalog, layout
from registry.content.errors import BlobUnknown, NameUnknown, StillReferenced
from registry.content.layout import BlobKey, CatalogKey, LinkKey, TrashKey
from registry.content.lifecycle import NOTHING, Outcome, collect, ensure, look_at_links
from registry.content.records import Author, Record, new_link, new_trash
from registry.content.steps import ANY, Get, Page, Put, Steps


def mount(source: str, repository: str, digest: Digest, author: Author) -> Steps[Record | None]:
    """Links a blob that `source` holds into `repository`: the link. None where it does not hold it (any more).

    The caller has checked that it may be pulled from there.
    """
    if not (yield from _held(source, digest)):
        return None
    life = yield from catalog.enter(repository, author.at)
    link = LinkKey(repository, digest)
    accepted = yield from ensure(link, life, {link: new_link(life)})
    if accepted is not None:
        try:
            yield from catalog.settle(repository, life)
        except NameUnknown:
            return None
    return accepted


def _held(repository: str, digest: Digest) -> Steps[bool]:
    now: Record | None = yield Get(CatalogKey(repository))
    link: Record | None = yield Get(LinkKey(repository, digest))
    return now is not None and link is not None and link.life == now.id


def find_source(digest: Digest, may_pull: Callable[[str], bool]) -> Steps[str | None]:
    """The first repository that holds a blob and that the caller may pull from (a mount without `from`)."""
    after = ""
    while True:
        page: list[tuple[str, float]] = yield Page(layout.links_to(digest), after, limit=100)
        if not page:
            return None
        for path, _ in page:
            key = layout.parse(path)
            assert isinstance(key, LinkKey)
            if may_pull(key.repository) and (yield from _held(key.repository, digest)):
                return key.repository
        after = page[-1][0]


def refresh(repository: str, digest: Digest, older_than: float) -> Steps[bool]:
    """For one who may push and was told that the blob is here: a collector's mark goes, an old link is made young.

    `older_than`: seconds since 1970; a link written before is swapped unchanged, so that the grace begins anew. False
    where the blob turns out not to be here.
    """
    key = LinkKey(repository, digest)
    link: Record | None = yield Get(key)
    blob: Record | None = yield Get(BlobKey(digest))
    if link is None or blob is None:
        return False
    if link.condemned or blob.condemned:
        if (yield from ensure(key, link.life, NOTHING)) is None:
            return False
    elif link.mtime and link.mtime < older_than:
        yield Put(key, link.version, link)
    return True


def delete(repository: str, digest: Digest) -> Steps[None]:
    """The repository holds the blob no longer; durable. Raises NameUnknown, BlobUnknown, StillReferenced."""
    key = LinkKey(repository, digest)
    while True:
        now: Record | None = yield Get(CatalogKey(repository))
        if now is None:
            raise NameUnknown(repository)
        link: Record | None = yield Get(key)
        if link is None or link.life != now.id:
            raise BlobUnknown(repository, digest)
        outcome = (yield from collect([key], look_at_links, withdrawn=True))[key]
        if outcome is Outcome.DELETED:
            return
        if outcome is Outcome.KEPT:
            raise StillReferenced(f"blob {digest}", f"a manifest of repository {repository!r}")


def quarantine(digest: Digest, data: str) -> Steps[bool]:
    """Bad bytes are served no longer: links stay, reads say unknown, the next push gives its bytes.

    `data`: UUID of the bytes that were found bad. False where other bytes serve by now.
    """
    key = BlobKey(digest)
    record: Record | None = yield Get(key)
    if record is None or record.data != data:
        return False
    yield Put(TrashKey(data), ANY, new_trash(digest), sync=True)
    swapped: Record | None = yield Put(key, record.version, record.but(firm=False, data=None), sync=True)
    return swapped is not None
