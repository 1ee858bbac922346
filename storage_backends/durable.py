"""Which versions of records this process knows to be durable, so that they need not be synced again.

A version is a nonce that is written once, so what was durable when it was seen is durable for as long as it is there.
"""

from __future__ import annotations

from typing import Final

KEPT: Final = 50_000
"""Keys remembered; with one more, all are forgotten, which costs syncs and nothing else."""


class Durable:
    """Keys and their versions, asked and told from any thread."""

    __slots__ = ("_versions",)

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}

    def has(self, key: str, version: str) -> bool:
        return self._versions.get(key) == version

    def add(self, key: str, version: str) -> None:
        """This version was visible before a sync of its folder that succeeded."""
        if len(self._versions) >= KEPT:
            self._versions = {}
        self._versions[key] = version
