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


def drop_if_empty(*repositories: str) -> Steps[dict[str, Outcome]]:
    """Drops those of the repositories that are without manifests, tags, links and sessions.

    The caller chose those past the grace; they share one scan of all links for each look.
    """
    outcome: dict[str, Outcome] = {}
    found: dict[str, Record] = {}
    for repository in repositories:
        record: Record | None = yield Get(CatalogKey(repository))
        if record is None:
            outcome[repository] = Outcome.ABSENT
        else:
            found[repository] = record
    # Looks once before anything is condemned, which saves two swaps for each repository that is in use.
    used = yield from _in_use({name: record.id for name, record in found.items() if not record.condemned})
    condemned: dict[str, Record] = {}
    for repository, record in found.items():
        marked: Record | None = record
        if repository in used:
            outcome[repository] = Outcome.KEPT
            continue
        if not record.condemned:
            marked = yield Put(CatalogKey(repository), record.version, record.but(condemned=True))
        if marked is None:
            outcome[repository] = Outcome.LOST
        else:
            condemned[repository] = marked
    used = yield from _in_use({name: record.id for name, record in condemned.items()})
    for repository, record in condemned.items():
        if repository in used:
            yield Put(CatalogKey(repository), record.version, record.but(condemned=False))
            outcome[repository] = Outcome.KEPT
        else:
            gone: bool = yield Delete(CatalogKey(repository), record.version, sync=True)
            outcome[repository] = Outcome.DELETED if gone else Outcome.LOST
    return outcome


def _in_use(lives: dict[str, str]) -> Steps[list[str]]:
    """Those of the repositories, given with their lives, that hold something."""
    used: list[str] = []
    for repository in lives:
        for prefix in (layout.manifests_of(repository), layout.tags_of(repository)):
            page: list[tuple[str, float]] = yield Page(prefix, limit=1)
            if page:
                used.append(repository)
                break
    rest = {repository: life for repository, life in lives.items() if repository not in used}
    for prefix in (layout.SESSIONS, layout.LINKS):
        after = ""
        while rest:
            page = yield Page(prefix, after)
            if not page:
                break
            for path, _ in page:
                key = layout.parse(path)
                if isinstance(key, layout.LinkKey) and key.repository not in rest:
                    continue
                record: Record | None = yield Get(key)
                if record is None:
                    continue
                repository = key.repository if isinstance(key, layout.LinkKey) else str(record.fields["repo"])
                if rest.get(repository) == record.life:
                    used.append(repository)
                    del rest[repository]
            after = page[-1][0]
    return used
