"""Whole levels of a store, a page at a time: nothing here keeps more than a page, or a name for each repository."""

from __future__ import annotations

from registry.content import layout
from registry.content.layout import Key
from registry.content.records import Record
from registry.content.steps import Get, Page, Steps


class Pages:
    """The keys under a prefix, each with when it was written. `next` gives an empty page at the end."""

    __slots__ = ("_after", "_of_bytes", "_prefix")

    def __init__(self, prefix: str, *, of_bytes: bool = False) -> None:
        self._prefix = prefix
        self._of_bytes = of_bytes
        self._after = ""

    def next(self) -> Steps[list[tuple[Key, float]]]:
        """Raises StrayKey for a key that is none of ours: what it may mean is unknown."""
        page: list[tuple[str, float]] = yield Page(self._prefix, self._after, of_bytes=self._of_bytes)
        if page:
            self._after = page[-1][0]
        return [(layout.parse(path), mtime) for path, mtime in page]


def lives() -> Steps[dict[str, str]]:
    """The id of each repository's life, by name."""
    found: dict[str, str] = {}
    pages = Pages(layout.CATALOG)
    while page := (yield from pages.next()):
        for key, _ in page:
            record: Record | None = yield Get(key)
            if record is not None and isinstance(key, layout.CatalogKey):
                found[key.repository] = record.id
    return found


def kept_below_repos() -> Steps[list[str]]:
    """The repositories that have manifests, tags or referrers, of any life. Raises StrayKey."""
    found: list[str] = []
    after = ""
    while True:
        page: list[tuple[str, float]] = yield Page(layout.REPOS, after, limit=1)
        if not page:
            return found
        layout.parse(page[0][0])
        component = page[0][0].removeprefix(layout.REPOS).partition("/")[0]
        found.append(layout.unfolded(component))
        after = f"{layout.REPOS}{component}/~"  # `~` is above every character of a key
