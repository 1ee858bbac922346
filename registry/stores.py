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
    if not create and spec == "memory:":
        raise UnsuitableStore("a store in memory (memory:) is reached by its server alone; name a folder with --store")
    if not create and not os.path.exists(os.path.join(spec, FORMAT)):
        raise UnsuitableStore(f"{spec}: {_absent(spec)}")
    if create and spec != "memory:":
        _refuse_others(spec)
    store.open()
    try:
        format.check(store)
    except BaseException:
        store.close()
        raise
    return store


def _refuse_others(path: str) -> None:
    """UnsuitableStore for a folder that holds what is none of a store's, before anything is made in it.

    Empty folders of ours are what a start that was cut short leaves.
    """
    from storage_backends.filesystem import MADE, TOPS
    from storage_backends.keys import LOCK, OWN

    def is_marked() -> bool:
        return any(os.path.exists(os.path.join(path, mark)) for mark in (FORMAT, os.path.join(LOCK, MADE)))

    def is_of_start(name: str) -> bool:
        below = os.path.join(path, name)
        # What mkfs puts into every new ext4 is no key, so that no store ever sees it.
        return name == "lost+found" or (name in (*OWN, *TOPS) and os.path.isdir(below) and not os.listdir(below))

    try:
        if is_marked():
            return
        others = [name for name in sorted(os.listdir(path)) if not is_of_start(name)]
    except (FileNotFoundError, NotADirectoryError):
        return  # it is made, or refused, when it is opened
    except OSError as error:
        raise UnsuitableStore(
            f"{path}: {error.strerror}; give a folder that user {os.geteuid()} may read and write"
        ) from error
    # Another process may have been at its first start here while we looked.
    if others and not is_marked():
        shown = ", ".join(map(repr, others[:3])) + ", ..." * (len(others) > 3)
        raise UnsuitableStore(
            f"{path}: things are stored there ({shown}), but no "
            f"{FORMAT}: either this is no store of wherry, or {FORMAT} was lost and has to be put back from a backup. "
            "Give a folder that is empty or absent"
        )


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
