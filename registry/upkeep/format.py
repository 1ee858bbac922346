"""`format.json`: what a store is, and who may write to it.

::

    {"n":"9f..","format":1,"features":[],"min_writer":1}

`format` counts changes that no older program can live with, `features` names what only some stores have, `min_writer`
is the least generation of programs that may write. Made with the store; looked at whenever one is opened.
"""

from __future__ import annotations

from typing import Any, Final

from registry.content.layout import FORMAT as KEY
from storage_backends.base import ABSENT, Store, seal, unseal
from storage_backends.errors import CorruptRecord, UnsuitableStore

FORMAT: Final = 1
WRITER: Final = 1
FEATURES: Final[frozenset[str]] = frozenset()
"""Those that this program knows."""


def check(store: Store) -> None:
    """Makes sure that this program may work on an open store; an empty one becomes one of this format.

    Raises UnsuitableStore for one that is newer, or holds things without saying what it is; StoreError.
    """
    for _ in range(2):
        fields = _read(store)
        if fields is not None:
            break
        if not is_empty(store):
            if _read(store) is not None:
                continue  # made, and written to, by another process since we asked
            raise UnsuitableStore(
                f"{store.name}: things are stored there, but no {KEY}: either this is no store of wherry, or "
                f"{KEY} was lost and has to be put back from a backup"
            )
        value, _ = seal({"format": FORMAT, "features": sorted(FEATURES), "min_writer": WRITER})
        store.records.put(KEY, value, ABSENT, sync=True)
    else:
        raise UnsuitableStore(f"{store.name}: {KEY} cannot be kept there")
    _may_work(store.name, fields)


def is_empty(store: Store) -> bool:
    """Whether nothing at all is stored."""
    return not store.records.list("", limit=1) and not store.bytes.list("", limit=1)


def _read(store: Store) -> dict[str, Any] | None:
    try:
        stored = store.records.get(KEY)
        return None if stored is None else unseal(stored.value, KEY)[0]
    except CorruptRecord:
        raise UnsuitableStore(f"{store.name}: {KEY} is no record; put it back from a backup") from None


def _may_work(name: str, fields: dict[str, Any]) -> None:
    found, writer, features = fields.get("format"), fields.get("min_writer"), fields.get("features")
    if not isinstance(found, int) or not isinstance(writer, int) or not isinstance(features, list) or found < 1:
        raise UnsuitableStore(f"{name}: {KEY} says {fields!r}, which no wherry wrote; put it back from a backup")
    unknown = sorted(str(feature) for feature in features if feature not in FEATURES)
    why = None
    if found > FORMAT:
        why = f"is of format {found}; this program knows formats up to {FORMAT}"
    elif unknown:
        why = f"uses {', '.join(unknown)}, which this program does not know"
    elif writer > WRITER:
        why = f"is to be written by programs of generation {writer} and later; this one is of {WRITER}"
    if why is not None:
        raise UnsuitableStore(f"{name}: the store {why}; use a newer wherry")
