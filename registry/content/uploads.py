"""Upload sessions, from POST to an accepted blob (distribution-spec, Pushing blobs).

The bytes are written beside these steps, by the caller, at the session's offset; the session record says how much of
them was accepted. A session is bound to its repository, that repository's life and the caller; anybody else's is
unknown. Closing it is a swap, so of two closes, or a close and an expiry, one wins.
"""

from __future__ import annotations

from oci_spec.digest import Digest
from registry.content import catalog
from registry.content.errors import NameUnknown, UploadConflict, UploadUnknown
from registry.content.layout import BlobKey, DataKey, LinkKey, SessionKey
from registry.content.lifecycle import ended, ensure
from registry.content.records import Author, Record, new_blob, new_link, new_session
from registry.content.steps import ABSENT, BytesDelete, BytesFinish, Delete, Get, Put, Steps
from storage_backends.base import State
from storage_backends.errors import BytesGone, BytesShort


def begin(repository: str, uuid: str, author: Author) -> Steps[Record]:
    """A new session in a repository that is made if need be. `uuid`: 32 random hex digits, never used before."""
    life = yield from catalog.enter(repository, author.at)
    session: Record | None = yield Put(SessionKey(uuid), ABSENT, new_session(repository, life, author))
    if session is None:
        raise UploadUnknown(uuid)
    return session


def find(repository: str, uuid: str, user: str) -> Steps[Record]:
    """The open session of this repository's present life and this caller. Raises UploadUnknown."""
    session: Record | None = yield Get(SessionKey(uuid))
    if session is None or session.fields["repo"] != repository or session.fields["user"] != user:
        raise UploadUnknown(uuid)
    if session.digest is not None or (yield from ended(repository, session.life)):
        raise UploadUnknown(uuid)
    return session


def advance(uuid: str, session: Record, offset: int, state: State) -> Steps[Record]:
    """The bytes up to `offset` were written: they are accepted. Raises UploadConflict where another was quicker."""
    moved: Record | None = yield Put(SessionKey(uuid), session.version, session.but(offset=offset, state=state))
    if moved is None:
        now: Record | None = yield Get(SessionKey(uuid))
        if now is None:
            raise UploadUnknown(uuid)
        raise UploadConflict(uuid, int(now.fields["offset"]), "another request wrote to this upload meanwhile")
    return moved


def complete(uuid: str, session: Record, digest: Digest, size: int, state: State) -> Steps[Record]:
    """Closes the session over its `size` bytes, whose digest the caller has checked, and stores the blob: its link.

    Raises UploadUnknown where the session, or its repository's life, is over.
    """
    repository, life = str(session.fields["repo"]), session.life
    try:
        yield BytesFinish(DataKey(uuid), size, state)
    except (BytesGone, BytesShort):  # cancelled or expired meanwhile
        raise UploadUnknown(uuid) from None
    closed: Record | None = yield Put(SessionKey(uuid), session.version, session.but(digest=str(digest), offset=size))
    if closed is None:
        raise UploadUnknown(uuid)
    link = LinkKey(repository, digest)
    mine = {link: new_link(life), BlobKey(digest): new_blob(uuid, size)}
    accepted = yield from ensure(link, life, mine)
    if accepted is not None:
        try:
            yield from catalog.settle(repository, life)
        except NameUnknown:
            accepted = None
    used: Record | None = yield Get(BlobKey(digest))
    ours: Record | None = yield Get(SessionKey(uuid))
    if ours is not None and not (used is not None and used.data == uuid):  # another's bytes serve: drop ours
        gone: bool = yield Delete(SessionKey(uuid), ours.version)
        if gone:
            yield BytesDelete(DataKey(uuid), state)
    if accepted is None:
        raise UploadUnknown(uuid)
    return accepted


def cancel(uuid: str, session: Record) -> Steps[None]:
    """Drops an open session, then its bytes; raises UploadUnknown where it was closed or dropped meanwhile."""
    if not (yield Delete(SessionKey(uuid), session.version)):
        raise UploadUnknown(uuid)
    yield BytesDelete(DataKey(uuid), session.fields["state"])
