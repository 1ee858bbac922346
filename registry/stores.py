"""The store that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.config import Settings
    from storage_backends.base import Store


def store_of(settings: Settings) -> Store:
    """Not open yet. Each backend is imported only where it is used."""
    if settings.store == "memory:":
        from storage_backends.memory import MemoryStore

        return MemoryStore(power_cuts=False)
    from storage_backends.filesystem import FilesystemStore

    return FilesystemStore(settings.store, floor=settings.free_floor)
