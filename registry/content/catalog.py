"""Repositories: the catalog record is a repository's life, put before anything else of it.

A repository that holds nothing is dropped as any reference is collected: condemned, looked into, deleted at that
version. Whoever pushes takes the mark off when entering, and once more after what was pushed is firm (`settle`), so an
accepted push and a drop never both succeed.
"""

from __future__ import annotations

from registry.content import layout
from registry.content.errors import NameUnknown
from registry.content.layout import CatalogKey
from registry.content.lifecycle import Outcome
from registry.content.records import Record, new_catalog
from registry.content.steps import ABSENT, Delete, Get, Page, Put, Steps, Sync


def enter(repository: str, at: str) -> Steps[str]:
    """The id of the repository's life, made if there is none; durable. `at`: RFC 3339, kept as `created`."""
    key = CatalogKey(repository)
    while True:
        record: Record | None = yield Get(key)
        if record is None:
            record = yield Put(key, ABSENT, new_catalog(at))
        elif record.condemned:
            record = yield Put(key, record.version, record.but(condemned=False))
        if record is not None:
            yield Sync(key)
            return record.id


def settle(repository: str, life: str) -> Steps[None]:
    """After a push, before its answer: this life goes on, and no drop that looked too early can end it.

    Raises NameUnknown where it is over.
    """
    key = CatalogKey(repository)
    while True:
        record: Record | None = yield Get(key)
        if record is None or record.id != life:
            raise NameUnknown(repository)
        if not record.condemned:
            return
        record = yield Put(key, record.version, record.but(condemned=False), sync=True)
        if record is not None:
            return


def delete(repository: str) -> Steps[bool]:
    """Ends the repository's life; durable. What it held is unknown at once, and goes with the next collection."""
    key = CatalogKey(repository)
    while True:
        record: Record | None = yield Get(key)
        if record is None:
            yield Sync(key)
            return False
        if (yield Delete(key, record.version, sync=True)):
            return True


def drop_if_empty(repository: str) -> Steps[Outcome]:
    """Drops a repository without manifests, tags, links or sessions. The caller chose one past the grace."""
    key = CatalogKey(repository)
    record: Record | None = yield Get(key)
    if record is None:
        return Outcome.ABSENT
    if not record.condemned:
        if not (yield from _is_empty(repository, record.id)):
            return Outcome.KEPT
        record = yield Put(key, record.version, record.but(condemned=True))
        if record is None:
            return Outcome.LOST
    if not (yield from _is_empty(repository, record.id)):
        yield Put(key, record.version, record.but(condemned=False))
        return Outcome.KEPT
    gone: bool = yield Delete(key, record.version, sync=True)
    return Outcome.DELETED if gone else Outcome.LOST


def _is_empty(repository: str, life: str) -> Steps[bool]:
    for prefix in (layout.manifests_of(repository), layout.tags_of(repository)):
        page: list[tuple[str, float]] = yield Page(prefix, limit=1)
        if page:
            return False
    for prefix, mine in ((layout.SESSIONS, _is_session_of), (layout.LINKS, _is_link_of)):
        after = ""
        while True:
            page = yield Page(prefix, after)
            if not page:
                break
            for path, _ in page:
                if (yield from mine(path, repository, life)):
                    return False
            after = page[-1][0]
    return True


def _is_session_of(path: str, repository: str, life: str) -> Steps[bool]:
    record: Record | None = yield Get(layout.parse(path))
    return record is not None and record.fields["repo"] == repository and record.life == life


def _is_link_of(path: str, repository: str, life: str) -> Steps[bool]:
    key = layout.parse(path)
    if not isinstance(key, layout.LinkKey) or key.repository != repository:
        return False
    record: Record | None = yield Get(key)
    return record is not None and record.life == life
