"""Hash states of uploads that go on in a later request.

hashlib exports no state, so it lives in the process that saw the bytes. It only saves reading them again: an upload
whose state is not here, or ends elsewhere, or is of another algorithm, is read back before it is closed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oci_spec.digest import Hasher

KEPT: Final = 4096
"""The most uploads whose states are kept; each takes about 300 bytes."""


class Running:
    """A hash over the first `offset` bytes of an upload."""

    __slots__ = ("algorithm", "hasher", "offset")

    def __init__(self, algorithm: str, hasher: Hasher, offset: int = 0) -> None:
        self.algorithm = algorithm
        self.hasher = hasher
        self.offset = offset


class Hashes:
    """States by upload session; the longest untouched goes first."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Running] = OrderedDict()

    def take(self, uuid: str, offset: int) -> Running | None:
        """The state over exactly `offset` bytes, which is no longer kept then."""
        running = self._kept.pop(uuid, None)
        return running if running is not None and running.offset == offset else None

    def keep(self, uuid: str, running: Running) -> None:
        """Keeps a state for the upload's next request."""
        self._kept.pop(uuid, None)  # threads meet here: no step may rely on the one before
        self._kept[uuid] = running
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def drop(self, uuid: str) -> None:
        self._kept.pop(uuid, None)
