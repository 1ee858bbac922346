"""The store that the settings name. Each backend is imported only where it is used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from registry.content.layout import FORMAT
from registry.upkeep import format
from storage_backends.errors import UnsuitableStore

if TYPE_CHECKING:
    from registry.config import Settings
    from storage_backends.base import Store


def store_of(settings: Settings) -> Store:
    """Not open yet, and not looked into (see `open_store`)."""
    return _store(settings.store, settings.free_floor)


def open_store(spec: str, *, floor: int = 0, create: bool = True) -> Store:
    """An open store that this program may work on: `memory:`, or the path of a folder.

    `floor`: bytes of free space below which nobody may upload. With `create` an absent one is made. Raises
    UnsuitableStore, StoreError; the caller closes it.
    """
    store = _store(spec, floor)
    if not create and (spec == "memory:" or not os.path.exists(os.path.join(spec, FORMAT))):
        raise UnsuitableStore(
            f"{spec}: " + ("a store in memory is reached by its server alone" if spec == "memory:" else _absent(spec))
        )
    store.open()
    try:
        format.check(store)
    except BaseException:
        store.close()
        raise
    return store


def _absent(path: str) -> str:
    if not os.path.exists(path):
        return "there is no such folder; name the store that `wherry serve` keeps with --store"
    return f"no store is there (it has no {FORMAT}); name the one that `wherry serve` keeps with --store"


def _store(spec: str, floor: int) -> Store:
    if spec == "memory:":
        from storage_backends.memory import MemoryStore

        return MemoryStore(power_cuts=False)
    from storage_backends.filesystem import FilesystemStore

    return FilesystemStore(spec, floor=floor)
