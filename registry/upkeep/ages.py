"""What the collector takes for old: the operator's settings, as one value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oci_spec.immutable import Immutable

if TYPE_CHECKING:
    from registry.config import Settings

DAY = 86400.0


class Ages(Immutable):
    """Seconds. They only choose what is looked at: a collection is safe with every one of them at 0.

    `grace`: what nothing refers to is left alone for so long after it was written. `trash_time`: dropped bytes stay
    for so long (longer than the longest download that may still need them). `session_time`: an upload that nobody
    goes on with. `delete_untagged`: accepted manifests that no tag, index or subject holds go as well, once they were
    pushed `older_than` ago.
    """

    __slots__ = ("delete_untagged", "grace", "older_than", "session_time", "trash_time")

    grace: float
    trash_time: float
    session_time: float
    delete_untagged: bool
    older_than: float

    def __init__(
        self,
        *,
        grace: float = DAY,
        trash_time: float = DAY,
        session_time: float = 7 * DAY,
        delete_untagged: bool = False,
        older_than: float = 30 * DAY,
    ) -> None:
        self._fill(
            grace=grace,
            trash_time=trash_time,
            session_time=session_time,
            delete_untagged=delete_untagged,
            older_than=older_than,
        )

    @classmethod
    def of(cls, settings: Settings) -> Ages:
        """Those of a server's settings."""
        return cls(
            grace=settings.grace,
            trash_time=settings.trash_time,
            session_time=settings.session_time,
            delete_untagged=settings.delete_untagged,
            older_than=settings.older_than,
        )
